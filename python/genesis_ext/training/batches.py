# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Where training and validation take their batches from: sample ids in, pairs of tensors out."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SampleIds = NDArray[np.int64]
# (N,) sample ids -> network input and target, (N, 1, X, Y, Z) float32 each, on the device of the network.
Batches = Callable[[SampleIds], tuple[Tensor, Tensor]]

# Training counts sample ids from 0; validation has ids that no training run reaches.
FIRST_VALIDATION_ID = 2**62


class RestorationBatches:
    """Patches and their transformed versions: a composition of a patch source and a transform.

    patches: (N,) ids -> (N, 1, X, Y, Z).
    transform: (batch, sample_id tensor) -> (input, target), such as ``GenesisTransform``.
    """

    def __init__(
        self, patches: Callable[[SampleIds], Tensor], transform: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    ) -> None:
        self._patches = patches
        self._transform = transform

    def __call__(self, sample_id: SampleIds) -> tuple[Tensor, Tensor]:
        """Input and target of these samples."""
        patches = self._patches(sample_id)
        return self._transform(patches, torch.from_numpy(sample_id).to(patches.device, non_blocking=True))


def training_ids(step: int, batch_size: int) -> SampleIds:
    """Sample ids of one training step, counted from 0."""
    return np.arange(step * batch_size, (step + 1) * batch_size, dtype=np.int64)


def validation_ids(patches: int, batch_size: int) -> Iterator[SampleIds]:
    """The fixed ids that validate, in whole batches (batch norm would treat a smaller last one otherwise)."""
    for first in range(0, patches, batch_size):
        yield np.arange(first, first + batch_size, dtype=np.int64) + FIRST_VALIDATION_ID
