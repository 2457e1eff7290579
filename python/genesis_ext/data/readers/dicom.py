# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""DICOM: slices and frames sorted into series and stacked by position, and files that are pictures."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_ext.data.readers.dicom_file import DicomFile, Frame, is_dicom, read_file
from genesis_ext.data.readers.dicom_pixels import load_values
from genesis_ext.data.readers.orientation import check_affine
from genesis_ext.data.readers.picture import NO_SPACING, grey
from genesis_ext.data.readers.reader import Reader, register
from genesis_ext.data.readers.stack import Stack, stack
from genesis_ext.data.readers.stored import StoredImage, check_shape
from genesis_ext.data.volume import Modality, VolumeError, is_picture

_MODALITIES: dict[str, Modality] = {
    "CT": "ct",
    "MR": "mri",
    **dict.fromkeys(("CR", "DX", "RG", "MG", "IO", "PX", "XA", "RF"), "xray"),
    **dict.fromkeys(("US", "IVUS"), "us"),
}


@register
class Dicom(Reader):
    """A folder of slices, or a file that is a picture or holds all slices of a volume."""

    formats = ("DICOM",)
    library = "pydicom, SimpleITK (compressed pixels)"
    likely = ("", ".dcm", ".dicom", ".dic", ".dc3", ".ima", ".img", ".acr", ".mr", ".ct", ".cr", ".us")
    by_folder = True
    rules = (
        "a folder of slices or a file of many frames: below; a file of X-ray or ultrasound is a picture, many frames "
        "are frames in time, low values that are bright are inverted (said)"
    )

    def images(self, path: Path, modality: Modality | None = None, label: bool = False) -> list[StoredImage]:
        """The series and pictures of a folder, or the images of a file."""
        return _images(path, modality) if path.is_dir() else _image(path, modality)

    def recognises(self, path: Path) -> bool:
        """Any folder, and files by their first bytes."""
        return path.is_dir() or is_dicom(path)


def from_dicom(tag: str) -> Modality | None:
    """Of DICOM's Modality (0008,0060); None for what this package has no name for."""
    return _MODALITIES.get(tag.strip().upper())


def _images(folder: Path, modality: Modality | None) -> list[StoredImage]:
    """The series and pictures among the files of a folder (not of the folders in it), by number of the series.

    A series that cannot be used is left out, which the notes of the others say; if none can, its error is raised.

    Raises:
        VolumeError: no DICOM image lies in the folder, an image in it is unreadable, or no series can be used.
    """
    found: list[DicomFile] = []
    others: list[str] = []
    strange: list[str] = []
    try:
        files = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file())
        for path in files:
            if not is_dicom(path):
                strange.append(path.name)
            elif (one := read_file(path)) is None:
                others.append(path.name)
            else:
                found.append(one)
    except OSError as error:
        raise VolumeError(f"{folder}: unreadable: {error.strerror or error}") from error
    if not found:
        raise VolumeError(
            f"{folder}: the folder must hold DICOM images itself, found none among its {len(files)} files"
        )
    images, refused = _of_series(folder, found, modality)
    if not images:
        raise refused[0]
    notes = tuple(f"left out of the folder: {error}" for error in refused)
    if others:
        notes += (f"left out of the folder: {len(others)} DICOM files that are no images, as {others[0]}",)
    suffixes = {one.path.suffix.lower() for one in found} - {""}
    if lost := [name for name in strange if Path(name).suffix.lower() in suffixes]:
        notes += (
            f"left out of the folder: {len(lost)} files named like slices that are empty or no DICOM, as {lost[0]}",
        )
    return [replace(image, notes=image.notes + notes) for image in images]


def _image(path: Path, modality: Modality | None) -> list[StoredImage]:
    """The pictures or volumes of one file.

    Raises:
        VolumeError: unreadable, no image, or a slice of a series.
    """
    one = read_file(path)
    if one is None:
        raise VolumeError(f"{path}: must hold an image, got another kind of DICOM object")
    kind = modality or from_dicom(one.modality)
    if one.size[2] == 1 and not is_picture(kind):
        _check_kind(path, _stem(path), one, kind)
        raise VolumeError(
            f"{path}: is one slice of a {one.modality or 'series'}, no volume: give the folder of the series"
        )
    images, refused = _of_series(path, [one], modality)
    if not images:
        raise refused[0]
    notes = tuple(f"left out of the file: {error}" for error in refused)
    return [replace(image, notes=image.notes + notes) for image in images]


