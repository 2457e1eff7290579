# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import warnings

import pytest
import torch
from torch import nn

from genesis_ext.training.config import PretrainConfig, Schedule
from genesis_ext.training.objectives import SCHEDULES, make_optimizer


def rates(schedule: Schedule, losses: list[float], lr: float = 1.0) -> list[float]:
    """Learning rate after each validation."""
    optimizer = make_optimizer(nn.Linear(1, 1), PretrainConfig(optimizer="sgd", lr=lr))
    changes = SCHEDULES[schedule](optimizer)
    seen = []
    for loss in losses:
        optimizer.step()
        changes.after_validation(loss)
        seen.append(float(optimizer.param_groups[0]["lr"]))
    return seen


def test_plateau_halves_after_ten_validations_without_progress() -> None:
    seen = rates("plateau", [0.5] * 12)
    assert seen[:11] == [1.0] * 11
    assert seen[11] == 0.5


def test_an_improvement_below_one_in_ten_thousand_is_none() -> None:
    assert rates("plateau", [0.5 - 0.00009 * (i > 0) for i in range(12)])[-1] == 0.5
    assert rates("plateau", [0.5 - 0.00011 * i for i in range(12)])[-1] == 1.0


def test_plateau_stops_at_one_in_a_million() -> None:
    assert rates("plateau", [0.5] * 60, lr=1.6e-6)[-1] == 1e-6


def test_steps_halve_every_forty_validations() -> None:
    seen = rates("step", [0.5] * 80)
    assert (seen[38], seen[39], seen[78], seen[79]) == (1.0, 0.5, 0.5, 0.25)


def test_constant_stays() -> None:
    assert rates("constant", [0.5] * 100)[-1] == 1.0


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_goes_on_from_its_state(schedule: Schedule) -> None:
    whole = rates(schedule, [0.5] * 45)
    optimizer = make_optimizer(nn.Linear(1, 1), PretrainConfig(optimizer="sgd", lr=1.0))
    first = SCHEDULES[schedule](optimizer)
    optimizer.step()
    for _ in range(30):
        first.after_validation(0.5)
    again = make_optimizer(nn.Linear(1, 1), PretrainConfig(optimizer="sgd", lr=1.0))
    second = SCHEDULES[schedule](again)
    again.load_state_dict(optimizer.state_dict())
    second.load_state_dict(first.state_dict())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again.step()
        for _ in range(15):
            second.after_validation(0.5)
    assert float(again.param_groups[0]["lr"]) == whole[-1]


def test_optimisers_have_their_numbers() -> None:
    sgd = make_optimizer(nn.Linear(1, 1), PretrainConfig(optimizer="sgd", lr=0.3, momentum=0.8, weight_decay=0.1))
    assert isinstance(sgd, torch.optim.SGD)
    assert [sgd.param_groups[0][name] for name in ("lr", "momentum", "weight_decay")] == [0.3, 0.8, 0.1]
    assert isinstance(make_optimizer(nn.Linear(1, 1), PretrainConfig()), torch.optim.AdamW)
