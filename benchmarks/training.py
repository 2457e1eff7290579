# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The pipeline of a training step: a batch from the store, and one step of the optimiser on it.

Beside it the same step on a batch that is there already, which is what the network alone costs, and on batches that are
made as the released code makes them. On a CPU the network is narrow, so that a step takes less than a second; on a GPU
it is the released one, under autocast to bfloat16.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from genesis_ext._types import Shape3
from genesis_ext.models import build_network

from . import loading
from .case import NUMPY, OURS, Case, Contender, Setup

CPU_PATCH: Shape3 = (32, 32, 32)
GPU_PATCH: Shape3 = (64, 64, 32)
WIDTH = {"cpu": 4, "cuda": 32}
LEARNING_RATE = 1e-3

Batch = Mapping[str, Tensor]


def samples_a_step(size: Shape3, device: torch.device, quick: bool) -> int:
    return 2 if quick else 32 if device.type == "cuda" else 4


def training_step(setup: Setup) -> Case:
    """setup.size: cut to whole multiples of eight voxels, as the network needs them."""
    x, y, z = (max(8, side // 8 * 8) for side in setup.size)
    size, batch, device = (x, y, z), setup.batch, setup.device
    supply = loading.made_supply(replace(setup, size=size))
    by_numpy = loading.by_torch(supply, batch)
    width = WIDTH[device.type]
    torch.manual_seed(loading.SEED)
    network = build_network(width=width).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE)
    start = {name: value.clone() for name, value in network.state_dict().items()}

    def step(made: Batch) -> Tensor:
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            restored = network(made["input"])
        loss = functional.mse_loss(restored.float(), made["target"])
        loss.backward()
        optimizer.step()
        return loss.detach()

    def from_store(call: int) -> Batch:
        supply.loader.step = call
        return next(supply.loader)

    resident = from_store(0)

    def from_numpy(call: int) -> Batch:
        inputs, targets = (
            torch.from_numpy(np.stack(arrays)).to(device) for arrays in zip(*by_numpy.run(call), strict=True)
        )
        return {"input": inputs, "target": targets}

    def first_loss(made: Batch) -> float:
        """Of two steps from the same start; the second must see that the first has changed the network."""
        network.load_state_dict(start)
        before, after = float(step(made)), float(step(made))
        assert 0 < before < 1 and 0 < after < 1 and after != before
        return before

    def verify() -> None:
        losses = first_loss(from_store(0)), first_loss(resident)
        torch.testing.assert_close(*losses, rtol=1e-3, atol=0)  # convolutions of a GPU may add in any order

    def fed(source: Callable[[int], Batch]) -> Callable[[int], Tensor]:
        return lambda call: step(source(call))

    contenders = (
        Contender(OURS, fed(from_store), batch),
        Contender(
            f"{OURS}, resident batch",
            fed(lambda call: resident),
            batch,
            "trains on one batch again and again, so nothing is loaded or distorted",
        ),
        Contender(NUMPY, fed(from_numpy), batch, by_numpy.differs, lambda: _assert_alike(from_numpy(0), resident)),
    )
    setting = f"width {width}, batch {batch}" + (", bfloat16 autocast" if device.type == "cuda" else "")
    return Case(size, 1, 8 * x * y * z, contenders, verify, setting)


def _assert_alike(made: Batch, wanted: Batch) -> None:
    for name in ("input", "target"):
        assert made[name].shape == wanted[name].shape
        assert made[name].dtype == wanted[name].dtype and made[name].device == wanted[name].device
        assert bool(((made[name] >= 0) & (made[name] <= 1)).all())
