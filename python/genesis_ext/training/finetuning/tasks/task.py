# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a task of fine-tuning is: what its data must have, what is trained, and how it is judged."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from genesis_ext.data.candidates import Candidates
from genesis_ext.data.sampling.settings import Sampling
from genesis_ext.data.store.entry import StoredVolume
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.figures import Case
from genesis_ext.models import TaskRecord
from genesis_ext.training.engine.objective import Batch, Objective
from genesis_ext.training.engine.options import OptimizerConfig, RunConfig
from genesis_ext.training.finetuning.criterion import Sharing
from genesis_ext.training.finetuning.groups import DataConfig, StartConfig, TaskOptions


class Settings(Protocol):
    """What a task reads of a configuration; ``task`` holds the options of all tasks."""

    @property
    def task(self) -> TaskOptions:
        """Of all tasks."""

    @property
    def start(self) -> StartConfig:
        """What learns, and when."""

    @property
    def data(self) -> DataConfig:
        """Samples and volumes."""

    @property
    def optim(self) -> OptimizerConfig:
        """The optimiser."""

    @property
    def run(self) -> RunConfig:
        """The run."""


class TaskObjective(Objective, Protocol):
    """What a task learns, and by what it is judged: a row of numbers of each batch, and metrics of all rows."""

    def row(self, network: nn.Module, batch: Batch) -> Tensor:
        """Numbers of a validation batch, (R,) float64, R the same for every batch; without gradient."""

    def metrics(self, rows: Tensor) -> dict[str, float]:
        """Metrics, "loss" first, of the rows of all batches, (batches, R)."""

    def scores(self, rows: Tensor) -> Tensor:
        """How well each sample was answered, (batches * N,): higher is better."""

    def case(self, network: nn.Module, batch: Batch, index: int) -> Case:
        """A sample of a batch as it is drawn; network: in evaluation mode."""

    def baselines(self, samples: Sequence[Batch]) -> dict[str, float]:
        """Losses of answers that need no learning, by name."""


class Task(ABC):
    """A task. Its module holds one as ``TASK``, by which ``--task`` finds it.

    Attributes:
        name: of ``--task``.
        summary: for the help.
    """

    name: str
    summary: str

    def contradiction(self, settings: Settings) -> str:
        """Which settings contradict each other, and one to change; empty if none do."""
        return ""

    @abstractmethod
    def told(self, settings: Settings, entry: StoredVolume) -> bool:
        """Whether a volume has what is to be learnt from."""

    @abstractmethod
    def lacks(self) -> str:
        """What a volume lacks of which ``told`` is false."""

    @abstractmethod
    def answer(self, settings: Settings, sides: Sequence[tuple[VolumeStore, Sequence[int]]]) -> TaskRecord:
        """What the network is to answer.

        sides: stores, and the volumes of them that train, then those that validate.

        Raises:
            ValueError: a volume has what the classes do not name, or a class has no example on a side.
        """

    def answer_candidates(self, settings: Settings, sides: tuple[Candidates, Candidates]) -> TaskRecord:
        """The same of candidates, those that train and those that validate."""
        raise ValueError(f"candidates are for task classification, got {self.name}")

    @abstractmethod
    def sampling(self, settings: Settings, answer: TaskRecord) -> Sampling:
        """Which boxes are cut."""

    @abstractmethod
    def asks(self, settings: Settings, answer: TaskRecord) -> dict[str, Any]:
        """What batches must hold: arguments of ``GenesisLoader`` and ``FixedSamples``."""

    def weights(
        self, settings: Settings, answer: TaskRecord, entries: Sequence[StoredVolume], volumes: Sequence[int]
    ) -> list[int] | None:
        """How often each volume of a store is drawn beside others; None: all equally often.

        volumes: that may be drawn.
        """
        return None

    def outputs(self, answer: TaskRecord) -> int:
        """Channels of the network's own output; 1, of which no use is made, where ``head`` takes its encoder alone."""
        return 1

    @abstractmethod
    def head(self, settings: Settings, network: nn.Module, answer: TaskRecord) -> nn.Module:
        """The network that is trained and kept: the given one with what the task puts on it."""

    @abstractmethod
    def objective(
        self, settings: Settings, network: nn.Module, answer: TaskRecord, sharing: Sharing, device: torch.device
    ) -> TaskObjective:
        """What is learnt."""
