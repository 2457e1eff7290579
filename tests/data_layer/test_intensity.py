# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genesis_ext.data.prepare.intensity import PAPER_MRI_WINDOW, IntensityWindow
from genesis_ext.data.prepare.preprocess import PrepareSettings, prepare_volume
from genesis_ext.data.readers import read_label, read_volume
from genesis_ext.data.volume import Modality, VolumeError
from tests.data_layer.images import random_voxels
from tests.data_layer.preparing import NATIVE, PAPER, scan_units, unit_values, volume_of


def test_ct_is_clipped_and_scaled_by_fixed_hu() -> None:
    volume = volume_of([-2000.0, -1000, -150, 0, 1000, 3000], "ct")
    assert torch.allclose(IntensityWindow().apply(volume).flatten(), torch.tensor([0, 0, 0.425, 0.5, 1, 1]))


def test_ct_is_scaled_by_its_own_range_if_asked_and_older_stores_have_the_settings_of_newer_ones() -> None:
    volume, window = volume_of([-2000.0, -500, 0, 500], "ct"), IntensityWindow(ct_own_range=True)
    assert torch.allclose(window.apply(volume).flatten(), torch.tensor([0, 1 / 3, 2 / 3, 1]))
    assert torch.allclose(window.apply(volume_of([-400.0, 0, 400], "ct")).flatten(), torch.tensor([0, 0.5, 1]))
    prepared = prepare_volume(volume_of([-400.0, 0, 400], "ct"), None, PrepareSettings(spacing_mm=None, window=window))
    assert (prepared.scale.window, prepared.voxels.flatten().tolist()) == ((-400.0, 400.0), [-400, 0, 400])
    assert "ct_own_range" not in PrepareSettings().to_dict()["window"]
    assert PrepareSettings(window=window).to_dict()["window"]["ct_own_range"]


def test_mri_has_the_same_contrast_in_any_unit() -> None:
    values = torch.from_numpy(random_voxels((12, 11, 10), 0, 1)).float() ** 2
    plain = prepare_volume(volume_of(values * 900, "mri"), None, NATIVE)
    for scaled in (values * 500_000, values * 900 - 700, values * 0.5):
        prepared = prepare_volume(volume_of(scaled, "mri"), None, NATIVE)
        assert np.abs(unit_values(prepared) - unit_values(plain)).max() < 1e-4
        assert prepared.notes == ()
    assert plain.statistics["scaled"]["rule"] == "volume between its percentiles 0.5 and 99.5"
    assert plain.scale.hi < 900 * float(values.max())


def test_percentiles_of_an_mri_pass_by_a_background_of_one_value() -> None:
    tissue = torch.arange(1.0, 1001)
    bare = IntensityWindow().apply(volume_of(torch.cat((torch.zeros(20), tissue)), "mri"))
    padded = IntensityWindow().apply(volume_of(torch.cat((torch.zeros(9000), tissue)), "mri"))
    assert torch.equal(padded[-1000:], bare[-1000:])
    assert float(padded[-995]) == pytest.approx(6 / 995)  # 995 is the percentile 99.5 of 1 .. 1000, 0 the lower end
    window = IntensityWindow(mri_percentiles=(0.0, 100.0))
    assert window.apply(volume_of([-5.0, 0, 5, 1e6, 15], "mri")).flatten()[[0, 3]].tolist() == [0, 1]
    large = torch.arange(1_100_000.0)  # of which a sample is sorted; the ends are those of all
    assert torch.aminmax(window.apply(volume_of(large, "mri"))) == (0, 1)


def test_mri_in_a_window_is_clipped_then_scaled_by_its_own_range() -> None:
    window = IntensityWindow(mri=PAPER_MRI_WINDOW)
    values = window.apply(volume_of([-50.0, 0, 500, 1000], "mri"))
    assert torch.allclose(values.flatten(), torch.tensor([0, 0, 0.5, 1]))
    values = window.apply(volume_of([2000.0, 3000, 4000, 9000], "mri"))
    assert torch.allclose(values.flatten(), torch.tensor([0, 0.5, 1, 1]))


