# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What methods that look into a network need of it. Restoration needs none of it: any network will do."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn


@runtime_checkable
class UNetLike(Protocol):
    """An encoder and a decoder: ``net(x)`` is ``net.out_tr(net.decode(net.encode(x)))``.

    Attributes:
        spatial_dims: 3 or 2.
        stride: by which every side of the input must be divisible.
        feature_channels: of what ``encode`` gives, fine to coarse.
        out_tr: the head, from what ``decode`` gives to the output; a module or a method.
    """

    spatial_dims: int
    stride: int
    feature_channels: tuple[int, ...]

    @property
    def out_tr(self) -> Any:
        """The head: (N, C, *spatial) -> (N, classes, *spatial)."""

    def encode(self, x: Tensor) -> list[Tensor]:
        """Features of all levels, fine to coarse; the last one is the encoder's output."""

    def decode(self, features: Sequence[Tensor]) -> Tensor:
        """The input of ``out_tr``, as large as the input of ``encode``, from what ``encode`` gave."""

    def decoder_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters that ``encode`` does not use."""


def as_unet(network: nn.Module, purpose: str) -> UNetLike:
    """The network itself, known to have what ``UNetLike`` asks for.

    purpose: what needs it; begins the error.

    Raises:
        ValueError: it has not; such a network can be trained to restore, by method genesis, and no more.
    """
    if isinstance(network, UNetLike):
        return network
    wanted = ("spatial_dims", "stride", "feature_channels", "out_tr", "encode", "decode", "decoder_parameters")
    missing = [name for name in wanted if not hasattr(network, name)]
    raise ValueError(
        f"{purpose} needs the features of the network's encoder, and {type(network).__name__} has no "
        f"{', no '.join(missing)} (see genesis_ext.models.UNetLike): it can be trained to restore alone"
    )
