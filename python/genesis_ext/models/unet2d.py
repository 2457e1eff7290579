# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The 2D network of Models Genesis (Zhou et al., MICCAI 2019): a U-Net with a ResNet-18 encoder."""

from genesis_ext.models.resnet_unet import ResNetUNet
from genesis_ext.models.unet import Activation


class UNet2D(ResNetUNet):
    """Encoder-decoder (N, in_channels, X, Y) -> (N, num_classes, X, Y); X and Y divisible by 32. Needs MONAI.

    With ``width`` w the encoder gives w, w, 2w, 4w and 8w channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the side. Five
    decoder levels double the side (nearest neighbour), join the skip, of which there is none at full size, and convolve
    twice. Batch norm, with running statistics in evaluation. ``UNet2D().encoder`` has the names and shapes of the usual
    ResNet-18, so ``initialize_from(net, path)`` reads a file of its ImageNet weights; nothing is downloaded.

    Args:
        in_channels: channels of the input; X-rays and slices have 1.
        num_classes: channels of the output (1 restores a patch).
        width: channels of the first convolution, divisible by 4; all others scale with it. ResNet-18 has 64.
        activation: ``"sigmoid"`` for restoration; ``None`` gives logits, for fine-tuning.

    Convolutions start from He's normal distribution. For a start that does not depend on the global generator call
    ``reset_parameters(generator)``.

    Raises:
        ImportError: MONAI is not installed.

    Source: method of Models Genesis, 2D applications, which names the encoder only. The decoder, with 256, 128, 64, 32
    and 16 channels, is our choice.
    """

    spatial_dims: int = 2
    stride: int = 32

    def __init__(
        self, in_channels: int = 1, num_classes: int = 1, width: int = 64, activation: Activation = "sigmoid"
    ) -> None:
        super().__init__(
            self.spatial_dims, in_channels, num_classes, depth=18, width=width, dilated=False, activation=activation
        )
