# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Rules on what a box must hold, answered on the device by eight look-ups: summed-area tables over blocks of voxels.

Every voxel has a small integer score, every rule accepts a box whose summed score is at most a limit; of several boxes
that are all too high the lowest is the best. A volume is cut into blocks, and boxes begin and end at blocks, so that
the sum of a box is exact. Whether a box is constant is decided by the blocks that lie in it whole, so it may begin
anywhere.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from genesis_ext._settings import check_kinds
from genesis_ext._types import Shape3
from genesis_ext.data.store.entry import GREYS, StoredVolume
from genesis_ext.data.volume import Modality

_SLAB = 1 << 24  # voxels scored at once, so that the scores of a large volume never lie in memory whole


@dataclass(frozen=True)
class LungContent:
    """The released rule for cubes of a chest CT: those filled with soft tissue are rejected, so that lung dominates.

    A voxel scores by how far one must look along z (towards higher indices) for a value of at least `dense_hu`: 1 at
    the voxel itself, 1/2 at the next one, 0 beyond. A box is accepted if its mean score is at most `max_mean_score`.
    Source: method of Models Genesis, as released.
    """

    dense_hu: float = -150.0
    max_mean_score: float = 0.15

    def __post_init__(self) -> None:
        check_kinds(self, "LungContent: ")
        if not 0 <= self.max_mean_score <= 1:
            raise ValueError(f"LungContent: max_mean_score must be in [0, 1], got {self.max_mean_score}")

    def threshold(self, entry: StoredVolume) -> float:
        """`dense_hu` in stored numbers."""
        return (self.dense_hu - entry.intercept) / entry.slope

    def limit(self, voxels: int) -> int:
        """The highest sum that a box of so many voxels may have; scores are doubled to be integers."""
        return math.floor(_exact(self.max_mean_score) * 2 * voxels)

    def scores(self, hit: Tensor, behind: Tensor) -> Tensor:
        """uint8 scores from which voxels, and which of their next ones along z, reach the threshold."""
        return hit.to(torch.uint8) * 2 + (behind & ~hit)


@dataclass(frozen=True)
class Foreground:
    """At least `min_share` of a box reaches `above`, a number on the scale of the window: 0 its lower end, 1 its upper.

    Meant for MRI, whose background is dark: with the defaults a quarter of the box is brighter than a twentieth of the
    window. Our choice: the papers name no rule for MRI.
    """

    above: float = 0.05
    min_share: float = 0.25

    def __post_init__(self) -> None:
        check_kinds(self, "Foreground: ")
        if not 0 < self.above < 1:
            raise ValueError(f"Foreground: above must lie between 0 and 1, got {self.above}")
        if not 0 <= self.min_share <= 1:
            raise ValueError(f"Foreground: min_share must be in [0, 1], got {self.min_share}")

    def threshold(self, entry: StoredVolume) -> float:
        """`above` in stored numbers."""
        lo, hi = entry.window
        return lo + self.above * (hi - lo)

    def limit(self, voxels: int) -> int:
        """The highest number of background voxels that a box of so many voxels may have."""
        return math.floor((1 - _exact(self.min_share)) * voxels)

    def scores(self, hit: Tensor, behind: Tensor) -> Tensor:
        """uint8: 1 for background."""
        return (~hit).to(torch.uint8)


@dataclass(frozen=True)
class Varied:
    """A box is not constant: it holds a whole block in which two voxels lie a grey apart, a 255th of the window."""

    def scores_of_blocks(self, voxels: Tensor, entry: StoredVolume, block: Shape3) -> Tensor:
        """-1 for a block that varies, else 0: int32, of the whole blocks in (X, Y, Z) voxels."""
        least = greatest = voxels
        for axis, side in enumerate(block):
            least, greatest = (part.unflatten(axis, (-1, side)) for part in (least, greatest))
            least, greatest = least.amin(axis + 1), greatest.amax(axis + 1)
        lo, hi = entry.window
        return -(greatest.float() - least.float() >= (hi - lo) / GREYS).to(torch.int32)


ContentRule = LungContent | Foreground
Rules = Mapping[Modality, ContentRule] | Mapping[Modality, Varied]


class TablePlaces(NamedTuple):
    """Where the tables of some volumes lie in one int32 buffer; volumes without a rule point at its first number, 0.

    offset: (V,) int64, of the table's first number; 0 without a rule.
    strides: (V, 3) int64, numbers from one block to the next along x, y, z; zeros without a rule.
    blocks: (V, 3) int64, voxels a block along x, y, z; ones without a rule.
    length: numbers in the buffer up to the end of these tables.
    """

    offset: Tensor
    strides: Tensor
    blocks: Tensor
    length: int


def block_of(entry: StoredVolume, rules: Rules, grid: Shape3) -> Shape3:
    """Voxels a block along x, y, z: `grid`, or the whole of a shorter axis; one where no rule acts on the volume."""
    if entry.modality not in rules:
        return 1, 1, 1
    return _block(entry, grid)


