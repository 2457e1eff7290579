# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import locale
from pathlib import Path

import numpy as np
import pytest
import torch

from genesis_ext.data.readers import describe, read_volume, read_volumes
from genesis_ext.data.volume import VolumeError
from tests.data_layer.images import patched, random_voxels, write_dicom, write_series

itk = pytest.importorskip("SimpleITK")

VOXELS = random_voxels((5, 6, 7), -1000, 900).round().astype(np.int16)
TURNED = torch.from_numpy(VOXELS[::-1, ::-1].copy())  # write_series runs to the left and to the back


def test_slices_are_stacked_by_position_whatever_their_names_say(tmp_path: Path) -> None:
    volume = read_volume(write_series(tmp_path / "scan", VOXELS))
    assert volume.voxels.dtype == torch.int16
    assert torch.equal(volume.voxels, TURNED)
    assert volume.spacing_mm == (0.5, 0.75, 2.0)
    # Column 4, row 5 of slice 0 lies at (-10 + 4 * .5, -20 + 5 * .75, 30) in DICOM's axes, left and back.
    assert np.allclose(volume.affine[:3, 3], (8.0, 16.25, 30.0))
    assert (volume.modality, volume.patient, volume.name) == ("ct", "P1", "P1_7")
    assert volume.notes == ()
    assert volume.path == tmp_path / "scan"


def test_files_without_suffix_or_preamble_and_other_files_beside_them(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "scan", VOXELS)
    for number, path in enumerate(sorted(folder.iterdir())):
        path.rename(folder / f"IM.{number}")
        if number % 2:
            content = (folder / f"IM.{number}").read_bytes()
            (folder / f"IM.{number}").write_bytes(content[content.index(b"\x08\0\x16\0") :])  # an old file: no header
    (folder / "readme.txt").write_text("what these files are")
    (folder / ".hidden").write_text("x")
    report = write_dicom(folder / "report", VOXELS[0], t0002_0002="1.2.840.10008.5.1.4.1.1.88.33")
    volume = read_volume(folder)
    assert torch.equal(volume.voxels, TURNED)
    assert volume.notes == (f"left out of the folder: 1 DICOM files that are no images, as {report.name}",)


def test_a_slope_that_is_no_whole_number_gives_float32(tmp_path: Path) -> None:
    scale = {"t0028_1052": "-1000.5", "t0028_1053": "0.25"}
    volume = read_volume(write_series(tmp_path / "scan", VOXELS, **scale))
    assert torch.equal(volume.voxels, (TURNED.float() + 1024) * 0.25 - 1000.5)


def test_padding_around_the_field_of_view_is_set_to_air(tmp_path: Path) -> None:
    padded = VOXELS.copy()
    padded[:2] = -1024  # stored as 0, a slope of 2 makes -3000 of it
    volume = read_volume(write_series(tmp_path / "scan", padded, t0028_1052="-3000", t0028_1053="2"))
    assert int(volume.voxels.min()) == -1024
    below = int((2 * (padded.astype(int) + 1024) - 3000 < -1024).sum())
    assert volume.notes == (f"{below} voxels below -1024 HU, down to -3000, were set to -1024",)


def test_series_of_one_folder_are_told_apart(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "study", VOXELS)
    write_series(folder / "b", VOXELS[:4], step=3.0, t0020_000e="1.2.9", t0020_0011="12")
    for path in (folder / "b").iterdir():
        path.rename(folder / f"b{path.name}")
    first, second = read_volumes(folder)
    assert (first.name, second.name) == ("P1_7", "P1_12")
    assert torch.equal(first.voxels, TURNED)
    assert second.spacing_mm == (0.5, 0.75, 3.0)
    assert [(header.name, header.shape, header.series) for header in describe(folder)] == [
        ("P1_7", (5, 6, 7), "1.2.3.4"),
        ("P1_12", (4, 6, 7), "1.2.9"),
    ]
    with pytest.raises(VolumeError, match=r"study: must hold one series, got 2: P1_7 \(5, 6, 7\), P1_12 \(4, 6, 7\)"):
        read_volume(folder)
    assert read_volume(folder, series="P1_12").spacing_mm == read_volume(folder, series="1.2.9").spacing_mm
    with pytest.raises(VolumeError, match="must hold the series none, found none of that name"):
        read_volume(folder, series="none")


def test_stacks_of_two_orientations_or_sizes_in_one_series_are_two_volumes(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "study", VOXELS)
    for number in range(3):
        place = {"t0020_0032": rf"0\{number * 4}\0", "t0020_0037": r"1\0\0\0\0\-1", "t0028_0030": r"0.75\0.5"}
        write_dicom(folder / f"coronal{number}.dcm", VOXELS[:, :, number].T, t0028_1052="0", t0028_1053="1", **place)
    axial, coronal = read_volumes(folder)
    assert torch.equal(axial.voxels, TURNED)
    assert (axial.name, coronal.name) == ("P1_7", "P1_7_2")
    assert coronal.voxels.shape == (5, 3, 6)
    assert coronal.spacing_mm == (0.5, 4.0, 0.75)


