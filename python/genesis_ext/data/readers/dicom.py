# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""DICOM by SimpleITK: folders of slices sorted into series and stacked by position, and files that are pictures."""

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_ext.data.readers.dicom_slices import ENHANCED, Slice, is_dicom, is_no_image, read_slice
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
    library = "SimpleITK"
    likely = ("", ".dcm", ".dicom", ".ima")
    by_folder = True
    rules = (
        "a folder of slices: below; a file of X-ray or ultrasound is a picture, many frames are frames in time, low "
        "values that are bright are inverted (said)"
    )

    def images(self, path: Path, modality: Modality | None = None, label: bool = False) -> list[StoredImage]:
        """The series and pictures of a folder, or the one image of a file."""
        return _images(path, modality) if path.is_dir() else [_image(path, modality)]

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
    slices: list[Slice] = []
    others: list[str] = []
    try:
        files = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file())
        for path in files:
            if not is_dicom(path):
                continue
            if is_no_image(path):
                others.append(path.name)
            else:
                slices.append(read_slice(path))
    except OSError as error:
        raise VolumeError(f"{folder}: unreadable: {error.strerror or error}") from error
    if not slices:
        raise VolumeError(
            f"{folder}: the folder must hold DICOM images itself, found none among its {len(files)} files"
        )
    found: list[StoredImage] = []
    refused: list[VolumeError] = []
    names: set[str] = set()
    for members in _groups(slices):
        name = _name(folder, members, names)
        kind = modality or from_dicom(members[0].text("0008|0060"))
        try:
            if is_picture(kind):
                found += [_picture(one) for one in members]
            else:
                found.append(_volume(folder, name, members, kind))
        except VolumeError as error:
            refused.append(error)
    if not found:
        raise refused[0]
    notes = tuple(f"left out of the folder: {error}" for error in refused)
    if others:
        notes += (f"left out of the folder: {len(others)} DICOM files that are no images, as {others[0]}",)
    return [replace(image, notes=image.notes + notes) for image in found]


def _image(path: Path, modality: Modality | None) -> StoredImage:
    """One file: a picture, or a volume in many frames.

    Raises:
        VolumeError: unreadable, or a slice of a series.
    """
    if is_no_image(path):
        raise VolumeError(f"{path}: must hold an image, got another kind of DICOM object")
    one = read_slice(path)
    kind = modality or from_dicom(one.text("0008|0060"))
    if is_picture(kind):
        return _picture(one)
    return _volume(path, _stem(path), [one], kind)


def _groups(slices: list[Slice]) -> list[list[Slice]]:
    """Slices that can make one volume: of one series and echo, of one size, spacing and orientation."""
    groups: dict[tuple[object, ...], list[list[Slice]]] = {}
    for one in slices:
        # Number and study beside the UID, since anonymised files may have none.
        tags = ("0020|0011", "0010|0020", "0020|000d", "0020|000e", "0018|0086", "0008|0060")
        key = (*map(one.text, tags), one.size, one.components)
        similar = groups.setdefault(key, [])
        for members in similar:
            if _same_plane(members[0], one):
                members.append(one)
                break
        else:
            similar.append([one])
    every = [members for similar in groups.values() for members in similar]
    return sorted(every, key=lambda members: ((members[0].numbers("0020|0011", 1) or (0.0,))[0], members[0].path.name))


def _same_plane(a: Slice, b: Slice) -> bool:
    return all(
        a.text(tag) == b.text(tag)
        or np.allclose(a.numbers(tag, length) or np.nan, b.numbers(tag, length) or np.nan, rtol=0, atol=1e-3)
        for tag, length in (("0020|0037", 6), ("0028|0030", 2))
    )


def _name(folder: Path, members: list[Slice], taken: set[str]) -> str:
    """``patient_series``, made of characters that any file name may have; a number behind it where it is taken."""
    first = members[0]
    parts = [first.text("0010|0020") or folder.resolve().name, first.text("0020|0011")]
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


