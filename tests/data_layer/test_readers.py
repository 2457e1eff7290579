# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genesis_ext.data.readers import describe, read_volume, read_volumes
from genesis_ext.data.readers.modality import guess
from genesis_ext.data.volume import Modality, VolumeError
from tests.data_layer.images import random_voxels, write_nifti

VOXELS = random_voxels((5, 6, 7), -1000, 900)


def test_nifti_gives_voxels_spacing_and_modality(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii.gz", VOXELS, np.diag((0.5, 1.0, 2.5, 1.0)))
    volume = read_volume(path)
    assert torch.equal(volume.voxels, torch.from_numpy(VOXELS))
    assert volume.spacing_mm == (0.5, 1.0, 2.5)
    assert (volume.modality, volume.path, volume.name, volume.patient) == ("ct", path, "a", None)
    assert volume.notes == ("taken as CT: voxels are as low as air (-1000) and 99 % are at most 3071",)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.tuples(*[st.integers(1, 5)] * 3).filter(lambda shape: np.prod(shape) > 1),
    dtype=st.sampled_from(["u1", "i1", "<i2", ">i2", "<u2", "<i4", ">u4", "<i8", "<f4", ">f4", "<f8"]),
    matrix=st.permutations(range(3)).flatmap(
        lambda order: st.tuples(*[st.sampled_from([-2.5, -0.7, 1.0, 3.0])] * 3).map(
            lambda sizes: np.diag(sizes)[list(order)]
        )
    ),
    suffix=st.sampled_from(["nii", "nii.gz"]),
    version=st.sampled_from([nibabel.Nifti1Image, nibabel.Nifti2Image]),
    seed=st.integers(0, 99),
)
def test_every_type_version_and_orientation_gives_what_nibabel_gives(
    tmp_path: Path, shape: tuple[int, int, int], dtype: str, matrix: Any, suffix: str, version: Any, seed: int
) -> None:
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = matrix, (3, -4, 5)
    voxels = random_voxels(shape, 0, 120, seed).astype(dtype)
    header = version.header_class(endianness=dtype[0] if dtype[0] in "<>" else "<")
    image = version(voxels, affine, header, dtype=voxels.dtype)
    if voxels.min() == voxels.max():
        voxels.flat[0] += 1
    path = tmp_path / f"a.{suffix}"
    nibabel.save(image, path)
    wanted: Any = nibabel.as_closest_canonical(nibabel.load(path))
    volume = read_volume(path, "mri")
    assert np.array_equal(volume.voxels.numpy(), np.asarray(wanted.dataobj))
    assert np.allclose(volume.affine, wanted.affine)
    kept = {"f": torch.float32, "i": torch.int16, "u": torch.uint8 if dtype == "u1" else torch.int16}
    assert volume.voxels.dtype == kept[voxels.dtype.kind]
    assert volume.voxels.is_contiguous()


@pytest.mark.parametrize(
    ("dtype", "greatest", "kept"),
    [
        ("u1", 255, torch.uint8),
        ("i1", 127, torch.int16),
        ("u2", 32_767, torch.int16),
        ("u2", 32_768, torch.float32),
        ("i4", 32_767, torch.int16),
        ("i4", 100_000, torch.float32),
        ("f8", 5, torch.float32),
    ],
)
def test_voxels_come_in_the_smallest_type_that_holds_them(
    tmp_path: Path, dtype: str, greatest: int, kept: torch.dtype
) -> None:
    voxels = np.arange(24).reshape(2, 3, 4).astype(dtype)
    voxels[0, 1, 2] = greatest
    path = tmp_path / "a.nii"
    nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4), dtype=voxels.dtype), path)
    volume = read_volume(path)
    assert volume.voxels.dtype == kept
    assert np.array_equal(volume.voxels.numpy(), voxels)


@pytest.mark.parametrize(
    ("slope", "intercept", "kept"),
    [(1, -1024, torch.int16), (2, 5, torch.int16), (-3, 7, torch.int16), (0.1, -7.25, torch.float32)],
)
def test_slope_and_intercept_are_applied(tmp_path: Path, slope: float, intercept: float, kept: torch.dtype) -> None:
    stored = np.arange(210, dtype=np.uint16).reshape(5, 6, 7) * 9
    image = nibabel.Nifti1Image(stored, np.eye(4))
    image.header.set_slope_inter(slope, intercept)
    path = tmp_path / "a.nii"
    nibabel.save(image, path)
    # saving divides by the slope: put the numbers back
    image = nibabel.load(path)
    content = path.read_bytes()
    path.write_bytes(content[:352] + stored.tobytes(order="F"))
    volume = read_volume(path, "mri")
    wanted = (stored * float(np.float32(slope)) + float(np.float32(intercept))).astype(np.float32)
    assert volume.voxels.dtype == kept
    assert np.array_equal(volume.voxels.numpy(), wanted)


@pytest.mark.parametrize("dtype", ["i2", "i4", "f4"])
def test_padding_of_a_ct_is_set_to_the_end_of_the_scale(tmp_path: Path, dtype: str) -> None:
    voxels = VOXELS.astype(dtype)
    voxels[0] = -3024
    volume = read_volume(write_nifti(tmp_path / "a.nii", voxels))
    assert np.array_equal(volume.voxels.numpy(), np.maximum(voxels, -1024))
    assert "42 voxels below -1024 HU, down to -3024, were set to -1024" in volume.notes
    assert int(read_volume(tmp_path / "a.nii", "mri").voxels.min()) == -3024


