# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Models Genesis: restore the patch before its transformations (Zhou et al., MICCAI 2019)."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import nn

from genesis_ext._settings import from_mapping
from genesis_ext.training.engine.objective import Batch, Evaluation, Update
from genesis_ext.training.pretraining.losses import LOSSES, Loss
from genesis_ext.training.pretraining.methods.method import Method, MethodOptions, Settings
from genesis_ext.transforms import GenesisTransform, TransformConfig, make_config


@dataclass(frozen=True)
class GenesisOptions(MethodOptions):
    """Of every method that restores."""

    profile: str | TransformConfig = "head"
    """Profile of the transformations: head, paper, release-2019-11 or release-2019-09; in Python and YAML also rates
    and sizes of your own."""
    scheme: str = "unified"
    """Which of them: unified, distortion, painting, autoencoder, or the name of a single one."""
    loss: Loss = "mse"
    """Of the restoration: mean squared error as released, l1 as in Models Genesis, l2: norms as in Eq. 1 of the
    Universal Model, or masked: mean squared error over what the transformations changed."""

    def __post_init__(self) -> None:
        if isinstance(self.profile, Mapping):  # as a file has it
            object.__setattr__(self, "profile", from_mapping(TransformConfig, self.profile, "profile"))
        super().__post_init__()
        make_config(self.profile, self.scheme)
        if self.loss == "masked" and self.scheme == "autoencoder":
            raise ValueError("loss must not be masked with scheme autoencoder, which changes no voxel")


class Restoration:
    """Restore a patch: one network, one loss.

    Args:
        network: (N, 1, X, Y[, Z]) -> the same shape.
        loss: name of the loss.
        learning_rate: at the start.
    """

    restores = True
    chance = math.inf  # means nothing for a restoration

    def __init__(self, network: nn.Module, loss: Loss, learning_rate: float) -> None:
        self.network = network
        self.modules = {"network": network}
        self.learning_rates = {"network": learning_rate}
        self._loss = LOSSES[loss]

    def updates(self, batch: Batch) -> Iterator[Update]:
        """One update. Input and target: (N, 1, X, Y[, Z])."""
        restored = self.modules["network"](batch["input"])
        loss = self._loss(restored, batch["input"], batch["target"])
        yield Update(loss, metrics={"loss": loss.detach()})

    def evaluate(self, network: nn.Module, batch: Batch) -> Evaluation:
        """The loss."""
        restored = network(batch["input"])
        return Evaluation({"loss": self._loss(restored, batch["input"], batch["target"])}, restored)


class Genesis(Method):
    """Restore what ``GenesisTransform`` distorts."""

    name = "genesis"
    summary = "restore (Models Genesis)"

    def transform(self, settings: Settings) -> GenesisTransform:
        """The transformations of a profile."""
        own = settings.method
        assert isinstance(own, GenesisOptions)
        spatial_dims = len(settings.data.patch_shape)
        return GenesisTransform(own.profile, own.scheme, seed=settings.run.seed, spatial_dims=spatial_dims)

    def objective(self, network: nn.Module, settings: Settings) -> Restoration:
        """The restoration."""
        assert isinstance(settings.method, GenesisOptions)
        return Restoration(network, settings.method.loss, settings.optim.lr)


METHOD = Genesis()
