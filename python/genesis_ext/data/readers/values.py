# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""From stored numbers to a volume: scaled, finite, without padding, in the smallest type that holds them exactly."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genesis_ext._types import Shape3
from genesis_ext.data.readers.modality import CT_AIR_HU, guess
from genesis_ext.data.readers.orientation import Reorientation, slabs, spacing
from genesis_ext.data.readers.stored import StoredImage
from genesis_ext.data.volume import Header, Modality, OriginalGrid, Volume, VolumeError

MAX_SHARE_NOT_FINITE = 0.05
CT_LEAST_HU = -1024.0  # what lies below is no tissue but padding around the field of view
GRID_TOLERANCE = 0.1  # of a voxel, between the corners of a label and of its volume
WHOLE_WITHIN = 1e-3  # of a label: how far its numbers may lie from whole ones by rounding or a slope in float32
_INT16 = np.iinfo(np.int16)
_FLOAT32_MAX = float(np.finfo(np.float32).max)


def header(image: StoredImage) -> Header:
    """What is known before the voxels are read."""
    affine, shape = image.affine, image.shape
    if not image.picture:
        turn = Reorientation(affine, shape)
        affine, shape = turn.affine, turn.shape
    return Header(
        path=image.path,
        name=image.name,
        shape=shape,
        frames=image.frames,
        dtype=image.dtype.name,
        spacing_mm=spacing(affine),
        affine=affine,
        modality=image.modality,
        patient=image.patient,
        series=image.series,
        notes=image.notes,
        picture=image.picture,
    )


def volumes(image: StoredImage, modality: Modality | None) -> Iterator[Volume | VolumeError]:
    """One volume a frame, or why it is none: too many voxels are not finite, or all hold one value.

    Raises:
        VolumeError: the voxels cannot be read.
    """
    known = header(image)
    original = OriginalGrid(image.shape, tuple(map(tuple, image.affine.tolist())))
    stored = _load(image)
    for frame in range(image.frames):
        try:
            voxels, kind, notes = _voxels(image, stored[..., frame], modality)
        except VolumeError as error:
            yield error if image.frames == 1 else VolumeError(f"{error} (frame {frame + 1} of {image.frames})")
            continue
        yield Volume(
            voxels=voxels,
            spacing_mm=known.spacing_mm,
            affine=known.affine,
            modality=kind,
            path=image.path,
            name=image.name if image.frames == 1 else f"{image.name}_t{frame:02d}",
            patient=image.patient,
            notes=image.notes + notes,
            original=original,
        )


def corner_distance_mm(one: NDArray[np.float64], other: NDArray[np.float64], shape: Shape3) -> float:
    """Greatest distance between the corners of two grids of one shape, by their affines (4, 4)."""
    corners = np.array([(x, y, z, 1) for x in (0, 1) for y in (0, 1) for z in (0, 1)]).T
    corners[:3] *= (np.array(shape) - 1)[:, None]
    return float(np.sqrt((((one - other) @ corners) ** 2).sum(axis=0)).max())


