# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Mirrors csrc/ops/crop_resize: boxes are cut from packed volumes, resized to one shape and scaled to [0, 1]."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from genesis_ext.reference.axis import CROP, ORDERS, Axis
from genesis_ext.reference.convert import convert
from genesis_ext.reference.resample import separable
from genesis_ext.reference.value_range import has_span

Array = NDArray[Any]
Float32 = NDArray[np.float32]

_FARTHEST = 2.0**30


def crop_resize(
    volumes: tuple[Array, Array, Array, Array],
    volume_index: ArrayLike,
    boxes: ArrayLike,
    out_shape: Sequence[int],
    order: int = 1,
    antialias: bool = False,
    fill: float = 0.0,
    dtype: DTypeLike = np.float32,
) -> Array:
    """Cut a box from a volume for each sample, and resize it.

    volumes: voxels (M,) of any real dtype, offset (V,) of each volume among them, shape (V, 3), window (V, 2): stored
    values that become 0 and 1; lo = hi leaves values as they are.
    volume_index: (N,); one that is no volume's gives the fill, as it is.
    boxes: (N, 6) = x0, y0, z0, x1, y1, z1 in voxel edges (voxel i reaches from i to i + 1), which may reach outside;
    one that is empty or reaches farther than 2^30 gives the fill.
    out_shape: (3,), or (2,) for volumes of one slice; sample i of m along an axis lies at lo + (i + .5) (hi - lo) / m.
    order: of the spline, 0, 1 or 3.   antialias: along axes with a step above one voxel the kernel is stretched.
    fill: the stored value outside of the volume.   dtype: of the result.
    Returns (N, 1, *out_shape). Exactness class B.
    """
    if order not in ORDERS or (antialias and order == 0):
        raise ValueError(f"order must be {'1 or 3 with antialias' if antialias else '0, 1 or 3'}, got {order}")
    voxels, offset, shape, window = volumes
    boxes = np.asarray(boxes, np.float64)
    sides = (*out_shape, 1)[:3]
    result = np.full((len(boxes), 1, *sides), fill, np.float32)
    for n, v in enumerate(np.asarray(volume_index)):
        if 0 <= v < len(shape):
            size = int(np.prod(shape[v], dtype=np.int64))
            volume = voxels[offset[v] : offset[v] + size].reshape(shape[v])
            if is_usable(boxes[n]):
                result[n, 0] = crop(volume.astype(np.float32), boxes[n], sides, order, antialias, fill)
            result[n] = in_window(result[n], *window[v])
    return convert(result, dtype).reshape(len(boxes), 1, *out_shape)


def is_usable(box: ArrayLike) -> bool:
    """Tell whether a box (6,) is one."""
    lows, highs = np.asarray(box).reshape(2, 3)
    return bool((lows < highs).all() and (lows >= -_FARTHEST).all() and (highs <= _FARTHEST).all())


def crop(volume: Float32, box: ArrayLike, out_shape: Sequence[int], order: int, antialias: bool, fill: float) -> Array:
    """Cut one box (6,) from one volume (X, Y, Z), and resize it to out_shape."""
    lows, highs = np.asarray(box, np.float64).reshape(2, 3)
    axes = []
    for n, m, lo, hi in zip(volume.shape, out_shape, lows.tolist(), highs.tolist(), strict=True):
        step = (hi - lo) / m
        axes.append(Axis(n, m, step, 0.5, lo - 0.5, order, CROP, stretched=antialias and step > 1))
    return separable(volume, axes, fill)


def in_window(values: Array, lo: np.float32, hi: np.float32) -> Array:
    """Send [lo, hi] to [0, 1] and clamp; an empty window leaves values as they are. NaN stays NaN."""
    if not has_span(np.asarray(lo), np.asarray(hi)):
        return values
    return np.asarray(np.clip((values - lo) * (1 / (hi - lo)), 0, 1))
