# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""NIfTI-1 and NIfTI-2, in one file or in a header and its voxels beside it, plain or gzipped.

Fields, voxel types and quaternions are read by nibabel; its repairs of damaged headers are left out, since they put a
plausible number where the file holds none. The voxels are decompressed here, with the checksum of the gzip stream.
"""

import math
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from genesis_ext.data.readers.orientation import check_affine, spacing
from genesis_ext.data.readers.reader import Reader, register, suffix_of
from genesis_ext.data.readers.stored import (
    DEFLATE_RATIO,
    StoredImage,
    check_real,
    check_shape,
    check_size,
    count,
    inflate,
    one_line,
)
from genesis_ext.data.volume import Modality, VolumeError

# Size of the header, its class, its magic in one file and beside another, where that stands.
_VERSIONS: tuple[tuple[int, Any, bytes, bytes, int], ...] = (
    (348, nibabel.Nifti1Header, b"n+1\0", b"ni1\0", 344),
    (540, nibabel.Nifti2Header, b"n+2\0\r\n\x1a\n", b"ni2\0\r\n\x1a\n", 4),
)
_HEADERS = (".hdr", ".hdr.gz")
_VOXELS = (".img", ".img.gz")
_NO_UNIT = "the header names no unit of length: mm is taken"
_MM_PER_UNIT = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}  # xyzt_units & 7: unknown (taken as mm), metre, mm, micron
_UNIT_NAMES = {1: "metres", 3: "microns"}


@register
class Nifti(Reader):
    """NIfTI in one file, or as a pair of ``.hdr`` and ``.img``, told by either."""

    formats = ("NIfTI",)
    library = "nibabel (header)"
    suffixes = (".nii", ".nii.gz", *_HEADERS)
    companions = _VOXELS
    rules = (
        "versions 1 and 2; the sform where its code is above 0 (a qform that turns the axes another way is said), else "
        "the qform, else the spacing alone (said); units of metres and microns become mm, unknown ones are taken as mm "
        "(said); the checksum of the gzip stream is compared; `.hdr` with `.img` beside it"
    )

    def images(self, path: Path, modality: Modality | None = None, label: bool = False) -> list[StoredImage]:
        """Read and check the header."""
        return [_image(_header_of(path) if self.recognises(path) else path)]

    def recognises(self, path: Path) -> bool:
        """The voxels of a pair."""
        return path.name.lower().endswith(_VOXELS) and _header_of(path).is_file()

    def files(self, path: Path) -> list[Path]:
        """The file, or both of a pair."""
        if not path.name.lower().endswith((*_HEADERS, *_VOXELS)):
            return [path]
        return [path for path in (_header_of(path), _voxels_of(path)) if path.is_file()]


def _header_of(path: Path) -> Path:
    return _beside(path, _HEADERS)


def _voxels_of(path: Path) -> Path:
    return _beside(path, _VOXELS)


def _beside(path: Path, suffixes: tuple[str, ...]) -> Path:
    """A file of a pair by the other: compressed like it where there are two."""
    name = path.name
    known = next((suffix for suffix in (*_HEADERS, *_VOXELS)[::-1] if name.lower().endswith(suffix)), "")
    if known in suffixes:
        return path
    wanted = [path.with_name(name[: len(name) - len(known)] + suffix) for suffix in suffixes]
    wanted += [path.with_name(name[: len(name) - len(known)] + suffix.upper()) for suffix in suffixes]
    if known.endswith(".gz"):
        wanted = wanted[1::2] + wanted[::2]
    return next((file for file in wanted if file.is_file()), wanted[0])


def _image(path: Path) -> StoredImage:
    header: Any = read_header(path)
    pair = path.name.lower().endswith(_HEADERS)
    voxels = _voxels_of(path) if pair else path
    if not voxels.is_file():
        raise VolumeError(f"{path}: its voxels should lie in {voxels.name}, which is missing")
    shape, frames = check_shape(path, _declared_shape(path, header))
    dtype = _dtype(path, header)
    check_real(path, dtype)
    if int(header["bitpix"]) != dtype.itemsize * 8:
        raise VolumeError(f"{path}: bitpix must be {dtype.itemsize * 8} for {dtype}, got {int(header['bitpix'])}")
    slope, intercept = _scale(path, header)
    offset = _offset(path, header, 0 if pair else int(header["sizeof_hdr"]) + 4)
    needed = offset + count(shape) * frames * dtype.itemsize
    check_size(path, needed, voxels.stat().st_size, DEFLATE_RATIO if _gzipped(voxels) else 1)
    affine, notes = _affine(path, header)
    return StoredImage(
        path=path,
        name=path.name[: -len(suffix_of(path))],
        shape=shape,
        frames=frames,
        dtype=dtype,
        affine=affine,
        modality=None,
        load=partial(_load, voxels, (*shape, frames), dtype, offset),
        slope=slope,
        intercept=intercept,
        notes=notes + check_affine(path, affine),
    )


def _gzipped(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def read_header(path: Path) -> Any:
    """The header as it is, of either version and byte order.

    Raises:
        VolumeError: it is none, or it is not whole.
    """
    try:
        with path.open("rb") as file:
            if _gzipped(path):
                start = bytearray(540)
                block = bytes(start[: inflate(file, memoryview(start), whole=False)])
            else:
                block = file.read(540)
    except (OSError, EOFError, zlib.error) as error:
        raise VolumeError(f"{path}: unreadable or truncated: {one_line(error)}") from error
    pair = path.name.lower().endswith(_HEADERS)
    for size, kind, single, beside, at in _VERSIONS:
        magic = beside if pair else single
        for endian, order in (("<", "little"), (">", "big")):
            if int.from_bytes(block[:4], order) == size:  # type: ignore[arg-type]
                if len(block) < size:
                    raise VolumeError(f"{path}: truncated: the header needs {size} bytes, got {len(block)}")
                if (got := block[at : at + len(magic)]) != magic:
                    what = "a pair (an ANALYZE header does not tell left from right)" if pair else "one file"
                    raise VolumeError(f"{path}: unreadable: the header must say {magic!r} for {what}, got {got!r}")
                return kind(block[:size], endianness=endian, check=False)
    got_size = int.from_bytes(block[:4], "little")
    raise VolumeError(f"{path}: unreadable: a NIfTI header starts with its size 348 or 540, got {got_size}")


def _declared_shape(path: Path, header: Any) -> tuple[int, ...]:
    axes = int(header["dim"][0])
    if not 1 <= axes <= 7:
        raise VolumeError(f"{path}: the header is wrong: dim[0] must be 1 to 7 axes, got {axes}")
    return tuple(int(n) for n in header["dim"][1 : axes + 1])


def _dtype(path: Path, header: Any) -> np.dtype[Any]:
    try:
        dtype: np.dtype[Any] = header.get_data_dtype()
        return dtype
    except (HeaderDataError, KeyError) as error:
        raise VolumeError(f"{path}: the header is wrong: no voxel type has the code {one_line(error)}") from error


def _scale(path: Path, header: Any) -> tuple[float, float]:
    """Slope and intercept; a slope of 0 or NaN stands for none."""
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or math.isnan(slope):
        return 1.0, 0.0
    if not (math.isfinite(slope) and math.isfinite(intercept)):
        raise VolumeError(f"{path}: the header is wrong: slope and intercept must be finite, got {slope}, {intercept}")
    return slope, intercept


def _offset(path: Path, header: Any, least: int) -> int:
    """Where the voxels start; 0 stands for the first place where they can, right behind the header or at once."""
    offset = float(header["vox_offset"])
    if offset == 0:
        return least
    if not math.isfinite(offset) or offset < least or offset != int(offset):
        raise VolumeError(
            f"{path}: the header is wrong: vox_offset must be a whole number from {least}, got {offset:g}"
        )
    return int(offset)


def _affine(path: Path, header: Any) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """The sform where its code is above 0, else the qform, else the spacing alone; in mm."""
    notes = []
    zooms = np.asarray(header["pixdim"][1:4], dtype=np.float64)
    if int(header["sform_code"]) > 0:
        affine = np.asarray(header.get_sform(), dtype=np.float64)
        if not np.allclose(spacing(affine), np.abs(zooms), rtol=0.01, atol=0):
            sizes = [" x ".join(f"{mm:.4g}" for mm in size) for size in (spacing(affine), zooms)]
            notes.append(f"the sform has a spacing of {sizes[0]}, pixdim says {sizes[1]}: the sform is followed")
        notes += _contradiction(path, header, affine)
    elif int(header["qform_code"]) > 0:
        affine = _qform(path, header)
    else:
        affine = np.diag((*np.abs(zooms), 1.0))
        notes.append("the header gives no orientation: the axes are taken as right, front, head")
    unit = int(header["xyzt_units"]) & 7
    if unit not in _MM_PER_UNIT:
        raise VolumeError(f"{path}: the header is wrong: the unit of length must be 0 to 3, got {unit}")
    if unit == 0:
        notes.append(_NO_UNIT)
    if unit in _UNIT_NAMES:
        notes.append(f"the header is in {_UNIT_NAMES[unit]}: converted to mm")
        affine = np.diag((_MM_PER_UNIT[unit],) * 3 + (1.0,)) @ affine
    return affine, tuple(notes)


def _qform(path: Path, header: Any) -> NDArray[np.float64]:
    if header["pixdim"][0] == 0:
        header["pixdim"][0] = 1  # so says nifti1.h, method 2
    try:
        return np.asarray(header.get_qform(), dtype=np.float64)
    except (HeaderDataError, ValueError) as error:
        raise VolumeError(f"{path}: the qform is wrong: {one_line(error)}") from error


def _contradiction(path: Path, header: Any, sform: NDArray[np.float64]) -> list[str]:
    """A note where the qform mirrors the image that the sform gives, or turns its axes elsewhere."""
    if int(header["qform_code"]) <= 0:
        return []
    try:
        qform = _qform(path, header)
    except VolumeError:
        return []  # it is not followed
    orientations: Any = nibabel.orientations
    axes = ["".join(orientations.aff2axcodes(affine)) for affine in (sform, qform)]
    if axes[0] == axes[1] or not np.isfinite(qform).all():
        return []
    return [f"the axes run to {axes[0]} by the sform, to {axes[1]} by the qform: the sform is followed"]


def _load(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], offset: int) -> NDArray[Any]:
    needed = offset + count(shape) * dtype.itemsize
    buffer = np.empty(needed, np.uint8)
    try:
        with path.open("rb") as file:
            held = inflate(file, buffer.data) if _gzipped(path) else file.readinto(buffer.data)
    except (OSError, EOFError, zlib.error) as error:
        raise VolumeError(f"{path}: unreadable or truncated: {one_line(error)}") from error
    if held < needed:
        raise VolumeError(f"{path}: truncated: its header needs {needed} bytes, got {held}")
    return buffer[offset:].view(dtype).reshape(shape, order="F")
