# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Mirrors csrc/ops/affine_sample: voxels at the positions that a matrix gives, as `scipy.ndimage.affine_transform`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from genesis_ext.reference.axis import (
    ORDERS,
    Taps,
    boundary_index,
    boundary_name,
    extended,
    filter_pad,
    filtered,
    is_inside,
    taps_at,
    used_order,
)
from genesis_ext.reference.convert import convert
from genesis_ext.reference.value_range import working_dtype

Array = NDArray[Any]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

_FARTHEST = 2.0**50  # a position further away has no fraction to speak of: it takes the fill, as NaN does
_MARGIN = 12.0  # as far outside at order 3 the values of an extended line differ from those further out


def affine_sample(
    x: Array,
    matrix: ArrayLike,
    out_shape: Sequence[int],
    order: int = 1,
    boundary: str = "constant",
    fill: float = 0.0,
    dtype: DTypeLike | None = None,
) -> Array:
    """Sample each volume at positions that its matrix gives.

    x: (N, C, *spatial), any real dtype, D = 2 or 3 spatial axes.
    matrix: (N, D+1, D+1) or (D+1, D+1), homogeneous: index of an output voxel -> index into x.
    out_shape: D sides of the result.   order: of the spline, 0, 1 or 3.
    boundary: how x goes on (`axis.BOUNDARIES`, docs/resampling.md), with `fill`.
    dtype: of the result, by default that of x. Arithmetic is float64 for float64 x, otherwise float32.
    Returns (N, C, *out_shape). Exactness class B.
    """
    if order not in ORDERS:
        raise ValueError(f"order must be 0, 1 or 3, got {order}")
    name = boundary_name(boundary)
    matrices = np.broadcast_to(np.asarray(matrix, np.float64), (len(x), x.ndim - 1, x.ndim - 1))
    values = x.astype(working_dtype(x))
    result = np.empty((*x.shape[:2], *out_shape), values.dtype)
    with np.errstate(all="ignore"):  # infinities and NaN go through
        for n in range(len(x)):
            sampled = sample_at(values[n], positions(matrices[n], out_shape), order, name, fill)
            result[n] = sampled.reshape(result.shape[1:])
    return convert(result, x.dtype if dtype is None else dtype)


def positions(matrix: Float64, out_shape: Sequence[int]) -> Float64:
    """Return (D, M): where the M output voxels lie. Sums begin with the translation, as scipy's."""
    indices = np.indices(tuple(out_shape)).reshape(len(out_shape), -1)
    result = []
    for row in matrix[: len(out_shape)]:
        position = np.full(indices.shape[1], row[-1])
        for factor, index in zip(row, indices, strict=False):
            position = position + factor * index
        result.append(position)
    return np.stack(result)


def sample_at(x: Array, at: Float64, order: int, boundary: str, fill: float) -> Array:
    """Sample x (C, *spatial), floating, at positions (D, M). Returns (C, M)."""
    inside = (np.abs(at) < _FARTHEST).all(axis=0)
    pads, found = [], []
    for axis, n in enumerate(x.shape[1:]):
        inside = inside & is_inside(at[axis], boundary, n)
        used = used_order(order, boundary, n)
        pads.append(filter_pad(x.dtype) if used == 3 else 1)
        position = _folded(np.where(inside, at[axis], 0.0), used, boundary, n)
        found.append(taps_at(position if used == order else np.zeros_like(position), used, x.dtype))
    # All axes go on before the first is filtered: the filter leaves another fill.
    for axis, pad in enumerate(pads):
        x = np.moveaxis(extended(np.moveaxis(x, axis + 1, 0), boundary, fill, pad), 0, axis + 1)
    for axis, n in enumerate(x.shape[1:]):
        if used_order(order, boundary, n - 2 * pads[axis]) == 3:
            x = np.moveaxis(filtered(np.moveaxis(x, axis + 1, 0)), 0, axis + 1)
    return np.where(inside, _sum(x, found, pads, boundary, (slice(None),)), x.dtype.type(fill))


def _folded(x: Float64, order: int, boundary: str, n: int) -> Float64:
    """Move positions outside the volume to where the line of n voxels goes on as it would there."""
    last = n - 1.0
    if n == 1 and boundary != "grid-constant":
        return np.zeros_like(x)
    match boundary:
        case "nearest" | "grid-constant":
            margin = _MARGIN if order == 3 else float(boundary == "grid-constant")
            folded = np.clip(x, -margin, last + margin)
        case "grid-wrap":
            folded = x % n
        case "reflect":
            away = np.abs(x + 0.5) % (2 * n)
            folded = np.where(away >= n, 2 * n - away, away) - 0.5
        case _:  # at the far end positions up to n stay: where order 0 rounds up, it does so there
            away = np.abs(x) % (2 * last)
            folded = np.where(away >= np.where(x > 0, n, last), 2 * last - away, away)
    return np.where((x >= 0) & (x <= last), x, folded)


def _sum(x: Array, found: Sequence[Taps], pads: Sequence[int], boundary: str, at: tuple[Any, ...]) -> Array:
    """Sum over the taps along the axes of x from len(at) on; `at` has the indices along those before."""
    if len(at) == x.ndim:
        return np.asarray(x[at])
    axis = len(at) - 1
    first, weights, length = found[axis]
    n, pad = x.shape[axis + 1] - 2 * pads[axis], pads[axis]
    result = np.zeros(())
    for k in range(weights.shape[1]):
        index = np.clip(first + k, -pad, n - 1 + pad)
        if boundary not in ("nearest", "grid-constant"):
            index = boundary_index(boundary, first + k, n)
        product = weights[:, k] * _sum(x, found, pads, boundary, (*at, index + pad))
        result = product if k == 0 else np.where(k < length, result + product, result)
    return result
