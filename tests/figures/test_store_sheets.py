# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The pictures of a store show the voxels that it holds, where they lie, and what the sampler cuts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from genesis_ext import ops
from genesis_ext.data.prepare.intensity import IntensityWindow
from genesis_ext.data.prepare.preprocess import PrepareSettings
from genesis_ext.data.prepare.run import prepare
from genesis_ext.data.sampling.sampler import SubvolumeSampler
from genesis_ext.data.sampling.settings import Sampling
from genesis_ext.data.sampling.split import whole_regions
from genesis_ext.data.sources.find import find_sources
from genesis_ext.data.store.volume_store import StoreError, VolumeStore
from genesis_ext.data.store.writer import write_index, write_volume
from tests.data_layer.images import write_nifti
from tests.data_layer.stores import entry_of, noise, write_store

pytest.importorskip("matplotlib")
from genesis_ext.figures.box_sheets import boxes_sheet
from genesis_ext.figures.histogram_sheet import histograms_sheet
from genesis_ext.figures.page import AMBER
from genesis_ext.figures.slices import THREE
from genesis_ext.figures.store_sheets import write_store_preview
from genesis_ext.figures.volume_sheets import volumes_sheet

SMALL = Sampling(out_shape=(12, 10, 8))


def text_of(sheet):
    return " ".join(text.get_text() for text in sheet.figure.texts).replace("\n", " ")


def image_of(ax, number=0):
    return np.asarray(ax.images[number].get_array())


def labelled_store(path, label):
    entry = entry_of("a", label.shape, label="volumes/a.label.npy")
    write_index(path, {}, "int16", [write_volume(path, entry, noise(entry), label)])
    return VolumeStore(path)


def test_every_volume_is_on_a_page_and_the_same_store_gives_the_same_pictures(tmp_path):
    store = write_store(tmp_path / "store", [entry_of(f"v{i}", (9, 8, 7), "mri") for i in range(6)])
    first = list(write_store_preview(store, tmp_path / "new" / "one", sampling=SMALL))
    second = list(write_store_preview(store, tmp_path / "two", sampling=SMALL))
    names = ["volumes_01.png", "volumes_02.png", "histograms.png", "boxes_01.png", "boxes_02.png"]
    assert [path.name for path in first] == names
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == sorted(names)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


@pytest.mark.parametrize(
    ("options", "shown", "said"),
    [
        ({"most": 3}, ["v0", "v4", "v8"], "The store holds 9 volumes (9 CT) of 9 patients in 0.00189 GB of int16"),
        ({"most": 3}, ["v0", "v4", "v8"], "3 of them are shown, evenly spread."),
        ({"names": ["v7", "v2"]}, ["v7", "v2"], "2 of them are shown, chosen by name."),
        ({"most": 9}, [f"v{i}" for i in range(9)], "checksum"),
    ],
)
def test_a_selection_is_told_on_the_sheet(tmp_path, monkeypatch, options, shown, said):
    store = write_store(tmp_path / "store", [entry_of(f"v{i}", (50, 42, 50)) for i in range(9)])
    sheets = []
    monkeypatch.setattr(
        "genesis_ext.figures.store_sheets.volumes_sheet",
        lambda *arguments: sheets.append(arguments) or volumes_sheet(*arguments),
    )
    pages = write_store_preview(store, tmp_path, **options)
    for path in pages:
        if path.name.startswith("boxes"):
            break
    assert [store.entries[i].name for _, indices, *_ in sheets for i in indices] == shown
    assert all(said in about for *_, about in sheets)
    assert any("of them are shown" in about for *_, about in sheets) == (len(shown) < 9)
    assert said in text_of(volumes_sheet(*sheets[0]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"most": 0}, "most must be at least 1, got 0"),
        ({"names": ["b"]}, "holds no volume called 'b', but 'a' and so on"),
    ],
)
def test_what_cannot_be_shown_is_refused_before_anything_is_written(tmp_path, options, message):
    store = write_store(tmp_path / "store", [entry_of("a", (4, 4, 4))])
    with pytest.raises(ValueError, match=message):
        next(write_store_preview(store, tmp_path / "out", **options))
    assert not (tmp_path / "out").exists()


