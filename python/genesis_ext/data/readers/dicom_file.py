# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""One DICOM file by pydicom: whether it holds an image, what its stored numbers are, and where each frame lies.

A frame is told by its functional groups, its own before those that all share, and else by the attributes of the file
(DICOM PS3.3, C.7.6.16). Damaged numbers count as missing.
"""

import io
import os
import re
import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from genesis_ext._types import Shape3
from genesis_ext.data.readers.stored import DEFLATE_RATIO, check_shape, check_size, count, library, one_line
from genesis_ext.data.volume import VolumeError

DEFLATED = "1.2.840.10008.1.2.1.99"
NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", DEFLATED)  # the others are compressed
# Spectra, reports, documents, presentation states, plans, raw data, segmentations, parametric maps: no scans.
_NO_SCAN = re.compile(r"1\.2\.840\.10008\.5\.1\.4\.1\.1\.(4\.2$|88\.|104\.|11\.|481\.[3-9]|66|9\.|68\.|78\.|30$)")
_PREAMBLE = 128
_UNDEFINED = 2**32 - 1  # length of pixels in fragments
_FLOATS: dict[int, np.dtype[Any]] = {0x7FE00008: np.dtype(np.float32), 0x7FE00009: np.dtype(np.float64)}
_PIXELS = 0x7FE00010
_POSITION, _ORIENTATION, _SPACING = (0x00209113, 0x00200032), (0x00209116, 0x00200037), (0x00289110, 0x00280030)
_SLOPE, _INTERCEPT = (0x00289145, 0x00281053), (0x00289145, 0x00281052)
# (functional group, attribute): stack, echo, effective echo time, complex part, type of frame in MR and in CT.
_KINDS = (
    (0x00209111, 0x00209056), (0, 0x00180086), (0x00189114, 0x00189082), (0x00189226, 0x00089208),
    (0x00189226, 0x00089007), (0x00189329, 0x00089007),
)  # fmt: skip
# Temporal position, acquisition, trigger time, b value, instance number.
_TIMES = (
    (0x00209111, 0x00209128), (0, 0x00200100), (0x00209111, 0x00209156), (0, 0x00200012), (0x00189118, 0x00209153),
    (0, 0x00181060), (0x00189117, 0x00189087), (0, 0x00200013),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of a file.

    Attributes:
        number: counted from 0.
        position: of its first pixel in mm, in DICOM's axes.   axes: directions of a row and of a column, six numbers.
        spacing: between rows and between columns, mm. All three None where the file does not tell them.
        slope, intercept: what the stored numbers mean; None where the file does not tell.
        kind: frames of one volume agree in it: stack, echo, type.   time: orders the frames of one place.
    """

    file: "DicomFile"
    number: int
    position: tuple[float, ...] | None
    axes: tuple[float, ...] | None
    spacing: tuple[float, ...] | None
    slope: float | None
    intercept: float | None
    kind: tuple[str, ...]
    time: tuple[float, ...]

    def __str__(self) -> str:
        name = self.file.path.name
        return f"frame {self.number + 1} of {name}" if self.file.size[2] > 1 else name


@dataclass(frozen=True, eq=False)
class DicomFile:
    """One file that holds an image.

    Attributes:
        size: columns, rows, frames.
        dtype: of a stored number, in the byte order of the file.
        components: numbers a pixel.
        stored, high: bits of a number that count, and the place of the highest.
        syntax: UID of the transfer syntax.   offset: of uncompressed pixels in the file.   words: they are of type OW.
        padding: least and greatest stored number that stand for no image, None for none.
        picture_spacing: of a picture, between rows and between columns in mm, None where it is not told.
        tables: the attributes that hold a modality LUT or a palette, None if there are none.
        frames: one each.
    """

    path: Path
    size: Shape3
    dtype: np.dtype[Any]
    components: int
    stored: int
    high: int
    syntax: str
    offset: int
    words: bool
    padding: tuple[int, int] | None
    photometric: str
    planar: int
    modality: str
    patient: str
    study: str
    series: str
    series_number: str
    instance: str
    picture_spacing: tuple[float, ...] | None
    tables: Any
    frames: list[Frame] = field(default_factory=list)

    @property
    def places_told(self) -> bool:
        """Whether a frame says where it lies."""
        return any(frame.position for frame in self.frames)


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM by its first bytes, whatever its name.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_PREAMBLE + 4)
    if head[_PREAMBLE:] == b"DICM":
        return True
    # Without a preamble the first element is one of group 8 (or 2): a length, or the two letters of a type.
    return len(head) > 8 and head[:2] in (b"\x08\0", b"\x02\0") and (head[4:6].isupper() or head[6:8] == b"\0\0")


