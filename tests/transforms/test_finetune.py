# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""FinetuneTransform: against its reference, and what it promises of bits, labels, devices and gradients."""

import math

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import genesis_ext
from genesis_ext.reference import finetune_draws, finetune_transform
from genesis_ext.transforms import FINETUNE_PROFILES, FinetuneTransform
from tests.cases import SHAPES, Tagged, ids, layouts, same_bits, voxels
from tests.graphs import NoWaiting, captured

GEOMETRY = ("flip", "transpose", "quarter_turn", "rotation", "scale", "shear")
INTENSITY = ("noise", "blur", "brightness", "contrast", "low_resolution", "inverted_gamma", "gamma", "curve")
EVERYTHING = {f"{name}_rate": 0.5 for name in (*GEOMETRY, *INTENSITY)}
SHAPE = (6, 2, 9, 9, 7)
X, IDS = voxels(SHAPE).clamp(0, 1), ids(6)
LABEL = torch.arange(X[:, :1].numel()).view(6, 1, *SHAPE[2:])


def unit(shape, dtype=torch.float32):
    return voxels(shape, dtype).clamp(0, 1)


def drawn_by_reference(transform, sample_id, shape, channels, out_shape=None):
    sides = (*shape, 1)[:3]
    kinds = list(zip(sides, out_shape or sides, transform.spacing, strict=True))
    groups = channels if transform.config.intensity_per_channel else 1
    return finetune_draws.draw(sample_id.numpy(), transform.seed, transform.config, sides, kinds, groups)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("shape", [*SHAPES.values(), (4, 1, 6, 6, 6)], ids=str)
def test_it_is_the_reference(shape, per_channel):
    dims = len(shape) - 2
    transform = FinetuneTransform(seed=9, spatial_dims=dims, intensity_per_channel=per_channel, **EVERYTHING)
    x, sample_id = unit(shape), ids(shape[0])
    label = torch.arange(x[:, :1].numel()).view(x[:, :1].shape)
    draws = drawn_by_reference(transform, sample_id, shape[2:], shape[1])
    plan = transform.draw(sample_id, shape[2:], shape[1])
    for name, values in draws.items():
        assert np.array_equal(getattr(plan, name).numpy(), values), name
    changed, target, moved = transform.replay(x, plan, label)
    solid = (*shape, 1)[:5]
    expected, expected_target = finetune_transform.finetune_transform(x.numpy().reshape(solid), draws, 9)
    expected_label = finetune_transform.move_label(label.numpy().reshape(-1, 1, *solid[2:]), draws)
    assert np.array_equal(moved.numpy().ravel(), expected_label.ravel())
    # Interpolation adds in another order, which gamma curves enlarge, and the curve is exact to 1e-5.
    np.testing.assert_allclose(target.numpy().reshape(solid), expected_target, rtol=0, atol=1e-6)
    np.testing.assert_allclose(changed.numpy().reshape(solid), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("order", [0, 3])
def test_with_spacing_and_a_smaller_result_it_is_the_reference(order):
    out, spacing, rates = (6, 6, 5), (1.0, 1.0, 2.5), {f"{name}_rate": 0.5 for name in GEOMETRY}
    transform = FinetuneTransform(
        "none", 9, (-2.0, 1.0), order=order, fill=0.5, label_fill=-1, out_shape=out, spacing=spacing, **rates
    )
    draws = drawn_by_reference(transform, IDS, SHAPE[2:], 2, out)
    x = X.nan_to_num(0.5)
    _, target, moved = transform.with_target(x, IDS, LABEL)
    options = {"out_shape": out, "spacing": spacing}
    _, expected = finetune_transform.finetune_transform(x.numpy(), draws, 9, order=order, fill=0.5, **options)
    np.testing.assert_allclose(target.numpy(), expected, rtol=0, atol=1e-5)
    assert np.array_equal(moved.numpy(), finetune_transform.move_label(LABEL.numpy(), draws, -1, **options))
    assert bool((moved == -1).any())


@pytest.mark.parametrize("value_range", [(0.0, 1.0), (-0.5, 2.0), torch.tensor([[0.0, 1.0], [0.2, 0.2], [-1.0, 0.5]])])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64], ids=str)
def test_intensities_are_those_of_the_reference_to_the_bit(dtype, value_range):
    rates = {f"{name}_rate": 0.5 for name in INTENSITY if name not in ("low_resolution", "curve")}
    transform = FinetuneTransform("none", 4, value_range, intensity_per_channel=True, **rates)
    x = voxels((3, 2, 5, 6, 7), dtype)
    limits = value_range if isinstance(value_range, tuple) else value_range.numpy()
    changed = transform(x, ids(3))
    draws = drawn_by_reference(transform, ids(3), (5, 6, 7), 2)
    expected, _ = finetune_transform.finetune_transform(x.numpy(), draws, 4, limits)
    assert same_bits(changed, torch.from_numpy(expected))


