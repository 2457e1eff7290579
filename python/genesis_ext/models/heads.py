# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Classification from an encoder's output."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from genesis_ext._arguments import check_positive
from genesis_ext.models.initialization import initialize


class ClassificationHead(nn.Module):
    """Features -> global average pooling -> linear -> ReLU -> linear -> logits.

    For all that is classified from an encoder: target tasks, rotations, permutations of a jigsaw.

    Args:
        in_channels: of the features; ``feature_channels[-1]`` of a network.
        num_classes: logits a sample.
        hidden: width of the hidden layer.
        tiles: parts of a sample that the encoder sees one by one (27 of a 3x3x3 jigsaw). Their averages are put side by
            side before the first linear layer (Noroozi and Favaro, ECCV 2016).

    Source: target tasks of Models Genesis, 512 -> 1024 -> n.
    """

    def __init__(self, in_channels: int, num_classes: int, hidden: int = 1024, tiles: int = 1) -> None:
        super().__init__()
        check_positive(
            type(self).__name__, in_channels=in_channels, num_classes=num_classes, hidden=hidden, tiles=tiles
        )
        self.in_channels = in_channels
        self.num_classes = num_classes
        self.tiles = tiles
        self.norm: nn.Module = nn.Identity()
        self.hidden = nn.Linear(tiles * in_channels, hidden)
        self.out = nn.Linear(hidden, num_classes)
        self.reset_parameters()

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Redraw all weights (from ``generator``, else from torch's global one)."""
        initialize(self, generator)

    def forward(self, features: Tensor) -> Tensor:
        """(N * tiles, in_channels, *spatial) -> (N, num_classes); the tiles of a sample follow each other."""
        if features.ndim < 3 or features.shape[1] != self.in_channels or features.shape[0] % self.tiles:
            samples = "N" if self.tiles == 1 else f"N * {self.tiles}"
            raise ValueError(
                f"{type(self).__name__}: features must be ({samples}, {self.in_channels}, *spatial), "
                f"got {tuple(features.shape)}"
            )
        pooled = features.mean(dim=tuple(range(2, features.ndim)))
        together = pooled.reshape(-1, self.tiles * self.in_channels)  # (N, tiles * in_channels)
        logits: Tensor = self.out(functional.relu(self.hidden(self.norm(together))))
        return logits


class ScaleClassifier(ClassificationHead):
    """S of the Universal Model: at which scale was the sub-volume cut, told from the encoder's output.

    Args:
        in_channels: of the encoder's output.
        num_scales: 3 in the paper: 1/2, 1/4 and 1/8 of the side of the volume.
        hidden: 1024 in the paper.
        norm: batch norm of the averages, without weights, so that samples differ by more than a small part of what all
            have in common. Ours; it needs two samples a process.

    Source: Universal Model (arXiv:2010.06107), scale classifier; trained with cross-entropy.
    """

    def __init__(self, in_channels: int, num_scales: int = 3, hidden: int = 1024, norm: bool = False) -> None:
        super().__init__(in_channels, num_scales, hidden)
        if norm:
            self.norm = nn.BatchNorm1d(in_channels, affine=False)
