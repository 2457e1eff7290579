# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Which part of a scan is worth showing."""

import math
from itertools import product

import torch
from torch import Tensor

from genesis_ext._types import Shape3

_BINS = 64
_MOST_VOXELS = 2**15  # looked at in a candidate: enough for its histogram


def richest_patch(voxels: Tensor, patch: Shape3) -> Shape3:
    """Start of the patch with the highest entropy of a 64-bin histogram of its grey values.

    Not variance, which is highest where a patch is half air and half tissue. Candidates lie half a patch apart; the
    first of equals wins.

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
    """Index of the patch with the highest entropy, the first of equals; patches: (N, 1, X, Y, Z) in [0, 1]."""
    entropies = [_entropy(bins) for bins in _binned(patches)]
    return entropies.index(max(entropies))


def _binned(voxels: Tensor) -> Tensor:
    return (voxels.clamp(0.0, 1.0) * (_BINS - 1)).round().long()


def _entropy(bins: Tensor) -> float:
    share = torch.bincount(bins.flatten(), minlength=_BINS).double()
    share /= share.sum()
    return -float(torch.special.xlogy(share, share).sum())


def _starts(size: int, side: int) -> list[int]:
    """Evenly from 0 to size - side, about half a side apart."""
    steps = max(1, math.ceil(2 * (size - side) / side))
    return sorted({round(i * (size - side) / steps) for i in range(steps + 1)})
