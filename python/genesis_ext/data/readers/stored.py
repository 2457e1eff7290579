# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""An image as its file holds it, the same for all formats, and the checks before its voxels are read."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_ext._extras import require
from genesis_ext._types import Shape3
from genesis_ext.data.volume import Modality, VolumeError

MAX_VOXELS = 2**31  # of one file: 1,290 along each axis
DEFLATE_RATIO = 1032  # bytes that one byte of a deflate stream can become at most
BZIP2_RATIO = 1 << 20  # the same of bzip2: 40 bytes can hold 46 MB of one number
_CHUNK = 1 << 16  # bytes read at once; what they become stays in the caches
_ZLIB_OR_GZIP = 47  # zlib's number for: 32 KiB of window, told by the first bytes
_MEMBERS = (b"\x1f\x8b", b"BZh")  # how members of gzip and bzip2 start


def _zlib() -> Any:
    return zlib.decompressobj(_ZLIB_OR_GZIP)


@dataclass(frozen=True, eq=False)
class StoredImage:
    """An image whose header has been read and found sound.

    Attributes:
        path, name, patient, series, notes: as in ``Header``.
        shape: (X, Y, Z) in the order of the file's axes.
        frames: volumes of that shape.
        dtype: of the voxels in the file.
        affine: (4, 4) float64, indices in the order of the file to RAS millimetres.
        modality: what the file says, None where it says nothing.
        load: reads the voxels: (X, Y, Z, frames), any strides, any type of real number; masked where the file says that
            a voxel holds no image. Raises VolumeError.
        slope, intercept: to be applied to what ``load`` gives.
        picture: its axes are those of a picture, and are not reoriented.
    """

    path: Path
    name: str
    shape: Shape3
    frames: int
    dtype: np.dtype[Any]
    affine: NDArray[np.float64]
    modality: Modality | None
    load: Callable[[], NDArray[Any]]
    patient: str | None = None
    series: str | None = None
    slope: float = 1.0
    intercept: float = 0.0
    picture: bool = False
    notes: tuple[str, ...] = ()


def check_shape(path: Path, shape: tuple[int, ...]) -> tuple[Shape3, int]:
    """The three spatial sizes and the number of frames of an image of two to four axes, more if of size one.

    Raises:
        VolumeError: another number of axes, no voxels, or more than MAX_VOXELS.
    """
    shape = tuple(int(n) for n in shape)
    if any(n < 1 for n in shape):
        raise VolumeError(f"{path}: every size must be at least 1, got the shape {shape}")
    if len(shape) < 2 or any(n != 1 for n in shape[4:]):
        raise VolumeError(f"{path}: must be an image of 2, 3 or 4 axes, got {len(shape)} axes of shape {shape}")
    if (voxels := count(shape)) > MAX_VOXELS:
        raise VolumeError(f"{path}: must hold at most {MAX_VOXELS} voxels, got {voxels} in the shape {shape}")
    x, y, z, frames = (*shape, 1, 1)[:4]
    return (x, y, z), frames


def check_size(path: Path, needed: int, held: int, ratio: int = 1) -> None:
    """Refuse an image whose voxels cannot lie in its file, before memory is taken for them.

    needed: bytes of the voxels.   held: bytes of the file that are left for them.   ratio: to which they can expand.
    """
    if needed > held * ratio:
        packed = f", which can become {held * ratio} at most" if ratio > 1 else ""
        raise VolumeError(f"{path}: truncated, or its header is wrong: it needs {needed} bytes, got {held}{packed}")


def check_real(path: Path, dtype: np.dtype[Any], what: str | None = None) -> None:
    """Refuse voxels that are not single real numbers."""
    if dtype.kind not in "iuf":
        raise VolumeError(
            f"{path}: voxels must be single real numbers, got {what or dtype}: convert colour or complex images first"
        )


def count(shape: tuple[int, ...]) -> int:
    """Voxels of a shape, exact at any size."""
    product = 1
    for n in shape:
        product *= n
    return product


def inflate(file: Any, out: memoryview, whole: bool = True, new: Callable[[], Any] = _zlib) -> int:
    """Decompress a zlib stream, or all members of a gzip or bzip2 stream, into `out`. Returns the bytes written.

    What does not fit is checked like the rest and dropped. Behind a member that fills `out`, zeros and what is no other
    member are passed over, as gzip does.

    whole: read to the end; otherwise until `out` is full.   new: makes a decompressor.

    Raises:
        EOFError: the stream ends early.
        zlib.error, OSError: it is damaged; its checksum is compared.
    """
    at, member = 0, new()
    while packed := file.read(_CHUNK):
        while packed:
            if member.eof:
                packed = packed.lstrip(b"\0")  # padding between members and behind the last
                if at == len(out) and not packed.startswith(_MEMBERS):
                    return at
                if not packed:
                    break
                member = new()
            plain = member.decompress(packed)
            kept = plain[: len(out) - at]
            out[at : at + len(kept)] = kept
            at += len(kept)
            if at == len(out) and not whole:
                return at
            packed = member.unused_data
    if not member.eof:
        raise EOFError("the compressed stream ends before its end mark")
    return at


def library(module: str, path: Path, extra: str = "train") -> Any:
    """A library of an extra.

    Raises:
        VolumeError: it is not installed.
    """
    try:
        return require(module, extra, f"to read {path.name}")
    except ImportError as error:
        raise VolumeError(f"{path}: {error}") from error


def one_line(error: BaseException) -> str:
    """The last line of an error text: ITK puts file and line of its source before it."""
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__
