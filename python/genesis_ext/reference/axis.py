# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Mirrors csrc/math/resample.h: resampling along one axis, that is boundaries, the cubic B-spline's prefilter and taps.

docs/resampling.md is the specification in words. Arrays are worked on along their first axis.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]
Bool = NDArray[np.bool_]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

# How a line goes on beyond its ends, by number as in the schemas.
BOUNDARIES = ("mirror", "reflect", "nearest", "grid-wrap", "grid-constant", "constant")
ORDERS = (0, 1, 3)
CROP: Final = "crop"  # as "nearest" up to the outermost voxels' edges, the fill beyond them: that of crop_resize
GAIN = 6  # of the prefilter along one axis; the weights carry it, coefficients lack it

_SYNONYMS = {"grid-mirror": "reflect"}
_POLE = -0.26794919243112270647  # z = sqrt(3) - 2
_CAUSAL = 0.78867513459481288225  # 1 / (1 - z)
_ANTICAUSAL = 0.21132486540518711775  # -z / (1 - z)
_SIDE = 2  # samples beyond the ends that an output of resample can reach


class Axis(NamedTuple):
    """Output i of m lies at step * (i + centre) + shift, in voxel indices of a line of n samples."""

    n: int
    m: int
    step: float
    centre: float
    shift: float
    order: int
    boundary: str
    stretched: bool = False  # antialias: the kernel is stretched by the step (> 1) and acts on the samples themselves

    @property
    def positions(self) -> Float64:
        """Where the m outputs lie."""
        x = self.step * (np.arange(self.m) + self.centre) + self.shift
        # Corners aligned: the last position is the last voxel, whatever the product rounds to.
        return np.asarray(np.minimum(x, self.n - 1.0) if self.centre == 0 and self.shift == 0 else x)

    @property
    def is_identity(self) -> bool:
        """Outputs are the samples themselves."""
        return self.n == self.m and self.step == 1 and self.centre + self.shift == 0


class Taps(NamedTuple):
    """Weights (M, K) of the samples or coefficients from index `first` (M,) on, of which `length` (M,) are read."""

    first: Int64
    weights: Array
    length: Int64  # 0: the fill


def boundary_name(boundary: str) -> str:
    """Return the name among BOUNDARIES that a boundary goes by."""
    name = _SYNONYMS.get(boundary, boundary)
    if name not in BOUNDARIES:
        raise ValueError(f"boundary must be one of {', '.join([*BOUNDARIES, *_SYNONYMS])}, got {boundary!r}")
    return name


def boundary_index(boundary: str, i: ArrayLike, n: int) -> Int64:
    """Return what stands at indices i of a line of n samples: indices in [0, n), or -1 for the fill."""
    i = np.asarray(i, np.int64)
    match boundary:
        case "mirror" | "constant":
            folded = np.abs((i + n - 1) % max(2 * n - 2, 1) - (n - 1))
        case "reflect":
            at = i % (2 * n)
            folded = np.where(at < n, at, 2 * n - 1 - at)
        case "grid-wrap":
            folded = i % n
        case "grid-constant":
            folded = np.where((i >= 0) & (i < n), i, -1)
        case _:
            folded = np.clip(i, 0, n - 1)
    return np.asarray(folded)


def used_order(order: int, boundary: str, n: int) -> int:
    """Return the order along an axis of n voxels; one voxel is the same everywhere, unless the fill is blended in."""
    return 0 if n == 1 and boundary != "grid-constant" else order


def extended(samples: Array, boundary: str, fill: float, pad: int) -> Array:
    """Let lines (n, ...) go on by `pad` samples at both ends."""
    index = boundary_index(boundary, np.arange(-pad, len(samples) + pad), len(samples))
    result = samples[index]
    result[index < 0] = fill
    return result


def filter_pad(dtype: np.dtype[Any]) -> int:
    """How many samples beyond both ends are filtered too: |z|^12 = 1.4e-7 in float32, |z|^28 = 1e-16 in float64."""
    return 30 if dtype == np.float64 else 14


def filtered(samples: Array) -> Array:
    """Turn lines (n, ...), constant beyond their ends, into coefficients c: (c[k-1] + 4 c[k] + c[k+1]) = s[k]."""
    z, causal, anticausal = (samples.dtype.type(v) for v in (_POLE, _CAUSAL, _ANTICAUSAL))
    c = np.empty_like(samples)
    c[0] = samples[0] * causal
    for k in range(1, len(c)):
        c[k] = samples[k] + z * c[k - 1]
    c[-1] = c[-1] * anticausal
    for k in range(len(c) - 2, -1, -1):
        c[k] = z * (c[k + 1] - c[k])
    return c


