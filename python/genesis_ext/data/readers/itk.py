# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""MHD, MHA, NRRD and NHDR by SimpleITK, with what it leaves out: plausible sizes, intensity scale, damaged streams."""

import bz2
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_ext.data.readers.orientation import check_affine
from genesis_ext.data.readers.reader import Reader, register
from genesis_ext.data.readers.stored import (
    BZIP2_RATIO,
    DEFLATE_RATIO,
    StoredImage,
    check_real,
    check_shape,
    check_size,
    count,
    inflate,
    library,
    one_line,
)
from genesis_ext.data.volume import Modality, VolumeError

LPS_TO_RAS = np.diag((-1.0, -1.0, 1.0, 1.0))
_HEADER_BYTES = 1 << 20
_NRRD = (".nrrd", ".nhdr")
_BIG_ENDIAN = ("binarydatabyteordermsb", "elementbyteordermsb")
_MOST_FILES = 100_000  # that a pattern may name
_BZIP2 = ("bz2", "bzip2")
# Of MetaImage's DistanceUnits, and of space units and units in NRRD.
_MM_PER_UNIT = {
    **dict.fromkeys(("mm", "millimeter", "millimetre", "millimeters", "millimetres"), 1.0),
    **dict.fromkeys(("cm", "centimeter", "centimetre", "centimeters", "centimetres"), 10.0),
    **dict.fromkeys(("m", "meter", "metre", "meters", "metres"), 1000.0),
    **dict.fromkeys(("um", "µm", "μm", "micron", "microns", "micrometer", "micrometre", "micrometers"), 0.001),
    **dict.fromkeys(("nm", "nanometer", "nanometre", "nanometers", "nanometres"), 1e-6),
    **dict.fromkeys(("in", "inch", "inches"), 25.4),
}
_MODALITIES: dict[str, Modality] = {"MET_MOD_CT": "ct", "MET_MOD_MR": "mri", "MET_MOD_US": "us"}


@register
class Itk(Reader):
    """MetaImage and NRRD, with their voxels inside or in files beside them."""

    formats = ("MHD", "MHA", "NRRD")
    library = "SimpleITK"
    suffixes = (".mhd", ".mha", ".nrrd", ".nhdr")
    companions = (".raw", ".zraw", ".raw.gz", ".img")
    rules = (
        "MetaImage's intensity slope and offset, and its field Modality, are followed; lengths are in mm, or become mm "
        "where another unit is named; an unknown one is taken as mm (both said)"
    )

    def images(self, path: Path, modality: Modality | None = None, label: bool = False) -> list[StoredImage]:
        """Read and check the header."""
        return [_image(path)]

    def files(self, path: Path) -> list[Path]:
        """The header, and the files of its voxels if those are others."""
        try:
            data = _data_files(path, _fields(path))
        except VolumeError:  # told when it is read
            data = []
        return [path, *(file for file in data if file != path)]


def _image(path: Path) -> StoredImage:
    itk = library("SimpleITK", path)
    reader = itk.ImageFileReader()
    reader.SetFileName(str(path))
    with quiet(itk):
        try:
            reader.ReadImageInformation()
        except RuntimeError as error:
            raise VolumeError(f"{path}: unreadable or truncated: {one_line(error)}") from error
    shape, frames = check_shape(path, reader.GetSize())
    dtype = pixel_type(itk, path, reader)
    fields = _fields(path)
    data = _data_files(path, fields)
    held = sum(file.stat().st_size for file in data)
    check_size(path, count(shape) * frames * dtype.itemsize, held, _ratio(fields, dtype))
    scale, notes = _unit(path, fields)
    affine = np.diag((scale, scale, scale, 1.0)) @ geometry(reader)
    load = partial(_load, itk, path, (*shape, frames))
    bzip2 = fields.get("encoding", "").lower() in _BZIP2
    if len(data) == 1 and (_packed(fields) or bzip2):
        big = any(fields.get(name, "").lower() == "true" for name in _BIG_ENDIAN) or fields.get("endian") == "big"
        order = dtype.newbyteorder(">" if big else "<")
        new = {"new": bz2.BZ2Decompressor} if bzip2 else {}
        start = _start(path, data[0], fields)
        load = partial(_load_packed, path, data[0], start, (*shape, frames), order, **new)
    return StoredImage(
        path=path,
        name=path.stem,
        shape=shape,
        frames=frames,
        dtype=dtype,
        affine=affine,
        modality=_MODALITIES.get(fields.get("modality", "").upper()),
        load=load,
        slope=_number(path, fields, "elementtointensityfunctionslope", 1.0),
        intercept=_number(path, fields, "elementtointensityfunctionoffset", 0.0),
        notes=notes + check_affine(path, affine),
    )


