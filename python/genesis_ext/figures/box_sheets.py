# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Boxes of every scale in volumes of a store, and the crops that training gets."""

from collections.abc import Sequence
from fractions import Fraction

import torch
from torch import Tensor

from genesis_ext import ops
from genesis_ext._types import Spacing3
from genesis_ext.data.sampling.sampler import SubvolumeSampler
from genesis_ext.data.sampling.settings import Sampling
from genesis_ext.data.sampling.split import whole_regions
from genesis_ext.data.store.entry import StoredVolume
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.data.volume import is_picture
from genesis_ext.figures.content import richest
from genesis_ext.figures.page import AMBER, BLUE, GREEN, Row, Sheet
from genesis_ext.figures.slices import panel_height, planes_of, show_slices
from genesis_ext.figures.subject import times
from genesis_ext.figures.volume_sheets import size_text

_PANEL, _MOST_HEIGHT = 1.7, 2.9  # inches
_COLOURS = (AMBER, BLUE, GREEN)
_TRIED = 16  # draws of a scale, of which one is shown
_IDS = 256  # sample ids among which they are found


def boxes_sheet(
    store: VolumeStore, indices: Sequence[int], title: str, about: str, sampling: Sampling, seed: int
) -> Sheet:
    """One row per volume: for each scale the volume with a box outlined, and the box resized."""
    entries = [store.entries[i] for i in indices]
    columns = 2 * len(sampling.weights)
    sheet = Sheet(
        title,
        f"{about} For each scale: slices of the volume through the middle of a box, and the box resized to "
        f"{times(sampling.out_shape)} voxels as training gets it, drawn in the proportions of the body. Of {_TRIED} "
        f"boxes of the scale that are drawn with seed {seed} the one whose grey values tell most. Axial slices above "
        "coronal ones; the patient's right is on the left; grey window [0, 1].",
        [_PANEL] * columns,
        [Row(_height(entry), notes=2, heading=entry.name, details=(size_text(entry),)) for entry in entries],
    )
    for i, entry, row in zip(indices, entries, sheet.panels, strict=True):
        packed = store.packed([i])
        voxels, planes = packed.voxels.view(entry.shape), planes_of(is_picture(entry.modality))
        for scale, (box, crop) in _drawn(entry, packed, sampling, seed).items():
            colour = _COLOURS[scale % len(_COLOURS)]
            x, y, z = (int(box[axis] + box[axis + 3]) // 2 for axis in range(3))
            show_slices(
                row[2 * scale], voxels, entry.spacing_mm, (x, y, z), _name(sampling, scale), _place(box, entry), planes,
                [(box, colour)], letters=True, smooth=True, grey=entry.window,
            )  # fmt: skip
            spacing = _spacing(box, entry, crop)
            cx, cy, cz = crop.shape
            note = " × ".join(f"{mm:.3g}" for mm in spacing[: 2 if is_picture(entry.modality) else 3])
            show_slices(
                row[2 * scale + 1], crop, spacing, (cx // 2, cy // 2, cz // 2), times(crop.shape),
                f"of {note} mm", planes if cz > 1 else planes[:1],
            )  # fmt: skip
            for spine in row[2 * scale + 1].spines.values():
                spine.set(visible=True, color=colour, linewidth=1.4)
    return sheet


def _drawn(
    entry: StoredVolume, packed: ops.PackedVolumes, sampling: Sampling, seed: int
) -> dict[int, tuple[list[float], Tensor]]:
    """For every scale a box and its crop (X, Y, Z)."""
    sampler = SubvolumeSampler([entry], whole_regions([entry], sampling.smallest), sampling, seed)
    drawn = sampler(torch.arange(_IDS))
    out = {}
    for scale in range(len(sampling.weights)):
        boxes = drawn.boxes[drawn.scale == scale][:_TRIED]
        if len(boxes):
            index = torch.zeros(len(boxes), dtype=torch.int64)
            crops = ops.crop_resize(packed, index, boxes, sampling.resized, sampling.order, sampling.antialias)
            best = richest(crops)
            out[scale] = boxes[best].tolist(), crops[best, 0]
    return out


def _height(entry: StoredVolume) -> float:
    return min(_MOST_HEIGHT, panel_height(entry.shape, entry.spacing_mm, _PANEL, planes_of(is_picture(entry.modality))))


def _name(sampling: Sampling, scale: int) -> str:
    if sampling.cube:
        return "a cube"
    share = Fraction(sampling.scales[scale]).limit_denominator(100)
    return f"{share} of each side"


def _place(box: Sequence[float], entry: StoredVolume) -> str:
    """Position in voxels and size in mm."""
    lines = [
        f"{'xyz'[axis]} {box[axis]:.0f}–{box[axis + 3]:.0f}" for axis in range(2 if is_picture(entry.modality) else 3)
    ]
    sides = " × ".join(f"{(box[axis + 3] - box[axis]) * entry.spacing_mm[axis]:.0f}" for axis in range(len(lines)))
    return f"{', '.join(lines[:2])}\n{'; '.join([*lines[2:], f'{sides} mm'])}"


def _spacing(box: Sequence[float], entry: StoredVolume, crop: Tensor) -> Spacing3:
    """Voxel size of a crop."""
    x, y, z = ((box[a + 3] - box[a]) * entry.spacing_mm[a] / crop.shape[a] for a in range(3))
    return x, y, z
