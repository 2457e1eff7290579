# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Mirrors csrc/ops/bezier_map and csrc/math/bezier.h: the non-linear intensity curve, solved by bisection.

Models Genesis (MICCAI 2019), section 2, transformation I: a cubic Bezier curve from (0, 0) to (1, 1), or its mirror
image from (0, 1) to (1, 0). The root is found in float64; the compiled operators stay within 1e-5 of it.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genesis_ext.reference.value_range import bounds, has_span, working_dtype

Array = NDArray[Any]
Float64 = NDArray[np.float64]

MAX_SLOPE = 1e4  # a vertical tangent has no finite slope: gradients are cut here
_HALVINGS = 60  # t to 2^-60
_NUDGE = 1e-6  # how far from a point without direction the slope is taken


def bezier_map(
    x: Array, control_points: ArrayLike, decreasing: ArrayLike, value_range: ArrayLike = (0.0, 1.0), clamp: bool = True
) -> Array:
    """Send the values of x through one curve a sample, or one a channel.

    x: (N, C, *spatial), floating.   control_points: (N, 1 or C, 4) = x1, y1, x2, y2 in [0, 1].
    decreasing: (N, 1 or C) bool.   value_range: (lo, hi), (N, 2) or (N, C, 2): what the curve's [0, 1] stands for.
    clamp: cut values outside the range to it; otherwise the curve goes on with slope one.
    Returns x's shape and dtype. NaN stays NaN; where the range has no span, values stay as they are. Exactness class B.
    """
    dtype = working_dtype(x)
    values = x.astype(dtype)
    lo, hi = (limit.astype(dtype) for limit in bounds(value_range, x))
    with np.errstate(all="ignore"):  # NaN, infinities and lo = hi go through; what they give is replaced below
        normal = _normalise(values, lo, hi)
        points, falls = _per_channel(control_points, decreasing, x)
        inside = np.clip(normal, 0, 1)
        f = curve(inside, points, falls).astype(dtype)
        if not clamp:
            f = np.where(normal == inside, f, np.where(falls, 1 - normal, normal))
        return np.where(has_span(lo, hi), lo + f * (hi - lo), values).astype(x.dtype)


def bezier_map_slope(
    x: Array, control_points: ArrayLike, decreasing: ArrayLike, value_range: ArrayLike = (0.0, 1.0), clamp: bool = True
) -> Array:
    """Slope of `bezier_map` at x, the same arguments: what its gradient is multiplied with.

    0 where clamped and for NaN, 1 where the range has no span, at most 1e4 in size where the curve is vertical.
    """
    dtype = working_dtype(x)
    lo, hi = (limit.astype(dtype) for limit in bounds(value_range, x))
    with np.errstate(all="ignore"):
        normal = _normalise(x.astype(dtype), lo, hi)
        points, falls = _per_channel(control_points, decreasing, x)
        inside = np.clip(normal, 0, 1)
        outside = 0.0 if clamp else np.where(falls, -1.0, 1.0)
        slope = np.where(normal == inside, curve_slope(inside, points, falls), outside)
    return np.where(has_span(lo, hi), np.where(np.isnan(normal), 0.0, slope), 1.0).astype(x.dtype)


def curve(v: ArrayLike, points: ArrayLike, decreasing: ArrayLike) -> Float64:
    """f(v) = y(t) where x(t) = v, or y(1 - t) where decreasing.

    v: values in [0, 1] or NaN.   points: (..., 4) = x1, y1, x2, y2.   decreasing: bool.
    The leading axes of points, and decreasing, broadcast against v.
    """
    x1, y1, x2, y2 = np.moveaxis(np.asarray(points, np.float64), -1, 0)
    v = np.asarray(v, np.float64)
    t = _solve(v, x1, x2)
    f = _bernstein(np.where(decreasing, 1 - t, t), y1, y2)
    return np.where(np.isnan(v), v, f)


def curve_slope(v: ArrayLike, points: ArrayLike, decreasing: ArrayLike) -> Float64:
    """df/dv of `curve`, at most 1e4 in size."""
    x1, y1, x2, y2 = np.moveaxis(np.asarray(points, np.float64), -1, 0)
    t = _solve(np.asarray(v, np.float64), x1, x2)

    def ratio(t: Float64) -> Float64:
        dy = np.where(decreasing, -_bernstein_slope(1 - t, y1, y2), _bernstein_slope(t, y1, y2))
        return np.asarray(dy / _bernstein_slope(t, x1, x2))

    with np.errstate(divide="ignore", invalid="ignore"):
        slope = ratio(t)
        nearby = ratio(np.where(t < 0.5, t + _NUDGE, t - _NUDGE))
    return np.clip(np.where(np.isnan(slope), nearby, slope), -MAX_SLOPE, MAX_SLOPE)  # 0 / 0: the limit


def _normalise(values: Array, lo: Array, hi: Array) -> Array:
    if values.dtype == np.float64:
        return np.asarray((values - lo) / (hi - lo))
    return np.asarray((values - lo) * (1 / (hi - lo)))  # as the operators: one division a sample


def _per_channel(control_points: ArrayLike, decreasing: ArrayLike, x: Array) -> tuple[Float64, NDArray[np.bool_]]:
    """Give control points and directions axes to broadcast against x (N, C, *spatial)."""
    points, falls = np.asarray(control_points, np.float64), np.asarray(decreasing, np.bool_)
    ones = (1,) * (x.ndim - 2)
    return points.reshape(*points.shape[:2], *ones, 4), falls.reshape(*falls.shape, *ones)


def _solve(v: Float64, x1: Float64, x2: Float64) -> Float64:
    """Find t in [0, 1] with x(t) = v. x(t) is monotone since x1 and x2 lie in [0, 1]."""
    low = np.zeros(np.broadcast_shapes(v.shape, x1.shape))
    high = np.ones_like(low)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        left = _bernstein(middle, x1, x2) < v
        low, high = np.where(left, middle, low), np.where(left, high, middle)
    # At the ends t is known. The search would stop short of them where the curve is vertical there.
    return np.where(v <= 0, 0.0, np.where(v >= 1, 1.0, high))


def _bernstein(t: Float64, a: Float64, b: Float64) -> Float64:
    """Cubic with Bernstein coefficients 0, a, b, 1."""
    s = 1 - t
    return np.asarray(3 * s * s * t * a + 3 * s * t * t * b + t * t * t)


def _bernstein_slope(t: Float64, a: Float64, b: Float64) -> Float64:
    s = 1 - t
    return np.asarray(3 * (s * s * a + 2 * s * t * (b - a) + t * t * (1 - b)))
