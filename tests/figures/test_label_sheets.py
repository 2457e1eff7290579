# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Labels are outlined where they lie, in the volume, in patches and in augmented ones."""

import numpy as np
import pytest

from genesis_ext.data.loader import FixedSamples
from genesis_ext.data.sampling.settings import Sampling
from genesis_ext.data.sampling.split import whole_regions
from tests.data_layer.stores import entry_of, write_store

pytest.importorskip("matplotlib")
from genesis_ext.figures.label_sheets import labels_sheet
from genesis_ext.figures.slices import TINTS
from genesis_ext.figures.store_sheets import write_store_preview
from genesis_ext.transforms import FinetuneTransform

ENTRY = entry_of("a", (20, 16, 12), spacing_mm=(1.0, 1.0, 2.0), label_names={"organ": 1, "rare": 2}, classes=("ill",))
SIDES = (8, 8, 6)


def label():
    mark = np.zeros(ENTRY.shape, np.uint8)
    mark[4:9, 3:11, 2:6] = 1
    mark[6, 5, 3:5] = 2
    mark[10, 5, 3] = 1
    return mark


def lines_of(ax):
    """Every edge that is drawn, by its colour, in the order of the planes."""
    return {
        (number, collection.get_edgecolor().tobytes()): {
            tuple(map(tuple, s.round(6))) for s in collection.get_segments()
        }
        for number, collection in enumerate(ax.collections)
    }


def edges(mark, spacing, bottom):
    """Of one value in a slice (across, up): the edges between voxels that have it and voxels that have not."""
    found = set()
    for x, y in np.argwhere(mark).tolist():
        for dx, dy, line in (
            (-1, 0, ((x, y), (x, y + 1))),
            (1, 0, ((x + 1, y), (x + 1, y + 1))),
            (0, -1, ((x, y), (x + 1, y))),
            (0, 1, ((x, y + 1), (x + 1, y + 1))),
        ):
            a, b = x + dx, y + dy
            if not (0 <= a < mark.shape[0] and 0 <= b < mark.shape[1] and mark[a, b]):
                found.add(tuple((round(p * spacing[0], 6), round(bottom + q * spacing[1], 6)) for p, q in line))
    return found


def test_a_volume_is_outlined_along_the_edges_of_its_voxels(tmp_path):
    store = write_store(tmp_path, [ENTRY], labels=[label()])
    sheet = labels_sheet(store, [0], "title", "", SIDES, 0)
    volume = sheet.panels[0][0]
    assert volume.get_xlabel() == "z = 3 of 12\ny = 5 of 16"
    mark, above = label(), 12 * 2.0 + 0.04 * 20  # millimetres, of the coronal slice below the axial one
    coronal, axial = ((mark[:, 5], (1.0, 2.0), 0.0), (mark[:, :, 3], (1.0, 1.0), above))
    wanted = [edges(m == value, mm, bottom) for m, mm, bottom in (coronal, axial) for value in (1, 2)]
    assert list(lines_of(volume).values()) == wanted
    colours = [
        tuple((collection.get_edgecolor()[0, :3] * 255).round().astype(int)) for collection in volume.collections
    ]
    assert colours == [tuple(int(TINTS[value][at : at + 2], 16) for at in (1, 3, 5)) for value in (1, 2, 1, 2)]
    text = " ".join(text.get_text() for text in sheet.figure.texts)
    assert "label: organ 1, rare 2" in text


def test_patches_are_those_of_a_loader_and_the_augmented_ones_theirs(tmp_path):
    store = write_store(tmp_path, [ENTRY], labels=[label()])
    row = labels_sheet(store, [0], "title", "", SIDES, 5).panels[0]
    sampling = Sampling(out_shape=SIDES, cube=SIDES, label_share=1.0, allow_constant=True)
    for first, transform in ((1, None), (4, FinetuneTransform(seed=5).with_target)):
        (batch,) = FixedSamples(store, whole_regions([ENTRY]), 3, 3, sampling, transform, seed=5, labels=True)
        for n in range(3):
            image, marks = batch["input"][n, 0], batch["label"][n, 0]
            z = int((marks != 0).sum((0, 1)).argmax())
            shown = np.asarray(row[first + n].images[1].get_array())  # the axial slice is drawn last
            assert np.allclose(shown, image[:, :, z].T)
            assert len(row[first + n].collections) > 0 or first == 4
    assert [ax.get_title(loc="left") for ax in row] == [
        "volume",
        *(f"{k} {n}" for k in ("patch", "augmented") for n in (1, 2, 3)),
    ]
    assert all("organ" in ax.get_xlabel() or "rare" in ax.get_xlabel() for ax in row[1:4])


def test_labelled_volumes_and_pictures_get_pages_of_their_own(tmp_path):
    picture = entry_of("p", (20, 16, 1), "xray")
    entries = [ENTRY, entry_of("b", (9, 8, 7)), picture]
    store = write_store(tmp_path / "store", entries, labels=[label(), None, label()[:, :, 3:4]])
    pages = [
        path.name for path in write_store_preview(store, tmp_path / "out", sampling=Sampling(out_shape=(64, 64, 32)))
    ]
    assert pages == ["volumes_01.png", "histograms.png", "boxes_01.png", "labels_01.png"]
