# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What the 3D and the 2D network share: encoder, decoder, head, and the checks of their input."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Literal, cast, get_args

import torch
from torch import Tensor, nn

from genesis_ext._arguments import check_choice, check_positive
from genesis_ext.models.initialization import initialize

Activation = Literal["sigmoid"] | None
BatchNormMode = Literal["batch", "running"]
Norm = Literal["batch", "instance"]

ENCODER_PREFIXES = ("down_tr", "encoder.")
"""The names of an encoder's weights, and no others, begin with one of these."""


class OutputHead(nn.Module):
    """Convolution of one voxel and, if asked, a sigmoid: (N, in, *spatial) -> (N, classes, *spatial)."""

    def __init__(self, spatial_dims: int, in_channels: int, num_classes: int, activation: Activation) -> None:
        super().__init__()
        convolution = nn.Conv2d if spatial_dims == 2 else nn.Conv3d
        self.final_conv = convolution(in_channels, num_classes, kernel_size=1)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Probabilities with the sigmoid, else logits."""
        logits = cast(Tensor, self.final_conv(x))
        return logits.sigmoid() if self.activation == "sigmoid" else logits


class UNet(nn.Module, ABC):
    """An encoder-decoder: (N, in_channels, *spatial) -> (N, num_classes, *spatial).

    Attributes:
        spatial_dims: 3 or 2.
        stride: by which every side of the input must be divisible.
        in_channels, num_classes: of input and output.
        feature_channels: of what ``encode`` gives, fine to coarse.
        out_tr: the head, from what ``decode`` gives.
    """

    spatial_dims: int
    stride: int
    feature_channels: tuple[int, ...]
    out_tr: OutputHead

    def __init__(
        self, in_channels: int, num_classes: int, activation: Activation, norm: Norm, bn_mode: BatchNormMode
    ) -> None:
        super().__init__()
        owner = type(self).__name__
        check_positive(owner, in_channels=in_channels, num_classes=num_classes)
        check_choice(owner, "norm", norm, get_args(Norm))
        check_choice(owner, "bn_mode", bn_mode, get_args(BatchNormMode))
        check_choice(owner, "activation", activation, ("sigmoid", None))
        self.in_channels = in_channels
        self.num_classes = num_classes
        self._norm = norm
        self._bn_mode = bn_mode

    @property
    def normalizes_by_batch(self) -> bool:
        """Whether what it gives of a sample depends on the others of its batch, in evaluation too."""
        return self._norm == "batch" and self._bn_mode == "batch"

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Redraw all weights (from ``generator``, else from torch's global one); norms back to identity."""
        initialize(self, generator)

    @abstractmethod
    def encode(self, x: Tensor) -> list[Tensor]:
        """Features of all levels, fine to coarse; the last one is the encoder's output."""

    @abstractmethod
    def decode(self, features: Sequence[Tensor]) -> Tensor:
        """The input of ``out_tr``, as large as the input of ``encode``, from what ``encode`` gave."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, *spatial) -> (N, num_classes, *spatial); in (0, 1) with the sigmoid."""
        return self.out_tr(self.decode(self.encode(x)))  # type: ignore[no-any-return]

    def decoder_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters that ``encode`` does not use: those of decoder and head."""
        return (value for name, value in self.named_parameters() if not name.startswith(ENCODER_PREFIXES))

    def _check_input(self, x: Tensor) -> None:
        owner, axes = type(self).__name__, ("X", "Y", "Z")[: self.spatial_dims]
        if x.ndim != 2 + len(axes) or x.shape[1] != self.in_channels:
            raise ValueError(f"{owner}: x must be (N, {self.in_channels}, {', '.join(axes)}), got {tuple(x.shape)}")
        sides = x.shape[2:]
        if any(side == 0 or side % self.stride for side in sides):
            named = f"{', '.join(axes[:-1])} and {axes[-1]}"
            raise ValueError(f"{owner}: {named} must be positive multiples of {self.stride}, got {tuple(sides)}")
        coarsest = math.prod(side // self.stride for side in sides)
        values = coarsest if self._norm == "instance" else coarsest * x.shape[0]
        from_batch = self.training or self._norm == "instance" or self._bn_mode == "batch"
        if from_batch and values < 2:
            raise ValueError(
                f"{owner}: x must give at least two values to each norm at the coarsest level "
                f"(1/{self.stride} of the side), got {values} from {tuple(x.shape)}"
            )
