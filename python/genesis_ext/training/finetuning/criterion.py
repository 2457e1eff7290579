# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Losses of segmentations and classifications, as functions of sums over a batch.

So a batch that several processes share has the loss, and gives the gradients, of the batch in one process: each adds
its own sums to those of the others.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from genesis_ext.training.finetuning.groups import LossName

_SMOOTH = 1.0  # as released: two empty regions agree


class Sharing(NamedTuple):
    """How processes add up.

    add_up: a tensor, over all of them.   world_size: how many there are.
    """

    add_up: Callable[[Tensor], Tensor]
    world_size: int


class Criterion:
    """A loss of logits (N, K, *spatial) against targets of that shape, 0 or 1.

    Args:
        loss: its name.
        exclusive: one class holds, by softmax; else each holds or not, by a sigmoid.
        weights: of the classes; empty if they are equal.
        gamma: of focal.
        background: the first class is the background, which Dice leaves out.
        device: of the logits.
    """

    def __init__(
        self,
        loss: LossName,
        exclusive: bool,
        weights: tuple[float, ...] = (),
        gamma: float = 2.0,
        background: bool = False,
        device: torch.device | str = "cpu",
    ) -> None:
        self._dice, self._entropy = loss.startswith("dice"), loss != "dice"
        self._gamma = gamma if loss == "focal" else 0.0
        self._exclusive = exclusive
        self._weights = torch.tensor(weights, device=device) if weights else None
        self._first = 1 if background else 0

    def sums(self, logits: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """The sums over samples and voxels of which the loss is made, in float32.

        mask: (N, 1, *spatial), 0 where nothing counts.
        """
        logits = logits.float()
        mask = torch.ones_like(target[:, :1]) if mask is None else mask
        parts = []
        if self._dice:
            answer = logits.softmax(1) if self._exclusive else logits.sigmoid()
            given, wanted = ((x * mask).transpose(0, 1).flatten(1)[self._first :] for x in (answer, target))
            parts += [(given * wanted).sum(1), given.sum(1), wanted.sum(1)]
        if self._entropy:
            weights = torch.ones_like(target[:1]) if self._weights is None else _beside(self._weights, target)
            if self._exclusive:
                log = logits.log_softmax(1)
                each = -log * target * weights * self._hardness(log.exp())
                counted = (target * weights).sum(1, keepdim=True) * mask
            else:
                each = functional.binary_cross_entropy_with_logits(logits, target, reduction="none") * weights
                right = torch.where(target > 0.5, logits.sigmoid(), 1 - logits.sigmoid())
                each = each * self._hardness(right)
                counted = weights.expand_as(target) * mask
            parts += [(each * mask).sum().view(1), counted.sum().view(1)]
        return torch.cat(parts)

    def _hardness(self, right: Tensor) -> Tensor:
        """How much answers count, by the probability of what is right."""
        return (1 - right) ** self._gamma if self._gamma else torch.ones_like(right)

    def value(self, sums: Tensor) -> Tensor:
        """The loss, a scalar."""
        loss = sums.new_zeros(())
        if self._dice:
            both, given, wanted = sums[: len(sums) - 2 * self._entropy].view(3, -1)
            score = (2 * both + _SMOOTH) / (given + wanted + _SMOOTH)
            weights = torch.ones_like(score) if self._weights is None else self._weights[self._first :]
            loss = loss + (weights * (1 - score)).sum() / weights.sum()
        if self._entropy:
            loss = loss + sums[-2] / sums[-1].clamp(min=1e-6)
        return loss

    def best_constant(self, shares: Tensor, wanted: Sequence[tuple[Tensor, Tensor | None]]) -> float:
        """The loss of the best answer that is the same everywhere, mean over batches.

        shares: (K,), of the targets.   wanted: target and mask of each batch.
        """
        sure = torch.eye(len(shares), device=shares.device) if self._exclusive else torch.ones_like(shares)[None]
        tried = [shares.clamp(1e-6, 1 - 1e-6), *sure.clamp(1e-6, 1 - 1e-6)]
        losses = []
        for answer in tried:
            logits = answer.log() if self._exclusive else answer.logit()
            everywhere = [(_beside(logits, target).expand_as(target), target, mask) for target, mask in wanted]
            losses.append(torch.stack([self.value(self.sums(*batch)) for batch in everywhere]).mean())
        return float(min(losses))

    def shared(self, sums: Tensor, sharing: Sharing) -> Tensor:
        """The loss of the whole batch, whose gradients each process scales so that their mean over processes is right.

        sums: over this process's part.
        """
        if sharing.world_size == 1:
            return self.value(sums)
        loss = self.value(sums + (sharing.add_up(sums.detach()) - sums.detach()))
        return loss.detach() + sharing.world_size * (loss - loss.detach())


def _beside(weights: Tensor, target: Tensor) -> Tensor:
    """(K,) to (1, K, 1, ...)."""
    return weights.view(1, -1, *[1] * (target.ndim - 2))
