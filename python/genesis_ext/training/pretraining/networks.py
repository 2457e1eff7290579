# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The networks that a configuration names."""

from genesis_ext.models import UNet, UNet2D, UNet3D
from genesis_ext.training.pretraining.groups import DataConfig, NetworkConfig


def make_network(options: NetworkConfig, data: DataConfig) -> UNet:
    """The network, its weights drawn from torch's generator."""
    if network_class(data) is UNet2D:
        return UNet2D(width=options.width)
    return UNet3D(width=options.width, norm=options.norm, bn_mode=options.bn_mode, upsample=options.upsample)


def network_class(data: DataConfig) -> type[UNet]:
    """2D for slices, else 3D."""
    return UNet2D if len(data.patch_shape) == 2 else UNet3D
