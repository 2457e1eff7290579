# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A scan in memory, and what its file says of it before its voxels are read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from genesis_ext._types import Shape3, Spacing3

Modality = Literal["ct", "mri", "xray", "us"]


def is_picture(modality: str | None) -> bool:
    """Whether scans of a modality, X-ray or ultrasound, are pictures: (X, Y, 1), on axes and a grid of their own."""
    return modality in ("xray", "us")


class VolumeError(ValueError):
    """A file that cannot serve as a volume; the text names the file and the rule that it breaks."""


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
    """

    voxels: Tensor
    spacing_mm: Spacing3
    affine: NDArray[np.float64]
    modality: Modality
    path: Path
    name: str = ""
    patient: str | None = None
    notes: tuple[str, ...] = ()


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
