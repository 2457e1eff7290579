# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A store whose labels are eroded or dilated at random, to study what label noise costs."""

import hashlib
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_ext.data.store.volume_store import VolumeStore

Mask = NDArray[np.bool_]


class CorruptedLabels(VolumeStore):
    """A store that gives its labels away corrupted; images, and the files on disk, are as they are.

    Of each volume, each value of the label but 0 and the one to be ignored is corrupted with the probability `share`:
    eroded or dilated, equally often, by 1 to `radius` voxels through faces. What is eroded becomes background, and only
    background is grown into. This depends on seed, name of the volume and value alone.

    Source: Universal Model (arXiv:2010.06107) erodes and dilates at random; probability and radius are ours.

    Args:
        path: of the store.
        share: in [0, 1].
        seed: of the draws.
        radius: in voxels, at least 1.
    """

    def __init__(self, path: str | PathLike[str], share: float, seed: int = 0, radius: int = 2) -> None:
        super().__init__(path)
        if not 0 <= share <= 1 or radius < 1:
            raise ValueError(
                f"CorruptedLabels: share must be in [0, 1] and radius at least 1, got {share} and {radius}"
            )
        self._share, self._seed, self._radius = share, seed, radius

    def array(self, i: int, label: bool = False) -> NDArray[Any]:
        """As of ``VolumeStore``; a label is a new array."""
        stored = super().array(i, label)
        if not label:
            return stored
        entry, corrupted = self.entries[i], np.array(stored)
        for value in np.unique(stored).tolist():
            if value in (0, entry.ignore_label):
                continue
            chance, kind, size = self._draws(entry.name, value)
            if chance >= self._share:
                continue
            steps, own = 1 + int(size * self._radius), stored == value
            if kind < 0.5:
                corrupted[own & dilated(~own, steps)] = 0
            else:
                corrupted[dilated(own, steps) & (stored == 0) & (corrupted == 0)] = value
        return corrupted

    def _draws(self, name: str, value: int) -> tuple[float, float, float]:
        """Three numbers in [0, 1)."""
        digest = hashlib.sha256(f"corruption {self._seed} {name} {value}".encode()).digest()
        chance, kind, size = (int.from_bytes(digest[at : at + 6], "big") / 2**48 for at in (0, 6, 12))
        return chance, kind, size


def dilated(mask: Mask, steps: int) -> Mask:
    """The mask grown through the faces of its voxels, so many times; beyond the ends there is nothing."""
    for _ in range(steps):
        grown = mask.copy()
        for axis in range(mask.ndim):
            to, of = np.moveaxis(grown, axis, 0), np.moveaxis(mask, axis, 0)
            to[1:] |= of[:-1]
            to[:-1] |= of[1:]
        mask = grown
    return mask
