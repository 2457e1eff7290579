# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The 3D U-Net of Models Genesis (Zhou et al., MICCAI 2019), with the parameter names of the released weights.

Four encoder levels, three decoder levels. With ``width`` w the encoder gives 2w, 4w, 8w and 16w channels at 1, 1/2, 1/4
and 1/8 of the side; the default w = 32 has 19,073,665 parameters.
"""

import math
from collections.abc import Sequence
from typing import Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

BatchNormMode = Literal["batch", "running"]
Upsample = Literal["transpose", "nearest"]
Norm = Literal["batch", "instance"]

_STRIDE = 8  # three poolings by two


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


class _Out(nn.Module):
    """The head: 1x1x1 convolution and, if asked, a sigmoid."""

    def __init__(self, in_channels: int, num_classes: int, activation: Literal["sigmoid"] | None) -> None:
        super().__init__()
        self.final_conv = nn.Conv3d(in_channels, num_classes, kernel_size=1)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        logits = cast(Tensor, self.final_conv(x))
        return logits.sigmoid() if self.activation == "sigmoid" else logits


class UNet3D(nn.Module):
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

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 1,
        width: int = 32,
        bn_mode: BatchNormMode = "batch",
        upsample: Upsample = "transpose",
        norm: Norm = "batch",
        activation: Literal["sigmoid"] | None = "sigmoid",
    ) -> None:
        super().__init__()
        for name, value in (("in_channels", in_channels), ("num_classes", num_classes), ("width", width)):
            if value < 1:
                raise ValueError(f"UNet3D: {name} must be at least 1, got {value}")
        _check_choice("bn_mode", bn_mode, get_args(BatchNormMode))
        _check_choice("upsample", upsample, get_args(Upsample))
        _check_choice("norm", norm, get_args(Norm))
        _check_choice("activation", activation, ("sigmoid", None))
        self.in_channels = in_channels
        self.num_classes = num_classes
        self.feature_channels = (2 * width, 4 * width, 8 * width, 16 * width)  # of `encode`, fine to coarse
        self._norm = norm
        self._bn_mode = bn_mode

        c64, c128, c256, c512 = self.feature_channels
        self.down_tr64 = _Down(in_channels, c64, norm, bn_mode)
        self.down_tr128 = _Down(c64, c128, norm, bn_mode)
        self.down_tr256 = _Down(c128, c256, norm, bn_mode)
        self.down_tr512 = _Down(c256, c512, norm, bn_mode)
        self.up_tr256 = _Up(c512, c256, norm, bn_mode, upsample)
        self.up_tr128 = _Up(c256, c128, norm, bn_mode, upsample)
        self.up_tr64 = _Up(c128, c64, norm, bn_mode, upsample)
        self.out_tr = _Out(c64, num_classes, activation)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw all weights anew (from ``generator``, else from torch's global one); norms back to identity."""
        for module in self.modules():
            if isinstance(module, (nn.Conv3d, nn.ConvTranspose3d)):
                # Stride = kernel: a voxel of a transposed convolution sums over the channels only, not over the kernel.
                taps = 1 if isinstance(module, nn.ConvTranspose3d) else module.kernel_size[0] ** 3
                # A ReLU, which halves the variance, follows only the 3x3x3 convolutions.
                gain = 2.0 if taps > 1 else 1.0
                module.weight.normal_(0.0, (gain / (module.in_channels * taps)) ** 0.5, generator=generator)
                if module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, (nn.BatchNorm3d, nn.InstanceNorm3d)):
                module.reset_parameters()

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

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, X, Y, Z) -> (N, num_classes, X, Y, Z); in (0, 1) with the sigmoid."""
        return cast(Tensor, self.out_tr(self.decode(self.encode(x))))

    def _check_input(self, x: Tensor) -> None:
        if x.ndim != 5 or x.shape[1] != self.in_channels:
            raise ValueError(f"UNet3D: x must be (N, {self.in_channels}, X, Y, Z), got {tuple(x.shape)}")
        sides = x.shape[2:]
        if any(side == 0 or side % _STRIDE for side in sides):
            raise ValueError(f"UNet3D: X, Y and Z must be positive multiples of {_STRIDE}, got {tuple(sides)}")
        coarsest = math.prod(side // _STRIDE for side in sides)
        values = coarsest if self._norm == "instance" else coarsest * x.shape[0]
        from_batch = self.training or self._norm == "instance" or self._bn_mode == "batch"
        if from_batch and values < 2:
            raise ValueError(
                "UNet3D: x must give at least two values to each norm at the coarsest level (1/8 of the side), "
                f"got {values} from {tuple(x.shape)}"
            )


def _check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        raise ValueError(f"UNet3D: {name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