def label(image: StoredImage, like: Volume | Header) -> Tensor:
    """(X, Y, Z) uint8, or int16 where a value does not fit, on the grid of `like`.

    Raises:
        VolumeError: another grid, several frames, or values that are no whole numbers of int16.
    """
    known = header(image)
    wanted = like.shape if isinstance(like, Header) else tuple(like.voxels.shape)
    if image.frames != 1:
        raise VolumeError(f"{image.path}: a label must be 3D, got {image.frames} frames of {known.shape}")
    if known.shape != wanted:
        raise VolumeError(f"{image.path}: a label must have the shape of its volume {wanted}, got {known.shape}")
    off = corner_distance_mm(known.affine, like.affine, known.shape)
    most = GRID_TOLERANCE * min(like.spacing_mm)
    if not off <= most:
        raise VolumeError(
            f"{image.path}: a label must lie where its volume lies, its corners at most {most:.3g} mm apart (a "
            f"tenth of a voxel), got {off:.3g} mm"
        )
    stored = np.asarray(_load(image)[..., 0])
    least, greatest = _ends(stored)
    least, greatest = sorted(np.rint(end * image.slope + image.intercept) for end in (least, greatest))
    if not (_INT16.min <= least and greatest <= _INT16.max):
        raise VolumeError(f"{image.path}: label values must lie in int16, got {least:g} to {greatest:g}")
    out = np.empty(wanted, np.uint8 if least >= 0 and greatest <= 255 else np.int16)
    exact = stored.dtype.kind in "iu" and image.slope == 1 and image.intercept == 0
    view = stored if image.picture else Reorientation(image.affine, image.shape).view(stored)
    for source, target in slabs(view, out):
        if exact:
            np.copyto(target, source, casting="unsafe")
            continue
        scaled = source.astype(np.float64) * image.slope + image.intercept
        whole = np.rint(scaled)
        np.copyto(target, whole, casting="unsafe")
        if not (np.abs(whole - scaled) <= WHOLE_WITHIN).all():
            raise VolumeError(f"{image.path}: label values must be whole numbers, got fractions")
    return torch.from_numpy(out)


def _voxels(
    image: StoredImage, stored: NDArray[Any], modality: Modality | None
) -> tuple[Tensor, Modality, tuple[str, ...]]:
    """Voxels of a frame (X, Y, Z), the modality, and notes. stored: in the order of the file."""
    notes: list[str] = []
    stored, padded = _without_padding(image, stored, modality)
    notes += padded
    least, greatest = _ends(stored)
    if not _in_float32(least, greatest):
        stored, note = _finite(image, stored)
        notes.append(note)
        least, greatest = _ends(stored)
    if least == greatest:
        value = least * image.slope + image.intercept
        raise VolumeError(f"{image.path}: all voxels hold the one value {value:g}: there is nothing to learn")
    slope, intercept = image.slope, image.intercept
    least, greatest = sorted(end * slope + intercept for end in (least, greatest))
    if not _in_float32(least, greatest):
        raise VolumeError(f"{image.path}: slope {slope:g} and intercept {intercept:g} lead beyond float32")
    kind, said = _kind(image, stored, modality, least, greatest)
    notes += said
    floor = None
    if kind == "ct" and least < CT_LEAST_HU:
        limit = (CT_LEAST_HU - intercept) / slope
        below = int(np.count_nonzero(stored < limit if slope > 0 else stored > limit))
        if greatest <= CT_LEAST_HU:
            raise VolumeError(f"{image.path}: all voxels of a CT lie below {CT_LEAST_HU:g} HU: nothing but padding")
        notes.append(f"{below} voxels below {CT_LEAST_HU:g} HU, down to {least:g}, were set to {CT_LEAST_HU:g}")
        floor, least = int(CT_LEAST_HU), CT_LEAST_HU
    out = np.empty(header(image).shape, _target(stored.dtype, slope, intercept, least, greatest))
    view = stored if image.picture else Reorientation(image.affine, image.shape).view(stored)
    for source, target in slabs(view, out):
        part = source if slope == 1 and intercept == 0 else source.astype(np.float64) * slope + intercept
        if floor is None:
            np.copyto(target, part, casting="unsafe")
        else:
            np.maximum(part, floor, out=target, casting="unsafe")
    return torch.from_numpy(out), kind, tuple(notes)


def _kind(
    image: StoredImage, stored: NDArray[Any], given: Modality | None, least: float, greatest: float
) -> tuple[Modality, list[str]]:
    kind = given or image.modality
    if kind is not None:
        notes = []
        if given is not None and image.modality not in (None, given):
            notes.append(f"taken as {given} as asked, though the file says {image.modality}")
        if kind == "ct" and least > CT_AIR_HU:
            notes.append(
                f"no voxel of this CT is as low as air, {CT_AIR_HU:g} HU, the least is {least:g}: an offset may lack"
            )
        if kind == "mri" and image.modality is None and least <= CT_AIR_HU and not image.picture:
            other, reason = guess(stored, least, greatest, image.slope, image.intercept)
            if other == "ct":
                notes.append(f"its values look like those of a CT: {reason}")
        return kind, notes
    if image.picture:
        return "xray", ["taken as an X-ray: the file does not say what it shows"]
    kind, reason = guess(stored, least, greatest, image.slope, image.intercept)
    return kind, [f"taken as {kind.upper()}: {reason}"]


