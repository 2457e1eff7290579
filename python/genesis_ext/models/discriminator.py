# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The modality discriminator D of the Universal Model (arXiv:2010.06107)."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from genesis_ext._arguments import check_choice, check_positive
from genesis_ext.models.heads import ClassificationHead
from genesis_ext.models.initialization import initialize
from genesis_ext.models.unet import Norm

Skips = Literal["before_pooling", "after_pooling"]

_CONV = {2: nn.Conv2d, 3: nn.Conv3d}
_POOL = {2: nn.MaxPool2d, 3: nn.MaxPool3d}


def _norm(channels: int, norm: Norm, spatial_dims: int) -> nn.Module:
    if norm == "instance":
        return (nn.InstanceNorm2d if spatial_dims == 2 else nn.InstanceNorm3d)(channels, affine=True)
    return (nn.BatchNorm2d if spatial_dims == 2 else nn.BatchNorm3d)(channels)


def _block(in_channels: int, width: int, norm_per_conv: bool, norm: Norm, spatial_dims: int) -> nn.Sequential:
    """conv3-conv3-norm-ReLU-maxpool2: (N, in, *spatial) -> (N, width, *spatial / 2)."""
    parts: list[nn.Module] = []
    for channels in (in_channels, width):
        parts.append(_CONV[spatial_dims](channels, width, kernel_size=3, padding=1, bias=False))
        if norm_per_conv or len(parts) > 1:
            parts += [_norm(width, norm, spatial_dims), nn.ReLU(inplace=True)]
    return nn.Sequential(*parts, _POOL[spatial_dims](kernel_size=2))


class Discriminator(nn.Module):
    """Tells MRI from CT by the features of an encoder: list of features -> (N,) logits of "MRI".

    The encoder's first features go through one block a level, [conv3-conv3-norm-ReLU-maxpool2]; before every block but
    the first, the encoder's features of that size are concatenated, as in the skips of a U-Net. Then global average
    pooling and two linear layers.

    Args:
        feature_channels: of the encoder's features, fine to coarse, each half as large as the one before
            (``feature_channels`` of a network); as many as there are blocks are used.
        widths: channels of the blocks; three blocks in the paper. The paper gives no widths; the default is half of the
            encoder's, (32, 64, 128) for the released network. D then costs 0.17 of the U-Net's forward pass; with the
            encoder's own widths 0.46.
        hidden: width of the first linear layer. Not in the paper; as wide as the last block at full size.
        bn_per_conv: norm and ReLU after each convolution. By default after the second one only, as the paper writes the
            block.
        norm: ``"batch"`` as in the paper, or ``"instance"`` (affine), which gives the same however the batch is spread
            over processes.
        skips: ``"before_pooling"`` joins the encoder's features of a level to D's of the same level, as a U-Net does;
            ``"after_pooling"`` joins the pooled features of the level above. The paper does not say which.
        spatial_dims: 3, or 2 for features of a 2D network.

    Convolutions have no bias: a norm follows.
    Source: Universal Model, modality invariant adversarial learning (MIAL).
    """

    def __init__(
        self,
        feature_channels: Sequence[int],
        widths: Sequence[int] | None = None,
        hidden: int = 128,
        bn_per_conv: bool = False,
        norm: Norm = "batch",
        skips: Skips = "before_pooling",
        spatial_dims: int = 3,
    ) -> None:
        super().__init__()
        if widths is None:
            widths = [max(1, channels // 2) for channels in feature_channels[:3]]
        check_positive("Discriminator", hidden=hidden, **{f"widths[{i}]": width for i, width in enumerate(widths)})
        check_choice("Discriminator", "norm", norm, get_args(Norm))
        check_choice("Discriminator", "skips", skips, get_args(Skips))
        check_choice("Discriminator", "spatial_dims", spatial_dims, (2, 3))
        if not 0 < len(widths) <= len(feature_channels):
            raise ValueError(
                "Discriminator: widths must be one a level of feature_channels at most, and one at least, "
                f"got {len(widths)} for {len(feature_channels)} levels"
            )
        self.feature_channels = tuple(feature_channels[: len(widths)])
        self._skips = skips
        self._spatial_dims = spatial_dims
        self._pool = _POOL[spatial_dims](kernel_size=2)
        joined = feature_channels[1:] if skips == "before_pooling" else feature_channels
        inputs = [feature_channels[0], *(width + skip for width, skip in zip(widths[:-1], joined, strict=False))]
        self.blocks = nn.ModuleList(
            _block(channels, width, bn_per_conv, norm, spatial_dims)
            for channels, width in zip(inputs, widths, strict=True)
        )
        self.head = ClassificationHead(widths[-1], 1, hidden)
        self.reset_parameters()

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Redraw all weights (from ``generator``, else from torch's global one); norms back to identity."""
        initialize(self, generator)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """(N, feature_channels[i], *spatial / 2^i) for every level i, fine to coarse -> (N,) logits of "MRI".

        Features of levels beyond the last block are ignored.
        """
        self._check(features)
        x = features[0]
        for level, block in enumerate(self.blocks):
            if level > 0:
                skip = features[level] if self._skips == "before_pooling" else self._pool(features[level - 1])
                x = torch.cat((x, skip), dim=1)
            x = block(x)
        logits: Tensor = self.head(x)
        return logits.squeeze(1)

    def _check(self, features: Sequence[Tensor]) -> None:
        if len(features) < len(self.blocks):
            raise ValueError(f"Discriminator: features must be at least {len(self.blocks)} levels, got {len(features)}")
        samples, *sides = features[0].shape[0], *features[0].shape[2:]
        if len(sides) != self._spatial_dims:
            wanted_axes = ", ".join(("X", "Y", "Z")[: self._spatial_dims])
            raise ValueError(
                f"Discriminator: features[0] must be (N, {self.feature_channels[0]}, {wanted_axes}), "
                f"got {tuple(features[0].shape)}"
            )
        for level, channels in enumerate(self.feature_channels):
            wanted = (samples, channels, *(side >> level for side in sides))
            if tuple(features[level].shape) != wanted:
                raise ValueError(
                    f"Discriminator: features[{level}] must be {wanted}, got {tuple(features[level].shape)}"
                )
