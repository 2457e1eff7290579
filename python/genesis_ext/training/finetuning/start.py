# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What of a network learns, when, and at which rates."""

from os import PathLike
from pathlib import Path

from torch import nn

from genesis_ext.models import EncoderClassifier, as_unet
from genesis_ext.models.starting_point import SCRATCH
from genesis_ext.training.engine.optimizers import ParameterGroup
from genesis_ext.training.finetuning.groups import StartConfig

_OPENED = ("network", "encoder", "decoder")  # children of which each child is a layer


def source_of(source: str | PathLike[str]) -> str:
    """The source as a run remembers it: "scratch", or a path that means the same from everywhere."""
    return SCRATCH if source == SCRATCH else str(Path(source).resolve())


def freeze(network: nn.Module, start: StartConfig) -> None:
    """Leave to the new layers alone what gradients change, where that is asked for."""
    if start.train == "head":
        fresh = {id(parameter) for parameter in _new_layers(network)}
        for parameter in network.parameters():
            if id(parameter) not in fresh:
                parameter.requires_grad_(False)


def groups_of(network: nn.Module, start: StartConfig) -> list[ParameterGroup] | None:
    """Parameters by layers, the last one first, where they learn at rates of their own; else None."""
    if start.train != "staged" and start.layer_decay == 1.0:
        return None
    encoder = {id(parameter) for parameter in _encoder(network)} if start.train == "staged" else set()
    groups = []
    for depth, layer in enumerate(reversed(_layers(network))):
        parts = [[p for p in layer.parameters() if (id(p) in encoder) == frozen] for frozen in (False, True)]
        for part, steps in zip(parts, (0, start.frozen_steps), strict=True):
            if part:
                groups.append(ParameterGroup(tuple(part), start.layer_decay**depth, steps, steps))
    return groups


def _layers(network: nn.Module) -> list[nn.Module]:
    """Children with parameters, from input to output; of encoder and decoder their own."""
    layers: list[nn.Module] = []
    for name, child in network.named_children():
        if name in _OPENED:
            layers += _layers(child)
        elif isinstance(child, nn.ModuleList) or name == "stages":
            layers += list(child.children())
        else:
            layers.append(child)
    return [layer for layer in layers if any(True for _ in layer.parameters())]


def _encoder(network: nn.Module) -> list[nn.Parameter]:
    unet: nn.Module = network.network if isinstance(network, EncoderClassifier) else network
    decoder = {id(parameter) for parameter in as_unet(unet, "train staged").decoder_parameters()}
    return [parameter for parameter in unet.parameters() if id(parameter) not in decoder]


def _new_layers(network: nn.Module) -> list[nn.Parameter]:
    if isinstance(network, EncoderClassifier):
        return list(network.head.parameters())
    head = as_unet(network, "train head").out_tr
    layers = list(network.children()) if not isinstance(head, nn.Module) else [head]
    return list(layers[-1].parameters())
