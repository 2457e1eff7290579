# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""GenesisTransform."""

import copy

import numpy as np
import pytest
import torch

import genesis_ext
from genesis_ext import ops
from genesis_ext.transforms import PROFILES, SCHEMES, GenesisTransform, RotationTransform, make_config, resolve
from tests.cases import Tagged, ids, same_bits, voxels

SHAPE = (3, 2, 27, 26, 30)
X, IDS = voxels(SHAPE), ids(3)


def equal(a, b):
    return all(map(same_bits, a, b))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("profile", PROFILES)
def test_it_draws_by_the_profile_and_does_what_was_drawn(profile, scheme):
    transform = GenesisTransform(profile, scheme, seed=4, num_windows=100)
    spec = resolve(make_config(profile, scheme, num_windows=100), SHAPE[2:])
    plan = ops.draw_plan(IDS, 4, spec)
    assert torch.equal(transform.plan(IDS, SHAPE[2:]).tensor, plan.tensor)
    assert equal(transform(X, IDS), ops.genesis_transform(X, plan))
    assert equal(transform.replay(X, plan), ops.genesis_transform(X, plan))


@pytest.mark.parametrize(
    ("scheme", "same", "changed"),
    [
        ("non-linear", {"shuffle": False, "paint": "none"}, {"nonlinear": True}),
        ("local-shuffling", {"nonlinear": False, "paint": "none"}, {"shuffle": True}),
        ("out-painting", {"nonlinear": False, "shuffle": False}, {"paint": "out"}),
        ("in-painting", {"nonlinear": False, "shuffle": False}, {"paint": "in"}),
        ("autoencoder", {"nonlinear": False, "shuffle": False}, {"paint": "none"}),
    ],
)
def test_a_single_scheme_always_does_its_one_transformation(scheme, same, changed):
    for draw in GenesisTransform(scheme=scheme).plan(ids(60), SHAPE[2:]).to_dicts():
        assert draw.items() >= (same | changed).items()


def test_a_replayed_plan_acts_alike_on_image_and_another_dtype():
    transform = GenesisTransform(seed=1)
    plan = ops.Plan.from_json(transform.plan(IDS, SHAPE[2:]).to_json())
    assert equal(transform.replay(X, plan), transform(X, IDS))
    halves = transform.replay(X.half(), plan)
    assert same_bits(halves[1], transform(X, IDS)[1].half())


def test_2d_batches_work():
    x = voxels((4, 2, 31, 40))
    transform = GenesisTransform(seed=1, spatial_dims=2)
    distorted, target = transform(x, ids(4))
    assert distorted.shape == target.shape == x.shape
    assert equal((distorted, target), transform.replay(x, transform.plan(ids(4), (31, 40))))


def test_a_curve_a_channel_is_an_option():
    transform = GenesisTransform("head", "non-linear", curve_per_channel=True, flip_rate=0.0)
    x = torch.rand(2, 1, 9, 9, 9).repeat(1, 3, 1, 1, 1)
    distorted, _ = transform(x, ids(2))
    assert not torch.equal(distorted[:, 0], distorted[:, 1])
    assert transform.plan(ids(2), (9, 9, 9), channels=3).control_points.shape == (2, 3, 4)
    alike, _ = GenesisTransform("head", "non-linear", flip_rate=0.0)(x, ids(2))
    assert torch.equal(alike[:, 0], alike[:, 1])


def test_a_seed_tensor_is_a_buffer_that_can_be_changed():
    transform = GenesisTransform(seed=torch.tensor([4]))
    assert equal(transform(X, IDS), GenesisTransform(seed=4)(X, IDS))
    transform.seed.fill_(5)
    assert equal(transform(X, IDS), GenesisTransform(seed=5)(X, IDS))
    assert [name for name, _ in transform.named_buffers()] == ["seed"]


def test_nothing_of_it_goes_into_a_checkpoint():
    transform = GenesisTransform(seed=torch.tensor([4]), value_range=torch.zeros(3, 2))
    assert transform.state_dict() == {}
    assert list(transform.parameters()) == []


