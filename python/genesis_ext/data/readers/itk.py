# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""MHD, MHA, NRRD and NHDR by SimpleITK, with what it leaves out: plausible sizes, intensity scale, damaged streams."""

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
_HEADER_BYTES = 1 << 16
_NRRD = (".nrrd", ".nhdr")
_BIG_ENDIAN = ("binarydatabyteordermsb", "elementbyteordermsb")
_MANY_FILES = ("LIST", "%")  # a list or a pattern of data files
_MODALITIES: dict[str, Modality] = {"MET_MOD_CT": "ct", "MET_MOD_MR": "mri", "MET_MOD_US": "us"}


@register
class Itk(Reader):
    """MetaImage and NRRD, with their voxels inside or in files beside them."""

    formats = ("MHD", "MHA", "NRRD")
    library = "SimpleITK"
    suffixes = (".mhd", ".mha", ".nrrd", ".nhdr")
    companions = (".raw", ".zraw", ".raw.gz", ".img")
    rules = "MetaImage's intensity slope and offset, and its field Modality, are followed"

    def images(self, path: Path, modality: Modality | None = None, label: bool = False) -> list[StoredImage]:
        """Read and check the header."""
        return [_image(path)]

    def files(self, path: Path) -> list[Path]:
        """The header, and the file of its voxels if that is another."""
        try:
            data = _data_file(path, _fields(path))
        except VolumeError:  # told when it is read
            data = None
        return [path] if data in (None, path) else [path, data]


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
    data = _data_file(path, fields)
    if data is not None:
        ratio = _ratio(fields, dtype)
        if ratio is not None:
            check_size(path, count(shape) * frames * dtype.itemsize, data.stat().st_size, ratio)
    affine = geometry(reader)
    load = partial(_load, itk, path, (*shape, frames))
    if data is not None and _packed(fields):
        big = any(fields.get(name, "").lower() == "true" for name in _BIG_ENDIAN)
        order = dtype.newbyteorder(">" if big else "<")
        load = partial(_load_packed, path, data, len(_header(path)) if data == path else 0, (*shape, frames), order)
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
        notes=check_affine(path, affine),
    )


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


def _load_packed(path: Path, data: Path, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Compressed voxels of a MetaImage. Of damaged ones ITK takes what it has, or writes out of bounds."""
    voxels = np.empty(count(shape), dtype)
    try:
        with data.open("rb") as file:
            file.seek(offset)
            held = inflate(file, voxels.view(np.uint8).data)
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


def _data_file(path: Path, fields: dict[str, str]) -> Path | None:
    """Where the voxels lie; None if in many files."""
    named = fields.get("elementdatafile") or fields.get("data file") or fields.get("datafile")
    if named is None or named.upper() == "LOCAL":
        return path
    if any(mark in named.upper() for mark in _MANY_FILES):
        return None
    data = path.parent / named
    if not data.is_file():
        raise VolumeError(f"{path}: unreadable or truncated: its voxels should lie in {data.name}, which is missing")
    return data


def _ratio(fields: dict[str, str], dtype: np.dtype[Any]) -> int | None:
    """Bytes of voxels that a byte of the file can hold at most, None for no limit."""
    encoding = fields.get("encoding", "raw").lower()
    if encoding in ("bz2", "bzip2"):
        return None
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
