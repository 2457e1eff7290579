# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The draw: what it depends on, and what holds for everything drawn."""

import pytest
import torch

from genesis_ext import ops
from genesis_ext.transforms import PROFILES, make_config, resolve
from tests.cases import ids

SHAPES = [(64, 64, 32), (26, 40, 30), (33, 31)]


def draw(samples=40, seed=3, shape=(26, 40, 30), **config):
    return ops.draw_plan(ids(samples), seed, resolve(make_config(**config), shape))


def test_a_sample_depends_on_its_own_id_alone():
    spec = resolve(make_config(), (20, 20, 20))
    order = torch.tensor([4, 1, 1, 3])
    mixed = ops.draw_plan(ids(5)[order], 3, spec)
    assert torch.equal(mixed.tensor, ops.draw_plan(ids(5), 3, spec).tensor[order])


def test_seeds_and_ids_draw_different_plans():
    plan = draw(samples=300)
    points = plan.control_points.flatten(1)
    assert len(points.unique(dim=0)) == 300
    assert not torch.equal(points, draw(samples=300, seed=4).control_points.flatten(1))


@pytest.mark.parametrize("seed", [0, 7, -1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1, 2**64 + 7, -(2**64) - 1])
def test_an_integer_seed_counts_modulo_two_to_the_64(seed):
    signed = (seed + 2**63) % 2**64 - 2**63
    plan = draw(seed=seed)
    assert torch.equal(plan.tensor, draw(seed=torch.tensor([signed])).tensor)
    assert plan.to_dicts()[0]["seed"] == seed % 2**64


def test_ids_come_back_from_the_plan():
    sample_id = torch.tensor([0, 1, -1, 2**63 - 1, -(2**63), 0x1_0000_0000])
    plan = ops.draw_plan(sample_id, -2, resolve(make_config(), (8, 8, 8)))
    assert torch.equal(plan.sample_id, sample_id)
    assert torch.equal(plan.key, torch.stack([torch.full_like(sample_id, -2), sample_id], 1))
    assert [draw["sample_id"] for draw in plan.to_dicts()] == sample_id.tolist()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("profile", PROFILES)
def test_boxes_keep_their_sides_and_their_distance_from_the_border(profile, shape):
    spec = resolve(make_config(profile), shape)
    kinds = set()
    for sample in ops.draw_plan(ids(120), 1, spec).to_dicts():
        kinds.add(sample["paint"])
        for b, box in enumerate(sample["boxes"]):
            group = "in" if sample["paint"] == "in" else "more" if b else "first"
            for axis, length in enumerate(spec.shape3):
                lo, hi = (getattr(spec.numbers, f"{group}_{end}_{'xyz'[axis]}") for end in ("lo", "hi"))
                start, end = box[axis], box[axis + 3]
                margin = min(3, (length - (end - start)) // 2)
                assert lo <= end - start <= hi
                assert margin <= start
                assert end <= length - margin
    assert kinds == {"none", "in", "out"}


def test_in_painting_stops_before_the_bound_on_its_volume():
    patch = (20, 20, 20)
    plan = draw(shape=patch, scheme="in-painting", in_boxes_max=30, in_more_rate=1.0, in_max_fraction=0.1)
    for sample in plan.to_dicts():
        volumes = [(b[3] - b[0]) * (b[4] - b[1]) * (b[5] - b[2]) for b in sample["boxes"]]
        assert len(volumes) > 1
        assert sum(volumes) <= 0.1 * 20**3


@pytest.mark.parametrize("patch", [(20, 31, 17), (20, 31), (1, 20, 9)], ids=str)
@pytest.mark.parametrize("bound", [0.0, 0.1, 0.25, 1.0])
def test_out_painting_keeps_to_the_bound_on_its_volume(bound, patch):
    plan = draw(shape=patch, scheme="out-painting", out_max_fraction=bound)
    x = torch.ones(len(plan), 1, *patch)
    fill = torch.zeros(len(plan))
    painted = ops.paint_boxes(x, plan.boxes, "out", fill=fill, spatial_dims=len(patch)) == 0
    assert painted.flatten(1).double().mean(1).max() <= bound


def test_the_paper_paints_at_most_a_quarter():
    for scheme in ("in-painting", "out-painting"):
        plan = draw(samples=60, shape=(40, 33, 20), profile="paper", scheme=scheme)
        x = torch.ones(len(plan), 1, 40, 33, 20)
        painted = ops.paint_boxes(x, plan.boxes, plan.kind, fill=torch.zeros(len(plan))) == 0
        assert 0 < painted.double().mean() <= 0.25
        assert painted.flatten(1).double().mean(1).max() <= 0.25


def test_constants_are_drawn_where_the_profile_says_so():
    plan = draw(samples=200, profile="release-2019-09")
    for sample in plan.to_dicts():
        assert sample["fill"] == ("constant" if sample["paint"] == "in" else "noise")


def test_rates_of_zero_and_one_never_and_always_happen():
    never = draw(scheme="autoencoder", flip_rate=0.0)
    assert not (never.shuffle | never.nonlinear | (never.kind != 0) | never.flips.any(1)).any()
    always = draw(shuffle_rate=1.0, nonlinear_rate=1.0, paint_rate=1.0, outpaint_rate=1.0)
    assert (always.shuffle & always.nonlinear & (always.kind == 2)).all()


def test_flips_happen_along_the_chosen_axes_only():
    assert draw(samples=200, flip_rate=0.9, flip_axes=(2,), flip_lost=0).flips.any(0).tolist() == [False, False, True]
    assert draw(samples=200).flips.any(0).tolist() == [True, True, False]
    assert not draw(samples=200, flip_axes=(), flip_lost=0).flips.any()


def test_a_curve_is_drawn_for_each_channel_if_asked():
    spec = resolve(make_config(curve_per_channel=True), (8, 8, 8), channels=3)
    plan = ops.draw_plan(ids(50), 0, spec)
    assert plan.control_points.shape == (50, 3, 4)
    assert plan.decreasing.shape == (50, 3)
    assert len(plan.control_points.flatten(0, 1).unique(dim=0)) == 150


def test_no_samples_make_an_empty_plan():
    plan = draw(samples=0)
    assert len(plan) == 0
    assert plan.to_dicts() == []
