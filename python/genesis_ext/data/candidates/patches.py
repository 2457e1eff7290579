# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Patches around candidates: where their boxes lie, and how they are cut on the device."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genesis_ext._types import Spacing3
from genesis_ext.data.batch import Batch, cut_batch
from genesis_ext.data.candidates.table import Candidates
from genesis_ext.data.placement.room import Resident
from genesis_ext.data.sampling.sampler import Subvolumes
from genesis_ext.data.sampling.settings import Sampling, Shape
from genesis_ext.data.sampling.split import MODALITIES
from genesis_ext.data.store.entry import StoredVolume
from genesis_ext.data.store.volume_store import VolumeStore


class Patches(NamedTuple):
    """Some candidates on the device, and how they are cut.

    place: (N,) int64, of the volume among the packed ones.   boxes: (N, 6) float32.
    modality, target, row: (N,) int64.
    """

    place: Tensor
    boxes: Tensor
    modality: Tensor
    target: Tensor
    row: Tensor


class PatchCutter:
    """Cuts the patches of some candidates."""

    def __init__(
        self,
        store: VolumeStore,
        candidates: Candidates,
        patch: Shape,
        spacing_mm: float | Spacing3 | None,
        order: int,
        antialias: bool,
        device: torch.device,
    ) -> None:
        self.sampling = Sampling(patch, order=order, antialias=antialias, allow_constant=True)
        self._entries, self._candidates, self._device = store.entries, candidates, device
        self._boxes = patch_boxes(store.entries, candidates, self.sampling.resized, spacing_mm)

    def patches(self, chosen: NDArray[np.int64], volumes: Sequence[int]) -> Patches:
        """The candidates of these places in the table, on the device, where these volumes lie."""
        places = np.full(len(self._entries), -1)
        places[list(volumes)] = np.arange(len(volumes))
        modality = np.array([MODALITIES.index(entry.modality) for entry in self._entries])
        volume = self._candidates.volume[chosen]
        arrays = (places[volume], self._boxes[chosen], modality[volume], self._candidates.target[chosen])
        return Patches(*(torch.as_tensor(a, device=self._device) for a in (*arrays, self._candidates.row[chosen])))

    def cut(self, resident: Resident, patches: Patches, which: Tensor, ids: Tensor) -> Batch:
        """The patches of these places, before any transform."""
        index, boxes = patches.place[which], patches.boxes[which]
        drawn = Subvolumes(index, boxes, torch.zeros_like(index), patches.modality[which])
        batch = cut_batch(resident, drawn, ids, self.sampling)
        of = {"class": patches.target[which], "candidate": patches.row[which]}
        return {**batch, "volume": resident.number[index], "box": boxes, **of}


def patch_boxes(
    entries: Sequence[StoredVolume], candidates: Candidates, patch: Sequence[int], spacing_mm: float | Spacing3 | None
) -> NDArray[np.float32]:
    """(N, 6) x0, y0, z0, x1, y1, z1 in voxel edges of patches around candidates; see ``CandidateLoader``.

    Raises:
        ValueError: a spacing that is not above 0.
    """
    side = np.tile(np.array(patch, np.float64), (len(entries), 1))
    whole = np.array([spacing_mm is None or n == 1 for n in patch])
    if spacing_mm is not None:
        mm = np.broadcast_to(np.array(spacing_mm, np.float64), 3)
        if not (np.isfinite(mm) & (mm > 0)).all():
            raise ValueError(f"spacing_mm must be above 0, got {spacing_mm}")
        side *= np.where(whole, 1, mm / np.array([entry.spacing_mm for entry in entries]))
    boxes = np.empty((len(candidates), 6), np.float32)
    lo = candidates.center - side[candidates.volume] / 2
    lo[:, whole] = np.floor(lo[:, whole] + 0.5)
    boxes[:, :3], boxes[:, 3:] = lo, lo + side[candidates.volume]
    return boxes
