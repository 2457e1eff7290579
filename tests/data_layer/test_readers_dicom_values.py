# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What the stored numbers of DICOM files mean, with pydicom as the second opinion."""

import struct
import tracemalloc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genesis_ext.data.readers import read_volume, read_volumes
from genesis_ext.data.volume import VolumeError
from tests.data_layer.dicom_objects import frames_of, write_enhanced
from tests.data_layer.images import patched, random_voxels, write_dicom, write_series

pydicom = pytest.importorskip("pydicom")

VOXELS = random_voxels((5, 6, 7), -1000, 900).round().astype(np.int16)
TURNED = torch.from_numpy(VOXELS[::-1, ::-1].copy())
FILES = Path(pydicom.__file__).parent / "data" / "test_files"


@contextmanager
def changed(path: Path, syntax: str | None = None) -> Iterator[Any]:
    """The data set of a file, written again afterwards, in another uncompressed transfer syntax if one is given."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path)
        yield dataset
        dataset.decode()
        if syntax is None:
            dataset.save_as(path)
            return
        dataset.file_meta.TransferSyntaxUID = syntax
        form = {"implicit_vr": syntax == "1.2.840.10008.1.2", "little_endian": not syntax.endswith(".1.2.2")}
        pydicom.dcmwrite(path, dataset, force_encoding=True, **form)


@pytest.mark.parametrize(
    "name",
    [
        "CT_small", "MR_small", "MR_small_RLE", "MR_small_bigendian", "MR_small_implicit", "MR_small_jp2klossless",
        "MR_small_padded", "J2K_pixelrep_mismatch", "JPEG2000", "examples_overlay", "image_dfl", "rtdose",
        "rtdose_expb", "rtdose_rle",
    ],
)  # fmt: skip
def test_files_of_pydicom_hold_what_pydicom_reads(name: str) -> None:
    path = FILES / f"{name}.dcm"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path)
        wanted = pydicom.pixels.apply_modality_lut(dataset.pixel_array, dataset)
    frames = [volume.voxels.numpy()[..., 0].T for volume in read_volumes(path, "xray", frames=True)]
    assert np.array_equal(np.stack(frames), wanted.reshape(len(frames), *wanted.shape[-2:]))


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"])
@pytest.mark.parametrize("bits", [16, 32])
def test_every_uncompressed_transfer_syntax_gives_the_same_numbers(tmp_path: Path, syntax: str, bits: int) -> None:
    pixels = (VOXELS[:, :, 0].astype(np.int32).T + 1024).astype(f"u{bits // 8}") * (40 if bits == 32 else 1)
    path = write_dicom(tmp_path / "a.dcm", pixels.astype(f"<u{bits // 8}"), t0008_0060="DX")
    with changed(path, syntax) as dataset:
        if syntax.endswith(".1.2.2"):
            dataset.PixelData = pixels.byteswap().tobytes()
    assert np.array_equal(read_volume(path).voxels.numpy()[..., 0].T, pixels)


def test_bytes_in_words_of_the_other_order_are_put_right(tmp_path: Path) -> None:
    pixels = np.arange(35, dtype=np.uint8).reshape(5, 7)  # an odd number of them
    path = write_dicom(tmp_path / "a.dcm", pixels, t0008_0060="DX")
    swapped = np.append(pixels.ravel(), np.uint8(0)).reshape(-1, 2)[:, ::-1]
    with changed(path, "1.2.840.10008.1.2.2") as dataset:
        dataset.PixelData = swapped.tobytes()
    assert np.array_equal(read_volume(path).voxels.numpy()[..., 0].T, pixels)


@pytest.mark.parametrize("signed", [False, True])
def test_only_the_stored_bits_count_and_the_highest_is_the_sign(tmp_path: Path, signed: bool) -> None:
    stored = VOXELS if signed else VOXELS + 1024
    junk = (np.arange(VOXELS.size).reshape(VOXELS.shape) % 16 << 12).astype(np.uint16)
    numbers = (stored.view(np.uint16) & 0x0FFF) | junk
    for z in range(7):
        place = {"t0020_0032": rf"0\0\{z}", "t0020_0037": r"1\0\0\0\1\0", "t0028_0030": r"1\1"}
        bits = {"t0028_0101": "12", "t0028_0102": "11", "t0028_0103": str(int(signed))}
        scale = {"t0028_1052": "0" if signed else "-1024"}
        write_dicom(tmp_path / f"{z}.dcm", np.ascontiguousarray(numbers[:, :, z].T), **place, **bits, **scale)
    assert torch.equal(read_volume(tmp_path).voxels, TURNED)


def test_a_modality_table_is_applied(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "scan", VOXELS, t0028_1052="", t0028_1053="")
    table = pydicom.Dataset()
    table.LUTDescriptor, table.ModalityLUTType = [3000, 0, 16], "HU"
    table.LUTData = np.arange(3000, dtype="<u2").tobytes()[::-1]  # no line: the bytes of each number change places
    for path in folder.iterdir():
        with changed(path) as dataset:
            dataset.ModalityLUTSequence = [table]
    numbers = np.frombuffer(table.LUTData, "<u2")[VOXELS + 1024].astype(np.float32)
    assert np.array_equal(read_volume(folder).voxels.numpy(), numbers[::-1, ::-1])


def test_a_scan_that_is_shown_inverted_keeps_its_numbers_and_says_so(tmp_path: Path) -> None:
    volume = read_volume(write_series(tmp_path / "scan", VOXELS, t0028_0004="MONOCHROME1"))
    assert torch.equal(volume.voxels, TURNED)
    assert volume.notes == ("its low values are meant to be shown bright: the numbers are kept as they are",)


@pytest.mark.parametrize(("modality", "fill"), [("CT", -1024), ("MR", int(VOXELS[1:].min()))])
@pytest.mark.parametrize("limit", [None, 65530])
def test_padding_is_background(tmp_path: Path, modality: str, fill: int, limit: int | None) -> None:
    folder = write_series(tmp_path / "scan", VOXELS, t0008_0060=modality)
    for path in folder.iterdir():
        with changed(path) as dataset:
            pixels = dataset.pixel_array.copy()
            pixels[:, 0] = 65535 if limit is None else 65532
            dataset.PixelData = pixels.tobytes()
            dataset.add_new(0x00280120, "US", 65535)
            if limit is not None:
                dataset.add_new(0x00280121, "US", limit)
    volume = read_volume(folder)
    wanted = VOXELS.copy()
    wanted[0] = fill
    assert np.array_equal(volume.voxels.numpy(), wanted[::-1, ::-1])
    assert f"42 voxels of padding around the image were set to {fill}" in volume.notes


def test_a_ct_that_lacks_its_offset_says_so(tmp_path: Path) -> None:
    volume = read_volume(write_series(tmp_path / "scan", VOXELS, t0028_1052="", t0028_1053=""))
    assert volume.notes[0] == (
        "no Rescale Intercept is given, which a CT must give: the stored numbers are taken as HU"
    )


@pytest.mark.parametrize(
    ("tags", "rule"),
    [
        ({"t0028_0030": r"-1\1"}, r"Pixel Spacing of 00.\.dcm must be above 0, got \(-1\.0, 1\.0\)"),
        ({"t0028_0030": r"0\0"}, "must be above 0"),
        ({"t0028_0030": "0,7\\0,7"}, "Pixel Spacing is missing or no two numbers"),
        ({"t0028_1053": "0"}, "Rescale Slope must not be 0"),
        ({"t0028_0101": "17"}, "must lie within the 16 bits allocated, got 17 and 15"),
        ({"t0028_0100": "12"}, "Bits Allocated must be 8, 16 or 32, got 12"),
        ({"t0028_0002": "2"}, "Samples per Pixel must be 1 or 3, got 2"),
    ],
)
def test_numbers_that_cannot_be_are_refused(tmp_path: Path, tags: dict[str, str], rule: str) -> None:
    with pytest.raises(VolumeError, match=rule):
        read_volume(write_series(tmp_path / "scan", VOXELS, **tags))


def test_compressed_frames_keep_the_scale_of_each(tmp_path: Path) -> None:
    voxels = VOXELS.clip(0, None).astype(np.uint16)
    own = [{"PixelValueTransformationSequence": {"RescaleSlope": 1 + z % 2, "RescaleIntercept": -z}} for z in range(7)]
    path = write_enhanced(tmp_path / "a.dcm", frames_of(voxels), range(7), own)
    plain = read_volume(path).voxels
    with changed(path) as dataset:
        dataset.compress("1.2.840.10008.1.2.5")
    pytest.importorskip("SimpleITK")
    assert torch.equal(read_volume(path).voxels, plain)


def test_a_damaged_length_takes_no_memory(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", VOXELS[0], t0008_0060="DX", t0008_1030="study")
    at = path.read_bytes().index(struct.pack("<HH2sH", 0x7FE0, 0x10, b"OW", 0)) + 8
    patched(path, path, (at, b"\xfe\xff\xff\x7f"))
    huge = write_dicom(tmp_path / "b.dcm", VOXELS[0], t0008_0060="DX")
    at = huge.read_bytes().index(b"\x08\0\x60\0CS") + 4
    patched(huge, huge, (at, b"UN\0\0\xf0\xff\xff\x7f"))
    tracemalloc.start()
    assert read_volume(path).voxels.shape == (7, 6, 1)  # its pixels are whole: nothing behind them is wanted
    with pytest.raises(VolumeError, match=r"b\.dcm: truncated: the file ends within its header"):
        read_volume(huge)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**27


def test_a_compressed_stream_of_other_sizes_is_refused(tmp_path: Path) -> None:
    content = (FILES / "MR_small_jp2klossless.dcm").read_bytes()
    at = content.index(b"\xff\x4f\xff\x51") + 8
    path = tmp_path / "a.dcm"
    path.write_bytes(content[:at] + b"\0\0\xff\0" + content[at + 4 :])
    with pytest.raises(VolumeError, match="the header says 64 x 64 pixels, the compressed stream 65280 x 64"):
        read_volume(path, "xray")


def test_objects_that_are_no_image_and_files_that_are_empty_are_left_out_and_named(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "scan", VOXELS)
    with changed(write_dicom(folder / "other.dcm", VOXELS[0])) as dataset:
        del dataset.PixelData, dataset.SamplesPerPixel
    (folder / "008.dcm").write_bytes(b"")
    volume = read_volume(folder)
    assert torch.equal(volume.voxels, TURNED)
    assert volume.notes == (
        "left out of the folder: 1 DICOM files that are no images, as other.dcm",
        "left out of the folder: 1 files named like slices that are empty or no DICOM, as 008.dcm",
    )


def test_a_file_cut_within_its_header_is_refused(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", VOXELS[0], t0008_0060="DX")
    path.write_bytes(path.read_bytes()[:330])
    with pytest.raises(VolumeError, match=r"a\.dcm: truncated: the file ends within its header"):
        read_volume(path)
