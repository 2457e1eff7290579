# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Losses of a restoration by name."""

from collections.abc import Callable
from typing import Literal

from torch import Tensor
from torch.nn import functional

Loss = Literal["mse", "l1", "masked"]

RestorationLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(restored, input, target), all of one shape -> a scalar."""


def _checked(loss: RestorationLoss) -> RestorationLoss:
    """The loss, for a network whose output has the target's shape; torch would broadcast any other."""

    def checked(restored: Tensor, x: Tensor, target: Tensor) -> Tensor:
        if restored.shape != target.shape:
            raise ValueError(f"the network must restore {tuple(target.shape)}, got {tuple(restored.shape)}")
        return loss(restored, x, target)

    return checked


def _mse(restored: Tensor, x: Tensor, target: Tensor) -> Tensor:
    return functional.mse_loss(restored, target)


def _l1(restored: Tensor, x: Tensor, target: Tensor) -> Tensor:
    return functional.l1_loss(restored, target)


def _masked(restored: Tensor, x: Tensor, target: Tensor) -> Tensor:
    """Mean squared error over the voxels of a sample that the transformations changed, 0 where they changed none.

    The mean of that over the samples: so it does not depend on how a batch is spread over parts and processes.
    """
    changed = (x != target).flatten(1)
    errors = (restored - target).square().flatten(1) * changed
    return (errors.sum(dim=1) / changed.sum(dim=1).clamp(min=1)).mean()


LOSSES: dict[Loss, RestorationLoss] = {"mse": _checked(_mse), "l1": _checked(_l1), "masked": _checked(_masked)}


def best_constant(targets: Tensor, loss: Loss) -> Tensor:
    """The constant with the least loss against all of `targets`: their median for L1, else their mean. A scalar.

    For the masked loss it is the best over all voxels, changed or not.
    """
    return targets.median() if loss == "l1" else targets.double().mean().to(targets.dtype)
