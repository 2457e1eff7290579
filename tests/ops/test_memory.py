# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a call takes beside its input: the outputs, and a little or one intermediate result."""

import math

import pytest
import torch

from benchmarks.memory import peak_extra_bytes
from genesis_ext import GenesisTransform, ops

SHAPE = (8, 1, 96, 96, 96)


@pytest.mark.parametrize("profile", ["head", "paper"])
def test_a_call_takes_two_outputs_and_at_most_four_bytes_a_voxel(profile):
    x, ids = torch.rand(SHAPE), torch.arange(SHAPE[0])
    transform = GenesisTransform(profile, shuffle_rate=1.0)
    assert 8.0 <= peak_of(lambda: transform(x, ids)) / x.numel() <= 12.0


@pytest.mark.parametrize("out_shape", [(100, 90, 160), (200, 90, 70), (60, 160, 160)])
def test_resampling_takes_its_output_and_one_float32_volume_no_larger_than_the_larger_side(out_shape):
    x = torch.zeros((1, 1, 128, 128, 128), dtype=torch.int16).random_(-1000, 1000)
    result = 2 * math.prod(out_shape)
    intermediate = 4 * max(x.numel(), math.prod(out_shape))
    peak = peak_of(lambda: ops.resample(x, out_shape=out_shape, order=3))
    assert result <= peak <= result + intermediate + (2 << 20)  # and the lines in work


@pytest.mark.parametrize("axis", [2, 4])
def test_a_long_line_takes_few_times_its_own_memory(axis):
    shape, out_shape = [1, 1, 1, 1, 1], [1, 1, 1]
    shape[axis], out_shape[axis - 2] = 1 << 20, 1 << 19
    x = torch.zeros(shape)
    assert peak_of(lambda: ops.resample(x, out_shape, order=3)) <= 32 * 4 * x.numel()


def peak_of(run):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        peak = peak_extra_bytes(run, torch.device("cpu"))
    finally:
        torch.set_num_threads(threads)
    assert peak is not None
    return peak
