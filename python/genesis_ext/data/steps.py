# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What all training loaders share: a batch for each step, of which a rank makes its part."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from genesis_ext.data.batch import Batch
from genesis_ext.data.placement.placement import Placement
from genesis_ext.ops._checks import TensorLike

FIRST_VALIDATION_ID = 2**62
"""Training counts sample ids from 0; validation has ids that no training run reaches."""

SAMPLES_A_VOLUME = 64
"""How many samples a volume of weight 1 gives before its shard makes room, as many as in the Universal Model."""


class StepLoader(ABC):
    """An iterator without end over training batches, each a pure function of (seed, step).

    Step s has the sample ids s * batch_size to (s + 1) * batch_size - 1, and a rank gets its contiguous part of them:
    the batches of all ranks together are those of a single process, and a run that starts at any step has those of a
    run that came there.
    """

    placement: Placement
    """Where the volumes lie."""

    def __init__(
        self,
        batch_size: int,
        rank: int,
        world_size: int,
        start_step: int,
        samples_a_volume: int,
        device: torch.device | str,
    ) -> None:
        name = type(self).__name__
        if not 0 <= rank < world_size:
            raise ValueError(f"{name}: rank must be in [0, world_size), got {rank} of {world_size}")
        if batch_size < world_size:
            raise ValueError(
                f"{name}: batch_size counts the samples of all ranks and must be at least {world_size}, got "
                f"{batch_size}"
            )
        if start_step < 0 or samples_a_volume < 1:
            raise ValueError(
                f"{name}: start_step must be at least 0 and samples_a_volume at least 1, got {start_step} and "
                f"{samples_a_volume}"
            )
        self.step = start_step
        """The step of the next batch."""
        self.batch_size = batch_size
        self._device = torch.device(device)
        self._part = range(batch_size)[batch_size * rank // world_size : batch_size * (rank + 1) // world_size]

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        step = self.step
        self.step += 1
        return self.make(step)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ids(self, step: int) -> Tensor:
        """This rank's sample ids of a step, (N,) int64 on the device."""
        first = step * self.batch_size
        return torch.arange(first + self._part.start, first + self._part.stop, device=self._device)

    @abstractmethod
    def make(self, step: int, ids: TensorLike | None = None) -> Batch:
        """The batch of a step; with `ids`, of those samples, from the volumes that serve the step.

        With `ids`, and once the volumes have served a step, this is work for the device alone that a CUDA graph can
        capture: replayed, it makes the batch of the ids that the tensor then holds.
        """

    def close(self) -> None:
        """End the thread that copies shards."""
        self.placement.close()
