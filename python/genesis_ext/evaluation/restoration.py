# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""How near restored patches are to what they were, and the blur that a restoration must beat."""

import torch
from torch import Tensor
from torch.nn import functional

from genesis_ext._extras import require

BLUR_SIGMAS_VOXELS = (1.0, 2.0, 4.0)
"""Of the blurs that stand beside a restoration."""

SSIM_SIDE = 11
"""Of the window of SSIM, voxels, and so the least side of a patch: as Wang et al. 2004 have it."""

_SSIM_SIGMA = 1.5


def psnr(restored: Tensor, target: Tensor, data_range: float = 1.0) -> Tensor:
    """Peak signal-to-noise ratio of each sample, dB: (N, C, X, Y[, Z]) to (N,); infinite where both are equal.

    data_range: greatest difference that two values can have.

    Raises:
        ValueError: shapes differ, or the range is not positive.
    """
    _check("psnr", restored, target, data_range)
    mean_square = (restored.double() - target.double()).square().flatten(1).mean(dim=1)
    return 10 * torch.log10(data_range**2 / mean_square)


def ssim(restored: Tensor, target: Tensor, data_range: float = 1.0) -> Tensor:
    """Structural similarity of each sample, at most 1: (N, C, X, Y[, Z]) to (N,), by MONAI (extra ``evaluate``).

    Mean over channels and over the places where the window lies whole within the patch: a Gaussian of sigma 1.5 on
    11 voxels a side, K1 = .01, K2 = .03. Of patches of one slice it is that of images.
    Source: Wang, Bovik, Sheikh, Simoncelli, IEEE TIP 13(4), 2004.

    Raises:
        ValueError: shapes differ, a side is under 11 voxels, or the range is not positive.
        ImportError: MONAI is not installed.
    """
    _check("ssim", restored, target, data_range)
    if restored.ndim == 5 and restored.shape[-1] == 1:
        restored, target = restored[..., 0], target[..., 0]
    sides = restored.ndim - 2
    if min(restored.shape[2:]) < SSIM_SIDE:
        raise ValueError(f"ssim: sides must be at least {SSIM_SIDE} voxels, got {tuple(restored.shape[2:])}")
    compute = require("monai.metrics", "evaluate", "for SSIM").compute_ssim_and_cs
    local: Tensor = compute(
        restored.float(), target.float(), sides, [SSIM_SIDE] * sides, [_SSIM_SIGMA] * sides, data_range
    )[0]
    return local.flatten(1).mean(dim=1)


def gaussian_blur(x: Tensor, sigma_voxels: float) -> Tensor:
    """Smooth (N, C, X, Y[, Z]) by a Gaussian, cut at three sigmas; beyond the edge its last voxel goes on."""
    if x.ndim == 4:
        return gaussian_blur(x[..., None], sigma_voxels)[..., 0]
    radius = round(3 * sigma_voxels)
    at = torch.arange(-radius, radius + 1, dtype=torch.float64, device=x.device)
    kernel = torch.exp(-0.5 * (at / sigma_voxels) ** 2)
    kernel = (kernel / kernel.sum()).to(x.dtype)
    n, c = x.shape[:2]
    for axis in range(3):
        shape, padding = [1, 1, 1], [0] * 6
        shape[axis] = len(kernel)
        padding[4 - 2 * axis] = padding[5 - 2 * axis] = radius  # functional.pad counts from the last axis
        padded = functional.pad(x.reshape(n * c, 1, *x.shape[2:]), padding, mode="replicate")
        x = functional.conv3d(padded, kernel.view(1, 1, *shape)).view(n, c, *x.shape[2:])
    return x


def _check(name: str, restored: Tensor, target: Tensor, data_range: float) -> None:
    if restored.shape != target.shape or restored.ndim not in (4, 5):
        raise ValueError(
            f"{name}: restored and target must have one shape (N, C, X, Y[, Z]), got {tuple(restored.shape)} and "
            f"{tuple(target.shape)}"
        )
    if not data_range > 0:
        raise ValueError(f"{name}: data_range must be above 0, got {data_range}")
