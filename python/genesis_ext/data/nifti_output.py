# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What was made of a scan, as NIfTI on the scan's own grid."""

import gzip
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from genesis_ext._files import write_aside
from genesis_ext.data.readers.nifti import Nifti, read_header
from genesis_ext.data.readers.reader import reader_of
from genesis_ext.data.volume import Volume

# Where the voxels lie. All else in the header tells of the scan, and may tell of the patient.
_GEOMETRY = (
    *("qform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z"),
    *("sform_code", "srow_x", "srow_y", "srow_z", "xyzt_units"),
)
_IMAGES: Any = nibabel.Nifti1Image, nibabel.Nifti2Image
_COMPRESSION = 4  # of gzip: labels hardly get smaller above it


def write_on_grid_of(volume: Volume, voxels: NDArray[Any], path: Path) -> None:
    """Write voxels as ``.nii.gz``, so that every program that shows the scan shows them at the same places.

    Of a scan in NIfTI the file has the version, both transformations with their codes, and the units; of any other the
    affine to RAS millimetres. The same input gives the same bytes.

    Args:
        volume: of the scan, read from its file.
        voxels: (X, Y, Z) in the axes of that file, ``volume.original.shape``.
        path: of the file, written aside and renamed.

    Raises:
        ValueError: the volume was read from no file, or the voxels have another shape.
        OSError: the disk is full, or forbids it.
    """
    grid = volume.original
    if grid is None or voxels.shape != grid.shape:
        wanted = "a volume that was read from a file" if grid is None else grid.shape
        raise ValueError(f"write_on_grid_of: voxels must be on the grid of {wanted}, got {voxels.shape}")
    image: Any = _IMAGES[0](voxels, None)
    if isinstance(reader_of(volume.path), Nifti):
        header = read_header(volume.path)
        if isinstance(header, nibabel.Nifti2Header):
            image = _IMAGES[1](voxels, None)
        for name in _GEOMETRY:
            image.header[name] = header[name]
        image.header["pixdim"][:4] = header["pixdim"][:4]
    else:
        affine = np.array(grid.affine)
        image.header.set_zooms(grid.spacing_mm)
        image.header.set_xyzt_units("mm")
        image.header.set_sform(affine, "scanner")
        image.header.set_qform(affine, "scanner")
        if not np.allclose(image.header.get_qform(), affine, atol=1e-3 * min(grid.spacing_mm)):
            image.header["qform_code"] = 0  # it cannot tell of axes off the right angle
    content = gzip.compress(image.to_bytes(), _COMPRESSION, mtime=0)
    write_aside(path, lambda stream: stream.write(content))