def test_a_scout_is_left_out_and_the_volume_says_so(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "study", VOXELS)
    place = {"t0020_0032": r"0\0\0", "t0020_0037": r"0\1\0\0\0\-1", "t0028_0030": r"1\1"}
    write_dicom(folder / "scout.dcm", VOXELS[:, :, 0], t0020_0011="1", **place)
    volume = read_volume(folder)
    assert torch.equal(volume.voxels, TURNED)
    assert volume.notes == (
        f"left out of the folder: {folder}: series P1_1: a volume needs at least 2 slices at different places, got 1",
    )


def test_missing_and_uneven_slices_are_refused(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "gap", VOXELS)
    (folder / "004.dcm").unlink()
    with pytest.raises(VolumeError, match="series P1_7: 1 of 7 slices are missing, the first behind slice 3: 4 mm to"):
        read_volume(folder)
    folder = write_series(tmp_path / "uneven", VOXELS)
    write_series(tmp_path / "other", VOXELS, step=2.3)
    (tmp_path / "other" / "002.dcm").replace(folder / "002.dcm")
    with pytest.raises(VolumeError, match=r"must stand evenly within 5% of a step, got steps of .* to 3.5 mm"):
        read_volume(folder)


def test_slices_that_are_even_to_the_rounding_of_their_text_are_taken(tmp_path: Path) -> None:
    for number, z in enumerate(("0", "0.67", "1.33", "2.0")):
        place = {"t0020_0032": rf"0\0\{z}", "t0020_0037": r"1\0\0\0\1\0", "t0028_0030": r"1\1"}
        write_dicom(tmp_path / f"{number}.dcm", VOXELS[:, :, number].T, t0028_1052="0", **place)
    volume = read_volume(tmp_path)
    assert volume.spacing_mm == pytest.approx((1, 1, 2 / 3))
    assert volume.notes == ()


def test_a_tilted_gantry_keeps_the_positions(tmp_path: Path) -> None:
    for number in range(4):
        place = {"t0020_0032": rf"0\{number * 0.5}\{number * 2}", "t0020_0037": r"1\0\0\0\1\0"}
        write_dicom(tmp_path / f"{number}.dcm", VOXELS[:, :, number].T, t0028_0030=r"1\1", t0028_1052="0", **place)
    volume = read_volume(tmp_path)
    assert np.allclose(volume.affine[:3, 2], (0, -0.5, 2))
    assert volume.notes == ("the axes are up to 14.0 degrees off the right angle; the grid is kept as it is",)


def test_frames_at_the_same_places_are_offered_and_read_in_time(tmp_path: Path) -> None:
    for number in range(2):
        write_series(tmp_path / str(number), VOXELS + number, t0020_0012=str(2 - number), t0020_0013="")
        for path in (tmp_path / str(number)).iterdir():
            path.rename(tmp_path / f"{number}{path.name}")
    with pytest.raises(VolumeError, match=r"3D image, got 4D, 2 frames or channels of \(5, 6, 7\): .* frames=True"):
        read_volume(tmp_path)
    (header,) = describe(tmp_path)
    assert header.frames == 2
    first, second = read_volumes(tmp_path, frames=True)
    assert (first.name, second.name) == ("P1_7_t00", "P1_7_t01")
    assert torch.equal(second.voxels, TURNED)  # its acquisition has the greater number
    assert torch.equal(first.voxels, TURNED + 1)
    (tmp_path / "0004.dcm").unlink()
    with pytest.raises(
        VolumeError, match="same number of slices, got 1 at 1 places, 2 at 6 places: slices are missing"
    ):
        read_volume(tmp_path)


def test_a_slice_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "scan", VOXELS)
    (folder / "copy.dcm").write_bytes((folder / "003.dcm").read_bytes())
    volume = read_volume(folder)
    assert torch.equal(volume.voxels, TURNED)
    assert volume.notes == ("1 files that hold a slice a second time were left out",)


@pytest.mark.parametrize(("tag", "modality"), [("MR", "mri"), ("CT", "ct")])
def test_the_modality_is_that_of_the_tag(tmp_path: Path, tag: str, modality: str) -> None:
    volume = read_volume(write_series(tmp_path / "scan", VOXELS, t0008_0060=tag))
    assert volume.modality == modality
    assert volume.notes == ()


