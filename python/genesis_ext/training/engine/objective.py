# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What is learnt, as the engine sees it: networks, and the updates of a step."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from torch import Tensor, nn

from genesis_ext._renamed import old_names

__getattr__ = old_names(__name__, {"accuracy": "genesis_ext.evaluation.accuracy"})

Batch = Mapping[str, Tensor]
"""What a step learns from; the first axis of every entry counts the same N samples.

"input" is always there; "target", "label", "mask", "modality", "scale" and "sample_id" where the data has them.
"""

Metrics = dict[str, Tensor]
"""Name -> scalar, without gradient."""


@dataclass(frozen=True)
class Update:
    """One update of some networks.

    Attributes:
        loss: a scalar with a gradient.
        modules: names of the networks that it changes.
        metrics: to be logged.
    """

    loss: Tensor
    modules: tuple[str, ...] = ("network",)
    metrics: Metrics = field(default_factory=dict)


class Evaluation(NamedTuple):
    """Metrics of a validation batch, "loss" first, and the restored patches if patches are restored."""

    metrics: Metrics
    restored: Tensor | None = None


class Objective(Protocol):
    """What is learnt.

    Attributes:
        modules: the networks to train, by name, "network" first. The engine replaces them by wrapped ones (mixed
            precision, several processes), so an objective calls them from here.
        learning_rates: of the modules, at the start.
    """

    modules: dict[str, nn.Module]
    learning_rates: dict[str, float]

    @property
    def network(self) -> nn.Module:
        """The network whose weights are kept."""

    def updates(self, batch: Batch) -> Iterator[Update]:
        """The updates of a step, in order: each is made before the next one is asked for."""


def bare(module: nn.Module) -> nn.Module:
    """The module without the engine's wrapper: calling it runs no hooks and waits for no other process."""
    inner = getattr(module, "module", module)
    return inner if isinstance(inner, nn.Module) else module


class frozen:  # reads as a statement: `with frozen(module):`
    """A context in which the weights of a module get no gradient; its inputs still do."""

    def __init__(self, module: nn.Module) -> None:
        self._parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]

    def __enter__(self) -> None:
        for parameter in self._parameters:
            parameter.requires_grad_(False)

    def __exit__(self, *_: object) -> None:
        for parameter in self._parameters:
            parameter.requires_grad_(True)
