# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Starting weights, drawn from a generator of the caller's so that they depend on nothing else."""

import torch
from torch import nn

_NORMS = (nn.BatchNorm2d, nn.BatchNorm3d, nn.InstanceNorm2d, nn.InstanceNorm3d)
_TRANSPOSED = (nn.ConvTranspose2d, nn.ConvTranspose3d)


@torch.no_grad()
def initialize(network: nn.Module, generator: torch.Generator | None = None) -> None:
    """Redraw the weights of all convolutions and linear layers; norms become the identity.

    Convolutions: normal, with variance 2 / fan-in where they are wider than one voxel, since a ReLU follows (He et al.,
    ICCV 2015), and 1 / fan-in otherwise; biases zero. Linear layers start as torch starts them: weights and biases
    uniform in +-fan-in^-0.5.

    generator: on the device of the weights; None for torch's global one.
    """
    for module in network.modules():
        if isinstance(module, nn.Linear):
            bound = module.in_features**-0.5
            for parameter in module.parameters():
                parameter.uniform_(-bound, bound, generator=generator)
        elif isinstance(module, (nn.Conv2d, nn.Conv3d, *_TRANSPOSED)):
            # Stride = kernel: a voxel of a transposed convolution sums over the channels only, not over the kernel.
            fan_in = module.in_channels if isinstance(module, _TRANSPOSED) else module.weight[0].numel()
            spreads = isinstance(module, (nn.Conv2d, nn.Conv3d)) and module.kernel_size[0] > 1
            module.weight.normal_(0.0, ((2.0 if spreads else 1.0) / fan_in) ** 0.5, generator=generator)
            if module.bias is not None:
                module.bias.zero_()
        elif isinstance(module, _NORMS):
            module.reset_parameters()
