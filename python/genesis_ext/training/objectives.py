# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Restoration losses, optimisers and learning-rate schedules by name."""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import ReduceLROnPlateau, StepLR

from genesis_ext.training.config import Loss, PretrainConfig, Schedule

Objective = Callable[[Tensor, Tensor], Tensor]

OBJECTIVES: dict[Loss, Objective] = {"mse": functional.mse_loss, "l1": functional.l1_loss}


def best_constant(targets: Tensor, loss: Loss) -> Tensor:
    """The constant with the least loss against all of `targets`: their mean for MSE, their median for L1. A scalar."""
    return targets.double().mean().to(targets.dtype) if loss == "mse" else targets.median()


def make_optimizer(network: nn.Module, config: PretrainConfig) -> torch.optim.Optimizer:
    """AdamW, or SGD with momentum."""
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            network.parameters(), lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay
        )
    return torch.optim.AdamW(network.parameters(), lr=config.lr, weight_decay=config.weight_decay)


class LearningRateSchedule(Protocol):
    """Changes the learning rate of the optimiser it was made for, once after each validation."""

    def after_validation(self, loss: float) -> None:
        """Take note of a validation loss."""

    def state_dict(self) -> dict[str, Any]:
        """State for a checkpoint."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""


class HalveOnPlateau(ReduceLROnPlateau):
    """Half the rate after 10 validations without an improvement of at least 1e-4, down to 1e-6 (Keras release)."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        super().__init__(optimizer, factor=0.5, patience=10, threshold=1e-4, threshold_mode="abs", min_lr=1e-6)

    def after_validation(self, loss: float) -> None:
        """Compare with the best loss so far."""
        self.step(loss)


class HalveInSteps(StepLR):
    """Half the rate every 40 validations (PyTorch release: every 40 epochs)."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        super().__init__(optimizer, step_size=40, gamma=0.5)

    def after_validation(self, loss: float) -> None:
        """Count; the loss does not matter."""
        self.step()


class ConstantRate:
    """The rate stays as it is."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        pass

    def after_validation(self, loss: float) -> None:
        """Nothing changes."""

    def state_dict(self) -> dict[str, Any]:
        """There is no state."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """There is no state."""


SCHEDULES: dict[Schedule, Callable[[torch.optim.Optimizer], LearningRateSchedule]] = {
    "plateau": HalveOnPlateau,
    "step": HalveInSteps,
    "constant": ConstantRate,
}