def test_a_damaged_file_is_named(tmp_path):
    store = write_store(tmp_path / "store", [entry_of("a", (4, 4, 4))])
    path = store.path / store.entries[0].file
    path.write_bytes(b"no array" + path.read_bytes()[8:])
    with pytest.raises(StoreError, match=r"a\.npy: unreadable"):
        next(write_store_preview(store, tmp_path / "out"))


def test_the_slices_are_those_through_the_middle_and_all_at_one_scale(tmp_path):
    entry = entry_of("a", (20, 16, 10), spacing_mm=(1.0, 1.5, 3.0))
    store = write_store(tmp_path / "store", [entry])
    sheet = volumes_sheet(store, [0], "title", "")
    voxels = store[0].voxels
    wanted = (voxels[:, :, 5].T, voxels[:, 8].T, voxels[10].T)
    scales = []
    for ax, plane, slice_ in zip(sheet.panels[0], THREE, wanted, strict=False):
        assert np.array_equal(image_of(ax), slice_)
        assert ax.images[0].get_clim() == entry.window  # black and white, as training sees them
        assert ax.get_title(loc="left") == plane.name
        left, right, bottom, top = ax.images[0].get_extent()
        assert right - left == pytest.approx(entry.shape[plane.across] * entry.spacing_mm[plane.across])
        assert top - bottom == pytest.approx(entry.shape[plane.up] * entry.spacing_mm[plane.up])
        ax.apply_aspect()
        panel = ax.get_window_extent()
        scales += [panel.width / abs(np.diff(ax.get_xlim())[0]), panel.height / abs(np.diff(ax.get_ylim())[0])]
        assert ax.get_xlim()[0] >= right and ax.get_xlim()[1] <= left  # nothing is cut off
        assert ax.get_ylim()[0] <= bottom and ax.get_ylim()[1] >= top
    assert scales == pytest.approx([scales[0]] * 6, rel=1e-6)


def test_a_label_is_tinted_where_it_lies_on_the_slices_that_hold_most_of_it(tmp_path):
    label = np.zeros((12, 10, 8), np.uint8)
    label[2:5, 6:9, 1:3] = 3
    label[3, 1:9, 2] = 4
    sheet = volumes_sheet(labelled_store(tmp_path, label), [0], "title", "")
    notes = [ax.get_xlabel() for ax in sheet.panels[0][:3]]
    assert notes == ["z = 2 of 8", "y = 6 of 10", "x = 3 of 12"]
    tint = image_of(sheet.panels[0][0], 1)
    assert np.array_equal(tint[..., 3] > 0, label[:, :, 2].T > 0)
    assert not np.array_equal(tint[7, 3, :3], tint[7, 2, :3])  # two values, two colours
    assert "label of 2 values on 2.40% of the voxels" in text_of(sheet)
    assert "Labels are tinted" in text_of(sheet)


def test_histograms_show_the_scan_before_and_the_stored_voxels_after(tmp_path):
    hu = np.full((10, 10, 10), -1024, np.int16)
    hu[:5] = 40
    hu[0] = 2900
    write_nifti(tmp_path / "scans" / "a.nii", hu)
    prepare(find_sources(tmp_path / "scans"), tmp_path / "store", PrepareSettings(), workers=0)
    sheet = volumes_sheet(VolumeStore(tmp_path / "store"), [0], "title", "")
    before, after = sheet.panels[0][3:]
    heights, edges, _ = before.patches[0].get_data()
    filled = {round(float(e), 3): float(h) for h, e in zip(heights, edges[:-1], strict=True) if h > 0}
    assert list(filled) == pytest.approx([-1024, 40, 2000], abs=31)  # bars are 30 HU wide; the last one holds 2900
    assert [10 ** (h - 5) for h in filled.values()] == pytest.approx([0.5, 0.4, 0.1])
    lines = [line.get_xdata()[0] for line in before.lines if line.get_color() == AMBER]
    assert lines == [-1000, 1000]
    assert before.get_title(loc="left") == "before: -1024 .. 2900 HU"
    assert before.get_xlabel() == "cut: 50.00% below, 10.00% above"
    heights, edges, _ = after.patches[0].get_data()
    assert edges[np.nonzero(heights)] == pytest.approx([0, 0.52, 0.99], abs=0.01)
    assert after.get_xlabel() == "mean 0.308, median 0.000"  # the lower of the two in the middle