def _target(dtype: np.dtype[Any], slope: float, intercept: float, least: float, greatest: float) -> type[np.generic]:
    if dtype == np.uint8 and slope == 1 and intercept == 0:
        return np.uint8
    whole = dtype.kind in "iu" and slope == int(slope) and intercept == int(intercept)
    return np.int16 if whole and _INT16.min <= least and greatest <= _INT16.max else np.float32


def _load(image: StoredImage) -> NDArray[Any]:
    try:
        return image.load()
    except MemoryError as error:
        raise VolumeError(f"{image.path}: its {image.shape} voxels do not fit in memory") from error


def _ends(stored: NDArray[Any]) -> tuple[float, float]:
    """The least and the greatest number; NaN if one is NaN."""
    return float(stored.min()), float(stored.max())


def _in_float32(least: float, greatest: float) -> bool:
    return least >= -_FLOAT32_MAX and greatest <= _FLOAT32_MAX  # False for NaN


def _without_padding(
    image: StoredImage, stored: NDArray[Any], modality: Modality | None
) -> tuple[NDArray[Any], list[str]]:
    """Masked numbers above the least of the image set to that, in a CT to air; and a note on it."""
    if not isinstance(stored, np.ma.MaskedArray):
        return np.asarray(stored), []
    mask, plain = np.ma.getmaskarray(stored), np.asarray(stored.data)
    padding, rest = plain[mask], plain[~mask]
    if not padding.size:
        return plain, []
    if not rest.size:
        raise VolumeError(f"{image.path}: all voxels are padding: there is no image")
    fill = float(rest.min() if image.slope > 0 else rest.max())
    if (padding.max() <= fill) if image.slope > 0 else (padding.min() >= fill):
        return plain, []
    if (modality or image.modality) == "ct":
        fill = (CT_LEAST_HU - image.intercept) / image.slope
        if plain.dtype.kind in "iu" and not (
            fill.is_integer() and np.can_cast(np.min_scalar_type(int(fill)), plain.dtype)
        ):
            plain = plain.astype(np.float64)
    out = np.where(mask, plain.dtype.type(fill), plain)
    told = fill * image.slope + image.intercept
    return out, [f"{padding.size} voxels of padding around the image were set to {told:g}"]


def _finite(image: StoredImage, stored: NDArray[Any]) -> tuple[NDArray[Any], str]:
    """Voxels that are no finite float32 replaced by the least that is."""
    bad = ~(np.abs(stored) <= _FLOAT32_MAX)
    number = int(np.count_nonzero(bad))
    outside = _outside(np.isnan(stored))
    inside = int(np.count_nonzero(bad & ~outside))
    if number == stored.size or inside > MAX_SHARE_NOT_FINITE * stored.size:
        raise VolumeError(
            f"{image.path}: at most {MAX_SHARE_NOT_FINITE:.0%} of the voxels may be not finite (but for NaN around the "
            f"body), got {number if number == stored.size else inside} of {stored.size}"
        )
    least = stored[~bad].min()
    return np.where(bad, least, stored), f"{number} voxels that are not finite were set to the least value, {least:g}"


def _outside(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Voxels of a mask from which a straight line along an axis leads out of the image through the mask alone."""
    out = np.zeros_like(mask)
    for axis in range(mask.ndim):
        out |= np.logical_and.accumulate(mask, axis)
        out |= np.flip(np.logical_and.accumulate(np.flip(mask, axis), axis), axis)
    return out