@pytest.mark.parametrize(
    ("modality", "reason"),
    [("ct", "there is nothing but one value in the volume inside the CT"), ("mri", "100% of the voxels lie above")],
)
def test_a_scan_outside_the_window_is_refused(modality: Modality, reason: str) -> None:
    volume = volume_of([5000.0, 6000], modality)
    for refuse in (lambda: PAPER.window.apply(volume), lambda: prepare_volume(volume, None, PAPER)):
        with pytest.raises(VolumeError, match=rf"scan\.nii: {reason}"):
            refuse()


def test_an_mri_that_its_window_makes_white_is_refused() -> None:
    bright = torch.linspace(1, 4_000_000, 4000)
    with pytest.raises(VolumeError, match=r"scan\.nii: 99.9% of the voxels .*end 4000, where all become one value"):
        prepare_volume(volume_of(bright, "mri"), None, PAPER)
    some = torch.cat((torch.linspace(0, 4000, 7600), torch.linspace(4001, 9000, 2400)))
    assert prepare_volume(volume_of(some, "mri"), None, PAPER).notes == (
        "24% of the voxels lie above the MRI window's end 4000",
    )


@pytest.mark.parametrize(
    ("modality", "voxels", "settings"),
    [
        ("ct", torch.cat((torch.full((9996,), -1000.0), torch.linspace(0, 900, 4))), NATIVE),  # one value but for four
        ("ct", torch.linspace(40, 47, 10_000), NATIVE),  # all within one grey
        ("mri", torch.cat((torch.linspace(0, 900, 9999), torch.tensor([9e6]))), "one hot voxel"),
        ("xray", torch.cat((torch.zeros(9996), torch.linspace(1, 255, 4))).to(torch.uint8), NATIVE),
    ],
)
def test_a_volume_that_is_as_good_as_constant_is_refused(
    modality: Modality, voxels: torch.Tensor, settings: Any
) -> None:
    if settings == "one hot voxel":
        settings = replace(NATIVE, window=IntensityWindow(mri_percentiles=(0.0, 100.0)))
        prepare_volume(volume_of(voxels, modality), None, NATIVE)  # percentiles do not see it
    for dtype in ("int16", "uint8", "float16"):
        with pytest.raises(VolumeError, match=r"scan\.nii: 99\.9 % of the voxels have one grey once \["):
            prepare_volume(volume_of(voxels, modality), None, replace(settings, dtype=dtype))


def test_one_voxel_of_a_tiny_volume_is_more_than_a_trace() -> None:
    assert prepare_volume(volume_of([0.0, 700], "mri"), None, NATIVE).voxels.ravel().tolist() == [0, 32767]


@pytest.mark.parametrize("dtype", ["int16", "uint8", "float16"])
@pytest.mark.parametrize("source", [torch.int16, torch.float32])
def test_stored_ct_leads_back_to_hu(dtype: Any, source: torch.dtype) -> None:
    hu = torch.linspace(-1024, 3000, 4000).round().to(source)
    prepared = prepare_volume(volume_of(hu, "ct"), None, PrepareSettings(spacing_mm=None, dtype=dtype))
    wanted = hu.double().clamp(-1000, 1000).numpy()
    steps = {"int16": 0.0, "uint8": 2000 / 255 / 2, "float16": 0.5}  # half a step; halves have 11 bits
    assert np.abs(scan_units(prepared).ravel() - wanted).max() <= steps[dtype] + 1e-9
    assert np.abs(unit_values(prepared).ravel() - (wanted + 1000) / 2000).max() <= steps[dtype] / 2000 + 1e-9
    assert prepared.voxels.dtype == dtype
    assert prepared.statistics["clipped_below"] == pytest.approx(float((hu < -1000).float().mean()))
    assert prepared.statistics["clipped_above"] == pytest.approx(float((hu > 1000).float().mean()))
    assert prepared.statistics["before"]["max"] == 3000
    assert prepared.statistics["after"]["max"] == pytest.approx(1000)
    told = prepared.statistics["histogram_before"]
    assert (told["lo"], told["hi"], sum(told["counts"])) == (-1024, 2000, len(hu))  # half a window beyond it at most


