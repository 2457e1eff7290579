# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Validation of a task on fixed samples, and pictures of how it answers them."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from genesis_ext.figures import save_cases
from genesis_ext.training.engine.objective import Batch
from genesis_ext.training.engine.run_folder import RunFolder
from genesis_ext.training.engine.run_log import Log
from genesis_ext.training.engine.validation import SharedBatches, ValidationReport, evaluating
from genesis_ext.training.finetuning.tasks.task import TaskObjective

_SHOWN = (("worst", 0.0), ("lower quarter", 0.25), ("median", 0.5), ("best", 1.0))


class TaskValidator:
    """Validates a network on the same samples each time.

    Args:
        samples: batches of one size, the same each time they are iterated over.
        objective: what is learnt.
        names: of the volumes, by their numbers.
        rank, world_size: which of the batches this process takes.
        add_up: adds up over the processes; every process then has the same report.
    """

    def __init__(
        self,
        samples: Sequence[Batch],
        objective: TaskObjective,
        names: Sequence[str],
        rank: int = 0,
        world_size: int = 1,
        add_up: Callable[[Tensor], Tensor] = lambda tensor: tensor,
    ) -> None:
        self.samples = samples
        self._objective, self._names = objective, names
        self._shared = SharedBatches(samples, rank, world_size, add_up)
        self._rows: Tensor | None = None
        self.baselines = objective.baselines(samples)

    def __call__(self, network: nn.Module) -> ValidationReport:
        """Validate; the modes of all networks stay as they are."""
        with evaluating([network]):
            self._rows = self._shared.rows(lambda batch: self._objective.row(network, batch))
        return ValidationReport(self._objective.metrics(self._rows), self.baselines)

    @torch.no_grad()
    def try_out(self, network: nn.Module) -> None:
        """Evaluate one batch and drop the result, so that what cannot work fails now."""
        with evaluating([network]):
            self._objective.row(network, self.samples[0])

    @torch.no_grad()
    def draw(self, network: nn.Module, step: int, folder: RunFolder, log: Log) -> None:
        """A picture of the samples that the last validation found answered worst, in the middle, and best."""
        assert self._rows is not None, "it has validated"
        scores = self._objective.scores(self._rows)
        order = scores.argsort().tolist()
        size = len(order) // len(self.samples)
        cases = []
        with evaluating([network]):
            for which, share in _SHOWN:
                number = order[round(share * (len(order) - 1))]
                batch, index = self.samples[number // size], number % size
                case = self._objective.case(network, batch, index)
                name = self._names[int(batch["volume"][index])]
                note = case.note or f"Dice {float(scores[number]):.2f}"
                cases.append(replace(case, title=which, name=name, note=note))
        save_cases(folder.picture("cases", step), cases, step)
