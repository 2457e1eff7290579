# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Image files to volumes: axes turned to right, front, head, a spacing in millimetres, values as they were measured.

Each format has a module here whose ``Reader`` registers itself; ``register`` adds others. A file that cannot be used
raises ``VolumeError``, which names the file and the rule it breaks, before memory is taken for voxels that it cannot
hold. The notes of a volume say what was decided or changed.
"""

from dataclasses import replace
from importlib import import_module
from os import PathLike
from pathlib import Path
from pkgutil import iter_modules

from torch import Tensor

from genesis_ext.data.readers import values
from genesis_ext.data.readers.dicom_file import is_dicom
from genesis_ext.data.readers.orientation import Reorientation
from genesis_ext.data.readers.reader import Reader, files_of, reader_of, readers, register, suffix_of
from genesis_ext.data.readers.stored import StoredImage
from genesis_ext.data.volume import Header, Modality, Volume, VolumeError

__all__ = [
    "SUFFIXES",
    "Header",
    "Modality",
    "Reader",
    "Volume",
    "VolumeError",
    "describe",
    "files_of",
    "is_dicom",
    "label_header",
    "label_turn",
    "read_label",
    "read_volume",
    "read_volumes",
    "reader_of",
    "readers",
    "register",
    "suffix_of",
]

for _module in iter_modules(__path__):  # each registers its readers
    import_module(f"{__name__}.{_module.name}")

SUFFIXES = tuple(suffix for reader in readers() for suffix in reader.suffixes)
"""Of the formats that come with the package."""


def read_volume(path: str | PathLike[str], modality: Modality | None = None, series: str | None = None) -> Volume:
    """Read a file, or a folder of DICOM slices, that holds exactly one volume.

    path: a file whose name ends in one of ``SUFFIXES``, a DICOM file that is a picture, or a folder of DICOM files.
    modality: as the file says if None, else guessed by the values; the notes say which.
    series: of a folder with several, by name or Series Instance UID.

    Raises:
        VolumeError: missing, empty, truncated, damaged, several volumes or frames, colour, a bad affine, more than
            5 % of the voxels not finite, or one value only.
    """
    image = _one(Path(path), _images(Path(path), modality, series))
    _refuse_frames(image)
    volume = next(values.volumes(image, modality))
    if isinstance(volume, VolumeError):
        raise volume
    return volume


def read_volumes(
    path: str | PathLike[str], modality: Modality | None = None, frames: bool = False, series: str | None = None
) -> list[Volume]:
    """Read all volumes of a file or folder: of a folder one for each DICOM series or picture.

    frames: of a 4D image take each frame or channel as a volume named ``..._t00``, ``..._t01``, ...; otherwise it is
        refused. The others are as for ``read_volume``.

    Raises:
        VolumeError: as for ``read_volume``. Of a folder or of frames only if no volume is left; the notes name what was
            left out.
    """
    found: list[Volume] = []
    refused: list[VolumeError] = []
    for image in _images(Path(path), modality, series):
        try:
            if not frames:
                _refuse_frames(image)
            for one in values.volumes(image, modality):
                (refused if isinstance(one, VolumeError) else found).append(one)  # type: ignore[arg-type]
        except VolumeError as error:
            refused.append(error)
    if not found:
        raise refused[0]
    notes = tuple(f"left out: {error}" for error in refused)
    return [replace(volume, notes=volume.notes + notes) for volume in found]


def describe(path: str | PathLike[str], modality: Modality | None = None) -> list[Header]:
    """What a file or folder holds, by its headers alone.

    Raises:
        VolumeError: as for ``read_volumes``, as far as the headers tell.
    """
    return [values.header(image) for image in _images(Path(path), modality)]


def label_header(path: str | PathLike[str]) -> Header:
    """The grid of a segmentation, by its header alone.

    Raises:
        VolumeError: as for ``read_label``, as far as the header tells.
    """
    return values.header(_one(Path(path), _images(Path(path), label=True)))


def label_turn(path: str | PathLike[str]) -> Reorientation:
    """How ``read_label`` turns the axes of a file, for what else lies on its voxels.

    Raises:
        VolumeError: as for ``label_header``.
    """
    image = _one(Path(path), _images(Path(path), label=True))
    return Reorientation(image.affine, image.shape)


def read_label(path: str | PathLike[str], like: Volume | Header) -> Tensor:
    """Read a segmentation on the grid of `like`: (X, Y, Z) uint8, or int16 where a value does not fit.

    path: as for ``read_volume``; of a picture with a palette the indices are the labels.
    like: its volume, or a header, such as its own.

    Raises:
        VolumeError: unreadable, another grid than that of `like`, or values that are no whole numbers.
    """
    image = _one(Path(path), _images(Path(path), like.modality, label=True))
    return values.label(image, like)


def _images(
    path: Path, modality: Modality | None = None, series: str | None = None, label: bool = False
) -> list[StoredImage]:
    """The images of a file or folder, their headers read; at least one."""
    try:
        if not path.exists():
            raise VolumeError(f"{path}: no such file or folder")
        if not path.is_dir() and path.stat().st_size == 0:  # a pipe too: to read it would hang
            raise VolumeError(f"{path}: the file is empty")
        reader = reader_of(path)
        if reader is None:
            names = ", ".join(suffix for reader in readers() for suffix in reader.suffixes)
            raise VolumeError(f"{path}: must be DICOM, or its name must end in one of {names}")
        images = reader.images(path, modality, label)
    except OSError as error:
        raise VolumeError(f"{path}: unreadable: {error.strerror or error}") from error
    if series is not None:
        images = [image for image in images if series in (image.name, image.series)]
        if not images:
            raise VolumeError(f"{path}: must hold the series {series}, found none of that name")
    return images


def _one(path: Path, images: list[StoredImage]) -> StoredImage:
    if len(images) != 1:
        found = ", ".join(f"{image.name} {image.shape}" for image in images)
        raise VolumeError(f"{path}: must hold one series, got {len(images)}: {found}: choose one by its name")
    return images[0]


def _refuse_frames(image: StoredImage) -> None:
    if image.frames > 1:
        raise VolumeError(
            f"{image.path}: must be a 3D image, got 4D, {image.frames} frames or channels of "
            f"{values.header(image).shape}: read each as a volume of its own with frames=True"
        )
