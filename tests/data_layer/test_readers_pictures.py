# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genesis_ext.data.readers import describe, read_volume, read_volumes
from genesis_ext.data.volume import VolumeError
from tests.data_layer.images import random_voxels, write_dicom

image = pytest.importorskip("PIL.Image")

PIXELS = random_voxels((5, 7), 0, 255).astype(np.uint8)  # 5 rows of 7 columns
NO_SPACING = "the file gives no spacing: 1 mm is taken"


@pytest.mark.parametrize("suffix", ["png", "jpg", "jpeg"])
def test_a_picture_is_one_slice_of_columns_and_rows(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"chest.{suffix}"
    image.fromarray(PIXELS).save(path, quality=100)
    volume = read_volume(path)
    assert volume.voxels.shape == (7, 5, 1)
    assert volume.voxels.dtype == torch.uint8
    assert np.abs(volume.voxels.numpy()[..., 0].T.astype(int) - PIXELS).max() <= (0 if suffix == "png" else 1)
    assert (volume.spacing_mm, volume.modality, volume.name) == ((1.0, 1.0, 1.0), "xray", "chest")
    assert volume.notes == (NO_SPACING, "taken as an X-ray: the file does not say what it shows")
    assert read_volume(path, "us").notes == (NO_SPACING,)
    assert [header.shape for header in describe(path)] == [(7, 5, 1)]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_grey_pictures_with_more_channels_are_taken(tmp_path: Path, mode: str) -> None:
    image.fromarray(PIXELS).convert(mode).save(tmp_path / "a.png")
    assert np.array_equal(read_volume(tmp_path / "a.png").voxels.numpy()[..., 0].T, PIXELS)


@pytest.mark.parametrize(("greatest", "dtype"), [(30_000, torch.int16), (60_000, torch.float32)])
def test_sixteen_bits_are_kept(tmp_path: Path, greatest: int, dtype: torch.dtype) -> None:
    pixels = random_voxels((5, 7), 0, greatest).astype(np.uint16)
    image.fromarray(pixels).save(tmp_path / "a.png")
    volume = read_volume(tmp_path / "a.png")
    assert volume.voxels.dtype == dtype
    assert np.array_equal(volume.voxels.numpy()[..., 0].T, pixels)


def test_black_and_white_becomes_grey(tmp_path: Path) -> None:
    image.fromarray(PIXELS > 100).save(tmp_path / "a.png")
    assert np.array_equal(read_volume(tmp_path / "a.png").voxels.numpy()[..., 0].T, (PIXELS > 100) * 255)


def test_a_picture_that_its_camera_held_upright_is_turned(tmp_path: Path) -> None:
    picture = image.fromarray(PIXELS)
    exif = picture.getexif()
    exif[0x0112] = 6  # to be turned by a quarter to the right
    picture.save(tmp_path / "a.png", exif=exif)
    volume = read_volume(tmp_path / "a.png")
    assert np.array_equal(volume.voxels.numpy()[..., 0].T, np.rot90(PIXELS, -1))
    assert describe(tmp_path / "a.png")[0].shape == (5, 7, 1)


def test_coloured_damaged_and_foreign_pictures_are_refused(tmp_path: Path) -> None:
    colour = np.stack((PIXELS, PIXELS, PIXELS), 2)
    colour[0, :3, 1] ^= 1
    image.fromarray(colour).save(tmp_path / "rgb.png")
    image.fromarray(PIXELS).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[:-30])
    (tmp_path / "text.png").write_text("no picture")
    image.fromarray(PIXELS).save(tmp_path / "gif.gif")
    (tmp_path / "gif.png").write_bytes((tmp_path / "gif.gif").read_bytes())
    image.fromarray(np.full((4, 4), 9, np.uint8)).save(tmp_path / "flat.png")
    for name, text in (
        ("rgb", "must be grey .*, got 3 coloured pixels of 35: convert it first"),
        ("cut", "unreadable or truncated"),
        ("text", "unreadable or truncated"),
        ("gif", "unreadable or truncated"),
        ("flat", "all voxels hold the one value 9"),
    ):
        with pytest.raises(VolumeError, match=text) as caught:
            read_volume(tmp_path / f"{name}.png")
        assert str(caught.value).startswith(str(tmp_path / f"{name}.png"))