@pytest.mark.parametrize("profile", FINETUNE_PROFILES)
def test_a_sample_depends_on_seed_and_id_alone_to_the_bit(profile):
    transform = FinetuneTransform(profile, seed=1, **(EVERYTHING if profile == "nnunet" else {}))
    whole = transform.with_target(X, IDS, LABEL)
    for part in (slice(0, 1), slice(1, 4), slice(4, 6)):
        got = transform.with_target(X[part], IDS[part], LABEL[part])
        assert all(same_bits(a, b[part]) for a, b in zip(got, whole, strict=True))
    assert all(map(same_bits, transform.with_target(X, IDS, LABEL), whole))
    if profile != "none":
        assert not torch.equal(FinetuneTransform(profile, seed=2)(X, IDS), whole[0])


def test_the_profile_none_changes_nothing():
    x = voxels(SHAPE)
    for part in FinetuneTransform("none").with_target(x, IDS, LABEL):
        assert same_bits(part, x if part.is_floating_point() else LABEL)


def test_a_sample_of_which_nothing_is_drawn_keeps_its_bits():
    transform = FinetuneTransform("nnunet", flip_rate=0.0, rotation_rate=0.1, scale_rate=0.1)
    x = voxels((60, 1, 5, 4, 3))
    plan, changed = transform.draw(ids(60), (5, 4, 3)), transform(x, ids(60))
    neutral = {name: value for name, value in FinetuneTransform("none").draw([0], (5, 4, 3)).to_dicts()[0].items()}
    kept = [
        all(draw[name] == neutral[name] for name in neutral if name not in ("sample_id", "control_points"))
        for draw in plan.to_dicts()
    ]
    assert 3 < sum(kept) < 40
    assert same_bits(changed[torch.tensor(kept)], x[torch.tensor(kept)])


@pytest.mark.parametrize("shape", [(7, 7, 7), (9, 6, 5), (8, 7)], ids=str)
def test_a_landmark_goes_where_its_label_goes(shape):
    flips = {"flip_rate": 0.5, "transpose_rate": 0.5, "quarter_turn_rate": 0.5}
    dims = len(shape)
    count = 60
    at = torch.arange(count) * 37 % math.prod(shape)
    x = torch.zeros(count, 1, math.prod(shape)).scatter(2, at.view(-1, 1, 1), 1.0).view(count, 1, *shape)
    label = (x == 1).long() * 5
    moved, moved_label = FinetuneTransform("none", spatial_dims=dims, **flips)(x, ids(count), label)
    assert torch.equal((moved == 1).long() * 5, moved_label)
    assert moved.flatten(1).sum(1).eq(1).all()
    # Under any matrix label and image take their fill at the same voxels, and values come from next to the label.
    free = FinetuneTransform("none", spatial_dims=dims, fill=-1.0, label_fill=-9, **EVERYTHING | {
        f"{name}_rate": 0.0 for name in INTENSITY
    })  # fmt: skip
    moved, moved_label = free(x, ids(count), label)
    assert torch.equal(moved == -1, moved_label == -9)
    assert bool((moved == -1).any()) and bool((moved_label == 5).any())
    nearest = FinetuneTransform(free.config, spatial_dims=dims, order=0, fill=-1.0)(x, ids(count))
    assert torch.equal(nearest == 1, moved_label == 5)