def z_scored():
    x = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
    x[0, 0, 0, 0, :3] = torch.tensor([torch.nan, torch.inf, -torch.inf])
    return x


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("name", ["minmax", "percentile"])
def test_a_range_from_the_data_acts_like_the_same_range_given(name, per_channel):
    x = z_scored()
    groups = x.nan_to_num(0.0, 0.0, 0.0).flatten(2 if per_channel else 1)
    groups = groups if per_channel else groups.unsqueeze(1)
    expected = torch.stack([groups.amin(-1), groups.amax(-1)], -1)
    if name == "percentile":
        one = torch.stack([group[group.isfinite()] for group in groups.flatten(0, 1)[1:]])
        ranks = [int(q * (one.shape[1] - 1)) for q in (0.001, 0.999)]
        expected = expected.flatten(0, 1)
        expected[1:] = one.sort().values[:, ranks]
        x, expected = x[1:], expected.reshape(groups.shape[0], -1, 2)[1:]
    sample_id = ids(len(x))
    got = GenesisTransform(seed=2, value_range=name, per_channel=per_channel)(x, sample_id)
    assert equal(got, GenesisTransform(seed=2, value_range=expected.contiguous())(x, sample_id))


def test_a_range_from_the_data_keeps_z_scored_values_apart():
    x = z_scored().nan_to_num(0.0, 0.0, 0.0)
    plain = GenesisTransform(scheme="non-linear", flip_rate=0.0)(x, IDS)[0]
    aware = GenesisTransform(scheme="non-linear", flip_rate=0.0, value_range="minmax")(x, IDS)[0]
    assert plain.unique().numel() < 0.5 * x.numel()
    assert aware.unique().numel() > 0.9 * x.unique().numel()


def test_percentiles_can_be_chosen():
    x = z_scored()
    everything = GenesisTransform(value_range="percentile", percentiles=(0.0, 100.0))
    assert equal(everything(x, IDS), GenesisTransform(value_range="minmax")(x, IDS))


def test_without_clamping_values_outside_the_range_stay_outside():
    x = torch.full((20, 1, 8, 8, 8), 7.0)
    clamped, _ = GenesisTransform(scheme="non-linear")(x, ids(20))
    assert set(clamped.unique().round(decimals=5).tolist()) == {0.0, 1.0}
    going_on, _ = GenesisTransform(scheme="non-linear", clamp=False)(x, ids(20))
    assert set(going_on.unique().tolist()) == {7.0, -6.0}


def test_it_prints_what_it_is():
    assert repr(GenesisTransform("paper", "painting", seed=7, num_windows=50)) == (
        "GenesisTransform(profile='paper', scheme='painting', seed=7, "
        "value_range=(0.0, 1.0), clamp=True, num_windows=50)"
    )
    assert "value_range='percentile', percentiles=(0.1, 99.9)" in repr(GenesisTransform(value_range="percentile"))
    assert "seed=[3], value_range=a tensor (3, 2)" in repr(
        GenesisTransform(seed=torch.tensor([3]), value_range=torch.zeros(3, 2))
    )


def test_a_config_of_ones_own_is_a_profile():
    config = make_config("head", paint_rate=0.0, num_windows=20)
    assert equal(GenesisTransform(config)(X, IDS), GenesisTransform(paint_rate=0.0, num_windows=20)(X, IDS))


def test_it_can_be_copied_and_moved():
    transform = GenesisTransform(seed=torch.tensor([4]), value_range=torch.tensor([[0.0, 1.0]] * 3))
    transform(X, IDS)
    assert equal(copy.deepcopy(transform).to("cpu")(X, IDS), transform(X, IDS))


@pytest.mark.parametrize("value_range", [(0.0, 1.0), "minmax", "percentile"], ids=str)
def test_compiled_without_a_graph_break_it_gives_the_same_bits(value_range):
    torch.compiler.reset()
    options = {"seed": 3, "value_range": value_range, "num_windows": 50, "max_window": 2}
    by_rank = {dims: GenesisTransform(**options, spatial_dims=dims) for dims in (2, 3)}
    compiled = {dims: torch.compile(t, fullgraph=True, backend="aot_eager") for dims, t in by_rank.items()}
    for shape in ((2, 1, 14, 15, 16), (2, 1, 20, 15, 16), (3, 2, 12, 17)):
        x, dims = voxels(shape), len(shape) - 2
        assert equal(compiled[dims](x, ids(shape[0])), by_rank[dims](x, ids(shape[0])))


