# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage

from genesis_ext.evaluation.restoration import BLUR_SIGMAS_VOXELS, gaussian_blur, psnr, ssim


def pair(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    target = torch.rand(shape, generator=generator)
    return target + 0.2 * torch.rand(shape, generator=generator), target


@pytest.mark.parametrize("sigma", BLUR_SIGMAS_VOXELS)
def test_the_blur_is_a_gaussian(sigma: float) -> None:
    x = torch.rand(2, 3, 9, 8, 7, generator=torch.Generator().manual_seed(1))
    wanted = ndimage.gaussian_filter(x.numpy(), sigma, axes=(2, 3, 4), mode="nearest", truncate=3.0)
    assert torch.allclose(gaussian_blur(x, sigma), torch.from_numpy(wanted), atol=1e-5)  # float32 sums


def test_psnr_of_a_known_error() -> None:
    target = torch.zeros(3, 1, 4, 4, 2)
    restored = torch.tensor([0.1, 1.0, 0.0]).reshape(3, 1, 1, 1, 1).expand_as(target)
    assert psnr(restored, target).tolist() == pytest.approx([20.0, 0.0, math.inf])
    assert psnr(10 * restored, 10 * target, data_range=10.0).tolist() == pytest.approx([20.0, 0.0, math.inf])


def ssim_by_scipy(restored: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    """As scikit-image has it, with Gaussian weights and population variances."""

    def mean(x: NDArray[np.float64]) -> NDArray[np.float64]:
        smooth = ndimage.gaussian_filter(x, 1.5, truncate=3.5)
        return smooth[tuple(slice(5, n - 5) for n in x.shape)]

    x, y = mean(restored), mean(target)
    xx, yy, xy = mean(restored**2) - x * x, mean(target**2) - y * y, mean(restored * target) - x * y
    c1, c2 = 0.01**2, 0.03**2
    return float(np.mean((2 * x * y + c1) * (2 * xy + c2) / ((x * x + y * y + c1) * (xx + yy + c2))))


@pytest.mark.parametrize("shape", [(2, 1, 13, 12, 11), (2, 1, 16, 15), (2, 1, 16, 15, 1)])
def test_ssim_is_that_of_its_definition(shape: tuple[int, ...]) -> None:
    restored, target = pair(*shape)
    for found, one, other in zip(ssim(restored, target), restored, target, strict=True):
        wanted = ssim_by_scipy(one.double().squeeze().numpy(), other.double().squeeze().numpy())
        assert float(found) == pytest.approx(wanted, abs=1e-5)  # float32 sums
    assert ssim(target, target).tolist() == pytest.approx([1.0, 1.0])


def test_what_cannot_be_compared_is_refused() -> None:
    x, y = pair(1, 1, 12, 12, 12)
    with pytest.raises(ValueError, match=r"psnr: restored and target must have one shape .* got \(1, 1, 12, 12, 12\)"):
        psnr(x, y[..., 1:])
    with pytest.raises(ValueError, match=r"ssim: sides must be at least 11 voxels, got \(12, 12, 10\)"):
        ssim(x[..., 2:], y[..., 2:])
    with pytest.raises(ValueError, match="data_range must be above 0, got 0"):
        psnr(x, y, data_range=0)