def test_few_voxels_that_are_not_finite_take_the_least_value(tmp_path: Path) -> None:
    voxels = VOXELS.copy()
    voxels[0, 0, 2:5] = (np.nan, np.inf, -np.inf)
    volume = read_volume(write_nifti(tmp_path / "a.nii", voxels))
    voxels[0, 0, 2:5] = -1000
    assert np.array_equal(volume.voxels.numpy(), voxels)
    assert "3 voxels that are not finite were set to the least value, -1000" in volume.notes
    wide = voxels.astype(np.float64)
    wide[0, 0, 2] = 1e300  # beyond float32
    assert np.array_equal(read_volume(write_nifti(tmp_path / "b.nii", wide)).voxels.numpy(), voxels)


def test_nan_around_the_body_takes_the_least_value_however_much_it_is(tmp_path: Path) -> None:
    voxels = np.pad(VOXELS, 2, constant_values=np.nan)
    voxels[4, 4, 4] = np.nan
    volume = read_volume(write_nifti(tmp_path / "a.nii", voxels))
    number = int(np.isnan(voxels).sum())
    assert number > voxels.size / 2
    assert f"{number} voxels that are not finite were set to the least value, -1000" in volume.notes
    assert np.array_equal(volume.voxels.numpy(), np.where(np.isnan(voxels), -1000, voxels))


def test_a_modality_that_the_values_contradict_is_told(tmp_path: Path) -> None:
    ct = write_nifti(tmp_path / "a.nii", VOXELS)
    assert read_volume(ct, "ct").notes == ()
    assert read_volume(ct, "mri").notes[-1].startswith("its values look like those of a CT: voxels are as low as air")
    raw = write_nifti(tmp_path / "b.nii", VOXELS + 1024)
    assert "no voxel of this CT is as low as air, -500 HU, the least is 24" in read_volume(raw, "ct").notes[0]
    assert "values below 0, down to -101" in read_volume(write_nifti(tmp_path / "c.nii", VOXELS / 10 - 1)).notes[-1]
    assert "perhaps a PET or a map" in read_volume(write_nifti(tmp_path / "d.nii", (VOXELS + 1000) * 99)).notes[-1]


def test_a_bad_frame_costs_only_itself(tmp_path: Path) -> None:
    frames = np.stack((VOXELS, VOXELS * 0, VOXELS * np.nan, VOXELS[::-1]), 3)
    volumes = read_volumes(write_nifti(tmp_path / "a.nii", frames), "mri", frames=True)
    assert [volume.name for volume in volumes] == ["a_t00", "a_t03"]
    assert all("all voxels hold the one value 0" in volume.notes[-2] for volume in volumes)
    assert all(volume.notes[-1].endswith("(frame 3 of 4)") for volume in volumes)


def test_axes_of_one_voxel_are_dropped_or_added(tmp_path: Path) -> None:
    assert read_volume(write_nifti(tmp_path / "a.nii", VOXELS[..., None])).voxels.shape == VOXELS.shape
    assert read_volume(write_nifti(tmp_path / "b.nii", VOXELS[0])).voxels.shape == (6, 7, 1)


def test_frames_of_a_4d_file_become_volumes(tmp_path: Path) -> None:
    frames = np.stack((VOXELS, VOXELS * 0.5, VOXELS[::-1]), 3)
    path = write_nifti(tmp_path / "heart.nii.gz", frames)
    with pytest.raises(VolumeError, match=r"heart\.nii\.gz: must be a 3D image, got 4D, 3 frames .* frames=True"):
        read_volumes(path)
    volumes = read_volumes(path, "mri", frames=True)
    assert [volume.name for volume in volumes] == ["heart_t00", "heart_t01", "heart_t02"]
    for number, volume in enumerate(volumes):
        assert np.array_equal(volume.voxels.numpy(), frames[..., number])


def test_headers_tell_what_the_volume_will_be(tmp_path: Path) -> None:
    affine = np.array([[0, -2.0, 0, 10], [0, 0, 3.0, 0], [-1.0, 0, 0, 0], [0, 0, 0, 1]])
    path = write_nifti(tmp_path / "a.nii", VOXELS.astype(np.int32), affine)
    (header,), volume = describe(path), read_volume(path)
    assert header.shape == tuple(volume.voxels.shape)
    assert header.spacing_mm == volume.spacing_mm
    assert np.array_equal(header.affine, volume.affine)
    assert (header.name, header.dtype, header.frames, header.modality) == ("a", "int32", 1, None)


@pytest.mark.parametrize(
    ("values", "modality"),
    [
        (VOXELS, "ct"),
        (random_voxels((5, 6, 7), 0, 900), "mri"),
        (random_voxels((5, 6, 7), -610, 30_000), "mri"),  # arbitrary units with ringing below zero
    ],
)
def test_modality_is_guessed_from_air_and_density(values: Any, modality: Modality) -> None:
    assert guess(values, float(values.min()), float(values.max()))[0] == modality
    stored = (values + 1024) / -2  # the same through a slope and an intercept
    assert guess(stored, float(values.min()), float(values.max()), -2, -1024)[0] == modality
