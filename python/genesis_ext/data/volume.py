# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A scan in memory, and what its file says of it before its voxels are read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import nibabel
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from genesis_ext._types import Shape3, Spacing3

Modality = Literal["ct", "mri", "xray", "us"]


def is_picture(modality: str | None) -> bool:
    """Whether scans of a modality, X-ray or ultrasound, are pictures: (X, Y, 1), on axes and a grid of their own."""
    return modality in ("xray", "us")


class VolumeError(ValueError):
    """A file that cannot be used as a volume; the text names the file and the rule that it breaks."""


@dataclass(frozen=True)
class OriginalGrid:
    """The voxels as the file has them, before its axes are turned.

    Attributes:
        shape: voxels along the axes of the file, of one frame.
        affine: 4 by 4, voxel indices in the order of the file to RAS millimetres; of a picture, to millimetres from its
            first pixel.
    """

    shape: Shape3
    affine: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or np.shape(self.affine) != (4, 4):
            raise ValueError(f"original must hold three sizes and an affine of 4 by 4, got {self}")

    @property
    def spacing_mm(self) -> Spacing3:
        """Voxel size along the axes of the file."""
        x, y, z = (float(mm) for mm in np.linalg.norm(np.array(self.affine)[:3, :3], axis=0))
        return x, y, z

    @property
    def orientation(self) -> str:
        """Where the axes of the file run, nearest, as in "LPS"; of a picture it says nothing."""
        orientations: Any = nibabel.orientations
        return "".join(orientations.aff2axcodes(np.array(self.affine)))


@dataclass(frozen=True, eq=False)
class Volume:
    """One scan.

    Attributes:
        voxels: (X, Y, Z) int16, uint8 or float32 on the CPU, contiguous. x runs to the right, y to the front, z to the
            head; in a picture x to the right and y down as it is seen. HU for CT.
        spacing_mm: voxel size along x, y, z.
        affine: (4, 4) float64, voxel indices to RAS millimetres; of a picture, to millimetres from its first pixel.
        modality: "ct", "mri", "xray" or "us".
        path: where it was read, a file or a folder of DICOM slices.
        name: of the file without its suffix, with ``_t03`` for frame 3; of a DICOM series ``patient_series``.
        patient: DICOM's Patient ID, None where the file names none.
        notes: what was decided or changed while reading it, a sentence each.
        original: the grid of the file; None of a volume that was not read from one.
    """

    voxels: Tensor
    spacing_mm: Spacing3
    affine: NDArray[np.float64]
    modality: Modality
    path: Path
    name: str = ""
    patient: str | None = None
    notes: tuple[str, ...] = ()
    original: OriginalGrid | None = None


@dataclass(frozen=True, eq=False)
class Header:
    """What is known of a volume without reading its voxels.

    Attributes:
        path, name, patient, notes: as in ``Volume``; the name is without the number of the frame.
        shape: (X, Y, Z) of the volume, its axes turned as in ``Volume``.
        frames: volumes of that shape in the file; more than one in 4D.
        dtype: of the voxels in the file, as in "int16".
        spacing_mm: voxel size along x, y, z.
        affine: (4, 4) float64, voxel indices to RAS millimetres.
        modality: what the file says, None where only the values can tell.
        series: DICOM's Series Instance UID, None for other files.
        picture: the file is a picture, whatever it shows.
    """

    path: Path
    name: str
    shape: Shape3
    frames: int
    dtype: str
    spacing_mm: Spacing3
    affine: NDArray[np.float64]
    modality: Modality | None
    patient: str | None
    series: str | None
    notes: tuple[str, ...] = ()
    picture: bool = False
