# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The stored numbers of a DICOM file: only the bits that count, in the byte order and sign that the file tells.

Uncompressed pixels are read here. Compressed ones are decoded by SimpleITK from a file of their own that says nothing
else, so that no rescaling, palette or inversion of its own comes between.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_ext.data.readers import itk as meta
from genesis_ext.data.readers.dicom_file import DEFLATED, NATIVE, DicomFile, quiet
from genesis_ext.data.readers.stored import check_size, count, library, one_line
from genesis_ext.data.volume import VolumeError

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_J2K_START = b"\xff\x4f\xff\x51"  # of a codestream, and of the segment with its sizes
_JPEG_BITS = range(2, 17)


def load(file: DicomFile) -> NDArray[Any]:
    """(frames, rows, columns), of colour (frames, rows, columns, 3); numbers as stored, in the machine's byte order.

    Raises:
        VolumeError: unreadable, truncated, or compressed in a way that cannot be decoded.
        OSError: it cannot be opened.
    """
    columns, rows, frames = file.size
    wanted = (frames, rows, columns) if file.components == 1 else (frames, rows, columns, file.components)
    if file.syntax not in NATIVE:
        numbers = _compressed(file)
    elif file.components == 1:
        numbers = _native(file)
    else:
        numbers = _colour(file)
    if numbers.size != count(wanted):
        raise VolumeError(f"{file.path}: the header says {wanted} voxels, got {numbers.shape}")
    return _counting_bits(file, numbers.reshape(wanted))


def load_values(file: DicomFile, inverted: bool = False) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """The same through the file's modality LUT or palette, and where its padding lies, None for nowhere.

    inverted: low numbers become high ones.
    """
    numbers = load(file)
    mask = None
    if file.padding is not None:
        mask = (numbers >= file.padding[0]) & (numbers <= file.padding[1])
    if inverted:
        numbers = (-1 if numbers.dtype.kind == "i" else numbers.dtype.type((1 << file.stored) - 1)) - numbers
    if file.tables is not None:
        processing = library("pydicom.pixels.processing", file.path)
        apply = processing.apply_color_lut if file.photometric == "PALETTE COLOR" else processing.apply_modality_lut
        try:
            with quiet():
                numbers = apply(numbers, file.tables)
        except Exception as error:  # pydicom raises many kinds on damaged tables
            raise VolumeError(f"{file.path}: its table of values is damaged: {one_line(error)}") from error
    return numbers, mask


