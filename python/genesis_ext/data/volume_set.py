# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Preprocessed volumes end to end in one buffer on the device, and their split into training and validation."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from genesis_ext.data.preprocess import CUT_WORTH_A_WARNING, IntensityWindow
from genesis_ext.data.readers import Modality, VolumeError, read_volume

Shape3 = tuple[int, int, int]
Split = Literal["auto", "scans", "fifth"]

_ONE_IN = 5  # scans, or parts of a scan, of which the last validates


@dataclass(frozen=True)
class VolumeEntry:
    """What is known of one volume.

    offset: of its first voxel in the buffer.   shape: sizes of x, y, z; z runs fastest.
    """

    path: Path
    modality: Modality
    spacing_mm: tuple[float, float, float]
    shape: Shape3
    offset: int


@dataclass(frozen=True)
class Region:
    """The part [lo, hi) of a volume, in voxels, from which patches may be cut."""

    volume: int
    lo: Shape3
    hi: Shape3


@dataclass(frozen=True, eq=False)
class VolumeSet:
    """Volumes with values in [0, 1], all in one buffer.

    Attributes:
        voxels: (M,) float16 on the device: half the memory of float32, and an error of at most .5 HU in a CT.
        entries: one for each volume.
        skipped: (path, reason) of every file that was left out.
    """

    voxels: Tensor
    entries: tuple[VolumeEntry, ...]
    skipped: tuple[tuple[Path, str], ...] = ()

    def __len__(self) -> int:
        return len(self.entries)

    def volume(self, index: int) -> Tensor:
        """A view (X, Y, Z) of one volume."""
        entry = self.entries[index]
        x, y, z = entry.shape
        return self.voxels[entry.offset : entry.offset + x * y * z].view(x, y, z)


def load_volumes(
    paths: Iterable[str | PathLike[str]],
    patch: Shape3,
    device: torch.device | str = "cpu",
    window: IntensityWindow | None = None,
    modality: Modality | None = None,
    report: Callable[[str], object] = print,
) -> VolumeSet:
    """Read, window and store the volumes that hold at least one patch.

    Files that cannot serve are named through ``report`` and counted at the end.

    patch: sizes in voxels.   modality: of all files; guessed for each if None.

    Raises:
        VolumeError: no file is left.
    """
    window = window or IntensityWindow()
    entries: list[VolumeEntry] = []
    parts: list[Tensor] = []
    skipped: list[tuple[Path, str]] = []
    offset = 0
    for path in map(Path, paths):
        try:
            volume = read_volume(path, modality)
            x, y, z = volume.voxels.shape
            if any(size < side for size, side in zip((x, y, z), patch, strict=True)):
                raise VolumeError(f"{path}: must be at least as large as the patch {patch}, got {(x, y, z)} voxels")
            values = window.apply(volume)
        except VolumeError as error:
            skipped.append((path, str(error)))
            report(f"skipped {error}")
            continue
        cut = window.share_above(volume)
        if volume.modality == "mri" and cut > CUT_WORTH_A_WARNING:
            report(f"note: {path}: {cut:.0%} of the voxels lie above the MRI window's end {window.mri[1]:g}")
        parts.append(values.to(torch.float16).flatten())
        entries.append(VolumeEntry(path, volume.modality, volume.spacing_mm, (x, y, z), offset))
        offset += parts[-1].numel()
    if skipped:
        report(f"{len(skipped)} of {len(skipped) + len(entries)} files skipped")
    if not entries:
        reason = f": {skipped[0][1]}" if skipped else ""
        raise VolumeError(f"no usable volume is left of {len(skipped)} files{reason}")
    buffer = torch.empty(offset, dtype=torch.float16, device=device)
    for entry in reversed(entries):
        part = parts.pop()  # freed once copied, so that little is held twice
        buffer[entry.offset : entry.offset + part.numel()].copy_(part)
    return VolumeSet(buffer, tuple(entries), tuple(skipped))


def split_regions(volumes: VolumeSet, patch: Shape3, split: Split = "auto") -> tuple[list[Region], list[Region]]:
    """Regions for training and for validation; they never overlap.

    "scans": every fifth volume of each modality in the order of the set (at least one, the last) validates.
    "fifth": of every volume the last fifth along its longest axis validates; it is widened to the patch if smaller.
        Where that leaves too little to train on, the next longest axis is cut, and a volume too small on all axes
        only trains.
    "auto": "scans", but a modality with a single volume is cut as by "fifth".

    Raises:
        VolumeError: one of the two sides would be empty.
    """
    train: list[Region] = []
    validation: list[Region] = []
    for modality in ("ct", "mri"):
        members = [i for i, entry in enumerate(volumes.entries) if entry.modality == modality]
        if split == "fifth" or (split == "auto" and len(members) == 1):
            for i in members:
                first, last = _cut_last_fifth(i, volumes.entries[i].shape, patch)
                train.append(first)
                validation += [last] if last else []
        else:
            chosen = set(members[_ONE_IN - 1 :: _ONE_IN] or members[-1:])
            for i in members:
                (validation if i in chosen else train).append(whole_region(volumes, i))
    if not train or not validation:
        raise VolumeError(
            f"the data leave no {'validation' if train else 'training'} patches of {patch} voxels (split {split!r}): "
            "give more or larger volumes, a smaller patch, or volumes of their own for validation"
        )
    return train, validation


def whole_region(volumes: VolumeSet, index: int) -> Region:
    """All of one volume."""
    return Region(index, (0, 0, 0), volumes.entries[index].shape)


def _cut_last_fifth(index: int, shape: Shape3, patch: Shape3) -> tuple[Region, Region | None]:
    for axis in sorted(range(3), key=lambda a: -shape[a]):
        size = shape[axis]
        cut = size - max(size // _ONE_IN, patch[axis])
        if cut >= patch[axis]:
            lo, hi = [0, 0, 0], list(shape)
            lo[axis] = hi[axis] = cut
            return Region(index, (0, 0, 0), (hi[0], hi[1], hi[2])), Region(index, (lo[0], lo[1], lo[2]), shape)
    return Region(index, (0, 0, 0), shape), None
