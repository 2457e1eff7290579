# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A classifier made of a U-Net's encoder and a head: of target tasks, rotations and jigsaws."""

from typing import Any

from torch import Tensor, nn

from genesis_ext.models.heads import ClassificationHead
from genesis_ext.models.interface import UNetLike


class EncoderClassifier(nn.Module):
    """The encoder of a U-Net and a head: patches (N, C, *spatial) or tiles (N, T, C, *spatial) -> (N, classes).

    The encoder sees every tile alone, the head their features side by side. The decoder has no part and no gradient.

    Args:
        network: in weights, ``network.``.
        head: of its coarsest features; in weights, ``head.``.
    """

    network: Any  # UNetLike, which no annotation can say of a module

    def __init__(self, network: UNetLike, head: ClassificationHead) -> None:
        super().__init__()
        self.network = network
        self.head = head
        for parameter in network.decoder_parameters():
            parameter.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return classify(self.network, self.head, x)


def classify(network: UNetLike, head: ClassificationHead, x: Tensor) -> Tensor:
    """Logits (N, classes), see ``EncoderClassifier``."""
    tiles = x.ndim - network.spatial_dims == 3
    features = network.encode(x.flatten(0, 1) if tiles else x)[-1]
    logits: Tensor = head(features)
    return logits
