# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""One DICOM file: whether it is one, whether it holds an image, and the tags that place it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_ext._types import Shape3
from genesis_ext.data.readers import itk as meta
from genesis_ext.data.readers.stored import DEFLATE_RATIO, check_shape, check_size, count, library, one_line
from genesis_ext.data.volume import VolumeError

ENHANCED = ("1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.4.1")  # CT and MR: many frames, one volume

# Reports, presentation states, documents, plans, segmentations, raw data, DICOMDIR.
_NO_IMAGE = re.compile(
    r"1\.2\.840\.10008\.(1\.3\.10|5\.1\.4\.1\.1\.(88\.|104\.|11\.|481\.[3-9]|66|9\.|68\.|200\.|78\.)|5\.1\.4\.34\.)"
)
_CLASS_ELEMENT = re.compile(rb"\x02\x00\x02\x00UI(..)([0-9.]+)", re.DOTALL)
_PREAMBLE = 128
# Pixel Data of undefined length, its table of offsets, and the first fragment where that starts as JPEG does.
_JPEG = re.compile(rb"\xe0\x7f\x10\0O[BW]\0\0\xff{4}\xfe\xff\0\xe0.{4}(?:.{4})*?\xfe\xff\0\xe0.{4}\xff\xd8", re.DOTALL)
_JPEG_BITS = range(2, 17)


@dataclass(frozen=True, eq=False)
class Slice:
    """One file.

    Attributes:
        size: columns, rows, frames.
        tags: by "group|element".
        affine: (4, 4) index to RAS mm, as ITK places the file by itself.
    """

    path: Path
    size: Shape3
    dtype: np.dtype[Any]
    components: int
    tags: dict[str, str]
    affine: NDArray[np.float64]

    def text(self, tag: str) -> str:
        """A tag without its padding, "" where it is missing or empty."""
        return self.tags.get(tag, "").strip(" \0")

    def numbers(self, tag: str, length: int) -> tuple[float, ...] | None:
        """A tag of that many numbers; None where it is missing, empty or none."""
        try:
            values = tuple(float(part) for part in self.text(tag).split("\\"))
        except ValueError:
            return None
        return values if len(values) == length and np.isfinite(values).all() else None

    def load(self) -> NDArray[Any]:
        """Voxels with slope and intercept applied: (components,) columns, rows, frames.

        Raises:
            VolumeError: unreadable, or of another size than its header says.
        """
        _check_jpeg(self.path)
        itk = library("SimpleITK", self.path)
        reader = _reader(itk, self.path)
        with meta.quiet(itk):
            try:
                voxels = meta.array(itk, reader.Execute())
            except RuntimeError as error:
                raise VolumeError(f"{self.path}: unreadable or truncated: {one_line(error)}") from error
        wanted = self.size if self.components == 1 else (self.components, *self.size)
        if voxels.shape != wanted:
            raise VolumeError(f"{self.path}: the header says {wanted} voxels, got {voxels.shape}")
        return voxels


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


def is_no_image(path: Path) -> bool:
    """Whether the file says that it is another kind of object: a report, a plan, a segmentation, a directory.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(1024)
    found = _CLASS_ELEMENT.search(head)
    return found is not None and _NO_IMAGE.match(found[2].decode("ascii")) is not None


def read_slice(path: Path) -> Slice:
    """Read and check the header of one file.

    Raises:
        VolumeError: SimpleITK is missing, the file is unreadable, or too small for its pixels.
    """
    itk = library("SimpleITK", path)
    reader = _reader(itk, path)
    with meta.quiet(itk):
        try:
            reader.ReadImageInformation()
        except RuntimeError as error:
            raise VolumeError(f"{path}: unreadable or truncated: {one_line(error)}") from error
    (x, y, z), frames = check_shape(path, reader.GetSize())
    dtype = meta.pixel_type(itk, path, reader, components=(1, 3))
    check_size(path, count((x, y, z, frames)) * dtype.itemsize, path.stat().st_size, DEFLATE_RATIO)
    tags = {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}
    return Slice(path, (x, y, z * frames), dtype, reader.GetNumberOfComponents(), tags, meta.geometry(reader))


def _reader(itk: Any, path: Path) -> Any:
    reader = itk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")  # else a file without the preamble is not tried
    reader.SetFileName(str(path))
    return reader


def _check_jpeg(path: Path) -> None:
    """Refuse a JPEG stream of a depth that none can have: its decoder in GDCM would crash."""
    content = path.read_bytes()
    start = _JPEG.search(content)
    at = start.end() if start else len(content)
    while at + 5 <= len(content) and content[at] == 0xFF:
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # start of a frame
            if content[at + 4] not in _JPEG_BITS:
                raise VolumeError(f"{path}: damaged: a JPEG stream holds 2 to 16 bits a pixel, got {content[at + 4]}")
            return
        at += 2 + length
