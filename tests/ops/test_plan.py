# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Plans as objects, dicts and JSON."""

import json

import pytest
import torch

from genesis_ext import ops
from genesis_ext.transforms import PROFILES, make_config, resolve
from tests.cases import ids

SHAPE = (26, 30, 28)


def draw(samples=6, seed=3, shape=SHAPE, channels=1, **config):
    return ops.draw_plan(ids(samples), seed, resolve(make_config(**config), shape, channels))


def edited(change, plan=None):
    document = json.loads((plan or draw()).to_json())
    change(document)
    return json.dumps(document)


@pytest.mark.parametrize("shape", [SHAPE, (26, 27)], ids=str)
@pytest.mark.parametrize("profile", PROFILES)
def test_json_and_back_gives_the_same_plan(profile, shape):
    plan = draw(samples=30, shape=shape, channels=2, profile=profile, curve_per_channel=True)
    again = ops.Plan.from_json(plan.to_json())
    assert torch.equal(again.tensor, plan.tensor)
    assert again.spec == plan.spec


def test_json_holds_version_seed_shape_config_and_draws():
    plan = draw()
    document = json.loads(plan.to_json())
    assert document["version"] == 1
    assert document["seed"] == 3
    assert document["shape"] == list(SHAPE)
    assert document["config"]["rates"]["flip"] == 0.4
    assert document["config"]["numbers"]["num_windows"] == 10_000
    with_seeds = [draw | {"seed": 3} for draw in document["draws"]]
    assert with_seeds == plan.to_dicts()


def test_plans_of_several_seeds_and_of_no_samples_survive_json():
    spec = resolve(make_config(), SHAPE)
    rows = [ops.draw_plan(ids(2), seed, spec).tensor for seed in (1, -1)]
    for plan in (ops.Plan(torch.cat(rows), spec), ops.Plan(rows[0][:0], spec)):
        assert torch.equal(ops.Plan.from_json(plan.to_json()).tensor, plan.tensor)


def test_a_dict_says_what_was_drawn_in_plain_values():
    plan = draw(samples=50)
    for i, sample in enumerate(plan.to_dicts()):
        assert sample["shuffle"] is bool(plan.shuffle[i])
        assert sample["nonlinear"] is bool(plan.nonlinear[i])
        assert sample["flips"] == plan.flips[i].nonzero().flatten().tolist()
        assert sample["paint"] == ("none", "in", "out")[plan.kind[i]]
        assert sample["boxes"] == plan.boxes[i, : len(sample["boxes"])].tolist()
        assert sample["fills"] == plan.fill[i, : len(sample["boxes"])].tolist()
        assert sample["control_points"] == plan.control_points[i].tolist()
        assert sample["decreasing"] == plan.decreasing[i].tolist()
        assert plan.boxes[i, len(sample["boxes"]) :].count_nonzero() == 0


def test_edited_json_does_what_it_says():
    def change(document):
        document["draws"][0] |= {
            "flips": [2],
            "shuffle": False,
            "nonlinear": False,
            "paint": "in",
            "fill": "constant",
            "boxes": [[1, 2, 3, 5, 6, 7]],
            "fills": [0.25],
        }

    plan = ops.Plan.from_json(edited(change))
    x = torch.rand(6, 1, *SHAPE)
    expected = x[0].flip(3)
    distorted, target = ops.genesis_transform(x, plan)
    assert torch.equal(target[0], expected)
    expected[:, 1:5, 2:6, 3:7] = 0.25
    assert torch.equal(distorted[0], expected)


def test_a_signed_and_an_unsigned_id_are_the_same_bits():
    def change(document):
        document["draws"][0]["sample_id"] = 2**64 - 5

    assert ops.Plan.from_json(edited(change)).to_dicts()[0]["sample_id"] == -5


def in_first_draw(**changes):
    return lambda document: document["draws"][0].update(changes)