def _unit(path: Path, fields: dict[str, str]) -> tuple[float, tuple[str, ...]]:
    """Millimetres a unit of length, and a note where that is not 1."""
    named = next((fields[name] for name in ("distanceunits", "space units", "units") if fields.get(name)), "")
    words = {word for word in re.findall(r'"([^"]*)"', named) or named.split()} - {"", "???", "none"}
    if not words:
        return 1.0, ()
    scales = {_MM_PER_UNIT.get(word.strip().lower()) for word in words}
    if len(scales) > 1:
        raise VolumeError(f"{path}: the header is wrong: all axes must have one unit of length, got {named}")
    scale = scales.pop()
    if scale is None:
        return 1.0, (f"its unit of length is {named}, which has no meaning here: mm is taken",)
    return scale, () if scale == 1 else (f"the header is in {min(words)}: converted to mm",)


def _start(path: Path, data: Path, fields: dict[str, str]) -> int:
    """Where compressed voxels start."""
    if path.suffix.lower() not in _NRRD:
        return len(_header(path)) if data == path else 0
    if _count(path, fields, "byte skip"):
        raise VolumeError(f"{path}: bytes to skip within a bzip2 stream are not supported, got {fields['byte skip']}")
    with data.open("rb") as file:
        if data == path:
            while file.readline().strip(b"\r\n"):
                pass
        for _ in range(_count(path, fields, "line skip")):
            file.readline()
        return file.tell()


def _count(path: Path, fields: dict[str, str], name: str) -> int:
    text = fields.get(name, "0")
    if not text.isdecimal():
        raise VolumeError(f"{path}: the header is wrong: {name} must be a whole number, got {text}")
    return int(text)


@contextmanager
def quiet(itk: Any) -> Iterator[None]:
    """Without the warnings that ITK writes to standard error."""
    before = itk.ProcessObject_GetGlobalWarningDisplay()
    itk.ProcessObject_SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        itk.ProcessObject_SetGlobalWarningDisplay(before)


def pixel_type(itk: Any, path: Path, reader: Any, components: tuple[int, ...] = (1,)) -> np.dtype[Any]:
    """Type of one number of the image.

    Raises:
        VolumeError: complex numbers, or a number of components a voxel that is not among `components`.
    """
    name = itk.GetPixelIDValueAsString(reader.GetPixelID())
    kind = name.removeprefix("vector of ").split(" ")  # as in "16-bit signed integer", "64-bit float"
    letters = {"signed": "i", "unsigned": "u", "float": "f"}
    if reader.GetNumberOfComponents() not in components or len(kind) < 2 or kind[1] not in letters:
        raise VolumeError(
            f"{path}: voxels must be single real numbers, got {reader.GetNumberOfComponents()} x {name}: "
            "convert colour, vector and complex images first"
        )
    dtype = np.dtype(f"{letters[kind[1]]}{int(kind[0].removesuffix('-bit')) // 8}")
    check_real(path, dtype)
    return dtype


def geometry(reader: Any) -> NDArray[np.float64]:
    """(4, 4) index to RAS mm of an image of two to four axes."""
    axes = len(reader.GetSize())
    kept = min(axes, 3)
    affine = np.eye(4)
    direction = np.reshape(reader.GetDirection(), (axes, axes))[:kept, :kept]
    affine[:kept, :kept] = direction * np.array(reader.GetSpacing()[:kept])
    affine[:kept, 3] = reader.GetOrigin()[:kept]
    return LPS_TO_RAS @ affine


def array(itk: Any, image: Any) -> NDArray[Any]:
    """The voxels, first axis of ITK first."""
    return np.asarray(itk.GetArrayFromImage(image)).T


def _load(itk: Any, path: Path, shape: tuple[int, ...]) -> NDArray[Any]:
    with quiet(itk):
        try:
            image = itk.ReadImage(str(path))
        except RuntimeError as error:
            raise VolumeError(f"{path}: unreadable or truncated: {one_line(error)}") from error
    return array(itk, image).reshape(shape, order="F")


