# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Patches around candidates, cut on the device: endless batches that train, and every candidate once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from genesis_ext import ops
from genesis_ext._types import Spacing3
from genesis_ext.data.batch import Batch, Transform, distorted
from genesis_ext.data.candidates.patches import PatchCutter, Patches
from genesis_ext.data.candidates.table import Candidates
from genesis_ext.data.placement.placement import DEFAULT_BUDGET, Placement, PlacementName
from genesis_ext.data.placement.room import Room
from genesis_ext.data.placement.transfer import copy_from_disk
from genesis_ext.data.sampling.settings import Shape
from genesis_ext.data.steps import FIRST_VALIDATION_ID, SAMPLES_A_VOLUME, StepLoader
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.ops._checks import TensorLike, as_ids
from genesis_ext.ops.philox_words import below
from genesis_ext.reference.philox import Purpose

ClassMix = Literal["balanced", "candidates"] | Mapping[str, int]


class CandidateLoader(StepLoader):
    """Training batches of patches around candidates: first a class is drawn, then one of its candidates.

    Nothing is written per candidate: boxes stand in a table, and patches are cut from the volumes on the device. What
    lies outside a scan is 0. Batches hold what those of ``GenesisLoader`` hold, and:

        class: (N,) int64, place in ``candidates.classes``.   candidate: (N,) int64, row in the table.
        volume: (N,) int64, number in the store.   box: (N, 6) float32 in voxel edges.

    Args:
        store: the volumes.
        candidates: those that train.
        batch_size: samples a step, over all ranks.
        patch: voxels along x, y, z of a patch, or along x and y of a slice.
        transform: as for ``GenesisLoader``.
        spacing_mm: of the voxels of a patch, one number or three; None takes the voxels of the volume as they are,
            without interpolation. Along an axis of one voxel it is always so.
        mix: "balanced": all classes equally often; "candidates": all candidates; or whole-number weights by class.
        order: of the interpolation, 0, 1 or 3.   antialias: smooth where patches are coarser than volumes.
        seed, rank, world_size, start_step, placement, budget, samples_a_volume, device, report: as for
            ``GenesisLoader``.

    Raises:
        ValueError: an argument breaks its rule.
        PlacementError: the store does not fit its placement.

    Example:
        >>> table = Candidates.read_csv("candidates.csv", store)
        >>> loader = CandidateLoader(store, table, 64, (64, 64, 32), mix={"0": 3, "1": 1}, device="cuda")
    """

    def __init__(
        self,
        store: VolumeStore,
        candidates: Candidates,
        batch_size: int,
        patch: Shape = (64, 64, 32),
        transform: Transform | None = None,
        *,
        spacing_mm: float | Spacing3 | None = None,
        mix: ClassMix = "balanced",
        order: int = 1,
        antialias: bool = False,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        start_step: int = 0,
        placement: PlacementName = "device",
        budget: int = DEFAULT_BUDGET,
        samples_a_volume: int = SAMPLES_A_VOLUME,
        device: torch.device | str = "cpu",
        report: Callable[[str], object] = print,
    ) -> None:
        super().__init__(batch_size, rank, world_size, start_step, samples_a_volume, device)
        self._candidates, self._transform = candidates, transform
        self._weights = _mix_weights(mix, candidates)
        self._seed = torch.tensor([(seed + 2**63) % 2**64 - 2**63], device=self._device)  # its bits, read as int64
        self._cutter = PatchCutter(store, candidates, patch, spacing_mm, order, antialias, self._device)
        volumes = np.unique(candidates.volume[np.array(self._weights)[candidates.target] > 0]).tolist()
        self.placement = Placement(
            store,
            volumes,
            self._cutter.sampling,
            placement,
            self._device,
            budget=budget,
            seed=seed,
            samples_a_volume=samples_a_volume,
            batch_size=batch_size,
            report=report,
        )
        for note in candidates.notes:
            report(note)
        self._bound: dict[tuple[int, ...], tuple[Patches, _ClassDraw]] = {}
        shards = self.placement.layout.shards
        for name, weight, number in zip(candidates.classes, self._weights, range(len(self._weights)), strict=True):
            own = set(candidates.volume[candidates.target == number].tolist()) if weight else set(shards[0])
            if lacking := sum(own.isdisjoint(shard) for shard in shards):
                report(
                    f"{lacking} of {len(shards)} shards have no candidate of class {name}, so that it comes less "
                    "often: a larger budget comes nearer to the mix"
                )

    def make(self, step: int, ids: TensorLike | None = None) -> Batch:
        """The batch of a step, or of these samples: see ``StepLoader``."""
        resident = self.placement.at(step)
        if resident.volumes not in self._bound:
            self._bound[resident.volumes] = self._of_shard(resident.volumes)
        patches, draw = self._bound[resident.volumes]
        ids = self.ids(step) if ids is None else as_ids("CandidateLoader", ids, self._device)
        words = ops.philox_words(ids, self._seed, Purpose.SUBVOLUME, 1)[:, 0]
        return distorted(self._cutter.cut(resident, patches, draw(words), ids), self._transform)

    def _of_shard(self, volumes: tuple[int, ...]) -> tuple[Patches, "_ClassDraw"]:
        chosen = np.flatnonzero(np.isin(self._candidates.volume, volumes))
        chosen = chosen[np.argsort(self._candidates.target[chosen], kind="stable")]
        counts = np.bincount(self._candidates.target[chosen], minlength=len(self._weights)).tolist()
        return self._cutter.patches(chosen, volumes), _ClassDraw(self._weights, counts, self._device)


