# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The twelve combinations: their names, how often they are drawn, and how they are forced."""

from dataclasses import replace

import pytest
import torch

from genesis_ext.ops import draw_plan
from genesis_ext.transforms import COMBINATIONS, PROFILES, SCHEMES, make_config, resolve


def test_they_are_the_twelve_of_the_paper():
    assert [c.name for c in COMBINATIONS] == [
        "none", "LS", "NL", "NL+LS", "IN", "OUT", "LS+IN", "LS+OUT", "NL+IN", "NL+OUT", "NL+LS+IN", "NL+LS+OUT"
    ]  # fmt: skip


def test_at_head_rates_they_are_drawn_as_often_as_released():
    drawn = [c.probability(make_config("head")) for c in COMBINATIONS]
    assert drawn == pytest.approx([.005, .005, .045, .045, .009, .036, .009, .036, .081, .324, .081, .324])  # fmt: skip


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_their_probabilities_add_up_to_one(profile, scheme):
    config = make_config(profile, scheme)
    assert sum(c.probability(config) for c in COMBINATIONS) == pytest.approx(1.0)


@pytest.mark.parametrize("combination", COMBINATIONS, ids=lambda c: c.name)
def test_its_rates_force_a_combination_and_leave_the_other_draws_alone(combination):
    ids, shape, config = torch.arange(8), (16, 14, 10), replace(make_config("head"), flip_rate=0.0)
    forced = draw_plan(ids, 0, resolve(replace(config, **combination.rates), shape)).to_dicts()
    free = draw_plan(ids, 0, resolve(config, shape)).to_dicts()
    for one, other in zip(forced, free, strict=True):
        assert (one["shuffle"], one["nonlinear"], one["paint"]) == (
            combination.shuffle, combination.nonlinear, combination.paint
        )  # fmt: skip
        assert one["flips"] == []
        assert one["control_points"] == other["control_points"]
        assert one["decreasing"] == other["decreasing"]
