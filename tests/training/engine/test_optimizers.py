# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import copy
import math
import warnings
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import torch
from torch import nn

from genesis_ext.training.engine.optimizers import LearningRates, ParameterGroup, make_optimizer
from genesis_ext.training.engine.options import Schedule
from genesis_ext.training.pretraining.config import PretrainConfig


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def made(lr: float = 1.0, **settings: Any) -> tuple[torch.optim.Optimizer, LearningRates]:
    config = PretrainConfig.of(optimizer="sgd", **settings)
    optimizer = make_optimizer(nn.Linear(1, 1), lr, config.optim)
    return optimizer, LearningRates(optimizer, config.optim, config.run)


def after_validations(schedule: Schedule, losses: list[float], lr: float = 1.0) -> list[float]:
    """Learning rate after each validation."""
    optimizer, rates = made(lr, schedule=schedule)
    seen = []
    for loss in losses:
        optimizer.step()
        rates.after_validation(loss)
        seen.append(rates.now)
    return seen


def after_steps(count: int, **settings: Any) -> list[float]:
    """Learning rate of every step, from the first."""
    optimizer, rates = made(**settings)
    seen = []
    for _ in range(count):
        seen.append(rates.now)
        optimizer.step()
        rates.after_step()
    return seen


def test_plateau_halves_after_ten_validations_without_progress() -> None:
    seen = after_validations("plateau", [0.5] * 12)
    assert seen[:10] == [1.0] * 10  # the first one is the best
    assert seen[10:] == [0.5] * 2


def test_an_improvement_below_one_in_ten_thousand_is_none() -> None:
    assert after_validations("plateau", [0.5 - 0.00009 * (i > 0) for i in range(12)])[-1] == 0.5
    assert after_validations("plateau", [0.5 - 0.00011 * i for i in range(12)])[-1] == 1.0


def test_plateau_stops_at_one_in_a_million() -> None:
    assert after_validations("plateau", [0.5] * 60, lr=1.6e-6)[-1] == 1e-6


def test_steps_halve_every_forty_validations() -> None:
    seen = after_validations("step", [0.5] * 80)
    assert (seen[38], seen[39], seen[78], seen[79]) == (1.0, 0.5, 0.5, 0.25)


def test_constant_stays() -> None:
    assert after_validations("constant", [0.5] * 100)[-1] == 1.0


def test_cosine_and_polynomial_end_at_nothing() -> None:
    cosine = after_steps(101, schedule="cosine", steps=100)
    assert cosine == pytest.approx([0.5 + 0.5 * math.cos(math.pi * step / 100) for step in range(101)], abs=1e-9)
    polynomial = after_steps(101, schedule="polynomial", steps=100)
    assert polynomial == pytest.approx([(1 - step / 100) ** 0.9 for step in range(101)], abs=1e-9)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_a_warm_up_rises_in_even_steps_over_whatever_follows(schedule: Schedule) -> None:
    plain = after_steps(12, schedule=schedule, steps=100)
    warm = after_steps(12, schedule=schedule, steps=100, warmup=9)
    assert warm == pytest.approx([rate * min(1.0, (step + 1) / 10) for step, rate in enumerate(plain)])


@pytest.mark.parametrize("schedule", get_args(Schedule))
def test_a_schedule_goes_on_from_its_state_and_its_rates_can_be_scaled(schedule: Schedule) -> None:
    settings: dict[str, Any] = {"schedule": schedule, "steps": 60, "warmup": 5}

    def go(optimizer: torch.optim.Optimizer, rates: LearningRates, steps: int) -> list[float]:
        seen = []
        for _ in range(steps):
            optimizer.step()
            rates.after_step()
            rates.after_validation(0.5)
            seen.append(rates.now)
        return seen

    whole = go(*made(**settings), 50)
    optimizer, first = made(**settings)
    go(optimizer, first, 30)
    again, second = made(**settings)
    again.load_state_dict(optimizer.state_dict())
    second.load_state_dict(first.state_dict())
    assert go(again, second, 20) == whole[30:]
    first.scale(0.25)
    assert go(optimizer, first, 20) == pytest.approx([rate / 4 for rate in whole[30:]])


