# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""MetaImage and NRRD."""

import bz2
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from genesis_ext.data.readers import files_of, read_volume
from genesis_ext.data.volume import VolumeError
from tests.data_layer.images import random_voxels, write_nifti

VOXELS = random_voxels((5, 6, 7), -1000, 900)


@pytest.mark.parametrize("suffix", ["mha", "mhd", "nrrd", "nhdr"])
@pytest.mark.parametrize("packed", [False, True])
def test_itk_files_give_what_nifti_gives(tmp_path: Path, suffix: str, packed: bool) -> None:
    itk = pytest.importorskip("SimpleITK")
    affine = np.array([[-1.5, 0, 0, 3], [0, 2.0, 0, -7], [0, 0, 2.5, 5], [0, 0, 0, 1]])
    nifti = write_nifti(tmp_path / "a.nii", VOXELS.astype(np.int16), affine)
    other = tmp_path / f"a.{suffix}"
    itk.WriteImage(itk.ReadImage(str(nifti)), str(other), packed)
    a, b = read_volume(nifti), read_volume(other)
    assert torch.equal(a.voxels, b.voxels)
    assert np.allclose(a.affine, b.affine, atol=1e-5)  # ITK writes decimal text
    assert a.spacing_mm == pytest.approx(b.spacing_mm)
    assert (a.name, a.notes) == (b.name, b.notes)


def test_meta_images_are_scaled_and_say_what_they_are(tmp_path: Path) -> None:
    itk = pytest.importorskip("SimpleITK")
    path = tmp_path / "a.mha"
    stored = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    itk.WriteImage(itk.GetImageFromArray(stored), str(path))
    fields = b"Modality = MET_MOD_CT\nElementToIntensityFunctionSlope = 2\nElementToIntensityFunctionOffset = -9\n"
    path.write_bytes(path.read_bytes().replace(b"ElementType", fields + b"ElementType"))
    volume = read_volume(path)
    assert np.array_equal(volume.voxels.numpy(), (stored.T * 2 - 9)[::-1, ::-1])
    air = "no voxel of this CT is as low as air, -500 HU, the least is -9: an offset may lack"
    assert (volume.modality, volume.notes) == ("ct", (air,))


@pytest.mark.parametrize(
    ("field", "scale", "note"),
    [
        ('space units: "um" "um" "um"', 0.001, "the header is in um: converted to mm"),
        ('space units: "cm" "cm" "cm"', 10, "the header is in cm: converted to mm"),
        ('space units: "mm" "mm" "mm"', 1, None),
        ('space units: "parsec" "parsec" "parsec"', 1, "its unit of length is .*parsec.*: mm is taken"),
        ("DistanceUnits = um", 0.001, "the header is in um: converted to mm"),
        ("DistanceUnits = cm", 10, "the header is in cm: converted to mm"),
    ],
)
def test_units_of_length_become_mm(tmp_path: Path, field: str, scale: float, note: str | None) -> None:
    itk = pytest.importorskip("SimpleITK")
    nrrd = ":" in field
    path, other = tmp_path / ("a.nrrd" if nrrd else "a.mha"), tmp_path / ("b.nrrd" if nrrd else "b.mha")
    image = itk.GetImageFromArray(VOXELS.T)
    image.SetSpacing((2, 3, 4))
    image.SetOrigin((5, 6, 7))
    itk.WriteImage(image, str(path))
    before = b"sizes:" if nrrd else b"ElementType"
    other.write_bytes(path.read_bytes().replace(before, field.encode() + b"\n" + before, 1))
    plain, volume = read_volume(path), read_volume(other)
    assert np.allclose(volume.affine[:3], plain.affine[:3] * scale)
    said = [text for text in volume.notes if text not in plain.notes]
    assert len(said) == (note is not None)
    assert note is None or re.match(note, said[0])


def test_axes_of_different_units_are_refused(tmp_path: Path) -> None:
    itk = pytest.importorskip("SimpleITK")
    itk.WriteImage(itk.GetImageFromArray(VOXELS.T), str(tmp_path / "a.nrrd"))
    content = (tmp_path / "a.nrrd").read_bytes().replace(b"sizes:", b'space units: "mm" "mm" "m"\nsizes:', 1)
    (tmp_path / "a.nrrd").write_bytes(content)
    with pytest.raises(VolumeError, match="all axes must have one unit of length"):
        read_volume(tmp_path / "a.nrrd")


@pytest.mark.parametrize("detached", [False, True])
@pytest.mark.parametrize("endian", ["little", "big"])
def test_bzip2_in_nrrd_is_read(tmp_path: Path, detached: bool, endian: str) -> None:
    pytest.importorskip("SimpleITK")
    path = tmp_path / ("a.nhdr" if detached else "a.nrrd")
    head = f"NRRD0004\ntype: short\ndimension: 3\nsizes: 5 6 7\nspacings: 1 2 3\nendian: {endian}\nencoding: bzip2\n"
    stored = VOXELS.astype(">i2" if endian == "big" else "<i2")
    packed = bz2.compress(stored.tobytes(order="F"))
    if detached:
        (tmp_path / "a.raw").write_bytes(b"a line\n" + packed)
        path.write_text(head + "data file: a.raw\nline skip: 1\n")
    else:
        path.write_bytes(head.encode() + b"\n" + packed)
    assert np.array_equal(read_volume(path).voxels.numpy(), stored[::-1, ::-1])
    path.write_bytes(path.read_bytes().replace(b"sizes: 5 6", b"sizes: 50000 6000"))
    with pytest.raises(VolumeError, match="truncated, or its header is wrong: it needs 4200000000 bytes"):
        read_volume(path)


@pytest.mark.parametrize("names", ["LIST\ns0.raw\ns1.raw\n", "s%d.raw 0 1 1\n"])
@pytest.mark.parametrize("suffix", ["mhd", "nhdr"])
def test_all_files_of_voxels_belong_to_their_header(tmp_path: Path, suffix: str, names: str) -> None:
    pytest.importorskip("SimpleITK")
    meta = "NDims = 3\nDimSize = 5 6 2\nElementType = MET_SHORT\nElementDataFile = "
    nrrd = "NRRD0004\ntype: short\ndimension: 3\nsizes: 5 6 2\nendian: little\nencoding: raw\ndata file: "
    path = tmp_path / f"a.{suffix}"
    path.write_text((meta if suffix == "mhd" else nrrd) + names)
    for z in range(2):
        (tmp_path / f"s{z}.raw").write_bytes(VOXELS[..., z].astype("<i2").tobytes(order="F"))
    assert files_of(path) == [path, tmp_path / "s0.raw", tmp_path / "s1.raw"]
    assert read_volume(path).voxels.shape == (5, 6, 2)
    (tmp_path / "s1.raw").write_bytes(b"")
    with pytest.raises(VolumeError, match="it needs 120 bytes, got 60"):
        read_volume(path)
    (tmp_path / "s1.raw").unlink()
    with pytest.raises(VolumeError, match=r"s1\.raw"):
        read_volume(path)
