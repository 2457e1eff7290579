# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The augmentation of a supervised trainer: patches and their labels, at the rates of nnU-Net."""

import math

import numpy as np
import torch
from torch import Tensor

from genesis_ext import FinetuneTransform
from genesis_ext._types import Shape3
from genesis_ext.reference import finetune_draws, finetune_transform
from genesis_ext.transforms import make_finetune_config

from . import augmenting_peers
from .case import OURS, Case, Contender, Setup, as_numpy, voxels
from .inputs import SEED, few_of, ids_of

CUBE: Shape3 = (96, 96, 96)
# Without what not every library has.
CONFIG = make_finetune_config("nnunet", blur_rate=0.0, low_resolution_rate=0.0, inverted_gamma_rate=0.0)
SETTING = "flips, rotation, scaling, noise, brightness, contrast and gamma, with labels"
BOUND = 1e-5  # of the range
CLASSES = 3


def finetune_transform_of(setup: Setup) -> Case:
    x = voxels(setup)
    label = labels(x)
    few, few_labels = (of[: len(few_of(x, least=4))] for of in (x.float(), label))
    transform = FinetuneTransform(CONFIG, SEED).to(x.device)

    def ours(call: int) -> tuple[Tensor, Tensor]:
        augmented: tuple[Tensor, Tensor] = transform(x, ids_of(call, setup.batch, setup.device), label)
        return augmented

    def verify() -> None:
        ids = ids_of(0, setup.batch, setup.device).cpu().numpy()
        draws = finetune_draws.draw(ids, SEED, CONFIG, setup.size, setup.size)
        changed, moved = ours(0)
        expected, _ = finetune_transform.finetune_transform(as_numpy(x), draws, SEED)
        np.testing.assert_allclose(as_numpy(changed), expected, rtol=0, atol=BOUND)
        np.testing.assert_array_equal(as_numpy(moved), finetune_transform.move_label(as_numpy(label), draws))

    number = math.prod(setup.size)
    contenders = Contender(OURS, ours, setup.batch), *augmenting_peers.supervised(few, few_labels)
    return Case(setup.size, number, 2 * (4 + 8) * number, contenders, verify, SETTING)


def labels(x: Tensor) -> Tensor:
    """Blocks of a few classes beside x, int64."""
    places = [torch.arange(side, device=x.device) // max(1, side // 4) for side in x.shape[2:]]
    blocks = places[0][:, None, None] + places[1][:, None] + places[2]
    return (blocks % CLASSES).expand(len(x), 1, -1, -1, -1).contiguous()
