# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Boxes that must hold a labelled voxel: a table of such voxels for each region, and the starts that reach one.

A table has a fixed length, so that the memory for it is known before a label is read: the number n of values, how many
voxels each has in the table, then the voxels of the first value, of the second and so on, each with room for the same
number. A voxel is its row-major index in the volume, and every box of the region can reach it.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genesis_ext.data.sampling.settings import BoxRange, Sampling, box_ranges
from genesis_ext.data.sampling.split import Region
from genesis_ext.data.store.volume_store import StoreError, VolumeStore
from genesis_ext.ops.philox_words import below

TABLE = 8192
"""Numbers in the table of a region."""

_MOST_VALUES = (TABLE - 1) // 2
_SLAB = 1 << 22  # voxels of a label looked at once
_STEP = np.uint64(0x9E3779B1)  # 2^32 over the golden ratio: its multiples fill [0, 2^32) evenly


class LabelTables:
    """The tables of some regions; each is made once, from the label in the store.

    regions: in the order in which the sampler is given them.
    """

    def __init__(self, store: VolumeStore, regions: Sequence[Region], sampling: Sampling) -> None:
        self._store, self._regions, self._sampling = store, regions, sampling
        self._made: dict[int, NDArray[np.int32]] = {}
        self._of: dict[int, list[int]] = {}  # numbers of the regions, by volume
        for number, region in enumerate(regions):
            self._of.setdefault(region.volume, []).append(number)

    def count(self, volumes: Sequence[int]) -> int:
        """How many tables these volumes have."""
        return sum(len(self._of.get(volume, ())) for volume in volumes)

    def write(self, out: Tensor, volumes: Sequence[int]) -> None:
        """Write the tables of these volumes, in the order of their regions, into (R, TABLE) int32.

        Raises:
            StoreError: a label cannot be read, or has too many values.
        """
        for row, number in enumerate(sorted(number for volume in volumes for number in self._of.get(volume, ()))):
            if number not in self._made:
                self._made[number] = self._table(self._regions[number])
            out[row].copy_(torch.from_numpy(self._made[number]))

    def _table(self, region: Region) -> NDArray[np.int32]:
        entry = self._store.entries[region.volume]
        label = self._store.array(region.volume, label=True)
        lo, hi = reach(box_ranges(entry, region, self._sampling), label.shape)
        part = label[lo[0] : hi[0], lo[1] : hi[1], lo[2] : hi[2]]
        left_out = {0, entry.ignore_label} if entry.ignore_label is not None else {0}
        counts = _counts(part)
        values = [v for v in counts if v not in left_out and v in (self._sampling.label_values or counts)]
        if len(values) > _MOST_VALUES:
            raise StoreError(
                f"{self._store.path}: volume {entry.name!r}: its label must have at most {_MOST_VALUES} values for "
                f"label_share, got {len(values)}: choose some by label_values"
            )
        table = np.zeros(TABLE, np.int32)
        table[0] = len(values)
        room = _room(len(values))
        ranks = {value: chosen_ranks(counts[value], room) for value in values}
        for number, places in enumerate(_places(part, ranks)):
            index = np.unravel_index(places, part.shape)
            table[1 + number] = len(places)
            begin = 1 + len(values) + number * room
            table[begin : begin + len(places)] = np.ravel_multi_index(
                tuple(i + low for i, low in zip(index, lo, strict=True)), label.shape
            )
        return table


def reach(ranges: Sequence[BoxRange], shape: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The voxels [lo, hi) along x, y, z of a volume of this shape that boxes of every scale of a region can hold."""
    lo = tuple(max(0, *(r.first[axis] for r in ranges)) for axis in range(3))
    ends = [[r.first[axis] + (r.starts[axis] - 1) * r.step[axis] + r.side[axis] for r in ranges] for axis in range(3)]
    return lo, tuple(min(size, *own) for size, own in zip(shape, ends, strict=True))


def chosen_ranks(count: int, room: int) -> NDArray[np.int64]:
    """Which of `count` voxels stand in a table: all, or of `room` equal parts one each, rising."""
    number = min(count, room)
    ends = np.arange(number + 1, dtype=np.int64) * count // max(number, 1)
    word = np.arange(number, dtype=np.uint64) * _STEP & np.uint64(2**32 - 1)
    return ends[:-1] + (word * np.diff(ends).astype(np.uint64) >> np.uint64(32)).astype(np.int64)


def labelled_voxel(tables: Tensor, row: Tensor, word: Tensor) -> tuple[Tensor, Tensor]:
    """A voxel of each table by one word: first a value, then one of its voxels.

    tables: (R, TABLE) int32.   row, word: (N,) int64.   Returns (N,) int64 indices, and (N,) bool: there is one.
    """
    begin = row * TABLE
    flat = tables.view(-1)
    values = flat[begin].long()
    product = word * values
    number, rest = product >> 32, product & (2**32 - 1)
    some = values.clamp(min=1)
    room = torch.div(TABLE - 1 - some, some, rounding_mode="floor")
    at = begin + 1 + values + number * room + below(rest, flat[begin + 1 + number].long())
    return flat[at].long(), values > 0


def starts_that_hold(voxel: Tensor, first: Tensor, step: Tensor, count: Tensor, side: Tensor) -> tuple[Tensor, Tensor]:
    """Of the starts ``first + k step`` for k in [0, count), those of boxes that hold a voxel: the first k, how many.

    All (N, 3) int64.
    """
    least = torch.div(voxel - side - first + step, step, rounding_mode="floor").clamp(min=0)
    most = torch.minimum(torch.div(voxel - first, step, rounding_mode="floor"), count - 1)
    return least, most - least + 1


def _room(values: int) -> int:
    return (TABLE - 1 - values) // max(values, 1)


def _counts(label: NDArray[Any]) -> dict[int, int]:
    """Voxels of each value, rising."""
    bits = np.uint16 if label.dtype == np.int16 else np.uint8
    total = np.zeros(1 << 8 * bits().itemsize, np.int64)
    for slab in _slabs(label):
        total += np.bincount(slab.view(bits), minlength=len(total))
    values = np.arange(len(total)).astype(bits).view(label.dtype)
    return {value: count for value, count in sorted(zip(values.tolist(), total.tolist(), strict=True)) if count}


def _places(label: NDArray[Any], ranks: Mapping[int, NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """Row-major indices of the voxels that have these ranks among those of their value."""
    found: dict[int, list[NDArray[np.int64]]] = {value: [] for value in ranks}
    seen, begin = dict.fromkeys(ranks, 0), 0
    for slab in _slabs(label):
        labelled = np.flatnonzero(slab)
        order = labelled[np.argsort(slab[labelled], kind="stable")]
        for value, first, count in zip(*np.unique(slab[order], return_index=True, return_counts=True), strict=True):
            if value in ranks:
                wanted, before = ranks[value], seen[value]
                chosen = wanted[np.searchsorted(wanted, before) : np.searchsorted(wanted, before + count)] - before
                found[value].append(begin + order[first + chosen])
                seen[value] += int(count)
        begin += slab.size
    return [np.concatenate(parts) for parts in found.values()]


def _slabs(label: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Flat parts of a label, end to end, so that what is made of its voxels never lies in memory whole."""
    rows = max(1, _SLAB // max(1, math.prod(label.shape[1:])))
    for begin in range(0, label.shape[0], rows):
        yield label[begin : begin + rows].reshape(-1)
