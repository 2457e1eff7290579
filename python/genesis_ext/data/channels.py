# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Volumes of one case as the channels of one input."""

from collections.abc import Iterable, Sequence

import numpy as np

from genesis_ext.data.store.entry import StoredVolume

_TENTH = 0.1  # of a voxel: as far may the corners of two grids lie apart


def channel_groups(
    entries: Sequence[StoredVolume], channels: Sequence[str], volumes: Iterable[int]
) -> dict[int, tuple[int, ...]]:
    """The volumes of the other channels, in order, by the volume of the first one.

    channels: names of at least one.
    volumes: numbers of those that may be drawn; others than those of the first channel do not count.

    Raises:
        ValueError: names that repeat, no volume of the first channel, or a case that lacks a channel, has one twice, or
            has channels on different grids; the text names it.
    """
    if isinstance(channels, str) or not channels or len(set(channels)) < len(channels):
        raise ValueError(f"channels must be different names, at least one, got {channels!r}")
    volumes = list(volumes)
    first = [volume for volume in volumes if entries[volume].channel == channels[0]]
    if not first:
        there = sorted({entries[volume].channel or "none" for volume in volumes})
        raise ValueError(f"channels must be those of the volumes, which are {', '.join(there)}, got {channels[0]!r}")
    of_case: dict[str | None, list[int]] = {}
    for number, entry in enumerate(entries):
        of_case.setdefault(entry.case, []).append(number)
    return {volume: tuple(_others(entries, channels, volume, of_case)) for volume in first}


def _others(
    entries: Sequence[StoredVolume], channels: Sequence[str], volume: int, of_case: dict[str | None, list[int]]
) -> Iterable[int]:
    own = entries[volume]
    if len(channels) == 1:
        return
    if own.case is None:
        raise ValueError(f"volume {own.name!r}: its case must be told to find its other channels, and is not")
    for channel in channels:
        found = [number for number in of_case[own.case] if entries[number].channel == channel]
        if len(found) != 1:
            there = ", ".join(entries[number].channel or "none" for number in of_case[own.case])
            raise ValueError(f"case {own.case!r}: must have channel {channel!r} once, its channels are {there}")
        other = entries[found[0]]
        if other.shape != own.shape or not _same_places(own, other):
            raise ValueError(
                f"case {own.case!r}: channels must lie on one grid, and do not: {_grid(own)}; {_grid(other)}; "
                "resample the files to one"
            )
        if found[0] != volume:
            yield found[0]


def _same_places(a: StoredVolume, b: StoredVolume) -> bool:
    """Whether all corners of two volumes of one shape lie within a tenth of a voxel of each other."""
    corners = np.array([[x, y, z, 1] for x in (0, a.shape[0]) for y in (0, a.shape[1]) for z in (0, a.shape[2])])
    apart = (np.array(a.affine) - np.array(b.affine)) @ corners.T
    return bool((np.linalg.norm(apart[:3], axis=0) <= _TENTH * min(a.spacing_mm)).all())


def _grid(entry: StoredVolume) -> str:
    shape, spacing = ("x".join(f"{number:.6g}" for number in numbers) for numbers in (entry.shape, entry.spacing_mm))
    origin = ", ".join(f"{row[3]:.6g}" for row in entry.affine[:3])
    return f"{entry.name} has {shape} voxels of {spacing} mm from ({origin})"