def _of_series(
    path: Path, files: Sequence[DicomFile], modality: Modality | None
) -> tuple[list[StoredImage], list[VolumeError]]:
    """The images of some files, and why others are none."""
    found: list[StoredImage] = []
    refused: list[VolumeError] = []
    names: set[str] = set()
    for members in _groups(files):
        name = _stem(path) if path.is_file() else _name(path, members[0].file, names)
        kind = modality or from_dicom(members[0].file.modality)
        try:
            if is_picture(kind):
                found += [_picture(one) for one in dict.fromkeys(member.file for member in members)]
            else:
                found.append(_volume(path, name, members, kind))
        except VolumeError as error:
            refused.append(error)
    if path.is_file() and len(found) > 1:
        found = [replace(image, name=f"{image.name}_{number}") for number, image in enumerate(found, start=1)]
    return found, refused


def _groups(files: Sequence[DicomFile]) -> list[list[Frame]]:
    """Frames that can make one volume: of one series, stack, echo and type, of one size, spacing and orientation."""
    groups: dict[tuple[object, ...], list[list[Frame]]] = {}
    for one in (frame for file in files for frame in file.frames):
        file = one.file
        # Number and study beside the UID, since anonymised files may have none.
        key = (
            file.series_number, file.patient, file.study, file.series, file.modality, file.size[:2], file.components,
            one.kind, file.places_told or (file.size[2] > 1 and file.path),
        )  # fmt: skip
        similar = groups.setdefault(key, [])
        for members in similar:
            if _same_plane(members[0], one):
                members.append(one)
                break
        else:
            similar.append([one])
    every = [members for similar in groups.values() for members in similar]
    return sorted(every, key=lambda members: (_number(members[0].file.series_number), members[0].file.path.name))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _same_plane(a: Frame, b: Frame) -> bool:
    pairs = ((a.axes, b.axes), (a.spacing, b.spacing))
    return all(x == y or np.allclose(x or np.nan, y or np.nan, rtol=0, atol=1e-3) for x, y in pairs)


def _name(folder: Path, first: DicomFile, taken: set[str]) -> str:
    """``patient_series``, made of characters that any file name may have; a number behind it where it is taken."""
    parts = [first.patient or folder.resolve().name, first.series_number]
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", "_".join(filter(None, parts)))
    name, number = plain, 1
    while name in taken:
        number += 1
        name = f"{plain}_{number}"
    taken.add(name)
    return name


def _stem(path: Path) -> str:
    """A file's name without its suffix; what follows the last dot of a UID is none."""
    return path.stem if path.suffix.lower() in Dicom.likely else path.name


def _check_kind(path: Path, name: str, first: DicomFile, kind: Modality | None) -> None:
    if kind is None and first.modality:
        raise VolumeError(
            f"{path}: series {name}: DICOM's modality must be CT, MR, or one of X-ray or ultrasound, got "
            f"{first.modality}: give the modality if it should be read all the same"
        )
    if first.components != 1 or first.photometric == "PALETTE COLOR":
        raise VolumeError(f"{path}: series {name}: voxels must be single real numbers, got 3 a voxel")


def _volume(path: Path, name: str, members: list[Frame], kind: Modality | None) -> StoredImage:
    """The frames `members` of the files of a folder, or of one file."""
    first = members[0].file
    _check_kind(path, name, first, kind)
    if first.size[2] > 1 and not first.places_told:
        raise VolumeError(
            f"{first.path}: holds {first.size[2]} frames that do not say where they lie, no volume: with modality xray "
            "or us they are read as pictures"
        )
    ordered = stack(path, name, members)
    frames = len(ordered.places[0])
    columns, rows, _ = first.size
    shape, _ = check_shape(path, (columns, rows, len(ordered.places), frames))
    slope, intercept = _scale(path, name, members)
    notes = ordered.notes
    if kind == "ct" and any(one.intercept is None and one.file.tables is None for one in members):
        notes += ("no Rescale Intercept is given, which a CT must give: the stored numbers are taken as HU",)
    if first.photometric == "MONOCHROME1":
        notes += ("its low values are meant to be shown bright: the numbers are kept as they are",)
    return StoredImage(
        path=path,
        name=name,
        shape=shape,
        frames=frames,
        dtype=first.dtype.newbyteorder("="),
        affine=ordered.affine,
        modality=from_dicom(first.modality),
        load=partial(_load_stack, ordered, slope is None),
        slope=1.0 if slope is None else slope,
        intercept=0.0 if slope is None else intercept,
        patient=first.patient or None,
        series=first.series or None,
        notes=notes + check_affine(path, ordered.affine),
    )


