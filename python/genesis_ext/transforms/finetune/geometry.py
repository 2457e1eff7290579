# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""All that moves voxels as one matrix a sample; mirrored by reference/finetune_transform.py."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from genesis_ext._types import Shape3
from genesis_ext.reference.finetune_draws import SHEARS
from genesis_ext.transforms.finetune.plan import FinetunePlan

_PAIRS = ((0, 1), (0, 2), (1, 2))


@dataclass(frozen=True)
class Grid:
    """Patches before and after, in voxels and in millimetres; 2D is one slice."""

    shape: Shape3
    out_shape: Shape3
    spacing: tuple[float, float, float]

    @property
    def exchangeable(self) -> list[tuple[int, int]]:
        """Pairs of axes of equal length, above one voxel, and spacing: none, one or all three."""
        return [(a, b) for a, b in _PAIRS if self._alike(a, b)]

    @property
    def turnable(self) -> list[int]:
        """Axes about which there is something to turn: all three, one or none."""
        sides = self.shape
        return [a for a in range(3) if sides[(a + 1) % 3] > 1 and sides[(a + 2) % 3] > 1]

    @property
    def square(self) -> list[int]:
        """Axes about which quarter turns keep the patch."""
        return [a for a in range(3) if self._alike((a + 1) % 3, (a + 2) % 3)]

    def _alike(self, a: int, b: int) -> bool:
        return self.shape[a] > 1 and all(of[a] == of[b] for of in (self.shape, self.out_shape, self.spacing))


def sampling_matrix(plan: FinetunePlan, grid: Grid) -> Tensor:
    """Return (N, 4, 4) float64: index of an output voxel -> index into the patch.

    About the centre of what is cut to `out_shape`: the axes of the patch are exchanged, flipped, turned by quarters and
    freely about x, then y, then z (right-handed), and scaled; the result is sampled at sheared positions. Products are
    written out, since those of matrices have no fixed order; what only flips, exchanges and turns by quarters is exact.
    """
    shears = torch.diag_embed(torch.ones_like(plan.degrees))
    linear = _inverse_rotations(plan)
    for number, (i, j) in enumerate(SHEARS):
        if grid.spacing[i] != grid.spacing[j]:
            linear[:, i, j] = linear[:, i, j] * (grid.spacing[j] / grid.spacing[i])
        shears[:, i, j] = plan.shear[:, number]
    products = [linear[:, :, k : k + 1] * shears[:, k : k + 1] for k in range(3)]
    linear = (products[0] + products[1] + products[2]) / plan.scale.view(-1, 1, 1)
    linear = torch.where(plan.flips.unsqueeze(2), -linear, linear)
    matrix = linear.new_zeros((len(linear), 4, 4))
    matrix[:, :3, :3] = torch.zeros_like(linear).scatter(1, plan.axes.unsqueeze(2).expand(-1, 3, 3), linear)
    for row in range(3):
        side = grid.out_shape[row]
        about = [matrix[:, row, k] * ((grid.out_shape[k] - 1) / 2) for k in range(3)]
        begin = (grid.shape[row] - side) // 2
        matrix[:, row, 3] = begin + (side - 1) / 2 - (about[0] + about[1] + about[2])
    matrix[:, 3, 3].fill_(1.0)
    return matrix


def _inverse_rotations(plan: FinetunePlan) -> Tensor:
    """Return (N, 3, 3): the inverse of the turns about x, then y, then z."""
    cos, sin = _cos_sin(plan.quarters, plan.degrees)
    columns = list(torch.diag_embed(torch.ones_like(plan.degrees)).unbind(2))  # (N, 3) each
    for axis in range(3):
        b, c = (axis + 1) % 3, (axis + 2) % 3
        one, other = columns[b], columns[c]
        co, si = cos[:, axis : axis + 1], sin[:, axis : axis + 1]
        columns[b], columns[c] = one * co - other * si, one * si + other * co
    return torch.stack(columns, 2)


def _cos_sin(quarters: Tensor, degrees: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine of 90 quarters + degrees: polynomials, since those of libraries differ in their last bit."""
    turns = degrees * (1 / 90)
    whole = torch.floor(turns + 0.5)
    x = (turns - whole) * (math.pi / 2)
    square = x * x
    cos, sin = torch.zeros_like(x), torch.zeros_like(x)
    for k in reversed(range(9)):
        cos = cos * square + (-1.0) ** k / math.factorial(2 * k)
        sin = sin * square + (-1.0) ** k / math.factorial(2 * k + 1)
    sin = sin * x
    which = (quarters + whole.long()).remainder(4)
    odd = which.remainder(2) == 1
    cos, sin = torch.where(odd, sin, cos), torch.where(odd, cos, sin)
    return torch.where((which == 1) | (which == 2), -cos, cos), torch.where(which >= 2, -sin, sin)
