# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Mirrors csrc/ops/genesis_transform: a plan applied to a batch, as a composition of the single operators."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genesis_ext.reference.bezier_map import bezier_map
from genesis_ext.reference.draw_plan import Draw, Numbers, decode
from genesis_ext.reference.local_shuffle import ORDERS, PERMUTES, local_shuffle
from genesis_ext.reference.paint_boxes import paint_boxes
from genesis_ext.reference.value_range import bounds

Array = NDArray[Any]


def genesis_transform(
    x: Array, plan: ArrayLike, numbers: Sequence[int], value_range: ArrayLike = (0.0, 1.0), clamp: bool = True
) -> tuple[Array, Array]:
    """Distort a batch as its plan says: flip, then shuffle, curve, paint.

    x: (N, C, X, Y, Z), floating.   plan: (N, L) int32, drawn with `numbers`; its curves are one, or one a channel.
    value_range, clamp: as in `bezier_map` and `paint_boxes`.
    Returns (input, target), each like x: the target is the flipped x. The curve is of exactness class B, all else of A.
    """
    limits = np.stack(np.broadcast_arrays(*bounds(value_range, x)), axis=-1)
    limits = np.broadcast_to(limits.reshape(*limits.shape[:2], 2), (len(x), limits.shape[1], 2))
    result, target = np.empty_like(x), np.empty_like(x)
    for n, row in enumerate(np.asarray(plan)):
        draw = decode(row, numbers)
        flipped = tuple(axis for axis, flip in enumerate(draw.flips, start=2) if flip)
        sample = np.flip(x[n : n + 1], flipped)  # (1, C, X, Y, Z)
        target[n] = sample[0]
        result[n] = _distort(sample, draw, Numbers(*numbers), limits[n : n + 1], clamp)[0]
    return result, target


def _distort(x: Array, draw: Draw, number: Numbers, value_range: Array, clamp: bool) -> Array:
    key = np.array([[draw.seed, draw.sample_id]], np.uint64)
    if draw.shuffle:
        order, permute = ORDERS[number.order], PERMUTES[number.permute]
        x = local_shuffle(x, key, number.num_windows, number.max_window, order, permute)
    if draw.nonlinear:
        x = bezier_map(x, draw.control_points[np.newaxis], draw.decreasing[np.newaxis], value_range, clamp)
    fills = draw.fills if len(draw.fills) else np.zeros(1, np.float32)  # out-painting may keep no box at all
    filling = {"fill": fills[np.newaxis]} if draw.constant else {"key": key}
    return paint_boxes(x, draw.boxes[np.newaxis], draw.paint, value_range=value_range, **filling)
