# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Network, transform and objective of a run: those of its configuration, or objects that were handed in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn

from genesis_ext.models import UNetLike
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
        if self.network is not None and not isinstance(self.network, nn.Module):
            raise TypeError(f"network must be a module, got {type(self.network).__name__}")
        for name, part in (("transform", self.transform), ("objective", self.objective)):
            if part is not None and not callable(part):
                raise TypeError(f"{name} must be a function, a module or a class, got {type(part).__name__}")

    def make_objective(self, config: PretrainConfig) -> PretextObjective:
        """What is learnt. New weights are drawn from the config's seed, on the CPU: the same on every device."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.run.seed)
            network = self._network(config)
            make = METHODS[config.method.method].objective if self.objective is None else self.objective
            return _checked(make(network, config))

    def _network(self, config: PretrainConfig) -> nn.Module:
        """The network that is trained.

        Raises:
            ValueError: it cannot be built, or takes no patches of this shape.
        """
        patch = config.data.patch_shape
        network = config.network.spec(len(patch)).build() if self.network is None else self.network
        if isinstance(network, UNetLike) and any(side % network.stride for side in patch):
            raise ValueError(f"patch must be multiples of {network.stride} for this network, got {config.data.patch}")
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
        given = {"network": self.network, "transform": self.transform, "objective": self.objective}
        return {kind: _described(kind, part) for kind, part in given.items() if part is not None}


def _checked(objective: PretextObjective) -> PretextObjective:
    """The objective, if it has what the engine asks of it."""
    wanted = ("network", "modules", "learning_rates", "updates", "evaluate", "restores", "chance")
    if missing := [name for name in wanted if not hasattr(objective, name)]:
        raise TypeError(f"objective must have {', '.join(wanted)}, got {type(objective).__name__} without {missing[0]}")
    names = list(objective.modules)
    if names[:1] != ["network"] or set(names) != set(objective.learning_rates):
        raise ValueError(
            f'objective must have modules, "network" first, and a learning rate for each, got {names} and '
            f"{list(objective.learning_rates)}"
        )
    return objective


def _described(kind: str, part: Any) -> str:
    """Class or function by its full name; of a transform that is a module what it prints, rates included."""
    if kind == "transform" and isinstance(part, nn.Module):
        return repr(part)
    named = part if hasattr(part, "__qualname__") else type(part)
    return f"{named.__module__}.{named.__qualname__}"
