# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The released rule for cubes of a chest CT: those filled with soft tissue are rejected, so that lung dominates.

Every voxel scores by how far one must look along z (towards higher indices) for a value of at least -150 HU: 1 at the
voxel itself, 1/2 at the next one, 0 beyond. A cube is accepted if its mean score is at most .15. Source: method of
Models Genesis, as released.
"""

import torch
from torch import Tensor

DENSE_HU = -150.0
MAX_MEAN_SCORE = 0.15


def cube_scores(values: Tensor, patch: tuple[int, int, int], dense: float) -> Tensor:
    """Twice the sum of the scores in the cube at every start position.

    values: (X, Y, Z), any float type.   dense: -150 HU on the scale of `values`.
    Returns (X - px + 1, Y - py + 1, Z - pz + 1) int32; doubled, sums are integers and exact.
    """
    hit = values >= torch.tensor(dense, dtype=values.dtype)  # rounded like the stored values, so that ties agree
    score = hit.to(torch.int32) * 2
    score[..., :-1] += (~hit[..., :-1] & hit[..., 1:]).to(torch.int32)
    for axis, side in enumerate(patch):  # box sums by running sums, one axis after the other
        total = score.cumsum(axis, dtype=torch.int32)
        before = torch.zeros_like(total.narrow(axis, 0, 1))
        total = torch.cat((before, total), axis)
        count = total.shape[axis] - side
        score = total.narrow(axis, side, count) - total.narrow(axis, 0, count)
    return score


def accepted(doubled_sum: Tensor, patch_voxels: int) -> Tensor:
    """Whether cubes with these sums pass, bool of the same shape."""
    return doubled_sum.double() <= MAX_MEAN_SCORE * 2.0 * patch_voxels