def table_length(entry: StoredVolume, rules: Rules, grid: Shape3) -> int:
    """Numbers in the table of one volume: 0 where no rule acts on it."""
    if entry.modality not in rules:
        return 0
    blocks = block_of(entry, rules, grid)
    return math.prod(size // block + 1 for size, block in zip(entry.shape, blocks, strict=True))


def table_places(
    entries: Sequence[StoredVolume], rules: Rules, grid: Shape3, device: torch.device | str = "cpu", begin: int = 1
) -> TablePlaces:
    """Lay the tables of these volumes end to end, from number `begin` of the buffer on."""
    offset, strides, blocks, length = [], [], [], begin
    for entry in entries:
        own = table_length(entry, rules, grid)
        block = block_of(entry, rules, grid)
        ny, nz = (entry.shape[axis] // block[axis] + 1 for axis in (1, 2))
        offset.append(length if own else 0)
        strides.append((ny * nz, nz, 1) if own else (0, 0, 0))
        blocks.append(block)
        length += own
    offsets, rows, sides = (
        torch.tensor(values, dtype=torch.int64, device=device) for values in (offset, strides, blocks)
    )
    return TablePlaces(offsets, rows.view(-1, 3), sides.view(-1, 3), length)


def write_table(out: Tensor, voxels: Tensor, entry: StoredVolume, rule: ContentRule | Varied, grid: Shape3) -> None:
    """Write the summed-area table of one volume: number (i, j, k) is the score of the blocks before i, j, k.

    out: (table_length,) int32.   voxels: (X, Y, Z) as stored, on the same device. Sums count modulo 2^32, so the
    sum of a box is right if it is below 2^31 itself.
    """
    block = bx, by, bz = _block(entry, grid)
    nx, ny, nz = entry.shape[0] // bx, entry.shape[1] // by, entry.shape[2] // bz
    table = out.view(nx + 1, ny + 1, nz + 1)
    table[0] = 0
    table[:, 0] = 0
    table[:, :, 0] = 0
    slab = max(1, _SLAB // max(1, bx * entry.shape[1] * entry.shape[2]))
    inner = table[1:, 1:, 1:]
    for first in range(0, nx, slab):
        last = min(first + slab, nx)
        part = voxels[first * bx : last * bx]
        if isinstance(rule, Varied):
            scores = rule.scores_of_blocks(part[:, : ny * by, : nz * bz], entry, block)
        else:
            scores = _sums_of_blocks(rule, part, entry, (last - first, ny, nz), block)
        inner[first:last] = scores
    for axis in range(3):
        inner.copy_(inner.cumsum(axis, dtype=torch.int32))


def box_sums(sums: Tensor, offset: Tensor, strides: Tensor, lo: Tensor, hi: Tensor) -> Tensor:
    """Scores of boxes, in blocks, by the eight corners of each.

    sums: (T,) int32.   offset: (N,).   strides: (N, 3).   lo, hi: (N, K, 3) int64.   Returns (N, K) int64.
    """
    x, y, z = (torch.stack((lo, hi), dim=2) * strides[:, None, None]).unbind(dim=3)  # (N, K, 2) each
    at = offset[:, None, None, None, None] + x[..., :, None, None] + y[..., None, :, None] + z[..., None, None, :]
    value = sums[at]  # (N, K, 2, 2, 2)
    for _ in range(3):
        value = value[..., 1] - value[..., 0]
    return value.long()


def _sums_of_blocks(rule: ContentRule, voxels: Tensor, entry: StoredVolume, count: Shape3, block: Shape3) -> Tensor:
    """int32 sums of the scores of the voxels (X, Y, Z) in `count` blocks along x, y, z."""
    hit = _reaches(voxels, rule.threshold(entry))
    behind = torch.zeros_like(hit)
    behind[..., :-1] = hit[..., 1:]
    scores = rule.scores(hit, behind)[:, : count[1] * block[1], : count[2] * block[2]]
    for axis in range(3):
        scores = scores.unflatten(axis, (count[axis], block[axis])).sum(axis + 1, dtype=torch.int32)
    return scores


def _block(entry: StoredVolume, grid: Shape3) -> Shape3:
    x, y, z = (min(side, size) for side, size in zip(grid, entry.shape, strict=True))
    return x, y, z


def _reaches(voxels: Tensor, threshold: float) -> Tensor:
    """Whether voxels reach the threshold rounded as stored numbers are, so that a value equal to it stays so."""
    if voxels.dtype == torch.float16:
        return voxels >= float(np.float16(threshold))
    whole, most = math.floor(threshold + 0.5), torch.iinfo(voxels.dtype).max
    if whole > most:
        return torch.zeros_like(voxels, dtype=torch.bool)
    return voxels >= max(whole, torch.iinfo(voxels.dtype).min)


def _exact(number: float) -> Fraction:
    """The decimal that was written: .15 and not the nearest binary number."""
    return Fraction(repr(float(number)))
