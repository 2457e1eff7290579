# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Which volume, at which scale, and where: sub-volumes as a pure function of (seed, sample id), drawn on the device.

docs/determinism.md has the draws word by word. All is integer arithmetic on tensors of the device, so CPU and CUDA give
the same boxes, nothing waits for the host, and a CUDA graph can capture it.
"""

import copy
import math
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor

from genesis_ext import ops
from genesis_ext.data.sampling.content import TablePlaces, box_sums, table_places
from genesis_ext.data.sampling.foreground import labelled_voxel, starts_that_hold
from genesis_ext.data.sampling.settings import Sampling, box_ranges
from genesis_ext.data.sampling.split import MODALITIES, Region
from genesis_ext.data.store.entry import StoredVolume
from genesis_ext.ops.philox_words import below
from genesis_ext.reference.philox import Purpose

_TOTAL_BELOW = 2**31  # the product of a word and a total weight must stay below 2^63
_ALL = 2**40  # above any sum of scores
_LAST = 2**62  # above any rank of a box that is not constant


class Subvolumes(NamedTuple):
    """N boxes, all tensors on one device.

    volume_index: (N,) int64, place of the volume among the packed volumes.
    boxes: (N, 6) float32, x0, y0, z0, x1, y1, z1 in voxel edges: voxel i spans [i, i + 1).
    scale: (N,) int64, place in ``Sampling.scales``.
    modality: (N,) int64: 0 CT, 1 MRI, 2 X-ray, 3 ultrasound.
    """

    volume_index: Tensor
    boxes: Tensor
    scale: Tensor
    modality: Tensor


class SubvolumeSampler:
    """Draws sub-volumes: (N,) int64 sample ids on the device -> ``Subvolumes``.

    As made, it counts volumes as the store does and has seen no voxel: it knows no rule on content and no label, and
    any box may be constant. ``on`` gives it the volumes that lie on the device, and their tables.

    Args:
        entries: the volumes of the store.
        regions: where boxes may lie.
        sampling: which boxes.
        seed: 64 bits; an int or a (1,) int64 tensor.
        device: of the sampler and the ids.
        weights: how often a volume is drawn relative to others of its modality, a whole number for each of the store
            (default: 1). Regions of one volume have its weight each.

    Raises:
        ValueError: no regions, one that holds no box, or weights that break their rule.
    """

    def __init__(
        self,
        entries: Sequence[StoredVolume],
        regions: Sequence[Region],
        sampling: Sampling,
        seed: int | Tensor = 0,
        device: torch.device | str = "cpu",
        weights: Sequence[int] | None = None,
    ) -> None:
        if not regions:
            raise ValueError("SubvolumeSampler: regions must hold at least one region, got none")
        check_weights(weights, len(entries))
        self._entries, self._sampling = entries, sampling
        self._device = torch.device(device)
        if isinstance(seed, Tensor):
            self._seed = seed
        else:
            self._seed = self._ints([(seed + 2**63) % 2**64 - 2**63])  # its bits, read as int64

        grouped = {m: [r for r in regions if entries[r.volume].modality == m] for m in MODALITIES}
        own = {m: [1 if weights is None else weights[r.volume] for r in rs] for m, rs in grouped.items()}
        present = [m for m in MODALITIES if sum(own[m])]
        if not present:
            raise ValueError(f"SubvolumeSampler: weights must not all be 0, got {weights}")
        self._given = [region.volume for region in regions]
        self._order = [i for m in present for i, volume in enumerate(self._given) if entries[volume].modality == m]
        regions = [regions[i] for i in self._order]
        self._mix_ends, self._mix_total = self._ends(sampling.mix_weights({m: sum(own[m]) for m in present}))
        self._in_turn = sampling.mix == "balanced"
        self._region_ends, _ = self._ends([weight for m in present for weight in own[m]])
        totals = [sum(own[m]) for m in present]
        self._modality_totals = self._ints(totals)
        self._modality_starts = self._ints([0, *accumulate(totals[:-1])])
        self._scale_ends, self._scale_total = self._ends(sampling.weights)

        self._volumes = [region.volume for region in regions]
        self._volume = self._ints(self._volumes)  # (R,)
        self._modality = self._ints([MODALITIES.index(entries[region.volume].modality) for region in regions])
        ranges = [box_ranges(entries[region.volume], region, sampling) for region in regions]
        self._first = self._ints([[r.first for r in scales] for scales in ranges])  # (R, S, 3)
        self._step = self._ints([[r.step for r in scales] for scales in ranges])
        self._count = self._ints([[r.starts for r in scales] for scales in ranges])
        self._side = self._ints([[r.side for r in scales] for scales in ranges])
        self._limit = self._ints([[r.limit for r in scales] for scales in ranges])  # (R, S)
        self._yz = self._ints([entries[volume].shape[1:] for volume in self._volumes])  # (R, 2)
        self._forced_below = math.ceil(sampling.label_share * 2**24)  # exact: the event of this rate, in integers

        ruled = [m for m in present if m in sampling.content]
        self._candidates = sampling.candidates if ruled else 1
        self._ruled = bool(ruled)
        self._tables: Tensor | None = None
        self._places: list[TablePlaces] = []
        self._labelled: Tensor | None = None
        self._row = self._volume

    def on(self, volumes: Sequence[int], tables: Tensor, labelled: Tensor | None = None) -> "SubvolumeSampler":
        """The same sampler for packed volumes; of a volume that is not among them, the index is -1.

        volumes: their numbers in the store, in the order of packing.
        tables: (length,) int32 on the device, as ``content.table_places`` lays them.
        labelled: (R, ``foreground.TABLE``) int32, where a share of the boxes must hold a labelled voxel: a table for
            each region of these volumes, in the order in which the sampler was given them.
        """
        other = copy.copy(self)
        places = {volume: place for place, volume in enumerate(volumes)}
        other._volume = self._ints([places.get(volume, -1) for volume in self._volumes])
        entries, length = [self._entries[volume] for volume in volumes], 1
        other._places, other._tables = [], tables
        for rules, grid in self._sampling.tables:
            other._places.append(table_places(entries, rules, grid, self._device, length))
            length = other._places[-1].length
        if not self._sampling.allow_constant:
            other._candidates = self._sampling.candidates
        rows = {i: row for row, i in enumerate(i for i, volume in enumerate(self._given) if volume in places)}
        other._labelled, other._row = labelled, self._ints([rows.get(i, 0) for i in self._order])
        return other

    def __call__(self, sample_id: Tensor) -> Subvolumes:
        """The boxes of the samples; sample_id: (N,) int64 on the device of the sampler.

        Raises:
            ValueError: a rule on content or on labels acts, and there are no tables.
        """
        if self._forced_below and self._labelled is None:
            raise ValueError("SubvolumeSampler: label_share acts, and needs the tables of labelled voxels: see `on`")
        region, scale, starts = self.draw(sample_id)
        side = self._side[region, scale]
        if self._candidates == 1:
            lo = starts[:, 0]
        else:
            best = self._best(region, scale, starts, side)
            lo = starts.gather(1, best.view(-1, 1, 1).expand(-1, 1, 3))[:, 0]
        boxes = torch.cat((lo, lo + side), dim=1).to(torch.float32)
        return Subvolumes(self._volume[region], boxes, scale, self._modality[region])

    def draw(self, sample_id: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What is drawn before any rule: region (N,), scale (N,) and candidate starts (N, K, 3) in voxels, int64."""
        words = ops.philox_words(sample_id, self._seed, Purpose.SUBVOLUME, 1 + self._candidates)  # (N, 1 + K, 4)
        head = words[:, 0]
        if self._in_turn:
            modality = sample_id.remainder(self._mix_total)
        else:
            modality = _place(below(head[:, 0], self._mix_total), self._mix_ends)
        within = self._modality_starts[modality] + below(head[:, 1], self._modality_totals[modality])
        region = torch.searchsorted(self._region_ends, within, right=True)
        scale = _place(below(head[:, 2], self._scale_total), self._scale_ends)
        first, step, count = self._first[region, scale], self._step[region, scale], self._count[region, scale]
        least = torch.zeros_like(count)
        if self._forced_below and self._labelled is not None:
            voxel, there = labelled_voxel(self._labelled, self._row[region], words[:, 1, 3])
            ny, nz = self._yz[region].unbind(1)
            place = torch.stack((voxel // (ny * nz), voxel // nz % ny, voxel % nz), dim=1)
            forced = (there & (head[:, 3] >> 8 < self._forced_below)).unsqueeze(1)
            low, many = starts_that_hold(place, first, step, count, self._side[region, scale])
            least, count = torch.where(forced, low, least), torch.where(forced, many, count)
        k = least.unsqueeze(1) + below(words[:, 1:, :3], count.unsqueeze(1))
        return region, scale, first.unsqueeze(1) + k * step.unsqueeze(1)

    def volumes_of(self, sample_id: Tensor) -> Tensor:
        """The volumes alone, (N,) int64: no rule on content changes them."""
        return self._volume[self.draw(sample_id)[0]]

    def _best(self, region: Tensor, scale: Tensor, starts: Tensor, side: Tensor) -> Tensor:
        """Number of the first accepted candidate, else of the one with the lowest score (the first of them): (N,).

        Boxes that are constant come last.
        """
        if self._tables is None:
            raise ValueError("SubvolumeSampler: a rule on content acts, and needs the tables of the volumes: see `on`")
        volume = self._volume[region]
        rank = torch.arange(self._candidates, device=self._device).expand(len(region), -1)
        if self._ruled:
            sums = self._sums(self._places[0], self._tables, volume, starts, side)
            accepted = sums <= self._limit[region, scale].unsqueeze(1)
            rank = torch.where(accepted, rank, (_ALL + sums) * self._candidates + rank)
        if not self._sampling.allow_constant:
            constant = self._sums(self._places[1], self._tables, volume, starts, side) == 0
            rank = rank + constant * _LAST
        return rank.argmin(dim=1)

    def _sums(self, places: TablePlaces, tables: Tensor, volume: Tensor, starts: Tensor, side: Tensor) -> Tensor:
        """Scores of the whole blocks in boxes that begin at (N, K, 3) `starts`: (N, K)."""
        block = places.blocks[volume].unsqueeze(1)
        hi = torch.div(starts + side.unsqueeze(1), block, rounding_mode="floor")
        lo = torch.minimum(torch.div(starts + block - 1, block, rounding_mode="floor"), hi)
        return box_sums(tables, places.offset[volume], places.strides[volume], lo, hi)

    def _ints(self, values: Sequence[object]) -> Tensor:
        return torch.tensor(values, dtype=torch.int64, device=self._device)

    def _ends(self, weights: Sequence[int]) -> tuple[Tensor, int]:
        """Running sums of weights, and the last of them.

        Raises:
            ValueError: they are too high to be drawn from.
        """
        ends = list(accumulate(weights))
        if ends[-1] >= _TOTAL_BELOW:
            raise ValueError(f"SubvolumeSampler: weights must sum up to less than 2^31, got {ends[-1]}")
        return self._ints(ends), ends[-1]


def check_weights(weights: Sequence[int] | None, volumes: int) -> None:
    """Raise ValueError unless there is a weight for every volume of a store."""
    if weights is not None and (len(weights) != volumes or any(weight < 0 for weight in weights)):
        raise ValueError(f"weights must be {volumes} numbers of at least 0, one for each volume, got {weights}")


def _place(k: Tensor, ends: Tensor) -> Tensor:
    """The place whose weight contains k, by the running sums of the weights."""
    return torch.searchsorted(ends, k, right=True)
