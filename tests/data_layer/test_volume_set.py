# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import numpy as np
import pytest
import torch

from genesis_ext.data import IntensityWindow, VolumeError, VolumeSet, load_volumes, read_volume, split_regions
from genesis_ext.data.volume_set import VolumeEntry
from tests.data_layer.images import write_ct, write_mri, write_nifti

PATCH = (8, 8, 8)


def volumes_of(*modality_and_shape: tuple[str, tuple[int, int, int]]) -> VolumeSet:
    """A set without voxels worth looking at."""
    entries, offset = [], 0
    for number, (modality, shape) in enumerate(modality_and_shape):
        entries.append(VolumeEntry(Path(f"{number}.nii"), modality, (1.0, 1.0, 1.0), shape, offset))  # type: ignore[arg-type]
        offset += int(np.prod(shape))
    return VolumeSet(torch.zeros(offset, dtype=torch.float16), tuple(entries))


def test_volumes_of_both_modalities_lie_in_one_buffer(tmp_path: Path) -> None:
    paths = [write_ct(tmp_path / "ct.nii", (9, 10, 11)), write_mri(tmp_path / "mri.nii", (12, 8, 8))]
    volumes = load_volumes(paths, PATCH)
    assert [entry.modality for entry in volumes.entries] == ["ct", "mri"]
    for index, path in enumerate(paths):
        wanted = IntensityWindow().apply(read_volume(path))
        assert volumes.volume(index).shape == wanted.shape
        assert torch.equal(volumes.volume(index), wanted.half())


def test_bad_and_small_files_are_named_and_counted(tmp_path: Path) -> None:
    good = write_ct(tmp_path / "good.nii", (8, 8, 8))
    small = write_ct(tmp_path / "small.nii", (8, 8, 7))
    four = write_nifti(tmp_path / "four.nii", np.zeros((8, 8, 8, 2), np.float32))
    said: list[str] = []
    volumes = load_volumes([small, good, four, tmp_path / "none.nii"], PATCH, report=said.append)
    assert [entry.path for entry in volumes.entries] == [good]
    assert [path for path, _ in volumes.skipped] == [small, four, tmp_path / "none.nii"]
    assert f"skipped {small}: must be at least as large as the patch (8, 8, 8), got (8, 8, 7) voxels" in said
    assert said[-1] == "3 of 4 files skipped"


def test_it_is_an_error_when_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match=r"no usable volume is left of 1 files: .*none\.nii: no such file"):
        load_volumes([tmp_path / "none.nii"], PATCH, report=lambda text: None)


def test_an_mri_cut_by_the_window_is_noted(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii", np.arange(512, dtype=np.float32).reshape(8, 8, 8) * 20)
    said: list[str] = []
    load_volumes([path], PATCH, report=said.append)
    assert said == [f"note: {path}: 61% of the voxels lie above the MRI window's end 4000"]


def test_of_a_single_scan_the_last_fifth_along_the_longest_axis_validates() -> None:
    train, validation = split_regions(volumes_of(("ct", (50, 100, 40))), PATCH)
    assert [(r.lo, r.hi) for r in train] == [((0, 0, 0), (50, 80, 40))]
    assert [(r.lo, r.hi) for r in validation] == [((0, 80, 0), (50, 100, 40))]


def test_a_fifth_is_widened_to_the_patch() -> None:
    train, validation = split_regions(volumes_of(("ct", (20, 10, 10))), PATCH)
    assert (train[0].hi, validation[0].lo) == ((12, 10, 10), (12, 0, 0))


def test_a_scan_whose_longest_axis_is_too_short_is_cut_along_another() -> None:
    train, validation = split_regions(volumes_of(("ct", (30, 20, 10))), (16, 8, 8))
    assert (train[0].hi, validation[0].lo) == ((30, 12, 10), (0, 12, 0))


def test_every_fifth_scan_of_a_modality_validates() -> None:
    shape = (8, 8, 8)
    volumes = volumes_of(*[("ct", shape)] * 10, *[("mri", shape)] * 3)
    train, validation = split_regions(volumes, PATCH)
    assert [region.volume for region in validation] == [4, 9, 12]
    assert sorted(region.volume for region in train + validation) == list(range(13))


def test_one_ct_and_one_mri_are_each_cut() -> None:
    train, validation = split_regions(volumes_of(("ct", (40, 8, 8)), ("mri", (8, 40, 8))), PATCH)
    assert [region.volume for region in train] == [region.volume for region in validation] == [0, 1]


def test_training_and_validation_never_share_a_voxel() -> None:
    volumes = volumes_of(("ct", (33, 41, 25)), ("mri", (16, 9, 9)), ("mri", (92, 96, 24)))
    for split in ("scans", "fifth", "auto"):
        used = torch.zeros(len(volumes.voxels), dtype=torch.int32)
        try:
            sides = split_regions(volumes, PATCH, split)
        except VolumeError:
            assert split == "scans"  # the only CT has no other beside it
            continue
        for side in sides:
            for region in side:
                entry = volumes.entries[region.volume]
                own = used[entry.offset : entry.offset + int(np.prod(entry.shape))].view(entry.shape)
                own[tuple(slice(a, b) for a, b in zip(region.lo, region.hi, strict=True))] += 1
        assert used.max() == 1


def test_data_without_room_for_validation_are_refused() -> None:
    with pytest.raises(VolumeError, match="no validation patches"):
        split_regions(volumes_of(("ct", (15, 15, 15))), PATCH)
    with pytest.raises(VolumeError, match="no training patches"):
        split_regions(volumes_of(("ct", (15, 15, 15))), PATCH, "scans")
