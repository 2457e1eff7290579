# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The U-Nets of nnU-Net, from ``dynamic-network-architectures``, as ``UNetLike`` and with the library's own names.

So what is trained here starts nnU-Net as it is: ``export_weights(..., layout="nnunet")``.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from genesis_ext._extras import require
from genesis_ext.models.unet import ENCODER_PREFIXES, Activation

NAMES = ("PlainConvUNet", "ResidualEncoderUNet")
_LIBRARY = "dynamic_network_architectures"
_CLASSES = (
    "conv_op",
    "norm_op",
    "dropout_op",
    "nonlin",
    "block",
)  # arguments that are classes, in plans by their paths
_PACKAGES = ("torch.nn", _LIBRARY)  # where those classes may come from: a file that names them must not run any code
_WIDTH, _STAGES = 32, 5
_BLOCKS = (1, 3, 4, 6, 6, 6)  # of a residual encoder; its deeper stages have six, too


class _Features(nn.Module):
    """Goes before a class of the library: what ``UNetLike`` asks for, and the activation of the output."""

    encoder: Any
    decoder: Any
    spatial_dims: int
    stride: int
    feature_channels: tuple[int, ...]
    activation: Activation

    def encode(self, x: Tensor) -> list[Tensor]:
        """Features of all stages, fine to coarse."""
        sides = x.shape[2:]
        if len(sides) != self.spatial_dims or any(side == 0 or side % self.stride for side in sides):
            raise ValueError(
                f"{type(self).__name__}: x must have {self.spatial_dims} sides that are positive multiples of "
                f"{self.stride}, got {tuple(x.shape)}"
            )
        return list(self.encoder(x))

    def decode(self, features: Sequence[Tensor]) -> Tensor:
        """The input of the last ``seg_layers``, as large as the input of ``encode``."""
        x = features[-1]
        for up, stage, skip in zip(self.decoder.transpconvs, self.decoder.stages, reversed(features[:-1]), strict=True):
            x = stage(torch.cat((up(x), skip), dim=1))
        return x

    def out_tr(self, x: Tensor) -> Tensor:
        """Logits, or what the activation makes of them."""
        logits: Tensor = self.decoder.seg_layers[-1](x)
        return logits.sigmoid() if self.activation == "sigmoid" else logits

    def forward(self, x: Tensor) -> Tensor:
        return self.out_tr(self.decode(self.encode(x)))

    def decoder_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters that ``encode`` does not use."""
        return (value for name, value in self.named_parameters() if not name.startswith(ENCODER_PREFIXES))


def build_dynamic(
    name: str,
    spatial_dims: int,
    in_channels: int,
    out_channels: int,
    activation: Activation,
    arguments: Mapping[str, Any],
) -> nn.Module:
    """A network of the library, its weights drawn as nnU-Net draws them.

    arguments: as ``arch_kwargs`` of a plans file has them, classes by their paths. What is not given is as nnU-Net
        plans it for isotropic scans; ``width``, of the first stage, scales the features of all.

    Raises:
        ImportError: the library is not installed.
        ValueError: an argument cannot be used.
    """
    library = require(f"{_LIBRARY}.architectures.unet", "networks", f"for {name}")
    if arguments.get("deep_supervision"):
        raise ValueError("deep_supervision must be false: a restoration is one output")
    given = dict(arguments)
    planned = _planned(name, spatial_dims, given.pop("width", _WIDTH), given)
    given |= {key: _class_at(key, given[key]) for key in _CLASSES if isinstance(given.get(key), str)}
    settings = {**planned, **given}
    kind = type(name, (_Features, getattr(library, name)), {})
    network: Any = kind(input_channels=in_channels, num_classes=out_channels, **settings)
    if network.encoder.conv_op is not _convolution(spatial_dims):
        raise ValueError(
            f"conv_op must be {_convolution(spatial_dims).__name__}, got {network.encoder.conv_op.__name__}"
        )
    network.apply(network.initialize)
    for unused in network.decoder.seg_layers[:-1]:  # of deep supervision: they get no gradient
        unused.requires_grad_(False)
    network.spatial_dims, network.activation = spatial_dims, activation
    network.feature_channels = tuple(network.encoder.output_channels)
    network.stride = math.lcm(*(math.prod(steps) for steps in zip(*network.encoder.strides, strict=True)))
    assert isinstance(network, _Features)
    return network


def _planned(name: str, spatial_dims: int, width: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """What nnU-Net's planner chooses for isotropic scans, with the width 32."""
    features = given.get("features_per_stage")
    stages = given.get("n_stages", len(features) if isinstance(features, list | tuple) else _STAGES)
    depth: dict[str, Any] = {"n_conv_per_stage": 2, "n_conv_per_stage_decoder": 2}
    if name == "ResidualEncoderUNet":
        depth = {"n_blocks_per_stage": [*_BLOCKS, *_BLOCKS[-1:] * stages][:stages], "n_conv_per_stage_decoder": 1}
    return {
        "n_stages": stages,
        "features_per_stage": [min(width * 2**stage, 10 * width) for stage in range(stages)],
        "conv_op": _convolution(spatial_dims),
        "kernel_sizes": 3,
        "strides": [1] + [2] * (stages - 1),
        **depth,
        "conv_bias": True,
        "norm_op": nn.InstanceNorm2d if spatial_dims == 2 else nn.InstanceNorm3d,
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "nonlin": nn.LeakyReLU,
        "nonlin_kwargs": {"inplace": True},
    }


def _convolution(spatial_dims: int) -> type[nn.Module]:
    return nn.Conv2d if spatial_dims == 2 else nn.Conv3d


def _class_at(argument: str, path: str) -> Any:
    """The class that a path names."""
    module, _, name = path.rpartition(".")
    found = None
    if any(module == package or module.startswith(f"{package}.") for package in _PACKAGES):
        try:
            found = getattr(import_module(module), name, None)
        except ImportError:
            found = None
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise ValueError(f"{argument} must be the path of a module of {' or '.join(_PACKAGES)}, got {path!r}")
    return found