def test_compiled_code_follows_the_seed():
    torch.compiler.reset()
    spec = resolve(make_config(), (8, 8, 8))
    draw = torch.compile(lambda i, seed: ops.draw_plan(i, seed, spec).tensor, fullgraph=True, backend="aot_eager")
    for seed in (0, 1, -5, 2**62):
        assert torch.equal(draw(IDS, seed), ops.draw_plan(IDS, seed, spec).tensor)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"seed": "zero"}, TypeError, "seed must be an int or a .* tensor, got 'zero'"),
        ({"seed": True}, TypeError, "seed must be an int or a .* tensor, got True"),
        ({"value_range": "mean"}, ValueError, r"value_range must be \(lo, hi\), .* got 'mean'"),
        ({"value_range": (1.0, 0.0)}, ValueError, r"value_range must be finite with lo <= hi, got \(1.0, 0.0\)"),
        ({"percentiles": (50.0, 20.0)}, ValueError, r"percentiles must rise within \[0, 100\], got \(50.0, 20.0\)"),
        ({"spatial_dims": 4}, ValueError, "spatial_dims must be 3 or 2, got 4"),
        ({"shuffle_rte": 0.5}, TypeError, "rates and sizes must be of .*, got shuffle_rte"),
        ({"shuffle_rate": 1.5}, ValueError, r"shuffle_rate must lie in \[0, 1\], got 1.5"),
    ],
)
def test_a_wrong_argument_is_refused_in_words(arguments, error, words):
    with pytest.raises(error, match=words):
        GenesisTransform(**arguments)


def test_a_wrong_batch_is_refused_in_words():
    transform = GenesisTransform()
    with pytest.raises(TypeError, match=r"GenesisTransform: x must be a floating-point tensor, got torch.int16"):
        transform(X.nan_to_num(0.0, 0.0, 0.0).short(), IDS)
    with pytest.raises(ValueError, match=r"GenesisTransform: x must be \(N, C, X, Y, Z\)"):
        transform(X[0, 0], IDS)
    for act in (lambda: transform(X[0], IDS[:1]), lambda: transform.replay(X[0], transform.plan(IDS[:1], SHAPE[2:]))):
        with pytest.raises(
            ValueError, match=r"one patch \(C, X, Y, Z\) becomes a batch by x\[None\], images .* need spat"
        ):
            act()
    with pytest.raises(ValueError, match=r"spatial_shape must be 3 sides, as spatial_dims says, got \(27, 26\)"):
        transform.plan(IDS, (27, 26))
    with pytest.raises(ValueError, match=r"x must be \(N, C, X, Y\) with spatial_dims=2, got"):
        GenesisTransform(spatial_dims=2)(X, IDS)
    with pytest.raises(ValueError, match=r"plan must have shape \(3, 50\), got \(2, 50\)"):
        transform(X, IDS[:2])
    with pytest.raises(RuntimeError, match=r"must not require a gradient"):
        transform(X.clone().requires_grad_(), IDS)


def test_ids_may_be_a_list_or_have_another_dtype():
    transform = GenesisTransform(seed=1, num_windows=20)
    expected = transform(X, torch.tensor([3, 1, 2]))
    for given in ([3, 1, 2], (3, 1, 2), np.array([3, 1, 2]), torch.tensor([3, 1, 2], dtype=torch.int32)):
        assert equal(transform(X, given), expected)
    for floats in ([3.0, 1.0, 2.0], torch.tensor([3.0, 1.0, 2.0])):
        with pytest.raises(ValueError, match=r"sample_id must be \(N,\) int64, got torch.float32"):
            transform(X, floats)


def test_of_a_subclass_it_makes_plain_tensors_for_any_source_of_its_range():
    for value_range in ((0.0, 1.0), torch.tensor([[0.0, 1.0]] * 3).as_subclass(Tagged), "minmax", "percentile"):
        transform = GenesisTransform(seed=1, num_windows=20, value_range=value_range)
        got = transform(X.as_subclass(Tagged), IDS.as_subclass(Tagged))
        assert [type(part) for part in got] == [torch.Tensor] * 2
        assert equal(got, transform(X, IDS))


def test_a_monai_tensor_loses_an_affine_that_would_be_wrong():
    meta_tensor = pytest.importorskip("monai.data").MetaTensor
    x = meta_tensor(torch.rand(1, 1, 20, 20, 10), affine=torch.diag(torch.tensor([2.0, 2.0, 3.0, 1.0])))
    for out in (
        *GenesisTransform()(x, [0]),
        ops.resample(x, (40, 40, 30)),
        RotationTransform()(x[..., :10, :10, :], [0])[0],
    ):
        assert type(out) is torch.Tensor


def test_the_package_offers_it_at_its_top():
    assert genesis_ext.GenesisTransform is GenesisTransform