def _shares(line, digits=0):
    """Value -> share of the voxels, of what a line shows above the axis."""
    return {round(float(x), digits): 10 ** (y - 5) for x, y in zip(*line.get_data(), strict=True) if y > 0}


def test_modalities_lie_over_each_other_before_and_after_preparation(tmp_path):
    for number in range(2):
        hu = np.full((10, 10, 10), -1000, np.int16)
        hu[:5] = 0
        write_nifti(tmp_path / "scans" / f"ct{number}.nii", hu)
    mri = np.repeat(np.arange(10), 100).reshape(10, 10, 10).astype(np.int16) * 300
    write_nifti(tmp_path / "scans" / "mri.nii", mri)
    sources = find_sources(tmp_path / "scans")
    sources.sources = [replace(s, modality="mri" if s.name == "mri" else "ct") for s in sources.sources]
    prepare(sources, tmp_path / "store", PrepareSettings(), workers=0)
    sheet = histograms_sheet(VolumeStore(tmp_path / "store"), [0, 1, 2], "title", "")
    before, after = sheet.panels[0]
    assert [line.get_label() for line in after.lines] == ["CT (2)", "MRI (1)"]
    ct, mri = (_shares(line) for line in before.lines)
    assert sum(ct.values()) == pytest.approx(1)
    assert sum(value for x, value in ct.items() if x < -900) == pytest.approx(0.5, abs=0.01)
    assert sum(mri.values()) == pytest.approx(1)
    assert max(ct) < 100 < 2000 < max(mri)
    assert _shares(after.lines[0], 1) == pytest.approx({0.0: 0.5, 0.5: 0.5})


def test_a_store_without_statistics_is_drawn_too(tmp_path):
    store = write_store(tmp_path, [entry_of("a", (6, 5, 4), "mri", slope=0.1, intercept=-7.0)])
    sheet = volumes_sheet(store, [0], "title", "")
    assert sheet.panels[0][3].get_title(loc="left") == "stored: -7 .. 3269.7"
    before, after = histograms_sheet(store, [0], "title", "").panels[0]
    assert (len(before.lines), len(after.lines)) == (0, 1)


def test_a_box_is_outlined_where_the_sampler_puts_it_and_its_crop_is_beside(tmp_path):
    entry = entry_of("b", (40, 32, 24), spacing_mm=(1.0, 1.0, 2.0))
    store = write_store(tmp_path, [entry_of("a", (8, 8, 8)), entry])
    row = boxes_sheet(store, [1], "title", "", SMALL, 3).panels[0]
    sampler = SubvolumeSampler([entry], whole_regions([entry]), SMALL, 3)
    drawn = sampler(torch.arange(256))
    for scale, share in enumerate((2, 4, 8)):
        volume, crop = row[2 * scale : 2 * scale + 2]
        assert volume.get_title(loc="left") == f"1/{share} of each side"
        axial = volume.patches[-1]  # drawn last, above the coronal one
        coronal = volume.patches[0]
        height = 24 * 2.0 + 0.04 * 40
        box = [
            axial.get_x(), axial.get_y() - height, coronal.get_y() / 2,
            axial.get_x() + axial.get_width(), axial.get_y() - height + axial.get_height(),
            (coronal.get_y() + coronal.get_height()) / 2,
        ]  # fmt: skip
        boxes = drawn.boxes[drawn.scale == scale]
        assert any(np.allclose(box, one) for one in boxes.numpy())
        z = int(box[2] + box[5]) // 2
        assert np.array_equal(image_of(volume, 1), store[1].voxels[:, :, z].T)
        wanted = ops.crop_resize(
            store.packed([1]), torch.zeros(1, dtype=torch.int64), torch.tensor([box], dtype=torch.float32), (12, 10, 8)
        )[0, 0]
        assert np.allclose(image_of(crop, 1), wanted[:, :, 4].T, atol=1e-5)
        assert np.allclose(image_of(crop, 0), wanted[:, 5].T, atol=1e-5)
        left, right, bottom, top = crop.images[1].get_extent()
        assert (right - left, top - bottom) == pytest.approx((box[3] - box[0], box[4] - box[1]), rel=1e-5)