def _load_packed(
    path: Path, data: Path, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any], **new: Any
) -> NDArray[Any]:
    """Compressed voxels of a MetaImage, of which ITK takes what is whole or writes out of bounds, and bzip2 in NRRD."""
    voxels = np.empty(count(shape), dtype)
    try:
        with data.open("rb") as file:
            file.seek(offset)
            held = inflate(file, voxels.view(np.uint8).data, **new)
    except (OSError, EOFError, zlib.error) as error:
        raise VolumeError(f"{path}: unreadable or truncated: {one_line(error)}") from error
    if held < voxels.nbytes:
        raise VolumeError(f"{path}: truncated: its header needs {voxels.nbytes} bytes of voxels, got {held}")
    return voxels.reshape(shape, order="F")


def _fields(path: Path) -> dict[str, str]:
    """The text fields of a header, names in lower case."""
    nrrd = path.suffix.lower() in _NRRD
    fields: dict[str, str] = {}
    for line in _header(path).decode("latin-1").splitlines():
        if nrrd and not line.strip():
            break
        name, separator, value = line.partition(":" if nrrd else "=")
        if separator and not line.startswith("#"):
            fields[name.strip().lower()] = value.strip().removeprefix("=").strip()  # NRRD also knows key:=value
    if not nrrd and "elementdatafile" not in fields:
        raise VolumeError(f"{path}: the header is wrong: it must end with ElementDataFile")
    return fields


def _header(path: Path) -> bytes:
    """The start of a file; of a MetaImage up to the line that says where the voxels lie, its last."""
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    last = re.search(rb"^ElementDataFile[ \t]*=[^\n]*\n?", head, re.MULTILINE)
    return head[: last.end()] if last and path.suffix.lower() not in _NRRD else head


def _packed(fields: dict[str, str]) -> bool:
    return fields.get("compresseddata", "").lower() == "true"


def _data_files(path: Path, fields: dict[str, str]) -> list[Path]:
    """Where the voxels lie: the header itself, a file, or many by a list or a pattern."""
    named = fields.get("elementdatafile") or fields.get("data file") or fields.get("datafile")
    if named is None or named.upper() == "LOCAL":
        return [path]
    names = [named]
    words = named.split()
    if words[0].upper() == "LIST":
        with path.open("rb") as file:
            text = file.read(_HEADER_BYTES).decode("latin-1")
        lines = text.splitlines()
        at = next(i for i, line in enumerate(lines) if re.match(r"(ElementDataFile|data ?file)\b", line, re.IGNORECASE))
        names = [line.strip() for line in lines[at + 1 :] if line.strip()]
    elif "%" in named and len(words) >= 4:
        names = _by_pattern(path, words)
    data = [path.parent / name.encode("latin-1").decode("utf-8", "surrogateescape") for name in names]
    if missing := [file for file in data if not file.is_file()]:
        raise VolumeError(
            f"{path}: unreadable or truncated: its voxels should lie in {missing[0].name}, which is missing"
        )
    return data


def _by_pattern(path: Path, words: list[str]) -> list[str]:
    """Names of a pattern as printf has it, and the first, last and step of its number."""
    try:
        first, last, step = (int(word) for word in words[1:4])
        numbers = range(first, last + (1 if step > 0 else -1), step)
        if not 1 <= len(numbers) <= _MOST_FILES:
            raise ValueError(f"{len(numbers)} files")
        return [words[0] % number for number in numbers]
    except (ValueError, TypeError) as error:
        raise VolumeError(f"{path}: the header is wrong: no files are named by {' '.join(words)}: {error}") from error


def _ratio(fields: dict[str, str], dtype: np.dtype[Any]) -> int:
    """Bytes of voxels that a byte of the file can hold at most."""
    encoding = fields.get("encoding", "raw").lower()
    if encoding in _BZIP2:
        return BZIP2_RATIO
    if encoding in ("gz", "gzip") or _packed(fields):
        return DEFLATE_RATIO
    text = encoding in ("txt", "text", "ascii") or fields.get("binarydata", "true").lower() == "false"
    return dtype.itemsize if text else 1


def _number(path: Path, fields: dict[str, str], name: str, default: float) -> float:
    try:
        value = float(fields.get(name, default))
    except ValueError:
        value = float("nan")
    if not np.isfinite(value) or (name.endswith("slope") and value == 0):
        raise VolumeError(f"{path}: the header is wrong: {name} must be a finite number, got {fields[name]}")
    return value
