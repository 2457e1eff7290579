# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import itertools
import struct
from pathlib import Path

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

from genesis_ext.data.readers import files_of, read_volume
from genesis_ext.data.readers.orientation import slabs
from genesis_ext.data.volume import VolumeError
from tests.data_layer.images import patched, random_voxels, write_nifti

SHAPE = (5, 6, 7)
LANDMARKS = ((0, 0, 0), (4, 0, 2), (1, 5, 3), (2, 3, 6), (4, 5, 6))
SIGNED_PERMUTATIONS = [
    np.eye(3)[list(order)] * signs
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]


@pytest.mark.parametrize("matrix", SIGNED_PERMUTATIONS, ids=lambda m: "".join(f"{v:+.0f}" for v in m[np.nonzero(m)]))
def test_landmarks_keep_their_places_under_all_48_orientations(tmp_path: Path, matrix: NDArray[np.float64]) -> None:
    affine = np.eye(4)
    oblique = nibabel.eulerangles.euler2mat(0.1, -0.2, 0.15)  # 6 to 11 degrees: no axis comes near to another
    affine[:3, :3] = oblique @ matrix * (0.5, 1.25, 3.0)
    affine[:3, 3] = (10, -20, 30)
    voxels = random_voxels(SHAPE, 0, 10)
    for number, at in enumerate(LANDMARKS):
        voxels[at] = 1000 + number
    volume = read_volume(write_nifti(tmp_path / "a.nii", voxels, affine))
    for number, at in enumerate(LANDMARKS):
        found = np.argwhere(volume.voxels.numpy() == 1000 + number)
        assert len(found) == 1
        wanted = affine @ (*at, 1)
        assert np.allclose(volume.affine @ (*found[0], 1), wanted, atol=1e-5)  # NIfTI holds float32
    assert nibabel.aff2axcodes(volume.affine) == ("R", "A", "S")
    assert volume.spacing_mm == pytest.approx(np.sqrt((volume.affine[:3, :3] ** 2).sum(axis=0)))
    assert sorted(volume.spacing_mm) == pytest.approx([0.5, 1.25, 3.0])


@pytest.mark.parametrize("shape", [(5, 6, 7), (1, 6, 7), (5, 1, 7), (5, 6, 1), (1, 1, 7), (1, 1, 1)])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_slabs_cover_every_voxel_once(shape: tuple[int, int, int], order: tuple[int, int, int]) -> None:
    source = np.arange(np.prod(shape)).reshape(shape).transpose(order)[::-1]
    out = np.zeros(source.shape, int)
    for part, target in slabs(source, out):
        target += part + 1
    assert np.array_equal(out, source + 1)


def test_millimetres_are_made_of_metres_and_microns(tmp_path: Path) -> None:
    voxels = random_voxels(SHAPE, 0, 10)
    for unit, scale in (("meter", 1e-3), ("micron", 1e3), ("mm", 1.0), ("unknown", 1.0)):
        image = nibabel.Nifti1Image(voxels, np.diag((0.5 * scale, 2 * scale, 3 * scale, 1)))
        image.header.set_xyzt_units(unit)
        path = tmp_path / f"{unit}.nii"
        nibabel.save(image, path)
        volume = read_volume(path)
        assert volume.spacing_mm == pytest.approx((0.5, 2, 3))
        assert any("converted to mm" in note for note in volume.notes) == (scale != 1)


def test_the_sform_goes_before_the_qform_and_both_before_the_spacing(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(random_voxels(SHAPE, 0, 10), None)
    image.header.set_zooms((2, 3, 4))
    image.header.set_xyzt_units("mm")
    image.set_qform(np.diag((2.0, 3, 4, 1)) + np.eye(4, k=3) * 7, code=1)
    image.set_sform(np.diag((5.0, 6, 7, 1)), code=2)
    path, plain = tmp_path / "a.nii", tmp_path / "b.nii"
    nibabel.save(image, path)
    volume = read_volume(path)
    assert volume.spacing_mm == (5, 6, 7)
    assert volume.notes[0] == "the sform has a spacing of 5 x 6 x 7, pixdim says 2 x 3 x 4: the sform is followed"
    no_sform = (254, struct.pack("<h", 0))
    volume = read_volume(patched(plain, path, no_sform))
    assert volume.spacing_mm == (2, 3, 4)
    assert volume.affine[0, 3] == 7
    assert len(volume.notes) == 1  # of the modality
    volume = read_volume(patched(plain, path, no_sform, (252, struct.pack("<h", 0))))
    assert np.array_equal(volume.affine, np.diag((2, 3, 4, 1)))
    assert volume.notes[0] == "the header gives no orientation: the axes are taken as right, front, head"


def test_axes_off_the_right_angle_are_noted(tmp_path: Path) -> None:
    affine = np.eye(4)
    affine[1, 2] = np.tan(np.radians(10))
    volume = read_volume(write_nifti(tmp_path / "a.nii", random_voxels(SHAPE, 0, 10), affine))
    assert volume.notes[0] == "the axes are up to 10.0 degrees off the right angle; the grid is kept as it is"
    assert np.allclose(volume.affine, affine)


def test_a_qform_without_its_sign_is_read_as_the_standard_says(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(random_voxels(SHAPE, 0, 10), None)
    image.set_qform(np.diag((-2.0, -3, 4, 1)), code=1)
    nibabel.save(image, tmp_path / "a.nii")
    path = patched(tmp_path / "b.nii", tmp_path / "a.nii", (76, struct.pack("<f", 0)))  # qfac
    assert np.array_equal(read_volume(path).affine, read_volume(tmp_path / "a.nii").affine)


def test_a_qform_that_mirrors_what_the_sform_gives_is_told(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(random_voxels(SHAPE, 0, 10), None)
    image.set_qform(np.diag((2.0, 3, 4, 1)), code=1)
    image.set_sform(np.diag((-2.0, 3, 4, 1)), code=1)
    nibabel.save(image, tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    assert volume.affine[0, 3] == -2.0 * (SHAPE[0] - 1)
    assert volume.notes[:2] == (
        "the axes run to LAS by the sform, to RAS by the qform: the sform is followed",
        "the header names no unit of length: mm is taken",
    )


def test_either_file_of_a_pair_is_read(tmp_path: Path) -> None:
    for image in (nibabel.Nifti1Pair, nibabel.Nifti2Pair):
        nibabel.save(image(random_voxels(SHAPE, 0, 10), np.diag((2.0, 3, 4, 1))), tmp_path / "a.hdr")
        header, voxels = read_volume(tmp_path / "a.hdr"), read_volume(tmp_path / "a.img")
        assert np.array_equal(header.voxels.numpy(), random_voxels(SHAPE, 0, 10))
        assert (voxels.name, voxels.path, header.path) == ("a", header.path, tmp_path / "a.hdr")
        assert files_of(tmp_path / "a.hdr") == [tmp_path / "a.hdr", tmp_path / "a.img"]
    patched(tmp_path / "a.hdr", tmp_path / "a.hdr", (4, bytes(8)))
    with pytest.raises(VolumeError, match="for a pair"):
        read_volume(tmp_path / "a.hdr")
    (tmp_path / "a.img").unlink()
    with pytest.raises(VolumeError, match=r"a\.hdr: .*(its voxels should lie in a\.img, which is missing|for a pair)"):
        read_volume(tmp_path / "a.hdr")