def _volume(path: Path, name: str, members: list[Slice], kind: Modality | None) -> StoredImage:
    """The series `members` of a folder, or a file that holds all its slices."""
    first = members[0]
    tag = first.text("0008|0060")
    if kind is None and tag:
        raise VolumeError(
            f"{path}: series {name}: DICOM's modality must be CT, MR, or one of X-ray or ultrasound, got {tag}: "
            "give the modality if it should be read all the same"
        )
    if first.components != 1:
        raise VolumeError(f"{path}: series {name}: voxels must be single real numbers, got {first.components} a voxel")
    if len(members) == 1 and first.size[2] > 1:
        return _enhanced(path, name, first, kind)
    if path.is_file():
        raise VolumeError(f"{path}: is one slice of a {tag or 'series'}, no volume: give the folder of the series")
    if first.size[2] > 1:
        raise VolumeError(f"{path}: series {name}: must be one file or single slices, got files of many slices")
    ordered = stack(path, name, members)
    frames = len(ordered.places[0])
    columns, rows, _ = first.size
    shape, _ = check_shape(path, (columns, rows, len(ordered.places), frames))
    return StoredImage(
        path=path,
        name=name,
        shape=shape,
        frames=frames,
        dtype=first.dtype,
        affine=ordered.affine,
        modality=from_dicom(tag),
        load=partial(_load_stack, ordered),
        patient=first.text("0010|0020") or None,
        series=first.text("0020|000e") or None,
        notes=ordered.notes + check_affine(path, ordered.affine),
    )


def _load_stack(ordered: Stack) -> NDArray[Any]:
    """(X, Y, Z, frames), x fastest."""
    first = ordered.places[0][0]
    columns, rows, _ = first.size
    out = np.empty((len(ordered.places[0]), len(ordered.places), rows, columns), first.dtype)
    for z, place in enumerate(ordered.places):
        for frame, one in enumerate(place):
            pixels = one.load()[:, :, 0].T
            kind = np.result_type(out, pixels)
            if kind != out.dtype:  # slope and intercept may differ from slice to slice
                out = out.astype(kind)
            out[frame, z] = pixels
    return out.T


def _enhanced(path: Path, name: str, one: Slice, kind: Modality | None) -> StoredImage:
    """A file with many frames that are the slices of one volume."""
    if one.text("0008|0016") not in ENHANCED:
        raise VolumeError(
            f"{one.path}: holds {one.size[2]} frames that do not say where they lie, no volume: only Enhanced CT and "
            "MR do; with modality xray or us they are read as pictures"
        )
    shape, frames = check_shape(one.path, one.size)
    return StoredImage(
        path=one.path,
        name=name,
        shape=shape,
        frames=frames,
        dtype=one.dtype,
        affine=one.affine,
        modality=from_dicom(one.text("0008|0060")),
        load=lambda: one.load()[..., None],
        patient=one.text("0010|0020") or None,
        series=one.text("0020|000e") or None,
        notes=("its frames are taken as slices in their order", *check_affine(path, one.affine)),
    )


def _picture(one: Slice) -> StoredImage:
    """An X-ray or ultrasound image; many frames are frames in time."""
    columns, rows, frames = one.size
    # Pixel Spacing, Imager Pixel Spacing (at the detector), Nominal Scanned Pixel Spacing: of rows, of columns.
    tags = ("0028|0030", "0018|1164", "0018|2010")
    given = (one.numbers(tag, 2) for tag in tags)
    spacing = next((found for found in given if found and min(found) > 0), None)
    notes: tuple[str, ...] = () if spacing else (NO_SPACING,)
    down, right = spacing or (1.0, 1.0)
    if one.text("0028|0004") == "MONOCHROME1":
        notes += ("its low values are bright: read inverted, as SimpleITK does",)
    affine = np.diag((right, down, 1.0, 1.0))
    return StoredImage(
        path=one.path,
        name=_stem(one.path),
        shape=(columns, rows, 1),
        frames=frames,
        dtype=one.dtype,
        affine=affine,
        modality=from_dicom(one.text("0008|0060")),
        load=partial(_load_picture, one),
        patient=one.text("0010|0020") or None,
        series=one.text("0020|000e") or None,
        picture=True,
        notes=notes + check_affine(one.path, affine),
    )


def _load_picture(one: Slice) -> NDArray[Any]:
    pixels = one.load()
    if one.components == 3:
        pixels = grey(one.path, np.moveaxis(pixels, 0, -1))
    return pixels[:, :, None, :]
