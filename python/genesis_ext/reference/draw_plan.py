# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Mirrors csrc/ops/draw_plan and csrc/math/plan.h: every random decision about a sample, as one row of integers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genesis_ext.reference.paint_boxes import KINDS
from genesis_ext.reference.philox import Purpose, UInt32, below, bits64, happens, size_and_start, uniform, words

Bool = NDArray[np.bool_]
Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]

HEAD_WORDS = 10  # flips, shuffle, nonlinear, paint, number of boxes, seed (2), sample id (2), constant
CURVE_WORDS = 5  # x1, y1, x2, y2, decreasing
BOX_WORDS = 7  # x0, y0, z0, x1, y1, z1, fill


class Rates(NamedTuple):
    """Rates of the events, in [0, 1]; `outpaint` is given that a sample is painted.

    in_max_fraction is no rate: in-painting stops before the summed volumes of its boxes, which may overlap, pass that
    many times the volume of the patch.
    """

    flip: float
    shuffle: float
    nonlinear: float
    paint: float
    outpaint: float
    in_more: float
    out_more: float
    in_max_fraction: float


class Numbers(NamedTuple):
    """Integers that shape the draw. Sides are inclusive bounds in voxels, already resolved for the patch.

    order: 0 last writer, 1 sequential.   permute: 0 voxel, 1 axes.   in_constant, out_constant: 0 noise, 1 constants.
    """

    flip_tries: int
    flip_none: int
    flip_x: int
    flip_y: int
    flip_z: int
    num_windows: int
    max_window_x: int
    max_window_y: int
    max_window_z: int
    order: int
    permute: int
    curves: int
    margin: int
    in_min: int
    in_max: int
    in_constant: int
    in_lo_x: int
    in_hi_x: int
    in_lo_y: int
    in_hi_y: int
    in_lo_z: int
    in_hi_z: int
    out_min: int
    out_max: int
    out_constant: int
    first_lo_x: int
    first_hi_x: int
    first_lo_y: int
    first_hi_y: int
    first_lo_z: int
    first_hi_z: int
    more_lo_x: int
    more_hi_x: int
    more_lo_y: int
    more_hi_y: int
    more_lo_z: int
    more_hi_z: int

    @property
    def flip_weights(self) -> tuple[int, ...]:
        """Weights of none, x, y, z."""
        return self[1:5]

    @property
    def max_window(self) -> tuple[int, ...]:
        """Largest sides of a shuffled window along x, y, z."""
        return self[6:9]

    @property
    def in_sides(self) -> Int64:
        """Bounds (3, 2) of the sides of in-painted boxes."""
        return np.reshape(self[16:22], (3, 2))

    @property
    def first_sides(self) -> Int64:
        """Bounds (3, 2) of the sides of the first box that out-painting keeps."""
        return np.reshape(self[25:31], (3, 2))

    @property
    def more_sides(self) -> Int64:
        """Bounds (3, 2) of the sides of the boxes that out-painting keeps after the first."""
        return np.reshape(self[31:37], (3, 2))

    @property
    def max_boxes(self) -> int:
        """How many boxes a row has room for."""
        return max(self.in_max, self.out_max)


@dataclass(frozen=True)
class Draw:
    """One row of a plan, decoded."""

    flips: tuple[bool, ...]  # along x, y, z
    shuffle: bool
    nonlinear: bool
    paint: str  # "none", "in" or "out"
    constant: bool  # painted with constants rather than noise
    seed: int  # unsigned 64-bit, like the sample id
    sample_id: int
    control_points: Float32  # (curves, 4) = x1, y1, x2, y2
    decreasing: Bool  # (curves,)
    boxes: Int32  # (number of boxes, 6) = x0, y0, z0, x1, y1, z1, half-open
    fills: Float32  # (number of boxes,), fractions of the value range


