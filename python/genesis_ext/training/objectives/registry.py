# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""From a config to its objective, and to what makes input and target of sub-volumes."""

from typing import TYPE_CHECKING

import torch

from genesis_ext.models import ClassificationHead, Discriminator, ScaleClassifier, UNet3D
from genesis_ext.training.config import PretrainConfig
from genesis_ext.training.objectives.classification import Classification
from genesis_ext.training.objectives.genesis import Restoration
from genesis_ext.training.objectives.objective import Objective
from genesis_ext.training.objectives.universal import Universal
from genesis_ext.transforms import GenesisTransform, JigsawTransform, RotationTransform

if TYPE_CHECKING:
    from genesis_ext.data.loader import Transform


def make_objective(config: PretrainConfig) -> Objective:
    """The networks of a method, their weights drawn from the config's seed, on the CPU: the same on every device."""
    method = config.method
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.run.seed)
        network = UNet3D(
            width=config.network.width,
            norm=config.network.norm,
            bn_mode=config.network.bn_mode,
            upsample=config.network.upsample,
        )
        if method.method == "genesis":
            return Restoration(network, method.loss, config.optim.lr)
        if method.method == "universal":
            features, norm = network.feature_channels, config.network.norm
            return Universal(
                network,
                ScaleClassifier(features[-1], len(config.data.scales)) if method.tell_scales else None,
                Discriminator(features, norm=norm) if method.adversary != "off" else None,
                method.adversary,
                method.confusion,
                method.loss,
                method.alpha,
                method.beta,
                {
                    "network": config.optim.lr,
                    "scales": method.lr_scales,
                    "discriminator": method.lr_discriminator,
                },
            )
        transform = make_transform(config)
        assert isinstance(transform, JigsawTransform | RotationTransform)
        head = ClassificationHead(network.feature_channels[-1], transform.num_classes)
        return Classification(network, head, transform.num_classes, config.optim.lr)


def make_transform(config: PretrainConfig) -> "Transform":
    """What makes input and target of sub-volumes."""
    seed = config.run.seed
    if config.method.method == "rotation":
        return RotationTransform(seed=seed)
    if config.method.method == "jigsaw":
        return JigsawTransform(seed=seed)
    return GenesisTransform(profile=config.method.profile, scheme=config.method.scheme, seed=seed)