def test_optimisers_have_their_numbers() -> None:
    config = PretrainConfig.of(optimizer="sgd", momentum=0.8, weight_decay=0.1).optim
    sgd = make_optimizer(nn.Linear(1, 1), 0.3, config)
    assert isinstance(sgd, torch.optim.SGD)
    assert [sgd.param_groups[0][name] for name in ("lr", "momentum", "weight_decay")] == [0.3, 0.8, 0.1]
    assert isinstance(make_optimizer(nn.Linear(1, 1), 0.1, PretrainConfig().optim), torch.optim.AdamW)
    adam = make_optimizer(nn.Linear(1, 1), 0.1, PretrainConfig.of(optimizer="adam").optim)
    assert type(adam) is torch.optim.Adam


def test_what_is_not_to_be_trained_is_left_out() -> None:
    network = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1).requires_grad_(False))
    optimizer = make_optimizer(network, 0.1, PretrainConfig().optim)
    assert len(optimizer.param_groups[0]["params"]) == 2


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("schedule", ["cosine", "polynomial", "step", "plateau"])
def test_rates_that_a_graph_reads_stay_one_tensor_and_follow_the_schedule(optimizer: str, schedule: str) -> None:
    config = PretrainConfig.of(optimizer=optimizer, schedule=schedule, warmup=3, steps=100, patience=1)
    seen = {}
    for captured_on in (None, torch.device("cpu")):
        module = nn.Linear(2, 1)
        made = make_optimizer(module, 0.5, config.optim, captured_on)
        rates = LearningRates(made, config.optim, config.run)
        read = made.param_groups[0]["lr"]
        values = []
        for step in range(8):
            module(torch.ones(1, 2)).sum().backward()
            made.step()
            rates.after_step()
            if step % 2:
                rates.after_validation(1.0)
            if step == 5:
                stored = copy.deepcopy((made.state_dict(), rates.state_dict()))
                rates.scale(0.5)
                made.load_state_dict(stored[0])
                rates.load_state_dict(stored[1])
            values.append(rates.now)
        seen[captured_on] = values
    assert made.param_groups[0]["lr"] is read
    assert seen[captured_on] == pytest.approx(seen[None], rel=1e-6)
    assert len(set(seen[None])) > 2


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_groups_have_their_rates_and_what_is_frozen_stays_with_its_moments(schedule: Schedule) -> None:
    config = PretrainConfig.of(optimizer="adam", schedule=schedule, steps=100)
    early, late = (nn.Parameter(torch.ones(1)) for _ in range(2))
    groups = [ParameterGroup((late,)), ParameterGroup((early,), 0.5, frozen_steps=2, warmup=3)]
    optimizer = make_optimizer(nn.Linear(1, 1), 1.0, config.optim, groups=groups)
    rates = LearningRates(optimizer, config.optim, config.run, groups)
    scheduled, used = [], []
    for step in range(7):
        (early + late).sum().backward()
        rates.drop_frozen(step)
        scheduled.append(optimizer.param_groups[1]["lr"])
        with rates.in_force(step):
            used.append(optimizer.param_groups[1]["lr"])
            optimizer.step()
        assert optimizer.param_groups[1]["lr"] == scheduled[-1]
        assert (float(early.detach()) == 1.0, early in optimizer.state) == (step < 2, step >= 2)
        optimizer.zero_grad()
        rates.after_step()
    shares = [use / rate for use, rate in zip(used, scheduled, strict=True)]
    assert shares == pytest.approx([0, 0, 0.25, 0.5, 0.75, 1, 1])
    assert scheduled[0] == 0.5
    other = make_optimizer(nn.Linear(1, 1), 1.0, config.optim, groups=groups)
    again = LearningRates(other, config.optim, config.run, groups)
    other.load_state_dict(optimizer.state_dict())  # brings settings of its own
    again.load_state_dict(rates.state_dict())
    with again.in_force(2):
        assert other.param_groups[1]["lr"] == pytest.approx(optimizer.param_groups[1]["lr"] / 4)
