# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Models Genesis: restore the patch before its transformations (Zhou et al., MICCAI 2019)."""

import math
from collections.abc import Iterator

from torch import nn

from genesis_ext.data.loader import Batch
from genesis_ext.training.engine.objective import Judgement, Turn
from genesis_ext.training.pretraining.config import Loss
from genesis_ext.training.pretraining.losses import LOSSES


class Restoration:
    """One network, one loss. network: (N, 1, X, Y, Z) -> the same."""

    restores = True
    chance = math.inf  # has no meaning for a restoration

    def __init__(self, network: nn.Module, loss: Loss, learning_rate: float) -> None:
        self.network = network
        self.modules = {"network": network}
        self.learning_rates = {"network": learning_rate}
        self._loss = LOSSES[loss]

    def turns(self, batch: Batch) -> Iterator[Turn]:
        """One update."""
        restored = self.modules["network"](batch["input"])
        loss = self._loss(restored, batch["input"], batch["target"])
        yield Turn(loss, figures={"loss": loss.detach()})

    def judge(self, network: nn.Module, batch: Batch) -> Judgement:
        """The loss."""
        restored = network(batch["input"])
        return Judgement({"loss": self._loss(restored, batch["input"], batch["target"])}, restored)
