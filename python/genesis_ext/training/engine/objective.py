# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a method tells the loop: networks, the losses of a step in their order, and how a validation batch is judged."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from torch import Tensor, nn

from genesis_ext.data.loader import Batch

Figures = dict[str, Tensor]
"""Name -> scalar, without gradient."""


@dataclass(frozen=True)
class Turn:
    """One update.

    Attributes:
        loss: a scalar with a gradient.
        updates: names of the networks that it changes.
        figures: to be logged.
    """

    loss: Tensor
    updates: tuple[str, ...] = ("network",)
    figures: Figures = field(default_factory=dict)


class Judgement(NamedTuple):
    """Figures of a validation batch, "loss" first, and the restored patches where there are such."""

    figures: Figures
    restored: Tensor | None = None


class Objective(Protocol):
    """A method.

    Attributes:
        modules: the networks that are trained, by name, as the loop runs them: it puts wrapped ones here (mixed
            precision, several processes). "network" is the first.
        learning_rates: of the modules, at the start.
        restores: whether the network restores a patch, so that pictures and baselines of a restoration make sense.
        chance: otherwise, the loss of one who knows nothing.
    """

    modules: dict[str, nn.Module]
    learning_rates: dict[str, float]
    restores: bool
    chance: float

    @property
    def network(self) -> nn.Module:
        """The model that is kept, with the names of its weights."""

    def turns(self, batch: Batch) -> Iterator[Turn]:
        """The updates of one step, one after the other: each is made before the next one is asked for."""

    def judge(self, network: nn.Module, batch: Batch) -> Judgement:
        """What a validation batch shows; of `network`, which may be a mean of the trained one.

        Called without gradient and in evaluation mode.
        """


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of right answers: logits (N, classes), labels (N,). A scalar."""
    return (logits.argmax(dim=1) == labels).float().mean()


def bare(module: nn.Module) -> nn.Module:
    """The module itself, without what the loop has wrapped around it: no hooks, no waiting for other processes."""
    inner = getattr(module, "module", module)
    return inner if isinstance(inner, nn.Module) else module


class frozen:  # reads as a statement: `with frozen(module):`
    """A context in which a module's weights get no gradient, and what flows through it does."""

    def __init__(self, module: nn.Module) -> None:
        self._parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]

    def __enter__(self) -> None:
        for parameter in self._parameters:
            parameter.requires_grad_(False)

    def __exit__(self, *_: object) -> None:
        for parameter in self._parameters:
            parameter.requires_grad_(True)