def draw_plan(
    sample_id: ArrayLike, seed: ArrayLike, spatial_shape: Sequence[int], rates: Sequence[float], numbers: Sequence[int]
) -> Int32:
    """Draw the plans of N samples.

    sample_id: (N,) integers.   seed: (1,) integer.   spatial_shape: (X, Y, Z).
    rates, numbers: as in `Rates` and `Numbers`.
    Returns (N, 10 + 5 curves + 7 max_boxes) int32, floats by their bits. Exactness class A.
    """
    ids = bits64(sample_id)
    rate, number = Rates(*rates), Numbers(*numbers)

    def draw(purpose: Purpose, count: int) -> UInt32:
        return words(seed, ids[:, np.newaxis], purpose, np.arange(count))  # (N, count, 4)

    flip, choice = draw(Purpose.FLIP, number.flip_tries), draw(Purpose.CHOICE, 1)
    points = uniform(draw(Purpose.CONTROL_POINTS, number.curves)).view(np.int32)
    decreasing = (draw(Purpose.DIRECTION, number.curves)[..., :1] >> 31).astype(np.int32)
    curves = np.concatenate([points, decreasing], axis=2).reshape(len(ids), CURVE_WORDS * number.curves)
    box, fill = draw(Purpose.BOX, number.max_boxes), uniform(draw(Purpose.FILL, number.max_boxes)[..., 0])
    keys = np.stack(np.broadcast_arrays(bits64(seed), ids), axis=1).astype("<u8").view("<i4")  # low word first

    rows = np.zeros((len(ids), HEAD_WORDS + curves.shape[1] + BOX_WORDS * number.max_boxes), np.int32)
    for n, row in enumerate(rows):
        shuffle, nonlinear, paint = _draw_choice(choice[n, 0], rate)
        boxes = _draw_boxes(box[n], paint, spatial_shape, rate, number)
        constant = {"none": 0, "in": number.in_constant, "out": number.out_constant}[paint]
        flips = _draw_flips(flip[n], rate, number)
        row[:HEAD_WORDS] = flips, shuffle, nonlinear, KINDS.index(paint), len(boxes), *keys[n], constant
        row[HEAD_WORDS : HEAD_WORDS + curves.shape[1]] = curves[n]
        for b, corners in enumerate(boxes):
            at = HEAD_WORDS + curves.shape[1] + BOX_WORDS * b
            row[at : at + BOX_WORDS] = *corners, fill[n, b].view(np.int32)
    return rows


def decode(row: ArrayLike, numbers: Sequence[int]) -> Draw:
    """Read one row (L,) of a plan that was drawn with `numbers`."""
    row, curves = np.asarray(row, np.int32), Numbers(*numbers).curves
    curve_rows = row[HEAD_WORDS : HEAD_WORDS + CURVE_WORDS * curves].reshape(curves, CURVE_WORDS)
    box_rows = row[HEAD_WORDS + CURVE_WORDS * curves :].reshape(-1, BOX_WORDS)[: row[4]]
    seed, sample_id = row[5:9].astype("<i4").view("<u8")
    return Draw(
        flips=tuple(bool(row[0] >> axis & 1) for axis in range(3)),
        shuffle=bool(row[1]),
        nonlinear=bool(row[2]),
        paint=KINDS[row[3]],
        constant=bool(row[9]),
        seed=int(seed),
        sample_id=int(sample_id),
        control_points=np.ascontiguousarray(curve_rows[:, :4]).view(np.float32),
        decreasing=curve_rows[:, 4] != 0,
        boxes=box_rows[:, :6],
        fills=np.ascontiguousarray(box_rows[:, 6]).view(np.float32),
    )


def _draw_flips(word: UInt32, rate: Rates, number: Numbers) -> int:
    """Bits of the flipped axes. word: (flip_tries, 4)."""
    flips = 0
    ends = np.cumsum(number.flip_weights)  # none, x, y, z
    for go_on, axis, _, _ in word:
        if not happens(go_on, rate.flip):
            break
        chosen = int(np.searchsorted(ends, below(axis, ends[-1]), side="right"))
        if chosen > 0:
            flips ^= 1 << (chosen - 1)
    return flips


def _draw_choice(word: UInt32, rate: Rates) -> tuple[bool, bool, str]:
    """Whether to shuffle, whether to apply the curve, and how to paint. word: (4,)."""
    rates = rate.shuffle, rate.nonlinear, rate.paint, rate.outpaint
    shuffle, nonlinear, painted, out = (bool(happens(w, r)) for w, r in zip(word, rates, strict=True))
    return shuffle, nonlinear, ("out" if out else "in") if painted else "none"


def _draw_boxes(
    word: UInt32, paint: str, spatial_shape: Sequence[int], rate: Rates, number: Numbers
) -> list[tuple[int, ...]]:
    """Corners of the boxes of a sample that is painted so. word: (max_boxes, 4)."""
    if paint == "none":
        return []
    fewest, most, more = (
        (number.in_min, number.in_max, rate.in_more)
        if paint == "in"
        else (number.out_min, number.out_max, rate.out_more)
    )
    boxes: list[tuple[int, ...]] = []
    volume = 0
    for b in range(most):
        if b >= fewest and not happens(word[b, 3], more):
            break
        sides = number.in_sides if paint == "in" else number.first_sides if b == 0 else number.more_sides
        size, start = size_and_start(word[b, :3], sides[:, 0], sides[:, 1], spatial_shape, number.margin)
        volume += int(np.prod(size))
        if paint == "in" and volume / int(np.prod(spatial_shape)) > rate.in_max_fraction:
            break
        boxes.append((*start.tolist(), *(start + size).tolist()))
    return boxes