class EveryCandidate:
    """Batches of all candidates once, volume by volume, for evaluation; the last one may be smaller.

    One volume at a time lies on the device. Batches are those of ``CandidateLoader``; the sample id is 2^62 + row.

    Args:
        store, candidates, batch_size, patch, transform, spacing_mm, order, antialias, device: as for
            ``CandidateLoader``.
        rank, world_size: which part of the candidates.
    """

    def __init__(
        self,
        store: VolumeStore,
        candidates: Candidates,
        batch_size: int,
        patch: Shape = (64, 64, 32),
        transform: Transform | None = None,
        *,
        spacing_mm: float | Spacing3 | None = None,
        order: int = 1,
        antialias: bool = False,
        rank: int = 0,
        world_size: int = 1,
        device: torch.device | str = "cpu",
    ) -> None:
        if batch_size < 1 or not 0 <= rank < world_size:
            raise ValueError(
                f"EveryCandidate: batch_size must be at least 1 and rank in [0, world_size), got {batch_size}, and "
                f"{rank} of {world_size}"
            )
        self.batch_size = batch_size
        self._store, self._candidates, self._transform = store, candidates, transform
        self._device = torch.device(device)
        self._cutter = PatchCutter(store, candidates, patch, spacing_mm, order, antialias, self._device)
        order_of = np.argsort(candidates.volume, kind="stable")
        self._order = order_of[len(order_of) * rank // world_size : len(order_of) * (rank + 1) // world_size]

    def __len__(self) -> int:
        """Batches."""
        return -(-len(self._order) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        volumes = self._candidates.volume[self._order]
        if not len(volumes):
            return
        needed = np.unique(volumes).tolist()
        room = Room(self._store, [(volume,) for volume in needed], self._cutter.sampling, self._device)
        copy = copy_from_disk(self._store, self._device)
        parts: list[Batch] = []
        held = 0
        for volume in needed:
            own = self._order[volumes == volume]
            resident = room.fill((volume,), copy)
            patches = self._cutter.patches(own, (volume,))
            begin = 0
            while begin < len(own):
                end = min(len(own), begin + self.batch_size - held)
                which = torch.arange(begin, end, device=self._device)
                parts.append(self._cutter.cut(resident, patches, which, FIRST_VALIDATION_ID + patches.row[begin:end]))
                held += end - begin
                begin = end
                if held == self.batch_size or (volume == needed[-1] and end == len(own)):
                    yield distorted({n: torch.cat([part[n] for part in parts]) for n in parts[0]}, self._transform)
                    parts, held = [], 0


class _ClassDraw:
    """Places in a table that is sorted by class: (N, 4) words -> (N,) int64."""

    def __init__(self, weights: Sequence[int], counts: Sequence[int], device: torch.device) -> None:
        own = [weight if count else 0 for weight, count in zip(weights, counts, strict=True)]
        self._total = sum(own)
        self._ends, self._first, self._count = (
            torch.tensor(values, device=device)
            for values in (list(accumulate(own)), [0, *accumulate(counts[:-1])], counts)
        )

    def __call__(self, words: Tensor) -> Tensor:
        kind = torch.searchsorted(self._ends, below(words[:, 0], self._total), right=True)
        return self._first[kind] + below(words[:, 1], self._count[kind])


def _mix_weights(mix: ClassMix, candidates: Candidates) -> list[int]:
    """How often each class is drawn.

    Raises:
        ValueError: a name that is no class, a weight that is no whole number, or one for a class without candidates.
    """
    counts = candidates.count()
    if mix == "candidates":
        return list(counts.values())
    wanted = dict.fromkeys(counts, 1) if mix == "balanced" else mix
    if not isinstance(wanted, Mapping) or any(
        name not in counts or type(weight) is not int or weight < 0 for name, weight in wanted.items()
    ):
        raise ValueError(
            "mix must be balanced, candidates, or whole numbers of at least 0 by class of "
            f"{', '.join(counts)}, got {mix!r}"
        )
    if empty := [name for name, weight in wanted.items() if weight and not counts[name]]:
        raise ValueError(f"mix must draw no class without candidates, and class {empty[0]} has none: {counts}")
    if not any(wanted.values()):
        raise ValueError(f"mix must give a class a weight above 0, got {mix!r}")
    return [wanted.get(name, 0) for name in counts]
