# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Optimisers and learning rates by name."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, PolynomialLR, ReduceLROnPlateau, StepLR

from genesis_ext.training.engine.options import OptimizerConfig, RunConfig


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters of a network with learning rates of their own.

    Attributes:
        parameters: of which those are trained that require gradients.
        factor: of the rates, beside those of the network.
        frozen_steps: in which they stay as they are.
        warmup: steps after those in which their rates rise to their value.
    """

    parameters: tuple[nn.Parameter, ...]
    factor: float = 1.0
    frozen_steps: int = 0
    warmup: int = 0

    def share(self, step: int) -> float:
        """Of the rates, at a step counted from 0: 0 while they are frozen."""
        return min(1.0, max(0, step - self.frozen_steps + 1) / (self.warmup + 1))


def make_optimizer(
    module: nn.Module,
    lr: float,
    config: OptimizerConfig,
    captured_on: torch.device | None = None,
    groups: Sequence[ParameterGroup] | None = None,
) -> torch.optim.Optimizer:
    """AdamW, Adam, or SGD with momentum, for those parameters of a module that are to be trained.

    captured_on: for CUDA graphs of this device: the rate is a tensor there, which updates read.
    groups: of the parameters; None if they all have one rate.
    """
    options: dict[str, Any] = {"weight_decay": config.weight_decay}
    if captured_on is not None:
        options |= {"fused": True}
    parameters = []
    for group in groups or [ParameterGroup(tuple(module.parameters()))]:
        rate = lr * group.factor
        trained = [parameter for parameter in group.parameters if parameter.requires_grad]
        parameters.append(
            {"params": trained, "lr": rate if captured_on is None else torch.tensor(rate, device=captured_on)}
        )
    if config.optimizer == "sgd":
        return torch.optim.SGD(parameters, momentum=config.momentum, **options)
    kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, capturable=captured_on is not None, **options)


class _Stateful(Protocol):
    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> None: ...


class LearningRates:
    """The schedule of one optimiser: a warm-up, times what ``config.schedule`` says.

    Released: half the rate after 10 validations without an improvement of at least 1e-4, down to 1e-6 (Keras), or
    after every 40 (PyTorch: every 40 epochs).

    Args:
        optimizer: whose rates change; its rates are those to start from.
        config: warm-up, schedule and patience.
        run: how many steps the run has, for what ends with it.
        groups: of the optimiser's parameters, where some are frozen at first.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        config: OptimizerConfig,
        run: RunConfig,
        groups: Sequence[ParameterGroup] | None = None,
    ) -> None:
        self._optimizer = optimizer
        self._groups = list(groups or ())
        rates = [group["lr"] for group in optimizer.param_groups]
        self._tensors = [rate if isinstance(rate, Tensor) else None for rate in rates]
        self._each_step: list[LRScheduler] = []
        self._plateau: ReduceLROnPlateau | None = None
        self._each_validation: LRScheduler | None = None
        if config.warmup:
            self._each_step.append(LinearLR(optimizer, 1 / (config.warmup + 1), total_iters=config.warmup))
        if config.schedule == "cosine":
            self._each_step.append(CosineAnnealingLR(optimizer, T_max=run.steps))
        elif config.schedule == "polynomial":
            self._each_step.append(PolynomialLR(optimizer, total_iters=run.steps, power=0.9))
        elif config.schedule == "step":
            self._each_validation = StepLR(optimizer, step_size=40, gamma=0.5)
        elif config.schedule == "plateau":
            self._plateau = ReduceLROnPlateau(
                optimizer, factor=0.5, patience=config.patience - 1, threshold=1e-4, threshold_mode="abs", min_lr=1e-6
            )

    @property
    def now(self) -> float:
        """Of the next step."""
        return float(self._optimizer.param_groups[0]["lr"])

    def drop_frozen(self, step: int) -> None:
        """Drop the gradients of what is frozen at a step, so that its weights and their moments stay as they are."""
        for settings, share in self._staged(step):
            if not share:
                for parameter in settings["params"]:
                    parameter.grad = None

    @contextmanager
    def in_force(self, step: int) -> Iterator[None]:
        """A context in which what was frozen has the rates of its own warm-up."""
        staged = self._staged(step)
        rates = [settings["lr"] for settings, _ in staged]
        for settings, share in staged:
            settings["lr"] = settings["lr"] * share
        yield
        for (settings, _), rate in zip(staged, rates, strict=True):
            settings["lr"] = rate

    def _staged(self, step: int) -> list[tuple[dict[str, Any], float]]:
        """Settings of the optimiser's groups that are frozen at first, and the share of their rates at a step."""
        pairs = zip(self._optimizer.param_groups, self._groups, strict=False)  # a checkpoint brings other settings
        return [(settings, group.share(step)) for settings, group in pairs if group.frozen_steps]

    def after_step(self) -> None:
        """Count a training step."""
        for schedule in self._each_step:
            schedule.step()

    def after_validation(self, loss: float) -> None:
        """Take note of a validation."""
        if self._plateau is not None:
            self._plateau.step(loss)
        if self._each_validation is not None:
            self._each_validation.step()

    def scale(self, factor: float) -> None:
        """Multiply the rates from now on."""
        for group in self._optimizer.param_groups:
            group["lr"] *= factor
        for schedule in (*self._each_step, *filter(None, [self._each_validation])):
            schedule.base_lrs = [rate * factor for rate in schedule.base_lrs]

    def state_dict(self) -> dict[str, Any]:
        """State for a checkpoint."""
        return {name: part.state_dict() for name, part in self._parts()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint; the optimiser has gone on before."""
        for name, part in self._parts():
            part.load_state_dict(state[name])
        for group, rate in zip(self._optimizer.param_groups, self._tensors, strict=True):
            if rate is not None:  # the tensor that updates read stays the same one
                group["lr"] = rate.copy_(group["lr"])

    def _parts(self) -> list[tuple[str, _Stateful]]:
        parts = (*self._each_step, self._plateau, self._each_validation)
        return [(type(part).__name__, part) for part in parts if part is not None]
