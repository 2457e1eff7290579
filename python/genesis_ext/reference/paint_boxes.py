# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Mirrors csrc/ops/paint_boxes: boxes are painted, or everything around them.

Models Genesis (MICCAI 2019), section 2, transformations III (out-painting) and IV (in-painting).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genesis_ext.reference.philox import Purpose, uniform, words
from genesis_ext.reference.value_range import bounds, has_span

Array = NDArray[Any]
Bool = NDArray[np.bool_]
Float32 = NDArray[np.float32]

KINDS = ("none", "in", "out")  # by number, as in a plan


def paint_boxes(
    x: Array,
    boxes: ArrayLike,
    kind: str | ArrayLike,
    key: ArrayLike | None = None,
    fill: ArrayLike | None = None,
    value_range: ArrayLike = (0.0, 1.0),
) -> Array:
    """Paint the inside of the boxes ("in") or all voxels outside their union ("out"), by noise or by constants.

    x: (N, C, X, Y, Z).   boxes: (N, B, 6) = x0, y0, z0, x1, y1, z1 in voxels, half-open, zeros where unused.
    kind: "none", "in", "out", or (N,) of their numbers 0, 1, 2.
    Either key: (N, 2) integers = seed, sample id, for noise a voxel (in-painting: the channels share it);
    or fill: (N,), (N, 1) or (N, B), constants as fractions of the range (in-painting: of the last box that holds the
    voxel; out-painting: the first constant).
    value_range: (lo, hi), (N, 2) or (N, C, 2); painted is lo + fraction * (hi - lo), lo where the range has no span.
    Returns an array like x. Exactness class A.
    """
    boxes = np.asarray(boxes)
    kinds = np.full(len(x), KINDS.index(kind)) if isinstance(kind, str) else np.asarray(kind)
    painted = np.zeros(x.shape, np.bool_)
    fraction = np.zeros(x.shape, np.float32)
    for n, sample_kind in enumerate(KINDS[number] for number in kinds):
        if sample_kind == "none":
            continue
        inside = mask(boxes[n], x.shape[2:])
        painted[n] = inside if sample_kind == "in" else ~inside
        if key is not None:
            seed, sample_id = np.asarray(key)[n]
            noise_shape = x.shape[2:] if sample_kind == "in" else x.shape[1:]
            fraction[n] = noise(seed, sample_id, noise_shape)
        else:
            constants = np.atleast_1d(np.asarray(fill, np.float32)[n])
            fraction[n] = box_constants(boxes[n], constants, x.shape[2:]) if sample_kind == "in" else constants[0]
    lo, hi = bounds(value_range, x)
    with np.errstate(all="ignore"):  # without a span the product is replaced
        value = np.where(has_span(lo, hi), lo + fraction * (hi - lo), lo).astype(x.dtype)
    return np.where(painted, value, x)


def mask(boxes: ArrayLike, spatial_shape: Sequence[int]) -> Bool:
    """Union of half-open boxes (B, 6), cut to the volume: bool of spatial_shape."""
    inside = np.zeros(tuple(spatial_shape), np.bool_)
    for box in np.asarray(boxes):
        inside[_region(box)] = True
    return inside


def box_constants(boxes: ArrayLike, constants: Float32, spatial_shape: Sequence[int]) -> Float32:
    """Give each voxel the constant of the last box that holds it, else 0. constants: (1,) for all boxes, or (B,)."""
    boxes = np.asarray(boxes)
    result = np.zeros(tuple(spatial_shape), np.float32)
    for box, constant in zip(boxes, np.broadcast_to(constants, len(boxes)), strict=True):
        result[_region(box)] = constant
    return result


def noise(seed: ArrayLike, sample_id: ArrayLike, shape: Sequence[int]) -> Float32:
    """Uniform noise in [0, 1) for the voxels of `shape` in row-major order: (X, Y, Z), or (C, X, Y, Z).

    A Philox call gives four voxels that are eight apart, so that eight neighbouring calls give 32 neighbouring voxels.
    """
    v = np.arange(np.prod(shape, dtype=np.int64))
    call, word = (v >> 5) * 8 + (v & 7), (v >> 3) & 3
    calls = np.arange(call.max(initial=-1) + 1)
    return uniform(words(seed, sample_id, Purpose.NOISE, calls)[call, word]).reshape(tuple(shape))


def in_painting(x: Array, boxes: ArrayLike, noises: Sequence[ArrayLike]) -> Array:
    """Write given noise into given boxes of x (C, X, Y, Z), in drawing order; noises[b] has the sides of box b."""
    result = x.copy()
    for box, values in zip(np.asarray(boxes), noises, strict=True):
        result[(slice(None), *_region(box))] = values
    return result


def out_painting(x: Array, boxes: ArrayLike, noise: ArrayLike) -> Array:
    """Replace x (C, X, Y, Z) by given noise of the same shape, but for the boxes."""
    return np.where(mask(boxes, x.shape[1:]), x, noise).astype(x.dtype)


def _region(box: ArrayLike) -> tuple[slice, ...]:
    low, high = np.maximum(np.asarray(box).reshape(2, 3), 0)
    return tuple(slice(a, b) for a, b in zip(low, high, strict=True))
