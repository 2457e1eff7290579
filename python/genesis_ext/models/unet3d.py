# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The 3D U-Net of Models Genesis (Zhou et al., MICCAI 2019), with the parameter names of the released weights.

Four encoder levels, three decoder levels. With ``width`` w the encoder gives 2w, 4w, 8w and 16w channels at 1, 1/2, 1/4
and 1/8 of the side; the default w = 32 has 19,073,665 parameters.
"""

from collections.abc import Sequence
from typing import Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from genesis_ext._arguments import check_choice, check_positive
from genesis_ext.models.unet import Activation, BatchNormMode, Norm, OutputHead, UNet

__all__ = ["BatchNormMode", "Norm", "UNet3D", "Upsample"]

Upsample = Literal["transpose", "nearest"]


class _BatchStatisticsNorm(nn.BatchNorm3d):
    """Batch norm that uses the statistics of the batch in evaluation too, as the released network does.

    Running statistics are followed in training, so that ``bn_mode="running"`` can be chosen later; evaluation leaves
    them alone (the released code updates them there as well, which makes an evaluation change the model).
    """

    def forward(self, input: Tensor) -> Tensor:
        if self.training:
            return super().forward(input)
        return functional.batch_norm(input, None, None, self.weight, self.bias, training=True, eps=self.eps)


def _make_norm(channels: int, norm: Norm, bn_mode: BatchNormMode) -> nn.Module:
    if norm == "instance":
        return nn.InstanceNorm3d(channels, affine=True)
    return _BatchStatisticsNorm(channels) if bn_mode == "batch" else nn.BatchNorm3d(channels)


class _ConvNormReLU(nn.Module):
    """3x3x3 convolution with bias, norm, ReLU: (N, in, X, Y, Z) -> (N, out, X, Y, Z)."""

    def __init__(self, in_channels: int, out_channels: int, norm: Norm, bn_mode: BatchNormMode) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(in_channels, out_channels, kernel_size=3, padding=1)
        self.bn1 = _make_norm(out_channels, norm, bn_mode)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.bn1(self.conv1(x)), inplace=True)


class _Down(nn.Module):
    """One encoder level: two convolutions, the first to half of ``out_channels``."""

    def __init__(self, in_channels: int, out_channels: int, norm: Norm, bn_mode: BatchNormMode) -> None:
        super().__init__()
        half = out_channels // 2
        self.ops = nn.Sequential(
            _ConvNormReLU(in_channels, half, norm, bn_mode), _ConvNormReLU(half, out_channels, norm, bn_mode)
        )

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.ops(x))


class _Up(nn.Module):
    """One decoder level: double the side, put the skip behind, two convolutions.

    coarse (N, deep, X, Y, Z) and skip (N, shallow, 2X, 2Y, 2Z) -> (N, shallow, 2X, 2Y, 2Z).
    """

    def __init__(self, deep: int, shallow: int, norm: Norm, bn_mode: BatchNormMode, upsample: Upsample) -> None:
        super().__init__()
        self.up_conv = nn.ConvTranspose3d(deep, deep, kernel_size=2, stride=2) if upsample == "transpose" else None
        self.ops = nn.Sequential(
            _ConvNormReLU(deep + shallow, shallow, norm, bn_mode), _ConvNormReLU(shallow, shallow, norm, bn_mode)
        )

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        if self.up_conv is None:
            up = functional.interpolate(coarse, scale_factor=2, mode="nearest")
        else:
            up = self.up_conv(coarse)
        return cast(Tensor, self.ops(torch.cat((up, skip), dim=1)))


class UNet3D(UNet):
    """Encoder-decoder (N, in_channels, X, Y, Z) -> (N, num_classes, X, Y, Z); X, Y, Z divisible by 8.

    Args:
        in_channels: channels of the input.
        num_classes: channels of the output (1 restores a patch).
        width: channels of the first convolution; all others scale with it. The released network has 32.
        bn_mode: ``"batch"`` normalises by the batch in evaluation too, as released; ``"running"`` is the usual rule.
        upsample: ``"transpose"`` learns the upsampling (PyTorch release); ``"nearest"`` repeats voxels and has no
            ``up_conv`` (Keras release).
        norm: ``"batch"`` or ``"instance"`` (affine, no running statistics; ``bn_mode`` then has no effect).
        activation: ``"sigmoid"`` for restoration; ``None`` gives logits, for fine-tuning.

    Convolutions start from He's normal distribution, biases at zero. For a start that does not depend on the global
    generator call ``reset_parameters(generator)``.

    Source: method of Models Genesis; names and shapes of its released PyTorch weights.
    """

    spatial_dims: int = 3
    stride: int = 8  # three poolings by two

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 1,
        width: int = 32,
        bn_mode: BatchNormMode = "batch",
        upsample: Upsample = "transpose",
        norm: Norm = "batch",
        activation: Activation = "sigmoid",
    ) -> None:
        super().__init__(in_channels, num_classes, activation, norm, bn_mode)
        check_positive("UNet3D", width=width)
        check_choice("UNet3D", "upsample", upsample, get_args(Upsample))
        self.feature_channels = (2 * width, 4 * width, 8 * width, 16 * width)  # of `encode`, fine to coarse

        c64, c128, c256, c512 = self.feature_channels
        self.down_tr64 = _Down(in_channels, c64, norm, bn_mode)
        self.down_tr128 = _Down(c64, c128, norm, bn_mode)
        self.down_tr256 = _Down(c128, c256, norm, bn_mode)
        self.down_tr512 = _Down(c256, c512, norm, bn_mode)
        self.up_tr256 = _Up(c512, c256, norm, bn_mode, upsample)
        self.up_tr128 = _Up(c256, c128, norm, bn_mode, upsample)
        self.up_tr64 = _Up(c128, c64, norm, bn_mode, upsample)
        self.out_tr = OutputHead(self.spatial_dims, c64, num_classes, activation)
        self.reset_parameters()

    def encode(self, x: Tensor) -> list[Tensor]:
        """Features of the four levels, fine to coarse; the last one is the encoder's output.

        x: (N, in_channels, X, Y, Z). Returns (N, feature_channels[i], X / 2^i, Y / 2^i, Z / 2^i) for i = 0..3.
        """
        self._check_input(x)
        features: list[Tensor] = [self.down_tr64(x)]
        for level in (self.down_tr128, self.down_tr256, self.down_tr512):
            features.append(level(functional.max_pool3d(features[-1], kernel_size=2)))
        return features

    def decode(self, features: Sequence[Tensor]) -> Tensor:
        """The last decoder level, (N, feature_channels[0], X, Y, Z), from what ``encode`` gave."""
        f64, f128, f256, f512 = features
        x = self.up_tr256(f512, f256)
        x = self.up_tr128(x, f128)
        return cast(Tensor, self.up_tr64(x, f64))
