# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What the engine asks of a validation: a report that the schedule and the early stop go by, and pictures."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn

from genesis_ext._renamed import warn_renamed
from genesis_ext.training.engine.objective import Batch
from genesis_ext.training.engine.run_folder import RunFolder
from genesis_ext.training.engine.run_log import Log

MARGIN = 0.01  # a baseline is beaten by at least 1 %, so that rounding of a constant's loss never counts
_FLAT = 0.05  # outputs that vary less than this share of the targets' variation are called constant


@dataclass(frozen=True)
class ValidationReport:
    """One validation.

    Attributes:
        metrics: "loss", and the other metrics of the objective, by name.
        baselines: losses of answers that need no learning, by name.
        output_std, target_std: of a restoration, mean over the patches of the standard deviation inside a patch.
    """

    metrics: dict[str, float]
    baselines: dict[str, float] = field(default_factory=dict)
    output_std: float = 1.0
    target_std: float = 1.0

    @property
    def figures(self) -> dict[str, float]:
        """The old name of `metrics`."""
        warn_renamed("ValidationReport.figures", "ValidationReport.metrics")
        return self.metrics

    @property
    def loss(self) -> float:
        """What schedules and the early stop go by: lower is better."""
        return self.metrics["loss"]

    @property
    def works(self) -> bool:
        """Whether training counts as working: the loss is at least 1 % below all baselines; False for NaN."""
        return self.loss < (1.0 - MARGIN) * min(self.baselines.values())

    @property
    def collapsed(self) -> bool:
        """Whether a restoration is (almost) one constant for each patch."""
        return not self.output_std >= _FLAT * self.target_std

    def __str__(self) -> str:
        beside = ", ".join(f"{name} {value:.5f}" for name, value in self.baselines.items())
        verdict = "works" if self.works else "does not beat them all" if len(self.baselines) > 1 else "does not beat it"
        further = "".join(f", {name} {value:.4f}" for name, value in self.metrics.items() if name != "loss")
        return f"validation loss {self.loss:.5f} ({beside}){further}: {verdict}"


class Batches(Protocol):
    """A number of batches, the same each time they are iterated over; they may be made anew each time."""

    def __len__(self) -> int:
        """How many."""

    def __iter__(self) -> Iterator[Batch]:
        """In the same order."""


class Evaluator(Protocol):
    """Evaluates a network on the same samples each time."""

    def __call__(self, network: nn.Module) -> ValidationReport:
        """Evaluate; all processes get the same report, and the modes of all networks stay as they are."""

    def draw(self, network: nn.Module, step: int, folder: RunFolder, log: Log) -> None:
        """Put pictures of what the network does after so many steps into the folder and the log; first process only."""


class TriedEvaluator(Evaluator, Protocol):
    """One that can say beforehand whether it will work."""

    def try_out(self, network: nn.Module) -> None:
        """Evaluate one batch and drop the result, so that what cannot work fails now."""


@contextmanager
def evaluating(networks: Sequence[nn.Module]) -> Iterator[None]:
    """Put networks in evaluation mode, and afterwards in the modes that they had."""
    modes = [(module, module.training) for network in networks for module in network.modules()]
    for network in networks:
        network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


class SharedBatches:
    """Batches that several processes evaluate together, each a part of them.

    Args:
        samples: the batches, the same in every process.
        rank, world_size: which of the batches this process takes.
        add_up: adds a tensor up over all processes.
    """

    def __init__(
        self,
        samples: Batches,
        rank: int = 0,
        world_size: int = 1,
        add_up: Callable[[Tensor], Tensor] = lambda tensor: tensor,
    ) -> None:
        self.samples = samples
        self._rank, self._world_size, self._add_up = rank, world_size, add_up

    @torch.no_grad()
    def rows(self, row_of: Callable[[Batch], Tensor]) -> Tensor:
        """A row of numbers of each batch, (batches, numbers), the same in every process.

        row_of: a batch to its row, as long for every batch.
        """
        rows: Tensor | None = None
        for number, batch in enumerate(self.samples):
            if rows is None or number % self._world_size == self._rank:
                row = row_of(batch)
                rows = row.new_zeros(len(self.samples), len(row)) if rows is None else rows
                if number % self._world_size == self._rank:
                    rows[number] = row
        assert rows is not None, "there are samples to validate on"
        return self._add_up(rows)