ONE_BOX = {"paint": "in", "fills": [0.5]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(version=2), "version must be 1.*, got 2"),
        (lambda d: d.pop("seed"), r"the document must have the entries .*, got no \['seed'\]"),
        (lambda d: d.update(extra=1), r"got unknown \['extra'\]"),
        (lambda d: d.update(seed=[1, 2]), r"seed must be one number or one for each of 6 draws, got \[1, 2\]"),
        (lambda d: d.update(seed=2**64), "seed must be a 64-bit integer, got 18446744073709551616"),
        (lambda d: d.update(seed=None), "seed must be a 64-bit integer, got None"),
        (lambda d: d.update(shape=[0, 4, 4]), "spatial_shape must be 2 or 3 sides of at least 1 voxel"),
        (lambda d: d.update(shape="abc"), "shape must be a list, got 'abc'"),
        (lambda d: d.update(draws={}), "draws must be a list"),
        (lambda d: d.update(config=[]), "config must be an object"),
        (lambda d: d["config"]["rates"].update(flip=1.5), r"flip must lie in \[0, 1\], got 1.5"),
        (lambda d: d["config"]["rates"].update(flip="often"), "config.rates.flip must be a number, got 'often'"),
        (lambda d: d["config"]["numbers"].pop("order"), r"config.numbers must have .* got no \['order'\]"),
        (lambda d: d["config"]["numbers"].update(order=1.0), "config.numbers.order must be a 32-bit integer, got 1.0"),
        (lambda d: d["config"]["numbers"].update(in_hi_x=99), "in_lo_x and in_hi_x must satisfy"),
        (lambda d: d["draws"][1].pop("boxes"), r"draws\[1\] must have the entries .* got no \['boxes'\]"),
        (in_first_draw(sample_id=1.5), r"draws\[0\].sample_id must be a 64-bit integer, got 1.5"),
        (in_first_draw(flips=[3]), r"flips must name axes out of 0, 1, 2, each once, got \[3\]"),
        (in_first_draw(flips=[1, 1]), r"each once, got \[1, 1\]"),
        (in_first_draw(shuffle=1), "shuffle must be true or false, got 1"),
        (in_first_draw(paint="around"), "paint must be one of 'none', 'in', 'out', got 'around'"),
        (in_first_draw(fill="red"), "fill must be one of 'noise', 'constant', got 'red'"),
        (in_first_draw(boxes=[[0, 0, 0, 27, 5, 5]], **ONE_BOX), r"boxes\[0\] must be .* inside the patch .* 27"),
        (in_first_draw(boxes=[[-1, 0, 0, 7, 5, 5]], **ONE_BOX), r"inside the patch .* got \[-1"),
        (in_first_draw(boxes=[[4, 0, 0, 4, 5, 5]], **ONE_BOX), r"half-open .* got \[4, 0, 0, 4"),
        (in_first_draw(boxes=[[4, 0, 0, 9, 5]], **ONE_BOX), r"must be \[x0, y0, z0, x1, y1, z1\]"),
        (in_first_draw(boxes=[[0, 0, 0, 1, 1, 1]] * 6, paint="in", fills=[0.5] * 6), "boxes must be at most 5"),
        (in_first_draw(boxes=[[0, 0, 0, 1, 1, 1]], paint="none", fills=[0.5]), "none where paint is 'none'"),
        (in_first_draw(boxes=[[0, 0, 0, 1, 1, 1]], paint="in", fills=[]), "fills must be one number for each"),
        (in_first_draw(boxes=[[0, 0, 0, 1, 1, 1]], paint="in", fills=[1.5]), r"fills\[0\] must lie in .* got 1.5"),
        (in_first_draw(boxes=[], paint="none", fills=[], fill="constant"), "fill must be 'noise' where nothing is"),
        (in_first_draw(control_points=[[0.1, 0.2, 0.3, 1.1]]), r"control_points\[0\]\[3\] must lie in .* got 1.1"),
        (in_first_draw(control_points=[[0.1, 0.2, 0.3, float("nan")]]), r"must lie in \[0, 1\], got nan"),
        (in_first_draw(control_points=[[0.1, 0.2]]), r"must be \[x1, y1, x2, y2\], got \[0.1, 0.2\]"),
        (in_first_draw(decreasing=[]), "control_points and decreasing must be one for each of 1 curves"),
    ],
)  # fmt: skip
def test_bad_json_is_refused_in_words(change, words):
    with pytest.raises(ValueError, match=words):
        ops.Plan.from_json(edited(change))


def test_text_that_is_no_json_is_refused():
    with pytest.raises(ValueError, match=r"text must be JSON, got an error at"):
        ops.Plan.from_json("{")
    with pytest.raises(ValueError, match=r"version must be 1"):
        ops.Plan.from_json("[]")


def test_indexing_picks_samples():
    plan = draw()
    assert len(plan[2]) == 1
    assert torch.equal(plan[2].tensor, plan.tensor[2:3])
    assert torch.equal(plan[1:3].tensor, plan.tensor[1:3])
    assert torch.equal(plan[[3, 0]].tensor, plan.tensor[[3, 0]])
    assert torch.equal(plan[torch.tensor([5])].tensor, plan.tensor[5:])


