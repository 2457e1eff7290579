# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Image files to volumes: 3D, float32, axes in RAS order, with a spacing in millimetres.

NIfTI is read by nibabel; MHD, MHA and NRRD by SimpleITK (extra ``train``). A file that cannot be used raises
``VolumeError``, whose text names the file and the rule that it breaks.
"""

import zlib
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import nibabel
import numpy as np
import torch
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray
from torch import Tensor

from genesis_ext._extras import require

Modality = Literal["ct", "mri"]

_NIFTI = (".nii", ".nii.gz")
_ITK = (".mhd", ".mha", ".nrrd", ".nhdr")
SUFFIXES = _NIFTI + _ITK

# What nibabel raises; the last three come from numbers in a damaged header: an offset that is none, sizes without end.
_UNREADABLE = (ImageFileError, HeaderDataError, OSError, EOFError, zlib.error, ArithmeticError, ValueError, MemoryError)

_CT_AIR_HU = -500.0  # no MRI holds voxels as low as the air around and in a body
_CT_DENSE_HU = 3071.0  # end of the usual 12-bit scale; in a CT only metal lies above it


class VolumeError(ValueError):
    """A file that cannot serve as a volume."""


@dataclass(frozen=True, eq=False)
class Volume:
    """One scan.

    Attributes:
        voxels: (X, Y, Z) float32 on the CPU; x to the right, y to the front, z to the head. HU for CT.
        spacing_mm: voxel size along x, y, z.
        affine: (4, 4) float64, voxel indices to RAS millimetres.
        modality: "ct" or "mri".
        path: where it was read.
    """

    voxels: Tensor
    spacing_mm: tuple[float, float, float]
    affine: NDArray[np.float64]
    modality: Modality
    path: Path


def find_volumes(path: str | PathLike[str]) -> list[Path]:
    """The image files below a folder, sorted by path, or the one file given.

    Raises:
        VolumeError: nothing is at ``path``, or no image file is below it.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise VolumeError(f"{path}: no such file or folder")
    found = sorted(p for p in path.rglob("*") if _suffix(p) and p.is_file() and not p.name.startswith("."))
    if not found:
        raise VolumeError(f"{path}: the folder must hold image files ({', '.join(SUFFIXES)}), found none")
    return found


def read_volume(path: str | PathLike[str], modality: Modality | None = None) -> Volume:
    """Read one file.

    path: ``.nii``, ``.nii.gz``, ``.mhd``, ``.mha``, ``.nrrd`` or ``.nhdr``, of three dimensions (more, if of size one).
    modality: guessed from the values if None, see ``guess_modality``.

    Raises:
        VolumeError: missing, empty, truncated, unreadable, not 3D, a voxel that is not finite, or one value only.
    """
    path = Path(path)
    suffix = _suffix(path)
    if not suffix:
        raise VolumeError(f"{path}: the name must end in one of {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise VolumeError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise VolumeError(f"{path}: the file is empty")
    voxels, affine = _read_nifti(path) if suffix in _NIFTI else _read_itk(path)
    voxels, affine = _to_ras(path, voxels, affine)
    bad = voxels.size - int(np.isfinite(voxels).sum())
    if bad:
        raise VolumeError(f"{path}: voxels must be finite, {bad} of {voxels.size} are not")
    if voxels.min() == voxels.max():
        raise VolumeError(f"{path}: all voxels hold the one value {voxels.flat[0]:g}: there is nothing to learn")
    sx, sy, sz = (float(s) for s in np.sqrt((affine[:3, :3] ** 2).sum(axis=0)))
    return Volume(torch.from_numpy(voxels), (sx, sy, sz), affine, modality or guess_modality(voxels), path)


def guess_modality(voxels: NDArray[np.float32]) -> Modality:
    """CT if some voxel is as low as air (-500) and 99 % are no denser than the 12-bit scale of CT (3,071), else MRI.

    The second half keeps apart images in arbitrary units that dip below zero, such as interpolated ones.
    """
    if voxels.min() > _CT_AIR_HU:
        return "mri"
    return "ct" if np.percentile(voxels, 99) <= _CT_DENSE_HU else "mri"


def _suffix(path: Path) -> str:
    """The longest known suffix of a name, "" if there is none."""
    name = path.name.lower()
    return max((s for s in SUFFIXES if name.endswith(s)), key=len, default="")


def _read_nifti(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    try:
        image: Any = nibabel.load(path)
        shape = _three_axes(path, image.shape)
        dtype: Any = image.dataobj.dtype
        if dtype.kind not in "iuf":
            raise VolumeError(f"{path}: voxels must be single real numbers, got {dtype}")
        voxels = np.asarray(image.dataobj, dtype=np.float32).reshape(shape)
        affine = np.asarray(image.affine, dtype=np.float64)
    except VolumeError:
        raise
    except _UNREADABLE as error:
        raise VolumeError(f"{path}: unreadable or truncated: {_one_line(error)}") from error
    return voxels, affine


def _read_itk(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    try:
        itk = require("SimpleITK", "train", f"to read {path.name}")
    except ImportError as error:
        raise VolumeError(f"{path}: {error}") from error
    try:
        image = itk.ReadImage(str(path))
    except RuntimeError as error:
        raise VolumeError(f"{path}: unreadable or truncated: {_one_line(error)}") from error
    if image.GetNumberOfComponentsPerPixel() != 1 or "complex" in image.GetPixelIDTypeAsString():
        raise VolumeError(f"{path}: voxels must be single real numbers, got {image.GetPixelIDTypeAsString()}")
    shape = _three_axes(path, image.GetSize())
    voxels = itk.GetArrayFromImage(image).astype(np.float32).T.reshape(shape)  # ITK's arrays run z, y, x
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (len(image.GetSize()),) * 2)[:3, :3] * image.GetSpacing()[:3]
    affine[:3, 3] = image.GetOrigin()[:3]
    return voxels, np.diag((-1.0, -1.0, 1.0, 1.0)) @ affine  # ITK's axes point to left, back, head


def _three_axes(path: Path, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The first three sizes; further axes must have size one."""
    if len(shape) < 3 or any(n != 1 for n in shape[3:]):
        raise VolumeError(f"{path}: must be a 3D image, got {len(shape)}D of shape {tuple(shape)}")
    if 0 in shape:
        raise VolumeError(f"{path}: the image has no voxels, its shape is {tuple(shape)}")
    return shape[0], shape[1], shape[2]


def _to_ras(
    path: Path, voxels: NDArray[np.float32], affine: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Flip and swap axes so that they run as near to right, front, head as the image allows."""
    if not np.isfinite(affine).all() or np.linalg.matrix_rank(affine[:3, :3]) < 3:
        raise VolumeError(f"{path}: the axes must have a size in mm and span the space, got {affine[:3, :3].tolist()}")
    orientations: Any = nibabel.orientations
    turn = orientations.io_orientation(affine)
    affine = affine @ orientations.inv_ornt_aff(turn, voxels.shape)
    return np.ascontiguousarray(orientations.apply_orientation(voxels, turn)), affine


def _one_line(error: BaseException) -> str:
    """The last line of an error text: ITK puts file and line of its source before it."""
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__
