# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a call takes beside its input: the outputs, and at most four bytes a voxel."""

import pytest
import torch

from benchmarks.memory import peak_extra_bytes
from genesis_ext import GenesisTransform

SHAPE = (8, 1, 96, 96, 96)


@pytest.mark.parametrize("profile", ["head", "paper"])
def test_a_call_takes_two_outputs_and_at_most_four_bytes_a_voxel(profile):
    x, ids = torch.rand(SHAPE), torch.arange(SHAPE[0])
    transform = GenesisTransform(profile, shuffle_rate=1.0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        peak = peak_extra_bytes(lambda: transform(x, ids), x.device)
    finally:
        torch.set_num_threads(threads)
    assert peak is not None
    assert 8.0 <= peak / x.numel() <= 12.0
