# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Device memory for the volumes of one shard, and what lies beside their voxels: tables, labels, other channels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from genesis_ext import ops
from genesis_ext.data.placement.transfer import CopyVoxels
from genesis_ext.data.sampling.content import table_length, write_table
from genesis_ext.data.sampling.foreground import TABLE, LabelTables
from genesis_ext.data.sampling.settings import Sampling
from genesis_ext.data.store.volume_store import VolumeStore, packed_places

_IGNORES_NONE = -(2**15) - 1  # below all that a label can hold


@dataclass(frozen=True)
class Beside:
    """What is served beside the voxels of the volumes that are drawn from.

    label: type of their labels; None without.
    labelled: tables of the labelled voxels, where a share of the boxes must hold one.
    channels: of cases of several channels, the volumes of the others by that of the first.
    """

    label: torch.dtype | None = None
    labelled: LabelTables | None = None
    channels: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    def members(self, volumes: Sequence[int]) -> list[int]:
        """These volumes, then those of the second channel in the same order, and so on."""
        others = zip(*(self.channels.get(volume, ()) for volume in volumes), strict=True)
        return [*volumes, *(volume for channel in others for volume in channel)]


class ResidentLabels(NamedTuple):
    """Labels of the volumes that lie on the device.

    packed: for ``ops.crop_resize``, in the order of the volumes.
    ignore: (V,) int64, the value that is to be ignored; where there is none, one that no label has.
    """

    packed: ops.PackedVolumes
    ignore: Tensor


class Resident(NamedTuple):
    """Volumes that lie on the device, until a shard takes their room.

    volumes: numbers in the store of those that are drawn from; number: the same, (V,) int64.
    packed: for ``ops.crop_resize``: these volumes, then those of the second channel in the same order, and so on.
    tables, labelled: for ``SubvolumeSampler.on``.
    room: 0 or 1; the same volumes in the same room have the same addresses.   labels: None if none were asked for.
    """

    volumes: tuple[int, ...]
    number: Tensor
    packed: ops.PackedVolumes
    tables: Tensor
    room: int
    labels: ResidentLabels | None = None
    labelled: Tensor | None = None


class Room:
    """Device memory for the volumes of one shard and what lies beside them, filled anew for each.

    shards: all that it must be able to hold.
    """

    def __init__(
        self,
        store: VolumeStore,
        shards: Sequence[Sequence[int]],
        sampling: Sampling,
        device: torch.device,
        number: int = 0,
        beside: Beside | None = None,
    ) -> None:
        self._store, self._sampling, self._number, self._beside = store, sampling, number, beside or Beside()
        members = {tuple(shard): self._beside.members(shard) for shard in shards}
        self._numbers = {shard: torch.tensor(shard, device=device) for shard in members}
        self._places = {
            shard: packed_places([store.entries[v] for v in all_of], device) for shard, all_of in members.items()
        }
        self._voxels = torch.empty(max(map(self._count, members.values())), dtype=store.dtype, device=device)
        tables = [1 + sum(table_length_of(store, volume, sampling) for volume in shard) for shard in shards]
        self._tables = torch.zeros(max(tables), dtype=torch.int32, device=device)
        self._labels: dict[tuple[int, ...], ResidentLabels] = {}
        self._labelled: Tensor | None = None
        if self._beside.label is not None:
            marks = torch.empty(max(map(self._count, shards)), dtype=self._beside.label, device=device)
            self._labels = {shard: self._labels_of(shard, marks[: self._count(shard)]) for shard in members}
        if (labelled := self._beside.labelled) is not None:
            self._labelled = torch.zeros(max(map(labelled.count, shards)), TABLE, dtype=torch.int32, device=device)

    def fill(self, volumes: Sequence[int], copy: CopyVoxels, copy_label: CopyVoxels | None = None) -> Resident:
        """Copy volumes in and make their tables, on the current stream; what was there before is gone."""
        entries = [self._store.entries[volume] for volume in volumes]
        members = self._beside.members(volumes)
        voxels = self._voxels[: self._count(members)]
        parts = voxels.split([self._store.entries[volume].voxels for volume in members])
        for volume, part in zip(members, parts, strict=True):
            copy(part, volume)
        begin = 1
        for rules, grid in self._sampling.tables:
            for entry, part in zip(entries, parts[: len(entries)], strict=True):
                length = table_length(entry, rules, grid)
                if length:
                    table = self._tables[begin : begin + length]
                    write_table(table, part.view(entry.shape), entry, rules[entry.modality], grid)
                begin += length
        shard = tuple(volumes)
        packed = ops.PackedVolumes(voxels, *self._places[shard])
        labels = self._labels.get(shard)
        if labels is not None and copy_label is not None:
            marks = labels.packed.voxels.split([entry.voxels for entry in entries])
            for volume, part in zip(volumes, marks, strict=True):
                copy_label(part, volume)
        if self._labelled is not None and self._beside.labelled is not None:
            self._beside.labelled.write(self._labelled, volumes)
        return Resident(shard, self._numbers[shard], packed, self._tables, self._number, labels, self._labelled)

    def _count(self, volumes: Sequence[int]) -> int:
        return sum(self._store.entries[volume].voxels for volume in volumes)

    def _labels_of(self, shard: tuple[int, ...], voxels: Tensor) -> ResidentLabels:
        offset, shape, window = (places[: len(shard)] for places in self._places[shard])
        ignore = [self._store.entries[volume].ignore_label for volume in shard]
        return ResidentLabels(
            ops.PackedVolumes(voxels, offset, shape, torch.zeros_like(window)),
            torch.tensor([_IGNORES_NONE if value is None else value for value in ignore], device=voxels.device),
        )


def volume_bytes(store: VolumeStore, sampling: Sampling, beside: Beside | None = None) -> list[int]:
    """Device memory of each volume of a store with all that lies beside it."""
    beside = beside or Beside()
    of_label = beside.label.itemsize if beside.label else 0
    sizes = []
    for volume, entry in enumerate(store.entries):
        numbers = table_length_of(store, volume, sampling)
        if beside.labelled is not None:
            numbers += TABLE * beside.labelled.count((volume,))
        sizes.append(store.bytes(beside.members((volume,))) + entry.voxels * of_label + 4 * numbers)
    return sizes


def table_length_of(store: VolumeStore, volume: int, sampling: Sampling) -> int:
    """Numbers in the tables of a volume that answer rules on content."""
    return sum(table_length(store.entries[volume], rules, grid) for rules, grid in sampling.tables)
