# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Baselines of both papers that tell what was done to a patch: 3D Rotation and 3D Jigsaw."""

import math
from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn import functional

from genesis_ext.data.loader import Batch
from genesis_ext.models import ClassificationHead, UNet3D
from genesis_ext.training.objectives.objective import Figures, Turn, accuracy


class EncoderClassifier(nn.Module):
    """The encoder of a U-Net and a head: (N, C, X, Y, Z) -> (N, classes). The decoder has no part and no gradient."""

    def __init__(self, network: UNet3D, head: ClassificationHead) -> None:
        super().__init__()
        self.network = network
        self.head = head
        for part in (network.up_tr256, network.up_tr128, network.up_tr64, network.out_tr):
            part.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        logits: Tensor = self.head(self.network.encode(x)[-1])
        return logits


class Classification:
    """Cross-entropy of what was done to a patch; batches have the label as "target", (N,) int64."""

    restores = False

    def __init__(self, network: UNet3D, head: ClassificationHead, classes: int, learning_rate: float) -> None:
        self.network = network
        self.chance = math.log(classes)
        self.modules: dict[str, nn.Module] = {"network": EncoderClassifier(network, head)}
        self.learning_rates = {"network": learning_rate}
        self._head = head

    def turns(self, batch: Batch) -> Iterator[Turn]:
        """One update."""
        logits = self.modules["network"](batch["input"])
        loss = functional.cross_entropy(logits, batch["target"])
        yield Turn(loss, figures={"loss": loss.detach(), "accuracy": accuracy(logits, batch["target"])})

    def judge(self, network: nn.Module, batch: Batch) -> Figures:
        """Loss and accuracy."""
        assert isinstance(network, UNet3D)
        logits = self._head(network.encode(batch["input"])[-1])
        return {
            "loss": functional.cross_entropy(logits, batch["target"]),
            "accuracy": accuracy(logits, batch["target"]),
        }
