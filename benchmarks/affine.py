# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmark of `affine_sample`: every patch turned about its centre, at orders 1 and 3, beside scipy and torch."""

import math
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from genesis_ext import ops

from .case import NUMPY, OURS, Case, Contender, Setup, Size, voxels

TOLERANCE = 1e-5  # of the range
FLOAT32_POSITIONS = 1e-3  # peers place voxels in float32


def affine_sample(setup: Setup) -> Case:
    size = setup.size
    x = voxels(setup)
    matrices = _turns(len(x), size)
    on_device = matrices.to(x.device)
    few = slice(0, max(2, 2**20 // x[0].numel()))

    def ours(order: int, boundary: str) -> Callable[[int], Tensor]:
        return lambda call: ops.affine_sample(x, on_device, size, order, boundary)

    def scipy(order: int, boundary: str) -> Callable[[int], list[np.ndarray]]:
        ndimage: Any = import_module("scipy.ndimage")
        pairs = list(zip(x[few, 0].cpu().numpy(), matrices[few].numpy(), strict=True))
        return lambda call: [ndimage.affine_transform(patch, m, order=order, mode=boundary) for patch, m in pairs]

    def grid_sample(call: int) -> Tensor:
        grid = functional.affine_grid(theta, list(x.shape), align_corners=True)
        sampled: Tensor = functional.grid_sample(x, grid, align_corners=True)
        return sampled

    theta = _as_theta(matrices, size).to(x.device)
    linear, cubic = (1, "grid-constant"), (3, "mirror")

    def verify() -> None:
        for order, boundary in (linear, cubic):
            expected = np.stack(scipy(order, boundary)(0))
            np.testing.assert_allclose(ours(order, boundary)(0)[few, 0].cpu(), expected, rtol=0, atol=TOLERANCE)
        torch.testing.assert_close(grid_sample(0), ours(*linear)(0), rtol=0, atol=FLOAT32_POSITIONS)

    alone = "scipy.ndimage.affine_transform, a patch at a time, one thread"
    contenders = [
        Contender(OURS, ours(*linear), len(x)),
        Contender(NUMPY, scipy(*linear), len(x[few]), alone),
        Contender("torch", grid_sample, len(x), "F.affine_grid and F.grid_sample: positions in float32"),
        Contender(f"{OURS}, order 3", ours(*cubic), len(x), "order 3 instead of 1"),
        Contender(f"{NUMPY}, order 3", scipy(*cubic), len(x[few]), f"order 3; {alone}"),
        *_interpol(x[few], matrices[few], lambda: ours(*cubic)(0)[few]),
    ]
    return Case(size, x[0].numel(), 8 * x[0].numel(), tuple(contenders), verify)


def _turns(count: int, size: Size) -> Tensor:
    """Matrices (N, 4, 4) that turn about two axes of the patch and shrink, by other angles for every sample."""
    centre = (torch.tensor(size, dtype=torch.float64) - 1) / 2
    matrices = torch.eye(4, dtype=torch.float64).repeat(count, 1, 1)
    for n in range(count):
        turn = torch.eye(3, dtype=torch.float64) * (0.8 + 0.4 * ((0.618 * n) % 1))
        for a, b, angle in ((0, 1, 2.4 * n + 0.3), (1, 2, 0.7 * n + 0.5)):
            rotation = torch.eye(3, dtype=torch.float64)
            rotation[a, a] = rotation[b, b] = math.cos(angle)
            rotation[a, b], rotation[b, a] = -math.sin(angle), math.sin(angle)
            turn = turn @ rotation
        matrices[n, :3, :3] = turn
        matrices[n, :3, 3] = centre - turn @ centre
    return matrices


def _as_theta(matrices: Tensor, size: Size) -> Tensor:
    """Give the same for `affine_grid`: axes from last to first, [-1, 1] between the centres of the outermost voxels."""
    half = (torch.tensor(size, dtype=torch.float64) - 1) / 2
    units = torch.eye(4, dtype=torch.float64)
    units[:3, :3], units[:3, 3] = torch.diag(half), half
    theta: Tensor = torch.linalg.inv(units) @ matrices @ units
    return theta[:, [2, 1, 0]][:, :, [2, 1, 0, 3]].float()


def _interpol(x: Tensor, matrices: Tensor, expected: Callable[[], Tensor]) -> list[Contender]:
    """Give torch-interpol, where it is installed."""
    if find_spec("interpol") is None:
        return []
    interpol: Any = import_module("interpol")
    narrow = matrices.to(x.device, torch.float32)

    def run(call: int) -> Tensor:
        grid = torch.stack([interpol.affine_grid(matrix, list(x.shape[2:])) for matrix in narrow])
        pulled: Tensor = interpol.grid_pull(x, grid, interpolation=3, bound="dct1", prefilter=True, extrapolate=True)
        return pulled

    def check() -> None:
        torch.testing.assert_close(run(0), expected(), rtol=0, atol=FLOAT32_POSITIONS)

    differs = "grid_pull with prefilter, order 3: positions in float32"
    return [Contender("torch-interpol", run, len(x), differs, check)]