def _scale(path: Path, name: str, members: Sequence[Frame]) -> tuple[float | None, float]:
    """Slope and intercept of all frames; None for a slope where they differ."""
    pairs = {(1.0 if one.slope is None else one.slope, one.intercept or 0.0) for one in members}
    if any(slope == 0 for slope, _ in pairs):
        raise VolumeError(f"{path}: series {name}: Rescale Slope must not be 0")
    return next(iter(pairs)) if len(pairs) == 1 else (None, 0.0)


def _load_stack(ordered: Stack, scaled: bool) -> NDArray[Any]:
    """(X, Y, Z, frames), x fastest; masked where the padding of the files lies.

    scaled: by slope and intercept of each frame.
    """
    first = ordered.places[0][0].file
    columns, rows, _ = first.size
    members = [(one, frame, z) for z, place in enumerate(ordered.places) for frame, one in enumerate(place)]
    whole = all(float(n).is_integer() for one, _, _ in members for n in (one.slope or 1, one.intercept or 0))
    kind = np.result_type(*{one.file.dtype.newbyteorder("=") for one, _, _ in members})
    if scaled:
        kind = np.dtype(np.int32 if whole and kind.kind in "iu" and kind.itemsize < 4 else np.float32)
    out = np.empty((len(ordered.places[0]), len(ordered.places), rows, columns), kind)
    padded = np.zeros(out.shape, bool) if any(one.file.padding for one, _, _ in members) else None
    by_file: dict[DicomFile, list[tuple[Frame, int, int]]] = defaultdict(list)
    for member in members:
        by_file[member[0].file].append(member)
    for file, own in by_file.items():
        numbers, mask = load_values(file)
        if not np.can_cast(numbers.dtype, out.dtype) and not scaled:  # through a table
            out = out.astype(np.result_type(out, numbers))
        for one, frame, z in own:
            slope, intercept = (one.slope or 1.0, one.intercept or 0.0) if scaled else (1.0, 0.0)
            values = numbers[one.number]
            out[frame, z] = values * slope + intercept if scaled else values
            if padded is not None and mask is not None:
                padded[frame, z] = mask[one.number]
    return out.T if padded is None else np.ma.MaskedArray(out.T, padded.T)


def _picture(one: DicomFile) -> StoredImage:
    """An X-ray or ultrasound image; many frames are frames in time."""
    columns, rows, frames = one.size
    notes: tuple[str, ...] = () if one.picture_spacing else (NO_SPACING,)
    down, right = one.picture_spacing or (1.0, 1.0)
    inverted = one.photometric == "MONOCHROME1"
    if inverted:
        notes += ("its low values are bright: it is read inverted",)
    affine = np.diag((right, down, 1.0, 1.0))
    slope, intercept = _scale(one.path, _stem(one.path), one.frames)
    if slope is None:
        raise VolumeError(f"{one.path}: all frames of a picture must have one Rescale Slope and Intercept")
    return StoredImage(
        path=one.path,
        name=_stem(one.path),
        shape=(columns, rows, 1),
        frames=frames,
        dtype=one.dtype.newbyteorder("="),
        affine=affine,
        modality=from_dicom(one.modality),
        load=partial(_load_picture, one, inverted),
        slope=slope,
        intercept=intercept,
        patient=one.patient or None,
        series=one.series or None,
        picture=True,
        notes=notes + check_affine(one.path, affine),
    )


def _load_picture(one: DicomFile, inverted: bool) -> NDArray[Any]:
    pixels, mask = load_values(one, inverted)
    if pixels.ndim == 4:
        pixels = grey(one.path, pixels)
    if mask is not None and mask.shape == pixels.shape:
        pixels = np.ma.MaskedArray(pixels, mask)
    return pixels.transpose(2, 1, 0)[:, :, None, :]