def _native(file: DicomFile) -> NDArray[Any]:
    number = count(file.size)
    if file.syntax == DEFLATED:
        numbers = np.frombuffer(_element(file), file.dtype, number)
    else:
        numbers = np.memmap(file.path, file.dtype, "r", file.offset, number)
    if file.dtype.itemsize == 1 and file.syntax == NATIVE[2] and file.words:  # bytes in words of the other byte order
        size = number + number % 2
        check_size(file.path, size, file.path.stat().st_size - file.offset)
        words = np.memmap(file.path, ">u2", "r", file.offset, size // 2)
        return words.astype("<u2").view(file.dtype)[:number]
    return numbers.astype(file.dtype.newbyteorder("="))


def _colour(file: DicomFile) -> NDArray[Any]:
    pixels = library("pydicom.pixels", file.path)
    try:
        with quiet():
            return np.asarray(pixels.pixel_array(file.path))
    except Exception as error:  # pydicom raises many kinds on damaged files
        raise VolumeError(f"{file.path}: unreadable or truncated: {one_line(error)}") from error


def _element(file: DicomFile) -> bytes:
    """The value of the element that holds the pixels."""
    pydicom = library("pydicom", file.path)
    try:
        with quiet():
            header = pydicom.dcmread(file.path, force=True)
            tag = next(tag for tag in (0x7FE00010, 0x7FE00008, 0x7FE00009) if tag in header)
            value: bytes = header[tag].value
            return value
    except OSError:
        raise
    except Exception as error:  # pydicom raises many kinds on damaged files
        raise VolumeError(f"{file.path}: unreadable or truncated: {one_line(error)}") from error


def _counting_bits(file: DicomFile, numbers: NDArray[Any]) -> NDArray[Any]:
    """Without the bits that do not count (PS3.5, 8.1.1): they may hold an overlay, or no sign."""
    bits = 8 * file.dtype.itemsize
    if file.stored in (0, bits) or numbers.dtype.itemsize != file.dtype.itemsize:
        return numbers
    left, right = bits - 1 - file.high, bits - file.stored
    shifted: NDArray[Any] = np.right_shift(np.left_shift(numbers, left), right)
    return shifted


def _compressed(file: DicomFile) -> NDArray[Any]:
    """Decoded by SimpleITK."""
    pydicom, encaps = library("pydicom", file.path), library("pydicom.encaps", file.path)
    try:
        with quiet():
            frames = list(encaps.generate_frames(_element(file), number_of_frames=file.size[2]))
    except VolumeError:
        raise
    except Exception as error:  # pydicom raises many kinds on damaged files
        raise VolumeError(f"{file.path}: unreadable or truncated: {one_line(error)}") from error
    for frame in frames:
        _check_stream(file, frame)
    content = pydicom.Dataset()
    content.SOPClassUID, content.SOPInstanceUID = _SECONDARY_CAPTURE, "1.2.3"
    content.Columns, content.Rows, content.NumberOfFrames = file.size
    content.SamplesPerPixel = file.components
    content.PhotometricInterpretation = file.photometric if file.components == 3 else "MONOCHROME2"
    if file.components == 3:
        content.PlanarConfiguration = file.planar
    content.BitsAllocated, content.BitsStored, content.HighBit = 8 * file.dtype.itemsize, file.stored, file.high
    content.PixelRepresentation = int(file.dtype.kind == "i")
    content.PixelData = encaps.encapsulate(frames)
    content["PixelData"].VR = "OB"
    content.file_meta = pydicom.dataset.FileMetaDataset()
    content.file_meta.TransferSyntaxUID = file.syntax
    itk = library("SimpleITK", file.path)
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder) / "pixels.dcm"
        try:
            with quiet():
                pydicom.dcmwrite(alone, content, enforce_file_format=True)
        except (ValueError, TypeError, AttributeError) as error:
            raise VolumeError(f"{file.path}: unreadable or truncated: {one_line(error)}") from error
        reader = itk.ImageFileReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(str(alone))
        with meta.quiet(itk):
            try:
                decoded: NDArray[Any] = itk.GetArrayFromImage(reader.Execute())
                return decoded
            except RuntimeError as error:
                raise VolumeError(
                    f"{file.path}: unreadable or truncated, or of a compression that cannot be read, {file.syntax}"
                ) from error


def _check_stream(file: DicomFile, frame: bytes) -> None:
    """Refuse a stream of other sizes or depth than the header tells: a decoder would take memory for it, or crash."""
    for rows, columns, bits in _sizes(frame):
        if bits not in _JPEG_BITS:
            raise VolumeError(f"{file.path}: damaged: a JPEG stream holds 2 to 16 bits a pixel, got {bits}")
        if (columns, rows) != file.size[:2]:
            raise VolumeError(
                f"{file.path}: damaged: the header says {file.size[0]} x {file.size[1]} pixels, the compressed stream "
                f"{columns} x {rows}"
            )


def _sizes(frame: bytes) -> Iterator[tuple[int, int, int]]:
    """Rows, columns and bits of a pixel, at most once, as a stream of JPEG, JPEG-LS or JPEG 2000 tells them."""
    if (at := frame.find(_J2K_START, 0, 512)) >= 0:
        right, down, left, up = (int.from_bytes(frame[at + n : at + n + 4], "big") for n in (8, 12, 16, 20))
        depth = frame[at + 42] if len(frame) > at + 42 else 0
        yield down - up, right - left, (depth & 0x7F) + 1
        return
    at = 2 if frame[:2] == b"\xff\xd8" else len(frame)
    while at + 9 <= len(frame) and frame[at] == 0xFF:
        marker, length = frame[at + 1], int.from_bytes(frame[at + 2 : at + 4], "big")
        if (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)) or marker == 0xF7:  # start of a frame
            rows, columns = (int.from_bytes(frame[at + n : at + n + 2], "big") for n in (5, 7))
            yield rows, columns, frame[at + 4]
            return
        at += 2 + length
