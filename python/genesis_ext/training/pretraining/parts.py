# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Network, transform and objective of a run: those of its configuration, or objects that were handed in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn

from genesis_ext.training.engine.handed_in import check_patch, checked, described
from genesis_ext.training.pretraining.config import PretrainConfig
from genesis_ext.training.pretraining.methods import METHODS
from genesis_ext.training.pretraining.methods.method import Method, Needs, PretextObjective, SampleTransform
from genesis_ext.transforms import GenesisTransform

MakeObjective = Callable[[nn.Module, PretrainConfig], PretextObjective]
"""(network, config) -> objective, such as a class; weights that it adds come from torch's generator."""


@dataclass(frozen=True)
class Parts:
    """What was handed in; None is what the configuration says.

    Attributes:
        network: is trained in place.
        transform: makes input and target of patches.
        objective: makes what is learnt of the network.

    Raises:
        TypeError: one of them is of another kind.
    """

    network: nn.Module | None = None
    transform: SampleTransform | None = None
    objective: MakeObjective | None = None

    def __post_init__(self) -> None:
        self.described()

    def make_objective(self, config: PretrainConfig) -> PretextObjective:
        """What is learnt. New weights are drawn from the config's seed, on the CPU: the same on every device."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.run.seed)
            network = self._network(config)
            make = METHODS[config.method.method].objective if self.objective is None else self.objective
            return checked(make(network, config), "evaluate", "restores", "chance")

    def _network(self, config: PretrainConfig) -> nn.Module:
        """The network that is trained.

        Raises:
            ValueError: it cannot be built, or takes no patches of this shape.
        """
        spec = config.network.spec(len(config.data.patch_shape))
        network = spec.build() if self.network is None else self.network
        check_patch(network, config.data)
        return network

    def make_transform(self, config: PretrainConfig, report: Callable[[str], object] = print) -> SampleTransform:
        """What makes input and target of patches; move a module to the device of the batches.

        report: told of patches that are too small to be shuffled.
        """
        if self.transform is not None:
            return self.transform
        transform = METHODS[config.method.method].transform(config)
        if isinstance(transform, GenesisTransform) and (note := transform.note_on_windows(config.data.patch_shape)):
            report(note)
        return cast(SampleTransform, transform)

    def needs(self, config: PretrainConfig) -> Needs:
        """What the data must have: with an objective of one's own, what ``modalities`` says."""
        method = METHODS[config.method.method]
        return method.needs(config) if self.objective is None else Method.needs(method, config)

    def described(self) -> dict[str, str]:
        """Kind -> description of what was handed in, which is the same when the run is resumed."""
        return described(self.network, self.transform, self.objective)
