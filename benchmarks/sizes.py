# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Sizes of patches and of batches."""

import math

import torch

from genesis_ext._types import Shape3

PATCH: Shape3 = (64, 64, 32)
SIZES: tuple[Shape3, ...] = (PATCH, (160, 160, 160))

_QUICK_VOXELS = 2**18


def parse_size(text: str) -> Shape3:
    """Read 64x64x32, 64x64 (one slice) or 160^3. ValueError otherwise."""
    side, power, exponent = text.partition("^")
    sides = [int(side)] * int(exponent) if power else [int(part) for part in text.split("x")]
    if len(sides) not in (2, 3) or min(sides) < 1:
        raise ValueError(f"a size must be 64x64x32, 64x64 or 160^3, got {text!r}")
    x, y, z = (*sides, 1)[:3]
    return x, y, z


def shrunk(size: Shape3) -> Shape3:
    """The size for a trial: sides halved until a sample has at most a quarter of a million voxels."""
    while math.prod(size) > _QUICK_VOXELS:
        size = tuple(max(1, side // 2) for side in size)  # type: ignore[assignment]
    return size


def batch_of_voxels(size: Shape3, device: torch.device, quick: bool) -> int:
    """Samples of some 4 million voxels on a CPU, 64 million on a GPU; at least 8, for what is drawn differs."""
    voxels = (2**26 if device.type == "cuda" else 2**22) // (16 if quick else 1)
    return max(2 if quick else 8, voxels // math.prod(size))
