# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Ranges taken from the data."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from genesis_ext.transforms import minmax_range, percentile_range
from tests.cases import Tagged, same_bits, voxels

DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def order_statistics(values, *percents):
    """Take the values of rank floor(q / 100 (n - 1)) the slow way; 0 where nothing is finite."""
    values = np.sort(values[np.isfinite(values)])
    if not len(values):
        return [0.0] * len(percents)
    return [float(values[math.floor(Fraction(str(q)) / 100 * (len(values) - 1))]) for q in percents]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(3, 2, 7, 5, 3), (2, 3, 31, 13), (1, 1, 1, 1, 1), (0, 2, 3, 3, 3)], ids=str)
@pytest.mark.parametrize("percents", [(0.1, 99.9), (0.0, 100.0), (5.0, 50.0), (50.0, 50.0), (29.0, 58.0)], ids=str)
def test_percentiles_are_order_statistics_of_the_finite_voxels(percents, shape, dtype):
    x = voxels(shape, dtype)
    for per_channel, groups in ((False, x.flatten(1)[:, None]), (True, x.flatten(2))):
        got = percentile_range(x, *percents, per_channel=per_channel, spatial_dims=x.dim() - 2)
        expected = [[order_statistics(g.float().numpy(), *percents) for g in sample] for sample in groups]
        assert same_bits(got, torch.tensor(expected, dtype=torch.float32).reshape(got.shape))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("per_channel", [False, True])
def test_minmax_is_the_outermost_order_statistics(per_channel, dtype):
    x = voxels((3, 2, 7, 5, 3), dtype)
    assert same_bits(minmax_range(x, per_channel), percentile_range(x, 0.0, 100.0, per_channel))
    assert minmax_range(x, per_channel).shape == (3, 2 if per_channel else 1, 2)


@pytest.mark.parametrize("of", [minmax_range, percentile_range])
def test_without_a_finite_voxel_the_range_is_zero(of):
    x = torch.full((2, 2, 3, 3, 3), torch.nan)
    x[1] = -torch.inf
    x[1, 1, 0, 0, 0] = 5.0
    assert of(x).tolist() == [[[0.0, 0.0]], [[5.0, 5.0]]]
    assert of(x, per_channel=True).tolist() == [[[0.0, 0.0]] * 2, [[0.0, 0.0], [5.0, 5.0]]]


@pytest.mark.parametrize("of", [minmax_range, percentile_range])
def test_a_zero_is_positive_whatever_its_sign_was(of):
    x = torch.zeros(1, 1, 4, 4, 1)
    x[:, :, :, ::2] = -0.0
    assert not of(x).signbit().any()


def test_strides_change_nothing():
    x = voxels((2, 3, 11, 6, 13))
    for of in (minmax_range, percentile_range):
        assert same_bits(of(x.movedim(1, -1).contiguous().movedim(-1, 1)), of(x))


@pytest.mark.parametrize("percents", [(-1.0, 50.0), (0.0, 101.0), (60.0, 40.0), (float("nan"), 50.0)], ids=str)
def test_percentiles_must_rise_within_0_and_100(percents):
    with pytest.raises(ValueError, match=r"percentile_range: lower <= upper must lie in \[0, 100\], got"):
        percentile_range(torch.rand(1, 1, 4, 4, 4), *percents)


@pytest.mark.parametrize("of", [minmax_range, percentile_range])
def test_a_patch_is_not_taken_for_images(of):
    x = voxels((1, 2, 7, 5, 3))
    with pytest.raises(ValueError, match=rf"^{of.__name__}: x must be \(N, C, X, Y, Z\), .* need spatial_dims=2"):
        of(x[0], per_channel=True)
    flat = of(x[..., 0], per_channel=True, spatial_dims=2)
    assert same_bits(flat, of(x[..., :1], per_channel=True))
    assert type(of(x.as_subclass(Tagged))) is torch.Tensor
