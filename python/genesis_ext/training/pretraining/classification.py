# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Tell what was done to a patch: what the baselines of both papers have in common."""

import math
from collections.abc import Iterator

from torch import nn
from torch.nn import functional

from genesis_ext.evaluation.metrics import accuracy
from genesis_ext.models import ClassificationHead, EncoderClassifier, as_unet
from genesis_ext.models.classifier import classify
from genesis_ext.training.engine.objective import Batch, Evaluation, Update
from genesis_ext.training.pretraining.methods.method import Method, Settings
from genesis_ext.transforms import JigsawTransform, RotationTransform


class Classification:
    """Cross-entropy of what was done to a patch.

    Args:
        network: whose encoder is trained.
        head: of its coarsest features.
        classes: how many things may have been done.
        learning_rate: of both, at the start.
    """

    restores = False

    def __init__(self, network: nn.Module, head: ClassificationHead, classes: int, learning_rate: float) -> None:
        self.network = network
        self.chance = math.log(classes)
        unet = as_unet(network, "telling what was done to a patch")
        self.modules: dict[str, nn.Module] = {"network": EncoderClassifier(unet, head)}
        self.learning_rates = {"network": learning_rate}
        self._head = head

    def updates(self, batch: Batch) -> Iterator[Update]:
        """One update. Input: (N, 1, X, Y[, Z]) or tiles (N, T, 1, X, Y[, Z]); target: (N,) int64 labels."""
        logits = self.modules["network"](batch["input"])
        loss = functional.cross_entropy(logits, batch["target"])
        yield Update(loss, metrics={"loss": loss.detach(), "accuracy": accuracy(logits, batch["target"])})

    def evaluate(self, network: nn.Module, batch: Batch) -> Evaluation:
        """Loss and accuracy."""
        logits = classify(as_unet(network, "an evaluation"), self._head, batch["input"])
        loss = functional.cross_entropy(logits, batch["target"])
        return Evaluation({"loss": loss, "accuracy": accuracy(logits, batch["target"])})


class ClassificationMethod(Method):
    """A method that tells what its transform has done to a patch."""

    def contradiction(self, settings: Settings) -> str:
        """Only whole networks are averaged."""
        if settings.optim.ema:
            return f"ema must be 0 for method {self.name}, whose classifier has no mean: it is for U-Nets"
        return ""

    def objective(self, network: nn.Module, settings: Settings) -> Classification:
        """The classification, by as many classes as the transform has."""
        unet, transform = as_unet(network, f"method {self.name}"), self.transform(settings)
        assert isinstance(transform, JigsawTransform | RotationTransform)
        tiles = math.prod(transform.grid) if isinstance(transform, JigsawTransform) else 1
        head = ClassificationHead(unet.feature_channels[-1], transform.num_classes, tiles=tiles)
        return Classification(network, head, transform.num_classes, settings.optim.lr)