@pytest.mark.parametrize(
    "dtype",
    [torch.bool, torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64, torch.float16, torch.float64],
    ids=str,
)
def test_labels_keep_their_dtype_and_values(dtype):
    label = LABEL if dtype.itemsize == 8 else LABEL % (2 if dtype == torch.bool else 100)
    label = (label + (2**40 if dtype == torch.int64 else 0)).to(dtype)
    transform = FinetuneTransform(seed=3, label_fill=1, **EVERYTHING)
    _, moved = transform(X, IDS, label)
    assert moved.dtype == dtype and moved.is_contiguous()
    expected = transform(X, IDS, label.double())[1]
    assert torch.equal(moved.double(), expected)
    if dtype == torch.int32:
        for fill in (-(2**15), 2**15):
            _, moved = FinetuneTransform("none", rotation_rate=1.0, label_fill=fill)(X, IDS, label)
            assert fill in (moved.min(), moved.max())


def test_rates_are_those_of_the_config():
    shape, count = (8, 8, 8), 8000
    rates = {f"{name}_rate": 0.05 + 0.06 * i for i, name in enumerate((*GEOMETRY, *INTENSITY))}
    plan = FinetuneTransform("none", gamma=(1.1, 1.5), curve_decreasing_rate=0.3, **rates).draw(range(count), shape)
    happened = {
        "flip": plan.flips[:, 1],
        "transpose": (plan.axes != torch.arange(3)).any(1),
        "quarter_turn": (plan.quarters != 0).any(1),
        "rotation": (plan.degrees != 0).any(1),
        "scale": plan.scale != 1,
        "shear": (plan.shear != 0).any(1),
        "noise": plan.noise > 0,
        "blur": plan.blur > 0,
        "low_resolution": plan.resolution < 1,
        "curve": plan.curve,
        **{name: getattr(plan, name) != 1 for name in ("brightness", "contrast", "inverted_gamma", "gamma")},
    }
    for name, events in happened.items():
        rate = rates[f"{name}_rate"]
        assert abs(events.double().mean() - rate) < 4 * (rate * (1 - rate) / count) ** 0.5, name
    assert abs(plan.decreasing.double().mean() - 0.3) < 0.03
    orders = {tuple(axes) for axes in plan.axes.tolist()}
    assert len(orders) == 6
    assert plan.quarters.amax(0).tolist() == [3, 3, 3]
    assert -30 <= plan.degrees.min() < -29 and 29 < plan.degrees.max() <= 30
    assert 0.7 <= plan.scale.min() < 0.71 and 1.39 < plan.scale.max() <= 1.4


@pytest.mark.parametrize(
    ("shape", "spacing", "orders", "about"),
    [
        ((8, 8, 5), None, 2, [2, 2, 3]),
        ((8, 5, 8), (1, 1, 1), 2, [2, 3, 2]),
        ((8, 8, 8), (1, 1, 3), 2, [2, 2, 3]),
        ((7, 6, 5), None, 1, [2, 2, 2]),
        ((8, 8, 1), None, 2, [0, 0, 3]),
        ((8, 8), None, 2, [0, 0, 3]),
        ((1, 9), None, 1, [0, 0, 0]),
        ((1, 1, 1), None, 1, [0, 0, 0]),
    ],
    ids=str,
)
def test_only_what_keeps_the_patch_is_drawn(shape, spacing, orders, about):
    transform = FinetuneTransform("none", spacing=spacing, spatial_dims=len(shape), **EVERYTHING)
    plan = transform.draw(range(400), shape)
    assert len({tuple(axes) for axes in plan.axes.tolist()}) == orders
    assert plan.quarters.amax(0).tolist() == about
    turns = [axis for axis in range(3) if plan.degrees[:, axis].any()]
    assert turns == [axis for axis in range(3) if about[axis]]


