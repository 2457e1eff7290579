# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Mixed precision in a step."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genesis_ext.training import PretrainConfig, TrainingDivergedError
from genesis_ext.training.engine.health import Health
from genesis_ext.training.engine.objective import bare
from genesis_ext.training.engine.state import TrainingState, make_state
from genesis_ext.training.engine.step import take_step
from genesis_ext.training.pretraining.parts import Parts
from tests.training.pretraining.test_objectives import UNIVERSAL, batch_of

fabric_library = pytest.importorskip("lightning_fabric")


def taken(scale: float = 0.0, growth: int = 1000, **settings: Any) -> TrainingState:
    """The state after one step; scale: of the loss, in fp16, which doubles after so many updates."""
    from lightning_fabric.plugins.precision.amp import MixedPrecision

    plugins = []
    if scale:
        scaler = torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=growth)
        plugins = [MixedPrecision("16-mixed", "cpu", scaler)]
    fabric = fabric_library.Fabric(accelerator="cpu", devices=1, plugins=plugins)
    config = PretrainConfig.of(**UNIVERSAL, optimizer="sgd", momentum=0.0, lr=1e-3, **settings)
    state = make_state(Parts().make_objective(config), config, fabric)
    for module in state.objective.modules.values():
        module.train()
    take_step(fabric, state, batch_of(), 1, settings.get("clip", 0.0))
    return state


def norms(state: TrainingState) -> dict[str, float]:
    return {
        name: float(torch.nn.utils.get_total_norm([p.grad for p in module.parameters() if p.grad is not None]))
        for name, module in state.objective.modules.items()
    }


@pytest.mark.parametrize("clip", [0.0, 100.0])
def test_all_updates_of_a_turn_have_one_scale_of_the_loss(clip: float) -> None:
    usual, grown = taken(256.0, clip=clip), taken(256.0, growth=1, clip=clip)
    assert norms(grown) == pytest.approx(norms(usual), rel=1e-6)
    assert grown.precision.scaler.get_scale() == 1024.0  # two updates


def test_a_scale_that_is_too_high_costs_a_step_and_is_no_trouble() -> None:
    state = taken(2.0**60)
    assert state.precision.scaler.get_scale() < 2.0**60
    assert all(bool(p.isfinite().all()) for p in state.objective.network.parameters())
    config = PretrainConfig.of(precision="fp16")
    assert Health(config).check_training(1, {"loss": 0.5, "gradient_norm": math.nan}) is None
    with pytest.raises(TrainingDivergedError, match="the gradients explode"):
        Health(PretrainConfig()).check_training(1, {"loss": 0.5, "gradient_norm": math.nan})


def test_the_discriminator_computes_alike_in_both_updates() -> None:
    seen = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen.append(output.dtype)

    fabric = fabric_library.Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    config = PretrainConfig.of(**UNIVERSAL)
    state = make_state(Parts().make_objective(config), config, fabric)
    bare(state.objective.modules["discriminator"]).blocks[0][0].register_forward_hook(note)
    figures = take_step(fabric, state, batch_of(), 1, 0.0)
    assert seen == [torch.bfloat16] * 2
    assert all(bool(value.isfinite()) for value in figures.values())