def test_another_modality_is_refused_unless_asked_for(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "scan", VOXELS, t0008_0060="PT")
    with pytest.raises(VolumeError, match="modality must be CT, MR, or one of X-ray or ultrasound, got PT"):
        read_volume(folder)
    assert read_volume(folder, "mri").modality == "mri"
    folder = write_series(tmp_path / "ct", VOXELS)
    assert read_volume(folder, "mri").notes == ("taken as mri as asked, though the file says ct",)


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("t0020_0032", "must give its place"),
        ("t0020_0037", "must give its orientation"),
        ("t0028_0030", "must give its spacing"),
    ],
)
def test_slices_that_do_not_say_where_they_lie_are_refused(tmp_path: Path, tag: str, text: str) -> None:
    with pytest.raises(VolumeError, match=text):
        read_volume(write_series(tmp_path / "scan", VOXELS, **{tag: ""}))


def test_folders_without_images_and_single_slices_are_refused(tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match="must hold DICOM images itself, found none among its 0 files"):
        read_volume(tmp_path)
    folder = write_series(tmp_path / "scan", VOXELS)
    with pytest.raises(VolumeError, match="found none"):
        read_volume(tmp_path)  # they lie in a folder below
    with pytest.raises(VolumeError, match=r"004\.dcm: is one slice of a CT, no volume: give the folder of the series"):
        read_volume(folder / "004.dcm")


def test_a_truncated_slice_is_named(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "scan", VOXELS)
    path = folder / "004.dcm"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(VolumeError, match=r"004\.dcm: truncated, or its header is wrong: it needs 60 bytes, got 40"):
        read_volume(folder)


def test_a_slice_of_a_huge_size_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", VOXELS[0])
    at = path.read_bytes().index(b"\x28\0\x10\0US") + 8
    patched(path, path, (at, b"\xff\xff"), (at + 10, b"\xff\xff"))
    with pytest.raises(VolumeError, match=r"a\.dcm: (must hold at most 2147483648 voxels|unreadable or truncated)"):
        read_volume(tmp_path)


def _pack(folder: Path, out: Path, compressor: str) -> None:
    """Write the slices of a folder again, compressed without loss."""
    out.mkdir()
    writer = itk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    writer.UseCompressionOn()
    writer.SetCompressor(compressor)
    spoken = locale.setlocale(locale.LC_ALL)
    for path in folder.iterdir():
        image = itk.ReadImage(str(path))
        packed = itk.Cast(image, itk.sitkInt16)  # the rescaled numbers come in 32 bits, which these cannot hold
        for key in image.GetMetaDataKeys():
            packed.SetMetaData(key, image.GetMetaData(key))
        writer.SetFileName(str(out / path.name))
        writer.Execute(packed)
    locale.setlocale(locale.LC_ALL, spoken)  # the encoder of JPEG 2000 leaves "C" behind, and Python then reads ASCII


@pytest.mark.parametrize("compressor", ["JPEG2000", "JPEG"])
def test_lossless_transfer_syntaxes_give_the_same_voxels(tmp_path: Path, compressor: str) -> None:
    voxels = random_voxels((40, 33, 3), -1000, 900).round().astype(np.int16)
    plain = write_series(tmp_path / "plain", voxels)
    _pack(plain, tmp_path / "packed", compressor)
    volume = read_volume(tmp_path / "packed")
    assert torch.equal(volume.voxels, torch.from_numpy(voxels[::-1, ::-1].copy()))
    assert np.allclose(volume.affine, read_volume(plain).affine)


def test_a_jpeg_stream_of_a_depth_that_none_has_is_refused(tmp_path: Path) -> None:
    _pack(write_series(tmp_path / "plain", VOXELS), tmp_path / "packed", "JPEG")
    path = tmp_path / "packed" / "004.dcm"
    frame = path.read_bytes().index(b"\xff\xc3")  # start of a lossless frame; its depth stands behind its length
    patched(path, path, (frame + 4, b"\xb7"))
    with pytest.raises(VolumeError, match=r"004\.dcm: damaged: a JPEG stream holds 2 to 16 bits a pixel, got 183"):
        read_volume(tmp_path / "packed")


def test_colour_is_refused_in_a_series_and_frames_without_places_too(tmp_path: Path) -> None:
    write_dicom(tmp_path / "rgb" / "a.dcm", np.zeros((4, 5, 3), np.uint8))
    with pytest.raises(VolumeError, match="single real numbers, got 3 a voxel"):
        read_volume(tmp_path / "rgb")
    write_dicom(tmp_path / "many.dcm", VOXELS, t0008_0060="MR")
    with pytest.raises(VolumeError, match="holds 5 frames that do not say where they lie"):
        read_volume(tmp_path / "many.dcm")


def test_an_orientation_must_be_two_axes_at_right_angles(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "scan", VOXELS, t0020_0037=r"1\0\0\1\0\0")
    with pytest.raises(VolumeError, match="two unit vectors at right angles"):
        read_volume(folder)