def taps_at(x: Float64, order: int, dtype: np.dtype[Any]) -> Taps:
    """Return the taps at positions x (M,), where the kernel is not stretched."""
    if order == 0:
        return Taps(np.floor(x + 0.5).astype(np.int64), np.ones((len(x), 1), dtype), np.ones(len(x), np.int64))
    base = np.floor(x)
    t = x - base
    u = 1.0 - t
    weights = (
        [u, t] if order == 1 else [u * u * u, 4.0 + t * t * (3.0 * t - 6.0), 4.0 + u * u * (3.0 * u - 6.0), t * t * t]
    )
    length = np.where(t == 0, len(weights) - 1, len(weights))  # a last weight of zero is not read
    return Taps(base.astype(np.int64) - order // 2, np.stack(weights, axis=-1).astype(dtype), length)


def is_inside(x: Float64, boundary: str, n: int) -> Bool:
    """Tell where the voxels count; elsewhere the result is the fill. NaN is outside."""
    margin = {"constant": 0.0, CROP: 0.5}.get(boundary, np.inf)
    return np.asarray((x >= -margin) & (x <= n - 1 + margin))


def taps(axis: Axis, dtype: np.dtype[Any]) -> Taps:
    """Return the taps of the m outputs along an axis."""
    x = axis.positions
    inside = is_inside(x, axis.boundary, axis.n)
    x = np.where(inside, x, 0.0)
    if used_order(axis.order, axis.boundary, axis.n) == 0 and axis.n == 1:
        found = taps_at(np.zeros_like(x), 0, dtype)
    elif axis.stretched:
        found = _stretched_taps(axis, x, dtype)
    else:
        found = taps_at(x, axis.order, dtype)
    return found._replace(length=np.where(inside, found.length, 0))


def _stretched_taps(axis: Axis, x: Float64, dtype: np.dtype[Any]) -> Taps:
    """As F.interpolate(antialias=True): taps inside the line whose centres lie within the stretched kernel."""
    kernel, reach = (_cubic_bspline6, 2 * axis.step) if axis.order == 3 else (_triangle, axis.step)
    centre = x + 0.5
    first = np.clip(np.floor(centre - reach + 0.5), 0, axis.n - 1).astype(np.int64)
    end = np.maximum(np.minimum(np.floor(centre + reach + 0.5), axis.n).astype(np.int64), first + 1)
    j = first[:, np.newaxis] + np.arange((end - first).max())
    weights = kernel((j + 0.5 - centre[:, np.newaxis]) / axis.step) * (j < end[:, np.newaxis])
    total = np.zeros(len(x))
    for column in weights.T:  # one after another, as everywhere
        total = total + column
    weights = (weights / total[:, np.newaxis]).astype(dtype)
    # Weights that are zero stand at neither end.
    skipped = np.argmax(weights != 0, axis=1)
    length = weights.shape[1] - np.argmax(weights[:, ::-1] != 0, axis=1) - skipped
    shifted = np.minimum(np.arange(weights.shape[1]) + skipped[:, np.newaxis], weights.shape[1] - 1)
    return Taps(first + skipped, np.take_along_axis(weights, shifted, axis=1), length)


def _triangle(u: Float64) -> Float64:
    return np.maximum(1.0 - np.abs(u), 0.0)


def _cubic_bspline6(u: Float64) -> Float64:
    """B-spline of order 3 times 6, at distance u from its centre."""
    a = np.abs(u)
    b = np.maximum(2.0 - a, 0.0)
    return np.where(a >= 1, b * b * b, 4.0 + a * a * (3.0 * a - 6.0))


def resample_axis(samples: Array, axis: Axis, fill: float) -> tuple[Array, Bool]:
    """Resample lines (n, ...) -> (m, ...); and tell which of the m outputs are inside, the others being the fill."""
    if axis.is_identity:
        return samples, np.ones(axis.m, np.bool_)
    found = taps(axis, samples.dtype)
    if used_order(axis.order, axis.boundary, axis.n) == 3 and not axis.stretched:
        pad = filter_pad(samples.dtype)
        source = filtered(extended(samples, axis.boundary, fill, pad))
    else:
        pad = _SIDE
        source = extended(samples, axis.boundary, fill, pad)
    over_lines = (slice(None), *(np.newaxis,) * (samples.ndim - 1))
    result = found.weights[:, 0][over_lines] * source[found.first + pad]
    for k in range(1, found.weights.shape[1]):
        read = k < found.length
        product = found.weights[:, k][over_lines] * source[np.where(read, found.first + k, 0) + pad]
        result = np.where(read[over_lines], result + product, result)
    return result, found.length > 0
