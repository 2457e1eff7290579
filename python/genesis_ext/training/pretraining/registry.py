# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""From a config to its objective, and to what makes input and target of sub-volumes."""

import math
from collections.abc import Callable

import torch

from genesis_ext.models import ClassificationHead, Discriminator, ScaleClassifier, UNet, UNet2D, UNet3D
from genesis_ext.training.engine.objective import Objective
from genesis_ext.training.pretraining.classification import Classification
from genesis_ext.training.pretraining.config import PretrainConfig
from genesis_ext.training.pretraining.methods.genesis import Restoration
from genesis_ext.training.pretraining.methods.universal import Universal
from genesis_ext.transforms import GenesisTransform, JigsawTransform, RotationTransform

SampleTransform = GenesisTransform | JigsawTransform | RotationTransform


def make_objective(config: PretrainConfig) -> Objective:
    """The networks of a method, their weights drawn from the config's seed, on the CPU: the same on every device."""
    method, optim = config.method, config.optim
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.run.seed)
        network = _make_network(config)
        if method.method == "genesis":
            return Restoration(network, method.loss, optim.lr)
        if method.method == "universal":
            features, flat = network.feature_channels, network.spatial_dims
            scales = ScaleClassifier(features[-1], len(config.data.scales)) if method.tell_scales else None
            discriminator = None
            if method.adversary != "off":
                discriminator = Discriminator(features, norm=config.network.norm, spatial_dims=flat)
            rates = {"network": optim.lr, "scales": method.lr_scales, "discriminator": method.lr_discriminator}
            return Universal(
                network,
                scales,
                discriminator,
                method.adversary,
                method.confusion,
                method.loss,
                method.alpha,
                method.beta,
                rates,
            )
        transform = make_transform(config)
        assert isinstance(transform, JigsawTransform | RotationTransform)
        tiles = math.prod(transform.grid) if isinstance(transform, JigsawTransform) else 1
        head = ClassificationHead(network.feature_channels[-1], transform.num_classes, tiles=tiles)
        return Classification(network, head, transform.num_classes, optim.lr)


def make_transform(config: PretrainConfig, report: Callable[[str], object] = print) -> SampleTransform:
    """What makes input and target of sub-volumes: the module is to be moved to the device of the batches.

    report: told of patches that are too small to be shuffled.
    """
    seed, patch = config.run.seed, config.data.patch_shape
    if config.method.method == "rotation":
        return RotationTransform(seed=seed, spatial_shape=patch)
    if config.method.method == "jigsaw":
        return JigsawTransform(seed=seed, grid=(3,) * len(patch), multiple=_network_class(config).stride)
    transform = GenesisTransform(config.method.profile, config.method.scheme, seed=seed, spatial_dims=len(patch))
    if note := transform.note_on_windows(patch):
        report(note)
    return transform


def _make_network(config: PretrainConfig) -> UNet:
    options = config.network
    if len(config.data.patch_shape) == 2:
        return UNet2D(width=options.width)
    return UNet3D(width=options.width, norm=options.norm, bn_mode=options.bn_mode, upsample=options.upsample)


def _network_class(config: PretrainConfig) -> type[UNet]:
    return UNet2D if len(config.data.patch_shape) == 2 else UNet3D