def read_file(path: Path) -> DicomFile | None:
    """Read and check the header of one file; None if it holds no image, or none of a scan, as a segmentation.

    Raises:
        VolumeError: pydicom is missing, the file is damaged, or too small for its pixels.
        OSError: it cannot be opened.
    """
    pydicom = library("pydicom", path)
    with _Bounded(io.FileIO(path)) as file:
        try:
            with quiet():
                header = pydicom.dcmread(file, stop_before_pixels=True, force=True)
                syntax = _syntax(header)
                if syntax == DEFLATED:
                    file.seek(0)
                    header = pydicom.dcmread(file, force=True)
                    found = next(((tag, 0, "OW", 0) for tag in (_PIXELS, *_FLOATS) if tag in header), None)
                else:
                    found = _pixel_element(file, header)
                classes = _text(header, 0x00080016), _text(header.file_meta, 0x00020002)
                if any(map(_NO_SCAN.match, classes)):
                    return None
                if found is None and ("SamplesPerPixel" in header or any(map(_cut, header.values()))):
                    raise VolumeError(f"{path}: truncated: the file ends within its header")
                if found is None:
                    return None
                return _image(path, header, syntax, *found)
        except (VolumeError, OSError):
            raise
        except Exception as error:  # pydicom raises many kinds on damaged files
            raise VolumeError(f"{path}: unreadable or truncated: {one_line(error)}") from error


