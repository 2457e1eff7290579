# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The fused operator against what it is made of."""

import pytest
import torch

from genesis_ext import ops
from genesis_ext.transforms import PROFILES, make_config, resolve
from tests.cases import ids, ranges, same_bits, voxels

SHAPES = {"3D": (24, 2, 27, 26, 30), "2D": (24, 3, 28, 31)}
DTYPES = [torch.float32, torch.float16, torch.bfloat16]


def draw(x, seed=3, **config):
    spec = resolve(make_config(**config), tuple(x.shape[2:]), x.shape[1])
    return ops.draw_plan(ids(x.shape[0]), seed, spec)


def per_sample(choice, x):
    return choice.view(-1, *[1] * (x.dim() - 1))


def flipped(x, plan):
    spatial = range(1, x.dim() - 1)
    return torch.stack(
        [
            sample.flip([axis for axis, flip in zip(spatial, flips, strict=False) if flip])
            for sample, flips in zip(x, plan.flips.tolist(), strict=True)
        ]
    )


def composed(x, plan, value_range, clamp):
    """Make input and target with the single operators and the fields of the plan."""
    numbers, target, dims = plan.spec.numbers, flipped(x, plan), x.dim() - 2
    shuffled = ops.local_shuffle(
        target,
        plan.key,
        numbers.num_windows,
        numbers.max_window[:dims],
        ("last_writer", "sequential")[numbers.order],
        ("voxel", "axes")[numbers.permute],
        dims,
    )
    y = torch.where(per_sample(plan.shuffle, x), shuffled, target)
    curved = ops.bezier_map(y, plan.control_points, plan.decreasing, value_range, clamp, dims)
    y = torch.where(per_sample(plan.nonlinear, x), curved, y)
    noisy = ops.paint_boxes(y, plan.boxes, plan.kind, plan.key, None, value_range, dims)
    plain = ops.paint_boxes(y, plan.boxes, plan.kind, None, plan.fill, value_range, dims)
    return torch.where(per_sample(plan.constant, x), plain, noisy), target


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("profile", PROFILES)
def test_one_pass_gives_the_bits_of_the_single_operators(profile, shape, dtype):
    x = voxels(shape, dtype)
    for value_range, clamp, per_channel in [
        ((0.0, 1.0), True, False),
        ((-0.1, 0.9), False, True),
        (ranges(x, x.shape[1]), True, True),
    ]:
        plan = draw(x, profile=profile, num_windows=300, shuffle_rate=0.6, curve_per_channel=per_channel)
        got = ops.genesis_transform(x, plan, value_range, clamp)
        assert all(map(same_bits, got, composed(x, plan, value_range, clamp)))


def test_without_transformations_input_and_target_are_x():
    x = voxels(SHAPES["3D"])
    distorted, target = ops.genesis_transform(x, draw(x, scheme="autoencoder", flip_rate=0.0))
    assert same_bits(distorted, x)
    assert same_bits(target, x)


def test_nan_stays_nan_and_harms_no_neighbour():
    x = voxels(SHAPES["3D"]).nan_to_num(0.5)
    plan = draw(x, num_windows=300)
    hurt = x.clone()
    hurt[:, :, 4, 5, 6] = torch.nan
    for out, whole in zip(ops.genesis_transform(hurt, plan), ops.genesis_transform(x, plan), strict=True):
        assert torch.equal(out[~out.isnan()], whole[~out.isnan()])
    assert target_nans(hurt, plan) == 2 * len(x)
    copies = ops.genesis_transform(hurt, draw(x, scheme="non-linear"))[0].isnan().sum()
    assert copies == 2 * len(x)


def target_nans(x, plan):
    return ops.genesis_transform(x, plan)[1].isnan().sum()


def test_an_empty_range_means_no_curve_and_paint_of_one_value():
    x = voxels(SHAPES["3D"]).nan_to_num(0.5)
    plan = draw(x, scheme="non-linear")
    distorted, target = ops.genesis_transform(x, plan, value_range=(0.5, 0.5))
    assert same_bits(distorted, target)
    painted = ops.genesis_transform(x + 10, draw(x, scheme="out-painting"), value_range=(0.5, 0.5))[0]
    assert set(painted[painted < 5].tolist()) == {0.5}


def test_a_gradient_is_refused_with_the_way_out():
    x = voxels(SHAPES["3D"]).requires_grad_()
    plan = draw(x.detach())
    with pytest.raises(
        RuntimeError, match=r"genesis_transform: x must not require a gradient.*x.detach\(\), or compose"
    ):
        ops.genesis_transform(x, plan)
    with torch.no_grad():
        distorted, _ = ops.genesis_transform(x, plan)
    assert not distorted.requires_grad


def test_the_plan_of_another_shape_batch_or_type_is_refused():
    x = voxels(SHAPES["3D"])
    plan = draw(x)
    with pytest.raises(
        ValueError, match=r"plan must be drawn for the spatial shape of x, got a plan for \(27, 26, 30\)"
    ):
        ops.genesis_transform(x[:, :, 1:], plan)
    with pytest.raises(ValueError, match=r"genesis_transform: plan must have shape \(24, 50\), got \(23, 50\)"):
        ops.genesis_transform(x, plan[1:])
    with pytest.raises(TypeError, match=r"genesis_transform: plan must be a Plan, got Tensor"):
        ops.genesis_transform(x, plan.tensor)
    with pytest.raises(ValueError, match=r"plan must have one curve or one a channel of x, got 2 for 1 channels"):
        ops.genesis_transform(x[:, :1], draw(x, curve_per_channel=True))


def test_a_plan_with_impossible_words_is_refused():
    x = voxels(SHAPES["3D"])
    for word, value in ((0, 9), (3, 7), (4, 1000)):
        plan = draw(x)
        plan.tensor[5, word] = value
        with pytest.raises(ValueError, match=r"genesis_transform: plan must .* sample 5"):
            ops.genesis_transform(x, plan)


def test_noise_fills_the_range_evenly():
    x = torch.full((8, 2, 30, 30, 30), 100.0)
    painted = ops.genesis_transform(x, draw(x, scheme="out-painting"), value_range=(-2.0, 4.0))[0]
    noise = painted[painted != 100.0]
    assert -2.0 <= noise.min() < -1.99
    assert 3.99 < noise.max() < 4.0
    # 6 sigma of the mean of n uniform values
    assert abs(noise.double().mean() - 1.0) < 6 * 6.0 / (12 * noise.numel()) ** 0.5
