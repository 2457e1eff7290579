# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Libraries that give what `affine_sample` gives, where they are installed, each called as its documentation advises.

All take patches x (N, 1, X, Y, Z) float32 on the device where they run, and matrices (N, 4, 4) float64 from output
index to input index. Where voxels lie beyond the patch they differ, so results are compared within it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from . import batchgenerators_peers, monai_peers, torchio_peers
from .case import Contender
from .peers import library, peer, simpleitk

BOUND = 1e-5  # of the range: positions in float64
FLOAT32_POSITIONS = 1e-3

# What raises AssertionError unless results (N, 1, X, Y, Z) are within a bound of ours.
Check = Callable[[Tensor, float], None]


def linear(x: Tensor, matrices: Tensor, check: Check) -> list[Contender]:
    """Contenders at order 1; 0 beyond the patch."""

    def in_float32(found: Tensor) -> None:
        check(found, FLOAT32_POSITIONS)

    turns = matrices.clone()
    turns[:, :3, 3] = 0.0  # about the centre, from which these count
    return [
        *_scipy(x, matrices, 1, "grid-constant", check),
        *_grid_sample(x, matrices, check),
        *_kornia(x, matrices, check),
        *monai_peers.affine(x, turns, in_float32),
        *batchgenerators_peers.affine(x, turns, in_float32),
        *_simpleitk(x, matrices, 1, check),
        *torchio_peers.affine(x, turns, in_float32),
        *_cupy(x, matrices, 1, "grid-constant", check),
    ]


def cubic(x: Tensor, matrices: Tensor, check: Check) -> list[Contender]:
    """Contenders at order 3; mirrored beyond the patch."""
    return [
        *_scipy(x, matrices, 3, "mirror", check),
        *_interpol(x[:8], matrices[:8], check),  # it takes more than a hundred bytes a voxel
        *_simpleitk(x, matrices, 3, check),
        *_cupy(x, matrices, 3, "mirror", check),
    ]


def _stacked(results: Any) -> Tensor:
    """Results of single patches as a batch (N, 1, X, Y, Z)."""
    return torch.stack([torch.as_tensor(result) for result in results])[:, None]


def _scipy(x: Tensor, matrices: Tensor, order: int, boundary: str, check: Check) -> list[Contender]:
    ndimage = library("scipy.ndimage")
    if ndimage is None or x.is_cuda:
        return []
    pairs = list(zip(x[:, 0].numpy(), matrices.numpy(), strict=True))

    def run(call: int) -> list[np.ndarray]:
        return [ndimage.affine_transform(patch, matrix, order=order, mode=boundary) for patch, matrix in pairs]

    differs = "scipy.ndimage.affine_transform, a patch at a time, one thread"
    return [peer("scipy", run, len(x), differs, lambda: check(_stacked(run(0)), BOUND))]


def _cupy(x: Tensor, matrices: Tensor, order: int, boundary: str, check: Check) -> list[Contender]:
    ndimage = library("cupyx.scipy.ndimage") if x.is_cuda else None
    if ndimage is None:
        return []
    cupy = library("cupy")
    pairs = [(cupy.asarray(patch[0]), cupy.asarray(matrix.numpy())) for patch, matrix in zip(x, matrices, strict=True)]

    def run(call: int) -> list[Any]:
        return [
            ndimage.affine_transform(patch, matrix, order=order, mode=boundary, output=np.float32)
            for patch, matrix in pairs
        ]

    differs = "cupyx.scipy.ndimage.affine_transform, a patch at a time"
    return [peer("cupy", run, len(x), differs, lambda: check(_stacked(y.get() for y in run(0)), FLOAT32_POSITIONS))]


def _grid_sample(x: Tensor, matrices: Tensor, check: Check) -> list[Contender]:
    size = torch.tensor(x.shape[2:], dtype=torch.float64)
    half = (size - 1) / 2
    units = torch.eye(4, dtype=torch.float64)  # from [-1, 1] between the centres of the outermost voxels to indices
    units[:3, :3], units[:3, 3] = torch.diag(half), half
    theta = (torch.linalg.inv(units) @ matrices @ units)[:, [2, 1, 0]][:, :, [2, 1, 0, 3]]  # axes from last to first
    theta = theta.float().to(x.device)

    def run(call: int) -> Tensor:
        grid = F.affine_grid(theta, list(x.shape), align_corners=True)
        sampled: Tensor = F.grid_sample(x, grid, align_corners=True)
        return sampled

    differs = "F.affine_grid and F.grid_sample: positions in float32"
    return [peer("torch", run, len(x), differs, lambda: check(run(0), FLOAT32_POSITIONS))]


def _kornia(x: Tensor, matrices: Tensor, check: Check) -> list[Contender]:
    geometry = library("kornia.geometry.transform")
    if geometry is None:
        return []
    reversed_axes = torch.linalg.inv(matrices)[:, [2, 1, 0]][:, :, [2, 1, 0, 3]].float().to(x.device)
    size = tuple(x.shape[2:])

    def run(call: int) -> Tensor:
        warped: Tensor = geometry.warp_affine3d(x, reversed_axes, size, align_corners=True)
        return warped

    differs = "warp_affine3d, which inverts its matrices and calls F.grid_sample: positions in float32"
    return [peer("kornia", run, len(x), differs, lambda: check(run(0), FLOAT32_POSITIONS))]


def _interpol(x: Tensor, matrices: Tensor, check: Check) -> list[Contender]:
    interpol = library("interpol")
    if interpol is None:
        return []
    narrow = matrices.to(x.device, torch.float32)

    def run(call: int) -> Tensor:
        grid = torch.stack([interpol.affine_grid(matrix, list(x.shape[2:])) for matrix in narrow])
        pulled: Tensor = interpol.grid_pull(x, grid, interpolation=3, bound="dct1", prefilter=True, extrapolate=True)
        return pulled

    differs = "grid_pull with prefilter: positions in float32"
    return [peer("torch-interpol", run, len(x), differs, lambda: check(run(0), FLOAT32_POSITIONS))]


def _simpleitk(x: Tensor, matrices: Tensor, order: int, check: Check) -> list[Contender]:
    sitk = simpleitk()
    if sitk is None or x.is_cuda:
        return []
    interpolator = {1: sitk.sitkLinear, 3: sitk.sitkBSpline}[order]
    pairs = []
    for patch, matrix in zip(x[:, 0].numpy(), matrices.numpy(), strict=True):
        transform = sitk.AffineTransform(3)
        transform.SetMatrix(matrix[:3, :3].ravel().tolist())
        transform.SetTranslation(matrix[:3, 3].tolist())
        pairs.append((sitk.GetImageFromArray(patch.T), transform))  # ITK names axes x first, NumPy last

    def run(call: int) -> list[np.ndarray]:
        results = [sitk.Resample(image, image, transform, interpolator) for image, transform in pairs]
        return [sitk.GetArrayViewFromImage(result).T.copy() for result in results]  # a view dies with its image

    name = "sitkBSpline" if order == 3 else "sitkLinear"
    differs = f"Resample with {name}, 0 beyond half a voxel outside, a patch at a time"
    return [peer("SimpleITK", run, len(x), differs, lambda: check(_stacked(run(0)), BOUND))]