class _Bounded(io.BufferedReader):
    """A file that takes no memory for bytes which it does not hold, whatever length a damaged element claims."""

    def __init__(self, raw: io.FileIO) -> None:
        super().__init__(raw)
        self._end = os.fstat(raw.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, self._end - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings of pydicom on values against the standard."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _cut(element: Any) -> bool:
    """Whether the file ends within an element, of which pydicom takes what is there."""
    value = element.value
    return element.is_raw and isinstance(value, bytes) and len(value) < element.length != _UNDEFINED


def _syntax(header: Any) -> str:
    """The transfer syntax; of a file without one, that in which it could be read."""
    if told := _text(header.file_meta, 0x00020010):
        return told
    implicit, little = header.original_encoding
    return NATIVE[0] if implicit else NATIVE[1 if little else 2]


def _pixel_element(file: io.BufferedReader, header: Any) -> tuple[int, int, str, int] | None:
    """Tag, offset, type and length of the pixels, before which the header was read; None if there are none."""
    at = file.tell()
    head = file.read(12)
    implicit, little = header.original_encoding
    order = "<" if little else ">"
    if len(head) < 12:
        return None
    group, element, length = struct.unpack(order + "HHI", head[:8])
    tag, size, kind = group << 16 | element, 8, "OW"
    if not implicit:
        (length,), size, kind = struct.unpack(order + "I", head[8:]), 12, head[4:6].decode("latin-1")
    return (tag, at + size, kind, length) if tag in (_PIXELS, *_FLOATS) else None


def _image(path: Path, header: Any, syntax: str, tag: int, offset: int, kind: str, length: int) -> DicomFile:
    rows, columns = (_whole(path, header, name) for name in ("Rows", "Columns"))
    frames = _whole(path, header, "NumberOfFrames", 1) or 1
    components = _whole(path, header, "SamplesPerPixel", 1)
    (columns, rows, frames), _ = check_shape(path, (columns, rows, frames))
    if components not in (1, 3):
        raise VolumeError(f"{path}: Samples per Pixel must be 1 or 3, got {components}")
    signed = _whole(path, header, "PixelRepresentation", 0) == 1
    dtype: np.dtype[Any]
    if tag in _FLOATS:
        dtype = _FLOATS[tag]
        stored = high = 0
    else:
        bits = _whole(path, header, "BitsAllocated")
        if bits not in (8, 16, 32):
            raise VolumeError(f"{path}: Bits Allocated must be 8, 16 or 32, got {bits}")
        dtype = np.dtype(f"{'i' if signed else 'u'}{bits // 8}")
        stored = _whole(path, header, "BitsStored", bits)
        high = _whole(path, header, "HighBit", stored - 1)
        if not 1 <= stored <= high + 1 <= bits:
            raise VolumeError(
                f"{path}: Bits Stored and High Bit must lie within the {bits} bits allocated, got {stored} and {high}"
            )
    needed = count((columns, rows, frames, components)) * dtype.itemsize
    photometric = _text(header, 0x00280004).upper()
    if syntax in NATIVE and syntax != DEFLATED:
        if photometric == "YBR_FULL_422":  # two pixels share their colour
            needed = needed * 2 // 3
        if length == _UNDEFINED:
            raise VolumeError(f"{path}: its transfer syntax {syntax} is uncompressed, its pixels are in fragments")
        check_size(path, needed, min(length, path.stat().st_size - offset))
    else:
        check_size(path, needed, path.stat().st_size, DEFLATE_RATIO)
    if not header.original_encoding[1]:
        dtype = dtype.newbyteorder(">")
    root = (header, None, None)
    given = (_numbers(root, (0, place), 2) for place in (0x00280030, 0x00181164, 0x00182010))
    tables = header if "ModalityLUTSequence" in header or photometric == "PALETTE COLOR" else None
    file = DicomFile(
        path=path,
        size=(columns, rows, frames),
        dtype=dtype,
        components=components,
        stored=stored,
        high=high,
        syntax=syntax,
        offset=offset,
        words=kind == "OW",
        padding=_padding(header, dtype),
        photometric=photometric,
        planar=_whole(path, header, "PlanarConfiguration", 0),
        picture_spacing=next((found for found in given if found and min(found) > 0), None),
        tables=tables,
        modality=_text(header, 0x00080060),
        patient=_text(header, 0x00100020),
        study=_text(header, 0x0020000D),
        series=_text(header, 0x0020000E),
        series_number=_text(header, 0x00200011),
        instance=_text(header, 0x00080018),
    )
    file.frames.extend(_frames(file, header))
    return file


def _padding(header: Any, dtype: np.dtype[Any]) -> tuple[int, int] | None:
    """The numbers from Pixel Padding Value to Pixel Padding Range Limit, as they are stored."""
    ends = []
    for tag in (0x00280120, 0x00280121):
        if tag not in header:
            continue
        value = header[tag].value
        if isinstance(value, bytes):  # of a type that the file does not tell
            value = int.from_bytes(value[:2], "little" if header.original_encoding[1] else "big")
        if not isinstance(value, int) or dtype.kind == "f":
            return None
        ends.append(
            int(np.array(value & (2 ** (8 * dtype.itemsize) - 1), f"u{dtype.itemsize}").view(dtype.newbyteorder("=")))
        )
    return (min(ends), max(ends)) if ends else None


def _frames(file: DicomFile, header: Any) -> Iterator[Frame]:
    shared = next(iter(_items(header, 0x52009229)), None)
    own = _items(header, 0x52009230)
    for number in range(file.size[2]):
        where = (header, shared, own[number] if number < len(own) else None)
        index = _numbers(where, (0x00209111, 0x00209157)) or ()
        yield Frame(
            file=file,
            number=number,
            position=_numbers(where, _POSITION, 3),
            axes=_numbers(where, _ORIENTATION, 6),
            spacing=_numbers(where, _SPACING, 2),
            slope=next(iter(_numbers(where, _SLOPE, 1) or ()), None),
            intercept=next(iter(_numbers(where, _INTERCEPT, 1) or ()), None),
            kind=tuple(_text(_holder(where, *place), place[1]) for place in _KINDS),
            time=(*(next(iter(_numbers(where, place, 1) or ()), 0.0) for place in _TIMES), *index, number),
        )


def _holder(where: tuple[Any, Any, Any], group: int, tag: int) -> Any:
    """What holds an attribute of a frame: an item of its functional group, of the shared one, or the file itself."""
    header, shared, own = where
    for place in (own, shared):
        for item in _items(place, group) if group and place is not None else ():
            if tag in item:
                return item
    return header


def _items(dataset: Any, tag: int) -> Sequence[Any]:
    found = dataset[tag].value if tag in dataset else None
    return found if found is not None and not isinstance(found, bytes | str) else ()


def _values(dataset: Any, tag: int) -> list[str]:
    if dataset is None or tag not in dataset:
        return []
    try:
        value = dataset[tag].value
    except (ValueError, TypeError, OverflowError, NotImplementedError, AttributeError):
        value = dataset.get_item(tag).value
    if isinstance(value, bytes):
        value = value.decode("latin-1").split("\\")
    several = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return [str(part).strip(" \0") for part in several if part is not None]


def _text(dataset: Any, tag: int) -> str:
    return "\\".join(_values(dataset, tag))


def _numbers(
    where: tuple[Any, Any, Any], place: tuple[int, int], length: int | None = None
) -> tuple[float, ...] | None:
    """An attribute of that many finite numbers; None where it is missing, empty or none."""
    try:
        values = tuple(float(part) for part in _values(_holder(where, *place), place[1]))
    except ValueError:
        return None
    right = len(values) == length if length is not None else bool(values)
    return values if right and np.isfinite(values).all() else None


def _whole(path: Path, header: Any, name: str, default: int | None = None) -> int:
    value = header.get(name)
    if value in (None, "") and default is not None:
        return default
    if not isinstance(value, int) or value < 0:
        raise VolumeError(f"{path}: the header is wrong: {name} must be a whole number, got {value}")
    return int(value)