@pytest.mark.parametrize(("size", "text"), [(60_000, "3600000000 pixels"), (13_000, "it needs 169000000 bytes")])
def test_a_picture_that_promises_a_huge_size_is_refused(tmp_path: Path, size: int, text: str) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + data)
    with pytest.raises(VolumeError, match=text):
        read_volume(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("tags", "modality", "spacing", "notes"),
    [
        ({"t0008_0060": "DX", "t0028_0030": r"0.2\0.3"}, "xray", (0.3, 0.2, 1.0), ()),
        ({"t0008_0060": "CR", "t0018_1164": r"0.14\0.14"}, "xray", (0.14, 0.14, 1.0), ()),
        ({"t0008_0060": "CR", "t0018_1164": r"0\0"}, "xray", (1.0, 1.0, 1.0), (NO_SPACING,)),
        ({"t0008_0060": "US"}, "us", (1.0, 1.0, 1.0), (NO_SPACING,)),
    ],
)
def test_a_dicom_picture_says_what_it_is(
    tmp_path: Path, tags: dict[str, str], modality: str, spacing: tuple[float, ...], notes: tuple[str, ...]
) -> None:
    pytest.importorskip("SimpleITK")
    volume = read_volume(write_dicom(tmp_path / "1.2.840.77", PIXELS, **tags))
    assert np.array_equal(volume.voxels.numpy()[..., 0].T, PIXELS)
    assert (volume.modality, volume.spacing_mm, volume.notes) == (modality, spacing, notes)
    assert (volume.name, volume.patient) == ("1.2.840.77", "P1")


def test_a_radiograph_whose_low_values_are_bright_is_inverted(tmp_path: Path) -> None:
    pytest.importorskip("SimpleITK")
    path = write_dicom(tmp_path / "a.dcm", PIXELS, t0008_0060="DX", t0028_0030=r"1\1", t0028_0004="MONOCHROME1")
    volume = read_volume(path)
    assert np.array_equal(volume.voxels.numpy()[..., 0].T, 255 - PIXELS)
    assert volume.notes == ("its low values are bright: it is read inverted",)


def test_radiographs_of_one_folder_are_pictures_of_their_own(tmp_path: Path) -> None:
    pytest.importorskip("SimpleITK")
    for number in range(3):
        write_dicom(tmp_path / f"{number}.dcm", PIXELS + number, t0008_0060="DX", t0028_0030=r"1\1")
    volumes = read_volumes(tmp_path)
    assert [volume.path.name for volume in volumes] == ["0.dcm", "1.dcm", "2.dcm"]
    assert np.array_equal(volumes[2].voxels.numpy()[..., 0].T, PIXELS + 2)


def test_a_moving_ultrasound_is_offered_as_frames_and_grey_colour_is_taken(tmp_path: Path) -> None:
    pytest.importorskip("SimpleITK")
    frames: Any = np.stack((PIXELS, PIXELS + 1))
    path = write_dicom(tmp_path / "a.dcm", frames, t0008_0060="US")
    with pytest.raises(VolumeError, match="got 4D, 2 frames"):
        read_volume(path)
    volumes = read_volumes(path, frames=True)
    assert [volume.name for volume in volumes] == ["a_t00", "a_t01"]
    assert np.array_equal(volumes[1].voxels.numpy()[..., 0].T, PIXELS + 1)
    grey = np.stack((PIXELS, PIXELS, PIXELS), 2)
    path = write_dicom(tmp_path / "grey.dcm", grey, t0008_0060="US")
    assert np.array_equal(read_volume(path).voxels.numpy()[..., 0].T, PIXELS)
    grey[1, 1, 1] ^= 255
    with pytest.raises(VolumeError, match="got 1 coloured pixels of 35"):
        read_volume(write_dicom(tmp_path / "colour.dcm", grey, t0008_0060="US"))
