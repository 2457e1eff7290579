# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Mirrors csrc/ops/resample: voxels on another grid with the same axes, one axis after another.

As `scipy.ndimage.zoom`: Unser, "Splines: a perfect fit for signal and image processing", IEEE SPM 1999.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from genesis_ext.reference.axis import ORDERS, Axis, boundary_name, resample_axis
from genesis_ext.reference.convert import convert
from genesis_ext.reference.value_range import working_dtype

Array = NDArray[Any]


def resample(
    x: Array,
    out_shape: Sequence[int] | None = None,
    zoom: float | Sequence[float] | None = None,
    order: int = 1,
    boundary: str = "mirror",
    fill: float = 0.0,
    grid_mode: bool = False,
    antialias: bool = False,
    dtype: DTypeLike | None = None,
) -> Array:
    """Resample to another number of voxels along each spatial axis.

    x: (N, C, *spatial), any real dtype.   Either out_shape: the sides of the result; or zoom: by which the sides are
    multiplied, one factor or one an axis, the products rounded half to even, at least 1.
    order: of the spline, 0, 1 or 3.   boundary: how x continues (`axis.BOUNDARIES`, docs/resampling.md), with `fill`.
    grid_mode: edges of the outermost voxels stay in place, otherwise their centres.
    antialias: the kernel is stretched along axes of which fewer voxels are made; order 1 or 3.
    dtype: of the result, by default that of x. Arithmetic is float64 for float64 x, otherwise float32.
    Returns (N, C, *out_shape). Exactness class B.
    """
    if order not in ORDERS or (antialias and order == 0):
        raise ValueError(f"order must be {'1 or 3 with antialias' if antialias else '0, 1 or 3'}, got {order}")
    sides = x.shape[2:]
    if zoom is not None and out_shape is None:
        factors = np.broadcast_to(zoom, len(sides))
        out_shape = [max(1, round(n * factor)) for n, factor in zip(sides, factors, strict=True)]
    elif zoom is not None or out_shape is None:
        raise ValueError("either out_shape or zoom must be given")
    name = boundary_name(boundary)
    axes = [_axis(n, int(m), order, name, grid_mode, antialias) for n, m in zip(sides, out_shape, strict=True)]
    return convert(separable(x.astype(working_dtype(x)), axes, fill), x.dtype if dtype is None else dtype)


def separable(x: Array, axes: Sequence[Axis], fill: float) -> Array:
    """Resample the last axes of x (floating) one after another; each result has the dtype of x."""
    first_spatial = x.ndim - len(axes)
    rest = list(range(1, len(axes)))
    is_inside = np.ones((1,) * len(axes), np.bool_)
    with np.errstate(all="ignore"):  # infinities and NaN go through
        # The first axis comes last where it grows: so nothing in between is larger than both input and output. One
        # slice is taken as lines and columns, without a first axis.
        one_slice = len(axes) < 3 or axes[2].n == axes[2].m == 1
        for a in [0, *rest] if one_slice or axes[0].m <= axes[0].n else [*rest, 0]:
            lines, inside = resample_axis(np.moveaxis(x, first_spatial + a, 0), axes[a], fill)
            x = np.moveaxis(lines, 0, first_spatial + a)
            is_inside = is_inside & inside.reshape([-1 if b == a else 1 for b in range(len(axes))])
        return np.where(is_inside, x, x.dtype.type(fill))


def _axis(n: int, m: int, order: int, boundary: str, grid_mode: bool, antialias: bool) -> Axis:
    if grid_mode:
        step, centre, shift = n / m, 0.5, -0.5
    else:
        step, centre, shift = (n - 1) / (m - 1) if m > 1 else 1.0, 0.0, 0.0
    return Axis(n, m, step, centre, shift, order, boundary, stretched=antialias and step > 1)
