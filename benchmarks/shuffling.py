# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Cases of `local_shuffle`: windows as released (the last one wins), and one after another as in the paper."""

import numpy as np
import torch
from torch import Tensor

from genesis_ext import ops
from genesis_ext.reference import local_shuffle as shuffle_reference
from genesis_ext.reference import released

from . import monai_peers, torchio_peers
from .case import NUMPY, OURS, Case, Contender, Setup, as_numpy, voxels
from .inputs import AS_RELEASED, case_of_patches, few_of, keys_of

NUM_WINDOWS = {"last_writer": released.NUM_WINDOWS, "sequential": 1_000}  # as released, and as in the paper


def local_shuffle(setup: Setup) -> Case:
    return _case(setup, "last_writer", "voxel")


def sequential(setup: Setup) -> Case:
    return _case(setup, "sequential", "voxel")


def sequential_axes(setup: Setup) -> Case:
    return _case(setup, "sequential", "axes")


def _case(setup: Setup, order: str, permute: str) -> Case:
    size, batch, device = setup.size, setup.batch, setup.device
    number, in_turn, along_axes = NUM_WINDOWS[order], order == "sequential", permute == "axes"
    x = voxels(setup)
    few = few_of(x)
    patches = list(as_numpy(few))
    max_window = [max(1, side // 10) for side in size]

    def ours(call: int) -> Tensor:
        return ops.local_shuffle(x, keys_of(call, batch, device), number, order=order, permute=permute)

    def pipeline(call: int) -> list[np.ndarray]:
        rng = np.random.default_rng(call)
        windows = (released.random_windows(size, rng, number, along_axes) for _ in patches)
        return [released.local_shuffling(patch, drawn, in_turn) for patch, drawn in zip(patches, windows, strict=True)]

    def verify() -> None:
        got = as_numpy(ours(0))
        keys = keys_of(0, batch, torch.device("cpu")).numpy()
        expected = shuffle_reference.local_shuffle(as_numpy(x), keys, number, max_window, order, permute)
        np.testing.assert_array_equal(got, expected)
        for patch, (seed, sample_id), wanted in zip(patches, keys, got, strict=False):
            sizes, starts, window_keys = shuffle_reference.windows(seed, sample_id, size, number, max_window)
            permutations = shuffle_reference.window_permutations(seed, sample_id, sizes, window_keys, permute)
            windows = zip(sizes, starts, permutations, strict=True)
            np.testing.assert_array_equal(released.local_shuffling(patch, windows, in_turn), wanted)

    way = "the windows one after another in a Python loop, draws from NumPy's generator" if in_turn else AS_RELEASED
    contenders = [Contender(OURS, ours, batch), Contender(NUMPY, pipeline, len(patches), way)]
    if not along_axes:  # which nobody else does
        slow = few[: 4 if in_turn else 1]
        contenders += monai_peers.coarse_shuffle(slow, number, max_window)
        contenders += torchio_peers.swap(slow, number, max_window)
    setting = f"{number:,} windows, {order.replace('_', ' ')}" + (", permuting axes" if along_axes else "")
    return case_of_patches(setup, contenders, verify, setting)