def test_more_of_the_volume_comes_in_where_the_result_is_smaller():
    x, label = torch.ones(20, 1, 24, 24, 20), torch.ones(20, 1, 24, 24, 20).long()
    turn = {"rotation_rate": 1.0, "rotation_degrees": 30.0}
    whole, whole_label = FinetuneTransform("none", **turn)(x, ids(20), label)
    cut, cut_label = FinetuneTransform("none", out_shape=(12, 12, 10), **turn)(x, ids(20), label)
    assert whole.min() == whole_label.min() == 0
    assert cut.shape == cut_label.shape == (20, 1, 12, 12, 10)
    assert bool(((cut - 1).abs() < 1e-6).all()) and cut_label.min() == 1
    still = FinetuneTransform("none", out_shape=(12, 11, 10))
    middle = voxels((1, 1, 24, 24, 20))
    assert same_bits(still(middle, [0]), middle[..., 6:18, 6:17, 5:15])


def test_noise_differs_between_channels_and_amounts_only_where_told_to():
    x = torch.full((4, 2, 16, 16, 16), 0.5)
    rates = {"noise_rate": 1.0, "noise_std": (0.01, 0.02), "brightness_rate": 1.0, "brightness": (0.5, 0.9)}
    shared = FinetuneTransform("none", **rates)(x, ids(4))
    assert not torch.equal(shared[:, 0], shared[:, 1])
    means = shared.mean((2, 3, 4))
    assert torch.allclose(means[:, 0], means[:, 1], atol=1e-3)
    apart = FinetuneTransform("none", intensity_per_channel=True, **rates)(x, ids(4)).mean((2, 3, 4))
    assert bool(((apart[:, 0] - apart[:, 1]).abs() > 1e-3).any())


