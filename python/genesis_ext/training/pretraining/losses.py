# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Losses of a restoration by name."""

import math
from collections.abc import Callable, Iterable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Loss = Literal["mse", "l1", "l2", "masked"]

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


def _l2(restored: Tensor, x: Tensor, target: Tensor) -> Tensor:
    """Mean over the samples of the norm of the error, over the root of the voxels: that of Eq. 1, free of the size."""
    errors = (restored - target).flatten(1)
    norms: Tensor = torch.linalg.vector_norm(errors, dim=1)  # whose gradient is 0 where nothing is wrong
    return norms.mean() / math.sqrt(errors.shape[1])


def _masked(restored: Tensor, x: Tensor, target: Tensor) -> Tensor:
    """Mean squared error over the voxels of a sample that the transformations changed, 0 where they changed none.

    The mean of that over the samples: so it does not depend on how a batch is spread over parts and processes.
    """
    changed = (x != target).flatten(1)
    errors = (restored - target).square().flatten(1) * changed
    return (errors.sum(dim=1) / changed.sum(dim=1).clamp(min=1)).mean()


LOSSES: dict[Loss, RestorationLoss] = {
    "mse": _checked(_mse),
    "l1": _checked(_l1),
    "l2": _checked(_l2),
    "masked": _checked(_masked),
}


def best_constant(targets: Iterable[Tensor], loss: Loss) -> Tensor:
    """The constant with the least loss against all of `targets`, of one shape: their median for L1, else their mean.

    For the masked loss it is the best over all voxels, changed or not; for l2 that of the squares.
    """
    if loss == "l1":
        return torch.cat([target.flatten() for target in targets]).median()
    return torch.stack([target.double().mean() for target in targets]).mean().float()