def test_of_the_boxes_of_a_scale_one_with_something_in_it_is_shown(tmp_path):
    entry = entry_of("a", (64, 64, 64))
    voxels = np.full(entry.shape, -1000, np.int16)
    voxels[20:44, 20:44, 20:44] = noise(entry)[20:44, 20:44, 20:44]
    row = boxes_sheet(write_store(tmp_path, [entry], [voxels]), [0], "title", "", SMALL, 0).panels[0]
    assert all(image_of(row[2 * scale + 1]).std() > 0 or image_of(row[2 * scale + 1], 1).std() > 0 for scale in (0, 1))


def test_cubes_have_one_box(tmp_path):
    store = write_store(tmp_path, [entry_of("a", (20, 20, 20))])
    (row,) = boxes_sheet(store, [0], "title", "", Sampling(out_shape=(8, 8, 8), cube=(8, 8, 8)), 0).panels
    assert [ax.get_title(loc="left") for ax in row] == ["a cube", "8 × 8 × 8"]


def test_a_slice_of_a_volume_is_drawn_from_above(tmp_path):
    store = write_store(tmp_path, [entry_of("a", (30, 28, 20))])
    for sampling in (Sampling(out_shape=(12, 10)), Sampling(out_shape=(12, 10), cube=(12, 10))):
        (row,) = boxes_sheet(store, [0], "title", "", sampling, 0).panels
        assert [len(ax.images) for ax in row] == [2, 1] * len(sampling.weights)
        assert [ax.get_title(loc="left") for ax in row[1::2]] == ["12 × 10 × 1"] * len(sampling.weights)


@pytest.mark.parametrize("modality", ["xray", "us"])
def test_a_picture_is_drawn_as_it_is_seen(tmp_path, modality):
    entry = entry_of("a", (30, 20, 1), modality, spacing_mm=(0.5, 0.5, 1.0))
    store = write_store(tmp_path, [entry])
    row = volumes_sheet(store, [0], "title", "").panels[0]
    assert [len(ax.images) for ax in row[:3]] == [1, 0, 0]
    left, right, bottom, top = row[0].images[0].get_extent()
    assert (left, right) == (0, 15) and bottom > top  # x runs to the right, row 0 is on top
    assert row[0].get_xlim()[0] < row[0].get_xlim()[1]
    boxes = boxes_sheet(store, [0], "title", "", SMALL, 0).panels[0]
    assert all(len(ax.images) == 1 for ax in boxes)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 40), (40, 1, 3)])
def test_thin_volumes_and_odd_names_are_drawn(tmp_path, shape):
    entry = entry_of("a" * 120, shape, patient=r"$\frac{_^$", notes=("100 % of $x^", "b" * 300), split="train")
    store = write_store(tmp_path / "store", [entry])
    assert len(list(write_store_preview(store, tmp_path / "out", sampling=SMALL))) == 3


def test_stores_of_every_dtype_look_the_same(tmp_path):
    window = IntensityWindow().ct_hu
    hu = np.linspace(*window, 8 * 8 * 8).reshape(8, 8, 8)
    images = []
    for dtype, top in (("uint8", 255), ("float16", 1)):
        entry = replace(entry_of("a", (8, 8, 8)), dtype=dtype, window=(0.0, float(top)))
        voxels = ((hu - window[0]) / (window[1] - window[0]) * top).round(0 if top > 1 else 6).astype(dtype)
        sheet = volumes_sheet(write_store(tmp_path / dtype, [entry], [voxels]), [0], "title", "")
        images.append(image_of(sheet.panels[0][0]) / sheet.panels[0][0].images[0].get_clim()[1])
    assert np.allclose(*images, atol=0.003)


def test_real_scans_are_drawn_from_their_store(shared: Path, tmp_path):
    pytest.importorskip("SimpleITK")
    sources = [
        shared / "data" / "ct" / "chest_cip_ct64.nrrd",
        shared / "data" / "mri" / "abdomen_ts_example_mr_sm.nii.gz",
    ]
    settings = PrepareSettings(spacing_mm=(4.0, 4.0, 4.0))
    prepare(find_sources([str(path) for path in sources]), tmp_path / "store", settings, workers=0)
    pages = list(write_store_preview(VolumeStore(tmp_path / "store"), tmp_path / "out"))
    assert [path.name for path in pages] == ["volumes_01.png", "histograms.png", "boxes_01.png"]
