# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Where in a scan there is something to see."""

import math
from itertools import product

import torch
from torch import Tensor

from genesis_ext._types import Shape3

_BINS = 64
_MOST_VOXELS = 2**15  # looked at in a candidate: enough for its histogram


def richest_patch(voxels: Tensor, patch: Shape3) -> Shape3:
    """Start of the patch whose grey values tell most: the highest entropy of a histogram of 64 bins.

    Entropy rather than variance, which is highest where half of a patch is air and half is tissue. Candidates lie half
    a patch apart; of equals the first counts.

    voxels: (X, Y, Z) in [0, 1].   patch: sides in voxels, none longer than the scan's.
    """
    thin = max(1, round((math.prod(patch) / _MOST_VOXELS) ** (1 / 3)))
    bins = _binned(voxels)
    best, best_entropy = (0, 0, 0), -1.0
    along_x, along_y, along_z = (_starts(size, side) for size, side in zip(voxels.shape, patch, strict=True))
    for start in product(along_x, along_y, along_z):
        x, y, z = (slice(at, at + side, thin) for at, side in zip(start, patch, strict=True))
        entropy = _entropy(bins[x, y, z])
        if entropy > best_entropy + 1e-12:
            best, best_entropy = start, entropy
    return best


def richest(patches: Tensor) -> int:
    """Which of the patches (N, 1, X, Y, Z) in [0, 1] tells most, the first of equals."""
    entropies = [_entropy(bins) for bins in _binned(patches)]
    return entropies.index(max(entropies))


def _binned(voxels: Tensor) -> Tensor:
    return (voxels.clamp(0.0, 1.0) * (_BINS - 1)).round().long()


def _entropy(bins: Tensor) -> float:
    share = torch.bincount(bins.flatten(), minlength=_BINS).double()
    share /= share.sum()
    return -float(torch.special.xlogy(share, share).sum())


def _starts(size: int, side: int) -> list[int]:
    """From 0 to size - side in about half sides, evenly."""
    steps = max(1, math.ceil(2 * (size - side) / side))
    return sorted({round(i * (size - side) / steps) for i in range(steps + 1)})