@pytest.mark.parametrize(("dtype", "top"), [("int16", 32767), ("uint8", 255), ("float16", 1)])
@pytest.mark.parametrize("source", [torch.int16, torch.float32])
def test_stored_mri_fills_the_range_of_the_dtype(dtype: Any, top: int, source: torch.dtype) -> None:
    values = torch.linspace(30, 5000, 5000).round().to(source)
    prepared = prepare_volume(volume_of(values, "mri"), None, replace(PAPER, dtype=dtype))
    assert (prepared.voxels.min(), prepared.voxels.max()) == (0, top)
    assert prepared.scale.window == (0, top)
    wanted = values.double().clamp(0, 4000).numpy()
    step = {"int16": 3970 / 32767 / 2 + 1e-3, "uint8": 3970 / 255 / 2 + 1e-3, "float16": 3970 / 2048}[dtype]
    assert np.abs(scan_units(prepared).ravel() - wanted).max() <= step
    after = prepared.statistics["after"]
    assert after["p50"] == pytest.approx(np.sort(wanted)[(len(wanted) - 1) // 2], abs=2 * step)
    assert prepared.notes == ("20% of the voxels lie above the MRI window's end 4000",)


def test_fractions_of_hu_are_rounded_with_halves_away_from_zero() -> None:
    values = torch.tensor([-1000.0, -2.5, -0.5, -0.4, 0.4, 0.5, 1.5, 999.0])
    prepared = prepare_volume(volume_of(values, "ct"), None, NATIVE)
    assert prepared.voxels.ravel().tolist() == [-1000, -3, -1, 0, 0, 1, 2, 999]


def test_percentiles_cut_an_mri_at_its_own_values() -> None:
    values = torch.from_numpy(random_voxels((10, 10, 10), -3000, 7000)).round().to(torch.int16)
    settings = replace(NATIVE, window=IntensityWindow(mri_percentiles=(10.0, 95.0)))
    prepared = prepare_volume(volume_of(values, "mri"), None, settings)
    ordered = values.flatten().sort().values
    lo = float(ordered[99])
    above = ordered[ordered > lo]
    hi = float(above[int(0.95 * (len(above) - 1))])
    assert (prepared.scale.lo, prepared.scale.hi) == (lo, hi)
    wanted = ((values.double() - lo) / (hi - lo)).clamp(0, 1).numpy()
    assert np.abs(unit_values(prepared) - wanted).max() <= 0.5 / 32767 + 1e-7


def test_an_mri_that_loses_its_negative_half_says_so() -> None:
    scored = torch.linspace(-2, 2, 4000)
    assert prepare_volume(volume_of(scored, "mri"), None, PAPER).notes == (
        "50% of the voxels lie below the MRI window's beginning 0",
    )
    assert prepare_volume(volume_of(scored, "mri"), None, NATIVE).notes == ()


def test_traces_of_the_spline_around_zero_are_no_loss() -> None:
    bright = torch.zeros(16, 16, 16)
    bright[8, 8, 8] = 100.0
    volume = volume_of(bright, "mri", (2.0, 2.0, 2.0))
    prepared = prepare_volume(volume, None, replace(PAPER, spacing_mm=(1.0, 1.0, 1.0)))
    assert prepared.statistics["clipped_below"] > 0.1
    assert prepared.notes == ()


def test_scans_of_brighter_units_look_like_the_others(shared: Path) -> None:
    contrast = {}
    for number, bright in (
        ("001", False),
        ("328", True),
        ("044", True),
        ("210", True),
    ):  # up to 139 and 1704295
        folder = shared / "data/hippocampus"
        volume = read_volume(folder / f"imagesTr/hippocampus_{number}_0000.nii.gz", "mri")
        label = read_label(folder / f"labelsTr/hippocampus_{number}.nii.gz", volume)
        prepared = prepare_volume(volume, label, NATIVE)
        assert prepared.label is not None
        contrast[number] = float(unit_values(prepared)[prepared.label > 0].std())
        if bright:
            with pytest.raises(
                VolumeError, match=rf"hippocampus_{number}_0000.nii.gz: 99\.\d% of the voxels lie above"
            ):
                prepare_volume(volume, label, PAPER)
    assert all(0.08 < value < 0.16 for value in contrast.values()), contrast
