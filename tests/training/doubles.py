# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Tiny stand-ins for tests of the training layer."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from genesis_ext.data.loader import Batch

SHAPE = (1, 8, 8, 8)


def noisy_ramps(sample_id: Iterable[int]) -> Batch:
    """Input: target with noise. Target: a ramp along x of random slope."""
    inputs, targets = [], []
    for number in sample_id:
        generator = torch.Generator().manual_seed(int(number) % 2**31)
        ramp = torch.linspace(0, float(torch.rand((), generator=generator)), 8).view(1, 8, 1, 1).expand(SHAPE)
        noise = torch.rand(SHAPE, generator=generator)
        painted = torch.rand(SHAPE, generator=generator) < 0.6
        targets.append(ramp)
        inputs.append(torch.where(painted, noise, ramp))
    return {"input": torch.stack(inputs), "target": torch.stack(targets)}


def endless_ramps(batch_size: int) -> Iterator[Batch]:
    """What a loader gives."""
    first = 0
    while True:
        yield noisy_ramps(range(first, first + batch_size))
        first += batch_size


def fixed_ramps(count: int, batch_size: int) -> list[Batch]:
    """Samples to validate on that are not trained on."""
    return [noisy_ramps(range(first, first + batch_size)) for first in range(10**6, 10**6 + count, batch_size)]


class Constant(nn.Module):
    """Answers everything with one learnt value."""

    def __init__(self, value: float = 0.5) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, x: Tensor) -> Tensor:
        return self.value.expand_as(x)


class Answer(nn.Module):
    """Answers with a function of the input."""

    def __init__(self, function) -> None:  # type: ignore[no-untyped-def]
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)
