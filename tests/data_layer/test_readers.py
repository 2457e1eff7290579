# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import gzip
import math
import struct
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch

from genesis_ext.data import VolumeError, find_volumes, read_volume
from genesis_ext.data.readers import guess_modality
from tests.data_layer.images import random_voxels, write_nifti

VOXELS = random_voxels((5, 6, 7), -1000, 900)


def test_nifti_gives_voxels_spacing_and_modality(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii.gz", VOXELS, np.diag((0.5, 1.0, 2.5, 1.0)))
    volume = read_volume(path)
    assert torch.equal(volume.voxels, torch.from_numpy(VOXELS))
    assert volume.spacing_mm == (0.5, 1.0, 2.5)
    assert volume.modality == "ct"
    assert volume.path == path


def test_axes_are_turned_to_right_front_head(tmp_path: Path) -> None:
    affine = np.array([[0, -2.0, 0, 10], [0, 0, 3.0, 0], [-1.0, 0, 0, 0], [0, 0, 0, 1]])  # axes: down, left, front
    volume = read_volume(write_nifti(tmp_path / "a.nii", VOXELS, affine))
    assert np.array_equal(volume.voxels.numpy(), VOXELS.transpose(1, 2, 0)[::-1, :, ::-1])
    assert volume.spacing_mm == (2.0, 3.0, 1.0)
    # The first voxel of the turned image lies where its old index (6, 5, 0) pointed.
    old = affine @ (VOXELS.shape[0] - 1, VOXELS.shape[1] - 1, 0, 1)
    assert np.allclose(volume.affine @ (0, 0, 0, 1), old)


@pytest.mark.parametrize("suffix", ["mha", "mhd", "nrrd"])
def test_itk_files_give_what_nifti_gives(tmp_path: Path, suffix: str) -> None:
    itk = pytest.importorskip("SimpleITK")
    affine = np.array([[-1.5, 0, 0, 3], [0, 2.0, 0, -7], [0, 0, 2.5, 5], [0, 0, 0, 1]])
    nifti = write_nifti(tmp_path / "a.nii", VOXELS, affine)
    other = tmp_path / f"a.{suffix}"
    itk.WriteImage(itk.ReadImage(str(nifti)), str(other))
    a, b = read_volume(nifti), read_volume(other)
    assert torch.equal(a.voxels, b.voxels)
    assert np.allclose(a.affine, b.affine, atol=1e-5)  # ITK writes decimal text
    assert a.spacing_mm == pytest.approx(b.spacing_mm)


def test_trailing_axes_of_one_voxel_are_dropped(tmp_path: Path) -> None:
    assert read_volume(write_nifti(tmp_path / "a.nii", VOXELS[..., None])).voxels.shape == VOXELS.shape


def test_modality_is_guessed_from_air_and_density() -> None:
    assert guess_modality(VOXELS) == "ct"
    assert guess_modality(random_voxels((5, 6, 7), 0, 900)) == "mri"
    assert guess_modality(random_voxels((5, 6, 7), -610, 30_000)) == "mri"  # arbitrary units with ringing below zero


def test_a_given_modality_is_kept(tmp_path: Path) -> None:
    assert read_volume(write_nifti(tmp_path / "a.nii", VOXELS), "mri").modality == "mri"


def _bad_files(folder: Path) -> dict[str, tuple[Path, str]]:
    """Case -> (file, what its error must say)."""
    whole = write_nifti(folder / "whole.nii", VOXELS).read_bytes()
    infinite = VOXELS.copy()
    infinite[0, 0, 0], infinite[1, 1, 1] = np.nan, np.inf
    truncated_gz = folder / "cut.nii.gz"
    truncated_gz.write_bytes(gzip.compress(whole)[:-100])
    for name, content in (
        ("cut.nii", whole[:-100]),
        ("empty.nii", b""),
        ("text.nii.gz", b"no image"),
        ("text.nii", b"x"),
    ):
        (folder / name).write_bytes(content)
    for name, at, field in (
        ("type.nii", 70, struct.pack("<h", 22544)),
        ("offset.nii", 108, struct.pack("<f", math.nan)),
    ):
        (folder / name).write_bytes(whole[:at] + field + whole[at + len(field) :])
    rgb = np.zeros((4, 4, 4), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    flat_axis = np.diag((1.0, 1.0, 0.0, 1.0))
    image = nibabel.Nifti1Image(VOXELS, None)
    image.header.set_sform(flat_axis, code=1)
    nibabel.save(image, folder / "flat.nii")
    return {
        "missing": (folder / "none.nii", "no such file"),
        "suffix": (folder / "a.png", "must end in"),
        "empty": (folder / "empty.nii", "is empty"),
        "truncated": (folder / "cut.nii", "truncated"),
        "truncated gzip": (truncated_gz, "truncated"),
        "text": (folder / "text.nii", "unreadable"),
        "unknown voxel type": (folder / "type.nii", "unreadable"),
        "no offset of the voxels": (folder / "offset.nii", "unreadable"),
        "text as gzip": (folder / "text.nii.gz", "unreadable"),
        "4D": (write_nifti(folder / "4d.nii", np.stack((VOXELS, VOXELS), 3)), "3D image, got 4D"),
        "2D": (write_nifti(folder / "2d.nii", VOXELS[0]), "3D image, got 2D"),
        "not finite": (write_nifti(folder / "nan.nii", infinite), "finite, 2 of 210"),
        "constant": (write_nifti(folder / "flat0.nii", np.full((4, 4, 4), 3, np.int16)), "one value 3"),
        "colour": (write_nifti(folder / "rgb.nii", rgb), "real numbers"),
        "complex": (write_nifti(folder / "c.nii", VOXELS.astype(np.complex64)), "real numbers"),
        "flat axis": (folder / "flat.nii", "span the space"),
    }


def test_every_bad_nifti_is_refused_by_name_and_rule(tmp_path: Path) -> None:
    for case, (path, text) in _bad_files(tmp_path).items():
        with pytest.raises(VolumeError, match=text) as caught:
            read_volume(path)
        assert str(caught.value).startswith(str(path)), case


def test_a_header_without_its_data_and_a_cut_one_are_refused(tmp_path: Path) -> None:
    itk = pytest.importorskip("SimpleITK")
    header, raw = tmp_path / "a.mhd", tmp_path / "a.raw"
    itk.WriteImage(itk.GetImageFromArray(VOXELS), str(header))
    raw.write_bytes(raw.read_bytes()[:-100])
    with pytest.raises(VolumeError, match=r"a\.mhd: unreadable or truncated"):
        read_volume(header)
    raw.unlink()
    with pytest.raises(VolumeError, match=r"a\.mhd: unreadable or truncated"):
        read_volume(header)


def test_vector_and_4d_itk_images_are_refused(tmp_path: Path) -> None:
    itk = pytest.importorskip("SimpleITK")
    vector = itk.GetImageFromArray(np.stack((VOXELS, VOXELS), 3), isVector=True)
    itk.WriteImage(vector, str(tmp_path / "vector.nrrd"))
    itk.WriteImage(itk.JoinSeries([itk.GetImageFromArray(VOXELS)] * 2), str(tmp_path / "four.nrrd"))
    with pytest.raises(VolumeError, match="real numbers"):
        read_volume(tmp_path / "vector.nrrd")
    with pytest.raises(VolumeError, match="3D image, got 4D"):
        read_volume(tmp_path / "four.nrrd")


def test_a_missing_reader_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    (tmp_path / "a.mhd").write_text("NDims = 3")
    with pytest.raises(VolumeError, match=r"SimpleITK is needed to read a\.mhd: pip install 'genesis_ext\[train\]'"):
        read_volume(tmp_path / "a.mhd")


def test_files_are_found_in_all_subfolders_in_order(tmp_path: Path) -> None:
    for name in ("b/z.nii", "a.nrrd", "b/a.nii.gz", ".hidden.nii", "notes.txt", "c.zraw"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert find_volumes(tmp_path) == [tmp_path / "a.nrrd", tmp_path / "b/a.nii.gz", tmp_path / "b/z.nii"]
    assert find_volumes(tmp_path / "b/z.nii") == [tmp_path / "b/z.nii"]


def test_a_folder_without_images_and_a_missing_one_are_errors(tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match="found none"):
        find_volumes(tmp_path)
    with pytest.raises(VolumeError, match="no such file or folder"):
        find_volumes(tmp_path / "none")


def test_the_chest_ct_is_read(shared: Path) -> None:
    pytest.importorskip("SimpleITK")
    volume = read_volume(shared / "data/ct/chest_ricord1a_419639.mhd")
    assert volume.voxels.shape == (256, 256, 248)
    assert volume.modality == "ct"
    assert volume.spacing_mm == pytest.approx((1.41, 1.41, 1.25), abs=0.01)
    assert (float(volume.voxels.min()), float(volume.voxels.max())) == (-1024.0, 3071.0)