def test_results_do_not_depend_on_the_layout():
    transform = FinetuneTransform(seed=2, **EVERYTHING)
    expected = transform.with_target(X, IDS, LABEL)
    for _, view in layouts(X):
        assert all(map(same_bits, transform.with_target(view, IDS, LABEL.mT.contiguous().mT), expected))
    for got in (transform(X.as_subclass(Tagged), IDS.tolist()), transform(X, IDS.numpy())):
        assert type(got) is torch.Tensor and same_bits(got, expected[0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_types_are_rounded_once(dtype):
    transform = FinetuneTransform(seed=2, **EVERYTHING)
    x = X.to(dtype)
    for got, wide in zip(transform.with_target(x, IDS), transform.with_target(x.float(), IDS), strict=True):
        assert same_bits(got, wide.to(dtype))


def test_nan_stays_where_it_is_and_reaches_no_mean():
    rates = {f"{name}_rate": 1.0 for name in ("noise", "brightness", "contrast", "inverted_gamma", "gamma", "curve")}
    x = X.clone()
    x[:, 0, 2, 3, 4] = torch.nan
    changed = FinetuneTransform("none", **rates)(x, IDS)
    assert torch.equal(changed.isnan(), x.isnan())


def test_a_gradient_flows_through_the_batch():
    # The mean of the contrast has no gradient, and where lines meet there is none: steps are small.
    transform = FinetuneTransform(seed=2, **EVERYTHING | {"curve_rate": 0.0, "contrast_rate": 0.0})
    x = (X.nan_to_num(0.5) * 0.8 + 0.1).double().requires_grad_()
    weights = torch.linspace(-1, 1, x.numel(), dtype=torch.float64).view(x.shape)
    (grad,) = torch.autograd.grad((transform(x, IDS) * weights).sum(), x)
    assert grad.flatten(1).any(1).all()
    step = torch.linspace(1, -1, x.numel(), dtype=torch.float64).view(x.shape).sin() * 1e-9
    with torch.no_grad():
        rise = (transform(x + step, IDS) - transform(x - step, IDS)) * weights / 2
    assert (grad * step).sum().item() == pytest.approx(rise.sum().item(), rel=1e-3)


@pytest.mark.parametrize("value_range", [(0.0, 1.0), "minmax"])
def test_it_never_asks_the_device_for_a_value(value_range):
    transform = FinetuneTransform(seed=torch.tensor([3]), value_range=value_range, **EVERYTHING)
    with FakeTensorMode(), NoWaiting():
        for name, buffer in [*transform.named_buffers()]:
            setattr(transform, name, torch.empty(buffer.shape, dtype=buffer.dtype))
        x, sample_id, label = (torch.empty(t.shape, dtype=t.dtype) for t in (X, IDS, LABEL))
        for got, like in zip(transform.with_target(x, sample_id, label), (x, x, label), strict=True):
            assert (got.shape, got.dtype) == (like.shape, like.dtype)


def test_compiled_without_a_graph_break_it_gives_the_same_bits():
    # Also what a GPU does: compiled code works on all samples at once, where the CPU takes those that change.
    torch.compiler.reset()
    transform = FinetuneTransform(seed=3, intensity_per_channel=True, **EVERYTHING)
    compiled = torch.compile(transform, fullgraph=True, backend="aot_eager")
    for step in range(2):
        assert all(map(same_bits, compiled(X, IDS + step, LABEL), transform(X, IDS + step, LABEL)))


@pytest.mark.cuda
def test_on_a_gpu_it_gives_the_bits_of_the_cpu_and_a_captured_graph_goes_on_with_new_ids():
    expected = FinetuneTransform(seed=3, **EVERYTHING)
    transform = FinetuneTransform(seed=3, **EVERYTHING).cuda()
    x, sample_id, label = X.cuda(), IDS.cuda(), LABEL.cuda()
    graph, got = captured(lambda: transform.with_target(x, sample_id, label))
    for step in range(3):
        sample_id.copy_(IDS + step)
        graph.replay()
        wanted = expected.with_target(X, IDS + step, LABEL)
        assert all(same_bits(a.cpu(), b) for a, b in zip(got, wanted, strict=True))


def test_a_range_that_is_not_the_voxels_is_said_once_and_only_where_values_change():
    z_scored = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
    transform = FinetuneTransform()
    with pytest.warns(
        UserWarning, match=r"^FinetuneTransform: value_range must .* are changed are cut to it; give"
    ) as said:
        transform(z_scored, IDS), transform(z_scored, IDS)
    assert len(said) == 1
    FinetuneTransform("none", flip_rate=0.5)(z_scored, IDS)
    changed = FinetuneTransform(value_range="minmax", flip_rate=0.0, rotation_rate=0.0, scale_rate=0.0)(z_scored, IDS)
    assert bool((changed.amax((2, 3, 4)) <= z_scored.amax((1, 2, 3, 4)).view(-1, 1) + 1e-5).all())


def test_what_comes_from_outside_is_the_lower_end_of_the_range_unless_said():
    assert FinetuneTransform(value_range=(-3.0, 2.0)).fill == -3
    assert FinetuneTransform(value_range="minmax").fill == 0
    assert FinetuneTransform(value_range=(-3.0, 2.0), fill=7).fill == 7


def test_nothing_of_it_goes_into_a_checkpoint_and_moving_to_a_half_type_changes_nothing():
    transform = FinetuneTransform(seed=torch.tensor([4]), **EVERYTHING)
    assert transform.state_dict() == {}
    assert list(transform.parameters()) == []
    expected = transform(X, IDS)
    assert same_bits(transform.half()(X, IDS), expected)
    assert same_bits(FinetuneTransform(seed=4, **EVERYTHING).eval()(X, IDS), expected)
    assert genesis_ext.FinetuneTransform is FinetuneTransform
