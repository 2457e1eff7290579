# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Cases of `affine_sample`: every patch turned about its centre, at order 1 and at order 3."""

import math

import numpy as np
import torch
from torch import Tensor

from genesis_ext import ops
from genesis_ext._types import Shape3
from genesis_ext.reference import affine_sample as affine_reference

from . import affine_peers
from .case import OURS, Case, Contender, Setup, as_numpy, rounding, voxels
from .inputs import case_of_patches, few_of

TOLERANCE = 1e-5  # of the range, class B
BOUNDARIES = {1: "grid-constant", 3: "mirror"}


def affine_sample(setup: Setup) -> Case:
    return _case(setup, order=1)


def cubic(setup: Setup) -> Case:
    return _case(setup, order=3)


def _case(setup: Setup, order: int) -> Case:
    size, boundary = setup.size, BOUNDARIES[order]
    x = voxels(setup)
    matrices = _turns(len(x), size)
    on_device = matrices.to(x.device)
    few = x.float() if x.is_cuda else few_of(x, least=1, voxels=2**20)  # a GPU must be filled

    def ours(call: int) -> Tensor:
        return ops.affine_sample(x, on_device, size, order, boundary)

    def verify() -> None:
        expected = affine_reference.affine_sample(as_numpy(x), matrices.numpy(), size, order, boundary)
        np.testing.assert_allclose(as_numpy(ours(0)), expected, rtol=rounding(x.dtype), atol=TOLERANCE)

    def check(found: Tensor, bound: float) -> None:
        count = len(found)
        wanted = ops.affine_sample(few[:count], on_device[:count], size, order, boundary).cpu()
        inside = _inside(matrices[:count], size)
        torch.testing.assert_close(found.cpu()[inside], wanted[inside], rtol=0, atol=bound)

    peers = {1: affine_peers.linear, 3: affine_peers.cubic}[order]
    contenders = Contender(OURS, ours, len(x)), *peers(few, matrices[: len(few)], check)
    return case_of_patches(setup, contenders, verify, f"order {order}")


def _turns(count: int, size: Shape3) -> Tensor:
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


def _inside(matrices: Tensor, size: Shape3) -> Tensor:
    """Which output voxels lie between voxels of the patch: (N, 1, X, Y, Z) bool."""
    index = torch.stack(torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in size), indexing="ij"))
    at = torch.einsum("nij,jxyz->nixyz", matrices[:, :3, :3], index) + matrices[:, :3, 3, None, None, None]
    last = torch.tensor(size)[:, None, None, None] - 1
    edge = 1e-6  # nearer to the border rounding decides
    return ((at >= edge) & (at <= last - edge)).all(1, keepdim=True)
