# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Axes turned to right, front, head: the affine, the view, and a copy that is kind to the caches."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from genesis_ext._types import Shape3, Spacing3
from genesis_ext.data.volume import VolumeError

SPACING_MM = (0.001, 100.0)  # of a voxel; beyond lie wrong units and damaged headers
_SKEW_DEGREES = 0.5  # between two axes, from which it is worth a note


def check_affine(path: Path, affine: NDArray[np.float64]) -> tuple[str, ...]:
    """Notes on an affine (4, 4), index to RAS mm.

    Raises:
        VolumeError: it is not finite, does not span the space, or has a spacing beyond SPACING_MM.
    """
    axes = affine[:3, :3]
    if not np.isfinite(affine).all():
        raise VolumeError(f"{path}: the affine must be finite, got {_text(affine[:3])}")
    size = np.sqrt((axes**2).sum(axis=0))
    lo, hi = SPACING_MM
    for axis, mm in zip("ijk", size, strict=True):
        if not lo <= mm <= hi:
            raise VolumeError(f"{path}: the spacing must lie in [{lo:g}, {hi:g}] mm, got {mm:g} along {axis}")
    unit = axes / size
    if abs(np.linalg.det(unit)) < 1e-3:
        raise VolumeError(f"{path}: the axes must span the space, got the affine {_text(axes)}")
    cosine = np.abs(unit.T @ unit - np.eye(3)).max()
    skew = float(np.degrees(np.arcsin(min(1.0, cosine))))
    if skew < _SKEW_DEGREES:
        return ()
    return (f"the axes are up to {skew:.1f} degrees off the right angle; the grid is kept as it is",)


def spacing(affine: NDArray[np.float64]) -> Spacing3:
    """Lengths of the three steps, mm."""
    x, y, z = (float(mm) for mm in np.sqrt((affine[:3, :3] ** 2).sum(axis=0)))
    return x, y, z


class Reorientation:
    """The permutation and flips that bring the axes of an image as near to right, front, head as they can be."""

    def __init__(self, affine: NDArray[np.float64], shape: Shape3) -> None:
        orientations: Any = nibabel.orientations
        ornt = orientations.io_orientation(affine)
        self.affine: NDArray[np.float64] = affine @ orientations.inv_ornt_aff(ornt, shape)
        self._order = tuple(int(axis) for axis in np.argsort(ornt[:, 0]))
        self._flips = tuple(slice(None, None, int(ornt[axis, 1])) for axis in self._order)
        x, y, z = (shape[axis] for axis in self._order)
        self.shape = (x, y, z)

    def view(self, voxels: NDArray[Any]) -> NDArray[Any]:
        """The turned image, without a copy."""
        return voxels.transpose(self._order)[self._flips]

    def undo(self, voxels: Tensor) -> Tensor:
        """(..., X, Y, Z) of the turned image in the axes that the image had."""
        flipped = voxels.flip([axis - 3 for axis, part in enumerate(self._flips) if part.step < 0])
        axes = voxels.dim() - 3 + np.argsort(self._order)
        return flipped.permute(*range(voxels.dim() - 3), *axes.tolist())


def slabs(source: NDArray[Any], out: NDArray[Any]) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Matching parts of both, so cut that copying one to the other stays in the caches.

    Along the axis that runs fastest in neither: a part is then a transposed plane, several times faster to copy than
    the whole at once. source, out: (X, Y, Z), `out` in C order.
    """
    strides = [abs(step) if size > 1 else 0 for step, size in zip(source.strides, source.shape, strict=True)]
    fastest = min((step, axis) for axis, step in enumerate(strides) if step or not any(strides))[1]
    axis = 1 if fastest == 0 else 0
    for i in range(out.shape[axis]):
        part = (slice(None),) * axis + (slice(i, i + 1),)
        yield source[part], out[part]


def _text(matrix: NDArray[np.float64]) -> str:
    return str([[float(f"{value:g}") for value in row] for row in matrix])
