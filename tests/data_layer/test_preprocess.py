# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage

from genesis_ext.data.prepare.intensity import IntensityWindow
from genesis_ext.data.prepare.preprocess import Grid, PrepareSettings, prepare_volume, stored_shape
from genesis_ext.data.prepare.statistics import Distribution
from genesis_ext.data.readers import read_label, read_volume
from genesis_ext.data.volume import Modality, Volume, VolumeError
from tests.data_layer.images import random_voxels
from tests.data_layer.preparing import NATIVE, scan_units, unit_values, volume_of


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        (lambda: IntensityWindow(ct_hu=(100.0, 100.0)), "lo < hi"),
        (lambda: IntensityWindow(mri=(5.0, float("nan"))), "two finite numbers"),
        (lambda: IntensityWindow(mri=(0.0, float("inf"))), "finite"),
        (lambda: IntensityWindow(ct_hu=(-40000.0, 0.0)), "range of int16"),
        (lambda: PrepareSettings(spacing_mm=(1.0, 0.0, 1.0)), "spacing_mm must lie in"),
        (lambda: PrepareSettings(spacing_mm=1.0), "spacing_mm must be three finite numbers or none, got 1.0"),  # type: ignore[arg-type]
        (lambda: PrepareSettings(window=(-1000, 1000)), "window must be an IntensityWindow"),  # type: ignore[arg-type]
        (lambda: PrepareSettings(max_voxels=0), "max_voxels must be at least 1"),
        (lambda: PrepareSettings(dtype="int32"), "dtype must be one of"),  # type: ignore[arg-type]
        (lambda: IntensityWindow(mri_percentiles=(60.0, 40.0)), "mri_percentiles must be"),
        (lambda: IntensityWindow(mri=(0.0, 9.0), mri_percentiles=(1.0, 99.0)), "one must be None"),
        (lambda: PrepareSettings(pad_to=(64, 0, 32)), "pad_to must hold"),
    ],
)
def test_a_setting_that_breaks_its_rule_is_named(wrong: Any, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        wrong()


def test_pictures_keep_their_pixels_and_are_not_clipped() -> None:
    pixels = torch.from_numpy(random_voxels((9, 7, 1), 20, 200)).to(torch.uint8)
    prepared = prepare_volume(volume_of(pixels, "xray", (0.14, 0.14, 1.0)), None, PrepareSettings(dtype="uint8"))
    assert np.array_equal(prepared.voxels, pixels.numpy())
    assert (prepared.scale.slope, prepared.scale.intercept, prepared.grid.spacing_mm) == (1.0, 0.0, (0.14, 0.14, 1.0))
    deep = volume_of(pixels.to(torch.int16) * 100, "xray")
    assert unit_values(prepare_volume(deep, None, NATIVE)).max() == 1.0


@pytest.mark.parametrize(
    ("shape", "spacing", "target"),
    [
        ((21, 18, 9), (0.74, 0.74, 2.5), (1.0, 1.0, 1.0)),
        ((7, 1, 2), (0.4, 3.0, 0.4), (1.0, 1.0, 1.0)),
        ((5, 5, 5), (0.05, 0.05, 0.05), (1.0, 2.0, 3.0)),
    ],
)
def test_a_resampled_grid_keeps_the_edges_of_the_volume(shape: Any, spacing: Any, target: Any) -> None:
    affine = np.array([[0, -spacing[1], 0, 3], [spacing[0], 0, 0, -8], [0, 0, spacing[2], 1], [0, 0, 0, 1.0]])
    grid = Grid(shape, spacing, affine)
    new = grid.resampled(target)
    exact = np.multiply(shape, spacing) / target
    assert all(n == max(1, round(size)) for n, size in zip(new.shape, exact, strict=True))
    assert np.allclose(np.multiply(new.shape, new.spacing_mm), np.multiply(shape, spacing), rtol=1e-12)
    for corner in np.ndindex(2, 2, 2):
        old_edge = affine @ (*(np.array(corner) * shape - 0.5), 1)
        new_edge = new.affine @ (*(np.array(corner) * new.shape - 0.5), 1)
        assert np.allclose(old_edge, new_edge, atol=1e-9)
    assert np.allclose(np.sqrt((new.affine[:3, :3] ** 2).sum(axis=0)), new.spacing_mm)


@pytest.mark.parametrize("modality", ["ct", "mri"])
def test_resampling_is_that_of_scipy_by_third_order_splines(modality: Modality) -> None:
    voxels = ndimage.gaussian_filter(random_voxels((30, 25, 11), -900, 900), 1.5) * 4
    voxels = (voxels + (900 if modality == "mri" else 0)).astype(np.int16)
    prepared = prepare_volume(volume_of(voxels, modality, (0.8, 0.8, 2.4)), None, PrepareSettings())
    assert prepared.grid.shape == (24, 20, 26)
    zoom = np.divide(prepared.grid.shape, voxels.shape)
    wanted = ndimage.zoom(voxels.astype(np.float64), zoom, order=3, mode="nearest", grid_mode=True)
    wanted = wanted.clip(prepared.scale.lo, prepared.scale.hi)
    step = 0.5 if modality == "ct" else prepared.scale.slope / 2
    assert np.abs(scan_units(prepared) - wanted).max() <= step + 1e-5 * 2000


def test_a_label_goes_along_with_the_value_of_the_nearest_voxel() -> None:
    voxels = random_voxels((12, 10, 6), -900, 900)
    label = torch.zeros(12, 10, 6, dtype=torch.int16)
    label[4:8, 2:7, 1:5] = 420
    prepared = prepare_volume(volume_of(voxels, "ct", (2.0, 2.0, 3.0)), label, PrepareSettings())
    assert prepared.label is not None
    wanted = label.numpy().repeat(2, 0).repeat(2, 1).repeat(3, 2)
    assert np.array_equal(prepared.label, wanted)


def test_small_volumes_are_padded_and_stay_where_they_are() -> None:
    volume = volume_of(random_voxels((5, 40, 4), -800, 900).round().astype(np.int16), "ct")
    label = torch.ones(5, 40, 4, dtype=torch.uint8)
    settings = PrepareSettings(pad_to=(8, 8, 8), dtype="uint8")
    prepared = prepare_volume(volume, label, settings)
    bare = prepare_volume(volume, label, PrepareSettings(dtype="uint8"))
    assert (
        prepared.voxels.shape
        == (8, 40, 8)
        == stored_shape(Grid((5, 40, 4), (1.0, 1.0, 1.0), np.eye(4)), "ct", settings)
    )
    inner = (slice(1, 6), slice(None), slice(2, 6))
    assert np.array_equal(prepared.voxels[inner], bare.voxels)
    assert prepared.voxels.sum(dtype=np.int64) == bare.voxels.sum(dtype=np.int64)  # what is added is 0
    assert prepared.label is not None
    assert prepared.label.sum() == 5 * 40 * 4
    assert np.allclose(prepared.grid.affine @ (1, 0, 2, 1), volume.affine @ (0, 0, 0, 1))


def test_a_result_that_would_fill_the_memory_is_refused() -> None:
    volume = volume_of(random_voxels((4, 4, 4), -800, 900), "ct", (90.0, 90.0, 90.0))
    with pytest.raises(
        VolumeError, match=r"4×4×4 voxels of 90×90×90 mm become 360×360×360 of 1×1×1 mm, more than 1000"
    ):
        prepare_volume(volume, None, PrepareSettings(max_voxels=1000))
    with pytest.raises(VolumeError, match="become 4×4×100 of"):
        prepare_volume(volume, None, PrepareSettings(spacing_mm=None, pad_to=(1, 1, 100), max_voxels=1000))


def test_a_distribution_tells_what_sorting_tells() -> None:
    for dtype in (torch.int16, torch.uint8, torch.float32):
        values = torch.from_numpy(random_voxels((70_000,), 0, 255)).to(dtype)
        ordered = values.double().sort().values
        told = Distribution(values)
        assert told.percentiles((0, 0.1, 37, 99.9, 100)) == [float(ordered[i]) for i in (0, 69, 25899, 69929, 69999)]
        assert told.shares_outside(20, 200) == (
            float((ordered < 20).double().mean()),
            float((ordered > 200).double().mean()),
        )
        assert told.describe(2.0, 1.0)["mean"] == pytest.approx(2 * float(ordered.mean()) + 1)
        counts = told.histogram(0, 256)
        assert counts == torch.histc(values.float(), len(counts), 0, 256).int().tolist()
    ends = Distribution(torch.tensor([1.0, 2, 3, 4])).histogram(2, 3)
    assert (ends[0], sum(ends[1:-1]), ends[-1]) == (2, 0, 2)  # what lies beyond is not lost
    extremes = Distribution(torch.tensor([-32768, 32767, 0], dtype=torch.int16)).describe()
    assert (extremes["min"], extremes["p50"], extremes["max"]) == (-32768, 0, 32767)


def test_a_sample_of_a_large_volume_is_spread_over_all_of_it() -> None:
    x, y, z = (
        torch.arange(n, dtype=torch.float32).reshape([-1 if a == i else 1 for i in range(3)])
        for a, n in enumerate((256, 128, 128))
    )
    for ramp, size in ((x, 256), (y, 128), (z, 128)):
        voxels = ramp.expand(256, 128, 128).to(torch.int16)
        told = Distribution(voxels)
        assert (told.least, told.greatest) == (0, size - 1)
        ordered = voxels.flatten().sort().values
        for percent, sampled in zip((1, 50, 99), told.percentiles((1, 50, 99)), strict=True):
            assert abs(sampled - float(ordered[int(percent / 100 * (len(ordered) - 1))])) <= 1
        assert told.shares_outside(size / 4, size)[0] == pytest.approx(0.25, abs=0.001)


@pytest.mark.parametrize(
    ("scan", "label"),
    [
        ("ct/heart_aorta_ts_cropped.nii.gz", "heart_aorta_ts_cropped_aorta.nii.gz"),
        ("ct/abdomen_ts_example_ct.nii.gz", "abdomen_ts_example_ct_spine.nii.gz"),
    ],
)
def test_a_real_label_resampled_and_back_is_nearly_itself(shared: Path, scan: str, label: str) -> None:
    volume = read_volume(shared / "data" / scan)
    mask = read_label(shared / "data" / "labels" / label, volume)
    there = prepare_volume(volume, mask, PrepareSettings())
    assert there.label is not None
    again = Volume(torch.from_numpy(there.voxels), there.grid.spacing_mm, there.grid.affine, "ct", volume.path)
    back = prepare_volume(again, torch.from_numpy(there.label), PrepareSettings(spacing_mm=volume.spacing_mm))
    assert back.label is not None
    assert back.label.shape == mask.shape
    assert np.allclose(back.grid.affine, volume.affine, atol=1e-6)
    a, b = mask.numpy() > 0, back.label > 0
    assert 2 * (a & b).sum() / (a.sum() + b.sum()) > 0.98
