# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Labels of volumes of a store: their outlines, and patches as fine-tuning gets them, augmented too."""

from collections.abc import Sequence

import torch

from genesis_ext._types import Shape3
from genesis_ext.data.batch import Batch
from genesis_ext.data.loader import FixedSamples
from genesis_ext.data.sampling.settings import Sampling, Shape
from genesis_ext.data.sampling.split import Region
from genesis_ext.data.store.entry import StoredVolume
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.data.volume import is_picture
from genesis_ext.figures.page import Row, Sheet
from genesis_ext.figures.slices import panel_height, planes_of, show_slices, slice_text
from genesis_ext.figures.subject import times
from genesis_ext.figures.volume_sheets import fullest, size_text
from genesis_ext.transforms import FinetuneTransform

_PANEL, _MOST_HEIGHT = 1.45, 2.9  # inches
_PATCHES = 3


def labels_sheet(store: VolumeStore, indices: Sequence[int], title: str, about: str, patch: Shape3, seed: int) -> Sheet:
    """One row per volume: its label outlined, patches that hold a labelled voxel, and the same patches augmented."""
    entries = [store.entries[i] for i in indices]
    patches = [_patch(entry, patch) for entry in entries]
    sheet = Sheet(
        title,
        f"{about} The volume with its label outlined, in slices that hold most of it, then {_PATCHES} patches of at "
        f"most {times(patch)} voxels, drawn with seed {seed} so that each holds a labelled voxel (label_share 1), and "
        "the same patches augmented by FinetuneTransform. Axial slices above coronal ones; the patient's right is on "
        "the left; grey window [0, 1].",
        [_PANEL] * (1 + 2 * _PATCHES),
        [
            Row(_height(entry, sides), notes=2, heading=entry.name, details=(_details(entry),))
            for entry, sides in zip(entries, patches, strict=True)
        ],
    )
    for i, entry, sides, row in zip(indices, entries, patches, sheet.panels, strict=True):
        planes = planes_of(is_picture(entry.modality))
        voxels, marks = torch.from_numpy(store.array(i).copy()), torch.from_numpy(store.array(i, label=True).copy())
        at = fullest(entry.shape, marks)
        places = "\n".join(slice_text(plane, at, entry.shape) for plane in planes)
        show_slices(
            row[0], voxels, entry.spacing_mm, at, "volume", places, planes,
            letters=True, smooth=True, grey=entry.window, marks=marks, outlined=True,
        )  # fmt: skip
        plain, augmented = (_batch(store, i, sides, seed, change) for change in (False, True))
        for n in range(_PATCHES):
            for column, batch, name in ((1 + n, plain, "patch"), (1 + _PATCHES + n, augmented, "augmented")):
                image, label = (batch[part][n, 0].reshape((*sides, 1)[:3]) for part in ("input", "label"))
                show_slices(
                    row[column], image, entry.spacing_mm, fullest(image.shape, label), f"{name} {n + 1}",
                    _values(entry, label), planes if image.shape[2] > 1 else planes[:1], marks=label, outlined=True,
                )  # fmt: skip
    return sheet


def _patch(entry: StoredVolume, patch: Shape3) -> Shape:
    """Sides of the patches of a volume: two for pictures."""
    x, y, z = (min(side, size) for side, size in zip(patch, entry.shape, strict=True))
    return (x, y) if z == 1 else (x, y, z)


def _batch(store: VolumeStore, volume: int, sides: Shape, seed: int, augmented: bool) -> Batch:
    """Patches of one volume, with labels."""
    dims = len(sides)
    transform = FinetuneTransform(seed=seed, spatial_dims=dims) if augmented else None
    region = Region(volume, (0, 0, 0), store.entries[volume].shape)
    sampling = Sampling(out_shape=sides, cube=sides, label_share=1.0, allow_constant=True)
    (batch,) = FixedSamples(
        store, [region], _PATCHES, _PATCHES, sampling, transform, seed=seed, labels=True, report=lambda line: None
    )
    return batch


def _height(entry: StoredVolume, sides: Shape) -> float:
    planes = planes_of(is_picture(entry.modality))
    shapes = (entry.shape, (*sides, 1)[:3])
    return min(
        _MOST_HEIGHT,
        max(panel_height(shape, entry.spacing_mm, _PANEL, planes if shape[2] > 1 else planes[:1]) for shape in shapes),
    )


def _details(entry: StoredVolume) -> str:
    names = ", ".join(f"{name} {value}" for name, value in (entry.label_names or {}).items() if value != 0)
    return size_text(entry) + (f"; label: {names}" if names else "")


def _values(entry: StoredVolume, label: torch.Tensor) -> str:
    """The values in a patch, by their names where they have some."""
    names = {value: name for name, value in (entry.label_names or {}).items() if isinstance(value, int)}
    values = [value for value in label.unique().tolist() if value != 0]
    return ", ".join(names.get(value, str(value)) for value in values) or "no label"
