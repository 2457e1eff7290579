# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a method of pre-training is: its settings, and the object that says what it trains, on what, and how it ends."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from genesis_ext._settings import check_kinds
from genesis_ext.data.sampling.settings import Sampling
from genesis_ext.data.sampling.split import Region
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.training.engine.groups import Modalities, NetworkConfig
from genesis_ext.training.engine.objective import Batch, Evaluation, Objective
from genesis_ext.training.engine.options import OptimizerConfig, RunConfig
from genesis_ext.training.pretraining.groups import DataConfig

SampleTransform = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""(patches (N, 1, X, Y[, Z]), sample ids (N,)) -> input, target, each over the same N samples."""

Side = tuple[VolumeStore, Sequence[Region]]
"""A store, and where in it boxes may lie."""


@dataclass(frozen=True)
class MethodOptions:
    """Settings that every method has. A subclass adds its own, and checks them after ``super().__post_init__()``."""

    method: str
    """Name of the method."""
    modalities: Modalities = "all"
    """Which volumes of the store train: all, or those of one modality (Model_CT, Model_MRI of the Universal Model)."""

    def __post_init__(self) -> None:
        check_kinds(self)


class Settings(Protocol):
    """What a method reads of a configuration; ``method`` holds the options of all methods."""

    @property
    def method(self) -> MethodOptions:
        """Of all methods."""

    @property
    def network(self) -> NetworkConfig:
        """The network."""

    @property
    def data(self) -> DataConfig:
        """Boxes and volumes."""

    @property
    def optim(self) -> OptimizerConfig:
        """The optimiser."""

    @property
    def run(self) -> RunConfig:
        """The run."""


class PretextObjective(Objective, Protocol):
    """What pre-training learns.

    Attributes:
        restores: whether the network restores a patch: then there are pictures, and the baselines of a restoration.
        chance: otherwise, the loss of a blind guess.
    """

    restores: bool
    chance: float

    def evaluate(self, network: nn.Module, batch: Batch) -> Evaluation:
        """Evaluate a validation batch, without gradient and in evaluation mode.

        network: the one that is kept, or the moving average of its weights.
        """


class Finished(NamedTuple):
    """What a method is asked about when all steps are done.

    network: as it validates.
    trained, validated: a store each, and the regions of it that did.
    sampling, batch_size, seed, device: how to make samples of both.
    """

    network: nn.Module
    trained: Side
    validated: Side
    sampling: Sampling
    batch_size: int
    seed: int
    device: torch.device


class Needs(NamedTuple):
    """The modalities that train, of each of which there must be volumes, or "all"; and the settings that say so."""

    modalities: frozenset[str]
    because: str


class Method(ABC):
    """A method. Its module holds one as ``METHOD``, by which ``--method`` finds it.

    Attributes:
        name: of ``--method``.
        summary: for the help.
        spacing_mm: to which its paper resamples volumes; None if to none.
    """

    name: str
    summary: str
    spacing_mm: float | None = None

    def contradiction(self, settings: Settings) -> str:
        """Which settings contradict each other, and one to change; empty if none do."""
        return ""

    def needs(self, settings: Settings) -> Needs:
        """What the data must have."""
        wanted = settings.method.modalities
        return Needs(frozenset({wanted}), f"method {self.name} with modalities {wanted}")

    @abstractmethod
    def transform(self, settings: Settings) -> nn.Module:
        """What makes input and target of patches, a ``SampleTransform``."""

    @abstractmethod
    def objective(self, network: nn.Module, settings: Settings) -> PretextObjective:
        """What is learnt. Weights that it adds are drawn from torch's generator, which has the seed of the run."""

    def conclude(self, finished: Finished) -> str | None:
        """A last word on the trained network, for log and report."""
        return None
