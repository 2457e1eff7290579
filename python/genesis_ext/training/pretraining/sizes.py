# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""How much work a run is, before it starts."""

from typing import NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from genesis_ext.models import as_unet
from genesis_ext.training.pretraining.classification import ClassificationMethod
from genesis_ext.training.pretraining.config import PretrainConfig
from genesis_ext.training.pretraining.methods import METHODS

SUSTAINED_FLOPS = 1e14
"""Of the expected time: 100 TFLOP/s, a tenth of an H200's peak in bf16, a third of an A100's."""

_BACKWARD = 3  # a training step takes thrice the forward pass: the gradients of inputs and of weights take one each


class Size(NamedTuple):
    """Of a run that goes to its end.

    Attributes:
        steps, samples: at most; it stops where validation has not improved for long.
        flop: of the network's convolutions and products in all steps; without batches, other networks and validations.
    """

    steps: int
    samples: int
    flop: float

    @property
    def seconds(self) -> float:
        """At ``SUSTAINED_FLOPS``."""
        return self.flop / SUSTAINED_FLOPS


def size_of(config: PretrainConfig) -> Size:
    """The size of a run of these settings.

    Raises:
        ImportError: the network needs a package that is not installed.
    """
    shape = config.data.patch_shape
    with torch.device("meta"):
        network = config.network.spec(len(shape)).build()
        x = torch.empty(1, 1, *shape)
    encodes = isinstance(METHODS[config.method.method], ClassificationMethod)  # and decodes nothing
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        as_unet(network, "the size of a run").encode(x) if encodes else network(x)
    samples = config.run.steps * config.optim.batch_size
    return Size(config.run.steps, samples, float(_BACKWARD * counter.get_total_flops() * samples))
