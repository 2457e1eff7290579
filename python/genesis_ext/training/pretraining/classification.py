# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Baselines of both papers that tell what was done to a patch: 3D Rotation and 3D Jigsaw."""

import math
from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn import functional

from genesis_ext.data.loader import Batch
from genesis_ext.models import ClassificationHead, UNet
from genesis_ext.training.engine.objective import Judgement, Turn, accuracy


class EncoderClassifier(nn.Module):
    """The encoder of a U-Net and a head: patches (N, C, *spatial) or tiles (N, T, C, *spatial) -> (N, classes).

    The encoder sees every tile alone, the head their features side by side. The decoder has no part and no gradient.
    """

    def __init__(self, network: UNet, head: ClassificationHead) -> None:
        super().__init__()
        self.network = network
        self.head = head
        for parameter in network.decoder_parameters():
            parameter.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return classify(self.network, self.head, x)


def classify(network: UNet, head: ClassificationHead, x: Tensor) -> Tensor:
    """Logits (N, classes), see ``EncoderClassifier``."""
    tiles = x.ndim - network.spatial_dims == 3
    features = network.encode(x.flatten(0, 1) if tiles else x)[-1]
    logits: Tensor = head(features)
    return logits


class Classification:
    """Cross-entropy of what was done to a patch; batches have the label as "target", (N,) int64."""

    restores = False

    def __init__(self, network: UNet, head: ClassificationHead, classes: int, learning_rate: float) -> None:
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

    def judge(self, network: nn.Module, batch: Batch) -> Judgement:
        """Loss and accuracy."""
        assert isinstance(network, UNet)
        logits = classify(network, self._head, batch["input"])
        loss = functional.cross_entropy(logits, batch["target"])
        return Judgement({"loss": loss, "accuracy": accuracy(logits, batch["target"])})
