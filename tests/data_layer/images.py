# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Small image files for tests."""

from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray

from genesis_ext.reference.philox import uniform, words


def random_voxels(shape: tuple[int, ...], lo: float, hi: float, seed: int = 0) -> NDArray[np.float32]:
    """Values uniform in [lo, hi), the two ends included once."""
    count = int(np.prod(shape))
    values = uniform(words(seed, 0, 0, np.arange(count))[:, 0])
    values[:2] = (0.0, 1.0)
    return (lo + (hi - lo) * values).astype(np.float32).reshape(shape)


def write_nifti(path: Path, voxels: NDArray, affine: NDArray | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4) if affine is None else affine), path)
    return path


def write_ct(path: Path, shape: tuple[int, ...], seed: int = 0) -> Path:
    """Soft values between -1000 and 1000 HU: a gradient along each axis and some noise."""
    ramp = sum(np.linspace(-300, 300, n).reshape([-1 if i == a else 1 for i in range(3)]) for a, n in enumerate(shape))
    voxels = ramp + random_voxels(shape, -50, 50, seed)
    voxels.flat[0], voxels.flat[1] = -1000, 1000
    return write_nifti(path, voxels.astype(np.int16))


def write_mri(path: Path, shape: tuple[int, ...], seed: int = 0) -> Path:
    return write_nifti(path, random_voxels(shape, 0, 900, seed))