def test_a_plan_prints_what_it_is():
    assert repr(draw()) == "Plan(6 samples, spatial_shape=(26, 30, 28), device='cpu')"


def test_a_plan_refuses_a_tensor_of_another_layout():
    plan = draw()
    with pytest.raises(
        ValueError, match=r"Plan: tensor must be \(N, 50\) int32 for this spec, got torch.int32 \[6, 49\]"
    ):
        ops.Plan(plan.tensor[:, 1:], plan.spec)
    with pytest.raises(ValueError, match=r"Plan: tensor must be .* got torch.int64"):
        ops.Plan(plan.tensor.long(), plan.spec)
    with pytest.raises(TypeError, match=r"Plan: tensor must be a tensor, got list"):
        ops.Plan([], plan.spec)


def with_number(**changes):
    spec = resolve(make_config(), SHAPE)
    return ops.PlanSpec(SHAPE, spec.rates, spec.numbers._replace(**changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_windows": -1}, r"num_windows must lie in \[0, 1073741823\], got -1"),
        ({"order": 2}, r"order must lie in \[0, 1\], got 2"),
        ({"permute": -1}, r"permute must lie in \[0, 1\], got -1"),
        ({"curves": 0}, "curves must lie in .* got 0"),
        ({"in_min": 6}, r"in_min must lie in \[0, 5\], got 6"),
        ({"out_max": 0}, r"out_min must lie in \[0, 0\], got 1"),
        ({"max_window_x": 27}, r"max_window_x must lie in \[1, 26\], the patch, got 27"),
        ({"max_window_y": 0}, r"max_window_y must lie in \[1, 30\], the patch, got 0"),
        ({"first_lo_z": 0}, "first_lo_z and first_hi_z must satisfy 1 <= lo <= hi <= 28"),
        ({"more_hi_y": 31}, "more_lo_y and more_hi_y must satisfy 1 <= lo <= hi <= 30"),
        ({"flip_none": 0, "flip_x": 0, "flip_y": 0}, "must not all be 0"),
    ],
)
def test_a_spec_refuses_numbers_that_break_their_rule(changes, words):
    with pytest.raises(ValueError, match=words):
        with_number(**changes)


def test_a_spec_refuses_wrong_types_and_lengths():
    with pytest.raises(TypeError, match=r"num_windows must be an integer, got 3.5"):
        with_number(num_windows=3.5)
    with pytest.raises(ValueError, match=r"rates must be 8 values .*, got 2"):
        ops.PlanSpec(SHAPE, (0.5, 0.5), with_number().numbers)
    with pytest.raises(ValueError, match=r"paint must lie in \[0, 1\], got nan"):
        ops.PlanSpec(SHAPE, with_number().rates._replace(paint=float("nan")), with_number().numbers)


def test_a_spec_refuses_windows_of_more_than_two_to_the_20_voxels():
    shape = (256, 256, 256)
    spec = resolve(make_config(), shape)
    assert resolve(make_config(max_window=101), shape).numbers.max_window_x == 101
    with pytest.raises(ValueError, match=r"at most 1048576 voxels, got 102 x 102 x 102 \(1061208 voxels\)"):
        ops.PlanSpec(shape, spec.rates, spec.numbers._replace(max_window_x=102, max_window_y=102, max_window_z=102))


def test_a_spec_takes_plain_tuples_in_order():
    spec = with_number()
    assert ops.PlanSpec(list(SHAPE), tuple(spec.rates), tuple(spec.numbers)) == spec


def test_a_plan_is_an_argument_and_a_result_of_a_compiled_function():
    torch.compiler.reset()
    spec = resolve(make_config(num_windows=20), SHAPE)

    @torch.compile(fullgraph=True, backend="aot_eager")
    def step(x, sample_id, given):
        drawn = ops.draw_plan(sample_id, 3, spec)
        return ops.genesis_transform(x, given), ops.genesis_transform(x, drawn), drawn

    x = torch.rand(2, 1, *SHAPE)
    plan = ops.draw_plan(ids(2), 3, spec)
    by_given, by_drawn, drawn = step(x, ids(2), plan)
    assert torch.equal(drawn.tensor, plan.tensor)
    for out in (by_given, by_drawn):
        assert torch.equal(out[0], ops.genesis_transform(x, plan)[0])
