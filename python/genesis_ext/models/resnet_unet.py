# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""U-Nets with a ResNet as encoder, made of MONAI's parts: they can start from weights of MedicalNet and of ImageNet.

MONAI's ``FlexibleUNet`` itself is not used: the shortcuts of its ResNet-18 have no weights and let no gradient through,
it cannot take ImageNet weights, and it strides where MedicalNet dilates.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, cast, get_args

from torch import Tensor, nn
from torch.nn import functional

from genesis_ext._arguments import check_choice, check_positive
from genesis_ext._extras import require
from genesis_ext.models.unet import Activation, OutputHead, UNet

Shortcuts = Literal["projection", "padding"]

DEPTHS = {
    10: (1, 1, 1, 1),
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
}
"""Blocks in each of the four stages, by the number of layers."""
BOTTLENECK_FROM = 50
"""From this depth on a block has three convolutions, and four times the channels at its end."""


class ResNetUNet(UNet):
    """Encoder-decoder (N, in_channels, *spatial) -> (N, num_classes, *spatial) with a ResNet as encoder. Needs MONAI.

    ``encoder`` has the names and shapes of MedicalNet's ResNets (3D), or of those that were trained on ImageNet (2D);
    ``initialize_from`` reads their files. With ``width`` w, and e = 4 from depth 50 on, else 1, its features are:

    =========  =======================  =================================  ======================
    dilated    channels                 share of the side                  sides divisible by
    =========  =======================  =================================  ======================
    True       w, ew, 8ew               1/2, 1/4, 1/8                      8
    False      w, ew, 2ew, 4ew, 8ew     1/2, 1/4, 1/8, 1/16, 1/32          32
    =========  =======================  =================================  ======================

    Each level of the decoder doubles the side (nearest neighbour), joins the skip, of which there is none at full size,
    and convolves twice. Batch norm, with running statistics in evaluation.

    Args:
        spatial_dims: 3 or 2.
        in_channels: of the input.
        num_classes: channels of the output.
        depth: layers of the ResNet: 10, 18, 34, 50, 101, 152 or 200.
        width: channels of the first convolution, divisible by 4; all others scale with it. Published weights have 64.
        dilated: the last two stages dilate their kernels by 2 and 4 instead of halving the side, as in MedicalNet.
            Names and shapes of the weights are the same, but filters that were trained one way mean little the other.
        shortcuts: where a block changes side or channels, its input is projected, or pooled and padded by channels
            of zeros, as in MedicalNet's ResNet-18 and -34.
        activation: ``"sigmoid"`` for restoration; ``None`` gives logits, for fine-tuning.

    Convolutions start from He's normal distribution. For a start that does not depend on the global generator call
    ``reset_parameters(generator)``.

    Raises:
        ImportError: MONAI is not installed.

    Source: He et al., CVPR 2016; MedicalNet (Chen et al., arXiv:1904.00625, and its published code). The decoder is our
    choice: 4w, 2w and w/2 channels behind a dilated encoder, else 4w, 2w, w, w/2 and w/4.
    """

    def __init__(
        self,
        spatial_dims: int = 3,
        in_channels: int = 1,
        num_classes: int = 1,
        depth: int = 50,
        width: int = 64,
        dilated: bool = True,
        shortcuts: Shortcuts = "projection",
        activation: Activation = "sigmoid",
    ) -> None:
        super().__init__(in_channels, num_classes, activation, norm="batch", bn_mode="running")
        owner = type(self).__name__
        check_choice(owner, "spatial_dims", spatial_dims, (2, 3))
        check_choice(owner, "depth", depth, tuple(DEPTHS))
        check_choice(owner, "shortcuts", shortcuts, get_args(Shortcuts))
        check_positive(owner, width=width)
        if width % 4:
            raise ValueError(f"{owner}: width must be divisible by 4, got {width}")
        resnet = require("monai.networks.nets.resnet", "monai", f"for {owner}")
        flexible_unet = require("monai.networks.nets.flexible_unet", "monai", f"for {owner}")
        self.spatial_dims = spatial_dims
        self.stride = 8 if dilated else 32  # the first convolution, a pooling, one or three of four stages
        stage = width if depth < BOTTLENECK_FROM else 4 * width
        deeper = (8 * stage,) if dilated else (2 * stage, 4 * stage, 8 * stage)
        self.feature_channels = (width, stage, *deeper)  # of `encode`, fine to coarse

        self.encoder = resnet.ResNet(
            block="basic" if depth < BOTTLENECK_FROM else "bottleneck",
            layers=list(DEPTHS[depth]),
            block_inplanes=[width, 2 * width, 4 * width, 8 * width],
            spatial_dims=spatial_dims,
            n_input_channels=in_channels,
            conv1_t_size=7,
            conv1_t_stride=2,
            feed_forward=False,
            shortcut_type="B" if shortcuts == "projection" else "A",
            bias_downsample=False,
        )
        if dilated:
            _dilate(self.encoder.layer3, 2)
            _dilate(self.encoder.layer4, 4)
        if shortcuts == "padding":
            _let_gradients_through(self.encoder)
        last = (width // 2,) if dilated else (width, width // 2, width // 4)
        self.decoder = flexible_unet.UNetDecoder(
            spatial_dims=spatial_dims,
            encoder_channels=(in_channels, *self.feature_channels),
            decoder_channels=(4 * width, 2 * width, *last),
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
        self.out_tr = OutputHead(spatial_dims, last[-1], num_classes, activation)
        self.reset_parameters()

    def encode(self, x: Tensor) -> list[Tensor]:
        """Features of all levels, fine to coarse; the last one is the encoder's output.

        x: (N, in_channels, *spatial). Returns (N, feature_channels[i], *spatial / 2^(i+1)) for every level i.
        """
        self._check_input(x)
        net = self.encoder
        features: list[Tensor] = [net.act(net.bn1(net.conv1(x)))]
        features.append(net.layer1(net.maxpool(features[0])))
        if len(self.feature_channels) == 3:  # the last three stages share a side
            return [*features, net.layer4(net.layer3(net.layer2(features[1])))]
        for stage in (net.layer2, net.layer3, net.layer4):
            features.append(stage(features[-1]))
        return features

    def decode(self, features: Sequence[Tensor]) -> Tensor:
        """The last decoder level, as large as the input of ``encode``, from what that gave."""
        # MONAI's decoder leaves out the first entry, which stands for the input, and has one level without a skip.
        return cast(Tensor, self.decoder([features[0], *features], len(features) - 1))


class _PaddedShortcut(nn.Module):
    """Every ``stride``-th voxel, then channels of zeros: (N, C, *spatial) -> (N, channels, *spatial / stride)."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.channels = channels
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        sides: list[slice] = [slice(None, None, self.stride)] * (x.ndim - 2)
        kept = x[(slice(None), slice(None), *sides)]
        return functional.pad(kept, (0, 0) * (x.ndim - 2) + (0, self.channels - x.shape[1]))


def _dilate(stage: Any, dilation: int) -> None:
    """Let the kernels of a stage reach as far as they would behind a stride, at the side of its input."""
    for module in stage.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            module.stride = (1,) * len(module.kernel_size)
            if module.kernel_size[0] > 1:
                module.dilation = module.padding = (dilation,) * len(module.kernel_size)
    shortcut = stage[0].downsample
    if isinstance(shortcut, partial):  # MONAI's shortcut without weights
        shortcut.keywords["stride"] = 1


def _let_gradients_through(encoder: nn.Module) -> None:
    """Put in place of MONAI's shortcuts without weights, which detach their input, ones that give the same."""
    for module in list(encoder.modules()):
        shortcut = getattr(module, "downsample", None)
        if isinstance(shortcut, partial):
            module.downsample = _PaddedShortcut(shortcut.keywords["planes"], shortcut.keywords["stride"])
