# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import gzip
import math
import os
import resource
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from genesis_ext.data.readers import describe, read_volume, read_volumes
from genesis_ext.data.volume import VolumeError
from tests.data_layer.images import patched, random_voxels, write_nifti

VOXELS = random_voxels((5, 6, 7), -1000, 900)

# Offsets of fields of NIfTI-1.
DIM, DATATYPE, BITPIX, PIXDIM, VOX_OFFSET, SLOPE, UNITS, QFORM_CODE, SFORM_CODE, QUATERN, SROW, MAGIC = (
    40, 70, 72, 76, 108, 112, 123, 252, 254, 256, 280, 344,
)  # fmt: skip


def short(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}h", *values)


def real(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


NO_SFORM = (SFORM_CODE, short(0))
NO_QFORM = (QFORM_CODE, short(0))
QFORM = (QFORM_CODE, short(1))

DAMAGED_HEADERS = {
    "size of the header": ([(0, struct.pack("<i", 349))], "starts with its size 348 or 540, got 349"),
    "no axes": ([(DIM, short(0))], r"dim\[0\] must be 1 to 7 axes, got 0"),
    "many axes": ([(DIM, short(8))], r"dim\[0\] must be 1 to 7 axes, got 8"),
    "an axis of none": ([(DIM + 4, short(0))], "every size must be at least 1"),
    "a negative axis": ([(DIM + 4, short(-6))], "every size must be at least 1"),
    "one axis": ([(DIM, short(1))], "must be an image of 2, 3 or 4 axes, got 1 axes"),
    "five axes": ([(DIM, short(5, 1, 1, 7, 1, 3))], "must be an image of 2, 3 or 4 axes, got 5 axes"),
    "more voxels than there are": ([(DIM + 2, short(6))], "needs 1360 bytes, got 1192"),
    "huge": ([(DIM + 2, short(32767, 32767, 32767))], "must hold at most 2147483648 voxels, got 35181150961663"),
    "large": ([(DIM + 2, short(1200, 1200, 1200))], "needs 6912000352 bytes, got 1192"),
    "unknown type": ([(DATATYPE, short(22544))], "no voxel type has the code 22544"),
    "complex type": ([(DATATYPE, short(32)), (BITPIX, short(64))], "single real numbers, got complex64"),
    "colour type": ([(DATATYPE, short(128)), (BITPIX, short(24))], "single real numbers, got .*: convert colour"),
    "bits of another type": ([(BITPIX, short(16))], "bitpix must be 32 for float32, got 16"),
    "offset that is none": ([(VOX_OFFSET, real(math.nan))], "vox_offset must be a whole number from 352, got nan"),
    "offset in the header": ([(VOX_OFFSET, real(100))], "vox_offset must be a whole number from 352, got 100"),
    "offset behind the end": ([(VOX_OFFSET, real(1e9))], "needs 1000000840 bytes"),
    "endless slope": ([(SLOPE, real(math.inf))], "slope and intercept must be finite, got inf, "),
    "intercept that is none": ([(SLOPE, real(1, math.nan))], "slope and intercept must be finite, got 1.0, nan"),
    "slope beyond float32": ([(SLOPE, real(1e38))], r"slope 1e\+38 and intercept 0 lead beyond float32"),
    "unknown unit": ([(UNITS, b"\x05")], "unit of length must be 0 to 3, got 5"),
    "metres that are none": ([(UNITS, b"\x01")], r"spacing must lie in \[0.001, 100\] mm, got 1000 along i"),
    "another magic": ([(MAGIC, b"ni1\0")], "header must say b'n.1.x00' for one file"),
    "NaN in the sform": ([(SROW, real(math.nan))], "affine must be finite"),
    "sform of zeros": ([(SROW, real(*[0.0] * 12))], "got 0 along i"),
    "sform of two equal axes": ([(SROW, real(1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0))], "got 1.*|axes must span the space"),
    "singular sform": ([(SROW, real(1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0))], "axes must span the space"),
    "endless quaternion": ([NO_SFORM, QFORM, (QUATERN, real(math.nan))], "affine must be finite|qform is wrong"),
    "quaternion too long": ([NO_SFORM, QFORM, (QUATERN, real(3.0))], "qform is wrong"),
    "zero spacing of the qform": ([NO_SFORM, QFORM, (PIXDIM + 4, real(0.0))], "got 0 along i|qform is wrong"),
    "zero spacing alone": ([NO_SFORM, NO_QFORM, (PIXDIM + 8, real(0.0))], "got 0 along j"),
    "NaN spacing alone": ([NO_SFORM, NO_QFORM, (PIXDIM + 8, real(math.nan))], "affine must be finite"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_nifti(tmp_path_factory.mktemp("nifti") / "whole.nii", VOXELS)


@pytest.mark.parametrize("case", DAMAGED_HEADERS)
@pytest.mark.parametrize("suffix", ["nii", "nii.gz"])
def test_damaged_headers_are_refused_by_name_and_rule(tmp_path: Path, whole: Path, case: str, suffix: str) -> None:
    fields, text = DAMAGED_HEADERS[case]
    path = patched(tmp_path / f"a.{suffix}", whole, *fields)
    if suffix == "nii.gz":
        path.write_bytes(gzip.compress(path.read_bytes()))
        text = text.replace(", got 1192", "")  # what the stream holds is known only when it is read
    with pytest.raises(VolumeError, match=text) as caught:
        read_volume(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_truncated_empty_and_foreign_files_are_refused(tmp_path: Path, whole: Path) -> None:
    content = whole.read_bytes()
    packed = gzip.compress(content)
    flipped = bytearray(packed)
    flipped[len(flipped) // 2] ^= 0x10
    for name, data, text in (
        ("a.nii", content[:-1], "truncated"),
        ("b.nii", content[:200], "truncated: the header needs 348 bytes, got 200"),
        ("c.nii", b"", "the file is empty"),
        ("d.nii", b"x", "unreadable"),
        ("e.nii.gz", b"no image", "unreadable"),
        ("f.nii.gz", packed[:-100], "unreadable or truncated"),
        ("g.nii.gz", packed[:-1], "unreadable or truncated: the compressed stream ends before its end mark"),
        ("h.nii.gz", packed[:15], "unreadable or truncated"),
        ("i.nii.gz", bytes(flipped), "unreadable or truncated"),
        ("j.nii.gz", gzip.compress(content[:-1]), "truncated: its header needs 1192 bytes, got 1191"),
        ("k.txt", content, "must be DICOM, or its name must end in one of"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(VolumeError, match=text) as caught:
            read_volume(tmp_path / name)
        assert str(caught.value).startswith(str(tmp_path / name))
    os.mkfifo(tmp_path / "pipe.nii")
    with pytest.raises(VolumeError, match=r"pipe\.nii: the file is empty"):
        read_volume(tmp_path / "pipe.nii")
    with pytest.raises(VolumeError, match=r"none\.nii: no such file or folder"):
        read_volume(tmp_path / "none.nii")


def test_members_and_padding_of_a_gzip_stream_are_read(tmp_path: Path, whole: Path) -> None:
    content = whole.read_bytes()
    path = tmp_path / "a.nii.gz"
    members = gzip.compress(content[:500]) + b"\0" * 3 + gzip.compress(content[500:] + b"more")
    for behind in (b"\0" * 7, b"\r\n--signature--"):
        path.write_bytes(members + behind)
        assert np.array_equal(read_volume(path).voxels.numpy(), VOXELS)
    path.write_bytes(gzip.compress(content[:500]) + b"no member" + gzip.compress(content[500:]))
    with pytest.raises(VolumeError, match="unreadable or truncated"):
        read_volume(path)
    plain = tmp_path / "b.nii.gz"  # the name says more than the file
    plain.write_bytes(content)
    assert np.array_equal(read_volume(plain).voxels.numpy(), VOXELS)


@pytest.mark.parametrize(
    ("voxels", "text"),
    [
        (np.full((4, 4, 4), 3, np.int16), "all voxels hold the one value 3: there is nothing to learn"),
        (np.concatenate((VOXELS * 0 + np.inf, VOXELS), 2), "at most 5% of the voxels may be not finite .* 210 of 420"),
        (np.pad(VOXELS[:3, :3, :4] * np.nan, 1, constant_values=7), "at most 5% of the voxels may be .* got 36 of 150"),
        (np.full((4, 4, 4), np.nan, np.float32), "at most 5% of the voxels may be not finite .* 64 of 64"),
        (np.arange(-3000, -2000, dtype=np.int16).reshape(10, 10, 10), "nothing but padding"),
    ],
)
def test_values_that_teach_nothing_are_refused(tmp_path: Path, voxels: Any, text: str) -> None:
    path = write_nifti(tmp_path / "a.nii", voxels)
    with pytest.raises(VolumeError, match=text):
        read_volume(path)
    assert describe(path)[0].shape == voxels.shape  # known only when they are read


@pytest.fixture
def little_memory() -> Iterator[None]:
    """A process that can take little more memory than it has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with Path("/proc/self/statm").open() as file:
        held = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (held + (64 << 20), hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def test_what_a_header_promises_is_not_allocated(tmp_path: Path, whole: Path, little_memory: None) -> None:
    path = patched(tmp_path / "a.nii", whole, (DIM + 2, short(500, 500, 500)))
    with pytest.raises(VolumeError, match="needs 500000352 bytes, got 1192"):
        read_volume(path)
    packed = tmp_path / "a.nii.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(VolumeError, match=r"needs 500000352 bytes, got .*, which can become .* at most"):
        read_volume(packed)


def test_a_volume_that_memory_cannot_hold_is_named(tmp_path: Path, whole: Path, little_memory: None) -> None:
    path = patched(tmp_path / "a.nii", whole, (DIM + 2, short(500, 500, 500)))
    os.truncate(path, 500_000_352)  # a file with a hole: it takes no room on the disk
    with pytest.raises(VolumeError, match=r"its \(500, 500, 500\) voxels do not fit in memory"):
        read_volume(path)


def _meta_image(path: Path, packed: bool = False) -> bytes:
    itk = pytest.importorskip("SimpleITK")
    itk.WriteImage(itk.GetImageFromArray(VOXELS), str(path), packed)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        (b"DimSize", b"7 6 50", "truncated, or its header is wrong: it needs 8400 bytes"),
        (b"DimSize", b"70000 70000 70000", "must hold at most 2147483648 voxels"),
        (b"DimSize", b"0 6 5", "unreadable or truncated|every size must be at least 1"),
        (b"ElementSpacing", b"0 1 1", "spacing must lie in"),
        (b"ElementSpacing", b"nan 1 1", "spacing must lie in"),
        (b"TransformMatrix", b"1 0 0 1 0 0 0 0 1", "spacing must lie in|axes must span the space"),
        (b"TransformMatrix", b"nan 0 0 0 1 0 0 0 1", "spacing must lie in|affine must be finite"),
        (b"ElementDataFile", b"none.raw", r"its voxels should lie in none\.raw, which is missing"),
    ],
)
def test_damaged_meta_images_are_refused(tmp_path: Path, field: bytes, value: bytes, text: str) -> None:
    path = tmp_path / "a.mha"
    lines = _meta_image(path).split(b"\n")
    at = next(i for i, line in enumerate(lines) if line.startswith(field))
    lines[at] = field + b" = " + value
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(VolumeError, match=text) as caught:
        read_volume(path)
    assert str(caught.value).startswith(str(path))


def test_a_meta_image_without_its_data_or_with_damaged_data_is_refused(tmp_path: Path) -> None:
    header, raw = tmp_path / "a.mhd", tmp_path / "a.raw"
    _meta_image(header)
    raw.write_bytes(raw.read_bytes()[:-100])
    with pytest.raises(VolumeError, match=r"a\.mhd: truncated, or its header is wrong: it needs 840 bytes, got 740"):
        read_volume(header)
    raw.unlink()
    with pytest.raises(VolumeError, match=r"a\.mhd: unreadable or truncated: its voxels should lie in a\.raw"):
        read_volume(header)
    _meta_image(header, packed=True)
    packed = tmp_path / "a.zraw"
    stream = bytearray(packed.read_bytes())
    stream[len(stream) // 2] ^= 0x10
    packed.write_bytes(stream)
    with pytest.raises(VolumeError, match=r"a\.mhd: unreadable or truncated: Error -3 while decompressing"):
        read_volume(header)


@pytest.mark.parametrize("packed", [False, True])
def test_truncated_nrrd_files_are_refused(tmp_path: Path, packed: bool) -> None:
    itk = pytest.importorskip("SimpleITK")
    path = tmp_path / "a.nrrd"
    itk.WriteImage(itk.GetImageFromArray(VOXELS), str(path), packed)
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    with pytest.raises(VolumeError, match=r"a\.nrrd: unreadable or truncated"):
        read_volume(path)
    path.write_bytes(content.replace(b"sizes: 7 6 5", b"sizes: 700 600 500"))
    with pytest.raises(VolumeError, match="truncated, or its header is wrong: it needs 840000000 bytes"):
        read_volume(path)


def test_vector_and_complex_images_are_refused_and_4d_ones_offered_as_frames(tmp_path: Path) -> None:
    itk = pytest.importorskip("SimpleITK")
    vector = itk.GetImageFromArray(np.stack((VOXELS, VOXELS), 3), isVector=True)
    itk.WriteImage(vector, str(tmp_path / "vector.nrrd"))
    itk.WriteImage(itk.GetImageFromArray(VOXELS.astype(np.complex64)), str(tmp_path / "complex.nrrd"))
    itk.WriteImage(itk.JoinSeries([itk.GetImageFromArray(VOXELS)] * 2), str(tmp_path / "four.nrrd"))
    for name in ("vector", "complex"):
        with pytest.raises(VolumeError, match=r"single real numbers, got .*: convert colour, vector and complex"):
            read_volume(tmp_path / f"{name}.nrrd")
    with pytest.raises(VolumeError, match="3D image, got 4D, 2 frames"):
        read_volume(tmp_path / "four.nrrd")
    first, second = read_volumes(tmp_path / "four.nrrd", frames=True)
    assert np.array_equal(first.voxels, VOXELS.T[::-1, ::-1])
    assert np.array_equal(first.voxels, second.voxels)


def test_a_colour_nifti_is_refused(tmp_path: Path) -> None:
    rgb = np.zeros((4, 4, 4), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(rgb, np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(VolumeError, match="convert colour"):
        read_volume(tmp_path / "a.nii")
