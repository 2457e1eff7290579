# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The 2D network of Models Genesis (Zhou et al., MICCAI 2019): a U-Net with a ResNet-18 encoder, made of MONAI's parts.

MONAI's ``FlexibleUNet`` itself is not used: the shortcuts of its ResNet-18 have no weights and let no gradient through,
and it cannot take ImageNet weights.
"""

from collections.abc import Sequence
from typing import ClassVar, cast

from torch import Tensor

from genesis_ext._arguments import check_positive
from genesis_ext._extras import require
from genesis_ext.models.unet import Activation, OutputHead, UNet


class UNet2D(UNet):
    """Encoder-decoder (N, in_channels, X, Y) -> (N, num_classes, X, Y); X and Y divisible by 32. Needs MONAI.

    With ``width`` w the encoder gives w, w, 2w, 4w and 8w channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the side. Five
    decoder levels double the side (nearest neighbour), join the skip, of which there is none at full size, and convolve
    twice. Batch norm, with running statistics in evaluation. ``UNet2D().encoder`` has the names and shapes of the usual
    ResNet-18, so ``load_weights(net.encoder, path)`` reads a file of its ImageNet weights; nothing is downloaded.

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

    spatial_dims: ClassVar[int] = 2
    stride: ClassVar[int] = 32  # the first convolution, a pooling, three of four stages

    def __init__(
        self, in_channels: int = 1, num_classes: int = 1, width: int = 64, activation: Activation = "sigmoid"
    ) -> None:
        super().__init__(in_channels, num_classes, activation, norm="batch", bn_mode="running")
        check_positive("UNet2D", width=width)
        if width % 4:
            raise ValueError(f"UNet2D: width must be divisible by 4, got {width}")
        purpose = "for UNet2D"
        resnet = require("monai.networks.nets.resnet", "monai", purpose)
        flexible_unet = require("monai.networks.nets.flexible_unet", "monai", purpose)
        self.feature_channels = (width, width, 2 * width, 4 * width, 8 * width)  # of `encode`, fine to coarse

        self.encoder = resnet.ResNet(
            block="basic",
            layers=[2, 2, 2, 2],
            block_inplanes=[width, 2 * width, 4 * width, 8 * width],
            spatial_dims=2,
            n_input_channels=in_channels,
            conv1_t_size=7,
            conv1_t_stride=2,
            feed_forward=False,
            bias_downsample=False,
        )
        self.decoder = flexible_unet.UNetDecoder(
            spatial_dims=2,
            encoder_channels=(in_channels, *self.feature_channels),
            decoder_channels=(4 * width, 2 * width, width, width // 2, width // 4),
            act=("relu", {"inplace": True}),
            norm="batch",
            dropout=0.0,
            bias=False,
            upsample="nontrainable",
            pre_conv=None,
            interp_mode="nearest",
            align_corners=None,
            is_pad=False,
        )
        self.out_tr = OutputHead(self.spatial_dims, width // 4, num_classes, activation)
        self.reset_parameters()

    def encode(self, x: Tensor) -> list[Tensor]:
        """Features of the five levels, fine to coarse; the last one is the encoder's output.

        x: (N, in_channels, X, Y). Returns (N, feature_channels[i], X / 2^(i+1), Y / 2^(i+1)) for i = 0..4.
        """
        self._check_input(x)
        net = self.encoder
        features: list[Tensor] = [net.act(net.bn1(net.conv1(x)))]
        level = net.maxpool(features[0])
        for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
            level = stage(level)
            features.append(level)
        return features

    def decode(self, features: Sequence[Tensor]) -> Tensor:
        """The last decoder level, (N, width / 4, X, Y), from what ``encode`` gave."""
        # MONAI's decoder leaves out the first entry, which stands for the input, and joins four skips.
        return cast(Tensor, self.decoder([features[0], *features], len(features) - 1))
