# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The CPU operators against the NumPy reference: bit for bit, and the curve within 1e-5 of the range."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch

import genesis_ext
from genesis_ext.reference import bezier_map, draw_plan, genesis_transform, head, local_shuffle, paint_boxes

OPS = torch.ops.genesis_ext
CURVE_TOLERANCE = 1e-5  # of the range
SHAPES = [
    (1, 1, 1),
    (2, 3, 1),
    (5, 1, 4),
    (7, 5, 9),
    (13, 11, 17),
    (33, 20, 1),
    (9, 40, 33),
    (32, 16, 64),
    (30, 31, 29),
]
DTYPES = [torch.float32, torch.float16, torch.bfloat16]


def paper(shape):
    """Numbers of the kind of profile "paper": sequential windows along the axes, constants, a large first box."""
    first = {f"first_lo_{a}": -(-909 * d // 1000) for a, d in zip("xyz", shape, strict=True)}
    last = {f"first_hi_{a}": d for a, d in zip("xyz", shape, strict=True)}
    changes = {"order": 1, "permute": 1, "in_min": 1, "in_max": 10, "in_constant": 1, "out_max": 10, "out_constant": 1}
    return head.RATES._replace(flip=0, in_max_fraction=0.25), head.numbers(shape)._replace(**changes, **first, **last)


def released(shape):
    """Numbers of the kind of profile "release-2019-11": flips in most samples, many boxes."""
    return head.RATES._replace(flip=0.9, in_more=0.9), head.numbers(shape)._replace(in_max=256, out_max=256)


def one_box(shape):
    """Numbers of the kind of profile "release-2019-09": one box, filled by a constant."""
    return head.RATES, head.numbers(shape)._replace(in_min=1, in_max=1, in_constant=1, out_max=1)


def any_axis(shape):
    """What no profile does: flips along z, a curve a channel, large windows after one another, mixed fills."""
    windows = {f"max_window_{a}": max(1, d // 2) for a, d in zip("xyz", shape, strict=True)}
    numbers = head.numbers(shape)._replace(order=1, curves=3, flip_z=2, margin=0, out_constant=1, out_min=0, **windows)
    return head.RATES._replace(out_more=0.5), numbers


KINDS = [lambda shape: (head.RATES, head.numbers(shape)), paper, released, one_box, any_axis]
KIND_NAMES = ["head", "paper", "released", "one_box", "any_axis"]


def random_volume(shape, dtype=torch.float32, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def random_ids(count, seed=0):
    return np.random.default_rng(seed).integers(-(2**63), 2**63, count)


def as_numpy(x):
    return (x.float() if x.dtype == torch.bfloat16 else x).numpy()


def assert_same_bits(got, expected):
    """Compare with what the reference computed from the widened input, rounded once; NaN equals NaN."""
    expected = torch.from_numpy(np.ascontiguousarray(expected)).to(got.dtype)
    assert got.shape == expected.shape and got.is_contiguous()
    torch.testing.assert_close(got, expected, rtol=0, atol=0, equal_nan=True)


def assert_close(got, expected, span=1.0):
    """Compare within the tolerance of the curve, plus one rounding of half precision."""
    expected = torch.from_numpy(np.ascontiguousarray(expected)).to(got.dtype)
    rounding = 0.0 if got.dtype in (torch.float32, torch.float64) else torch.finfo(got.dtype).eps
    torch.testing.assert_close(got, expected, rtol=rounding, atol=CURVE_TOLERANCE * span, equal_nan=True)


@pytest.mark.parametrize("kind", KINDS, ids=KIND_NAMES)
@pytest.mark.parametrize("shape", SHAPES)
def test_plans_are_the_reference_s(shape, kind):
    rates, numbers = kind(shape)
    ids, seed = random_ids(40), -77
    expected = draw_plan.draw_plan(ids, seed, shape, rates, numbers)
    got = OPS.draw_plan(torch.from_numpy(ids), torch.tensor([seed]), shape, rates, numbers)
    np.testing.assert_array_equal(got.numpy(), expected)


@pytest.mark.parametrize("seed", range(20))
def test_plans_of_random_rates_and_numbers_are_the_reference_s(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 50, 3).tolist())
    sides = [int(side) for length in [*shape] * 3 for side in np.sort(rng.integers(1, length + 1, 2))]
    fewest = rng.integers(0, 4, 2)
    most = fewest + rng.integers(0, 6, 2)
    numbers = head.numbers(shape)._replace(
        flip_tries=rng.integers(0, 6),
        flip_none=rng.integers(1, 4),
        flip_z=rng.integers(0, 4),
        margin=rng.integers(0, 9),
    )
    numbers = [int(number) for number in numbers]
    numbers[11] = int(rng.integers(1, 5))  # curves
    numbers[13:25] = [int(fewest[0]), int(most[0]), 0, *sides[:6], int(fewest[1]), int(most[1]), 1]
    numbers[25:] = sides[6:]
    rates, ids, key = rng.random(8).tolist(), random_ids(30, seed), int(random_ids(1, seed + 1000)[0])
    expected = draw_plan.draw_plan(ids, key, shape, rates, numbers)
    got = OPS.draw_plan(torch.from_numpy(ids), torch.tensor([key]), shape, rates, numbers)
    np.testing.assert_array_equal(got.numpy(), expected)


@pytest.mark.parametrize("dtype", [*DTYPES, torch.float64])
@pytest.mark.parametrize("permute", [0, 1])
@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("shape", SHAPES)
def test_shuffles_are_the_reference_s(shape, order, permute, dtype):
    x = random_volume((2, 2, *shape), dtype)
    key = torch.from_numpy(random_ids(4).reshape(2, 2))
    names = local_shuffle.ORDERS[order], local_shuffle.PERMUTES[permute]
    for num_windows, divisor in ((0, 10), (400, 10), (60, 2)):
        sides = [max(1, length // divisor) for length in shape]
        got = OPS.local_shuffle(x, key, num_windows, sides, order, permute)
        expected = local_shuffle.local_shuffle(as_numpy(x), key.numpy(), num_windows, sides, *names)
        assert_same_bits(got, expected)


@pytest.mark.parametrize("permute", [0, 1])
@pytest.mark.parametrize("order", [0, 1])
def test_shuffles_by_windows_of_more_than_16_bits_are_the_reference_s(order, permute):
    shape = (64, 60, 56)
    x, key = random_volume((1, 1, *shape)), torch.tensor([[5, 6]])
    names = local_shuffle.ORDERS[order], local_shuffle.PERMUTES[permute]
    sizes = local_shuffle.windows(5, 6, shape, 30, shape)[0]
    assert (sizes.prod(axis=1) > 32768).any()
    got = OPS.local_shuffle(x, key, 30, shape, order, permute)
    assert_same_bits(got, local_shuffle.local_shuffle(x.numpy(), key.numpy(), 30, shape, *names))


def test_the_shuffle_of_profile_head_at_its_full_size_is_the_reference_s():
    x, key = random_volume((1, 1, 64, 64, 32)), torch.tensor([[2, 3]])
    got = OPS.local_shuffle(x, key, 10_000, [6, 6, 3], 0, 0)
    assert_same_bits(got, local_shuffle.local_shuffle(x.numpy(), key.numpy()))


def random_boxes(shape, count, seed=0):
    rng = np.random.default_rng(seed)
    corners = np.sort(rng.integers(0, np.array(shape) + 1, (3, count, 2, 3)), axis=2).reshape(3, count, 6)
    corners[:, count // 2] = 0  # an unused one in between
    return corners.astype(np.int32)


@pytest.mark.parametrize("dtype", [*DTYPES, torch.float64])
@pytest.mark.parametrize("filling", ["noise", "constant", "constants"])
@pytest.mark.parametrize("shape", SHAPES)
def test_painting_is_the_reference_s(shape, filling, dtype):
    x, boxes = random_volume((3, 2, *shape), dtype), random_boxes(shape, 4)
    rng = np.random.default_rng(1)
    key = random_ids(6).reshape(3, 2) if filling == "noise" else None
    fill = None if filling == "noise" else rng.random((3, 1 if filling == "constant" else 4), np.float32)
    tensors = [None if a is None else torch.from_numpy(a) for a in (key, fill)]
    ranges = [(-1.5, 2.5), (0.5, 0.5), *(np.sort(rng.normal(size=(3, c, 2)).astype(np.float32)) for c in (1, 2))]
    for kind in ([0, 1, 2], [2, 2, 1]):
        for limits in ranges:
            given = (None, *limits) if isinstance(limits, tuple) else (torch.from_numpy(limits), 0.0, 1.0)
            got = OPS.paint_boxes(x, torch.from_numpy(boxes), torch.tensor(kind, dtype=torch.int8), *tensors, *given)
            expected = paint_boxes.paint_boxes(as_numpy(x), boxes, np.array(kind), key, fill, limits)
            assert_same_bits(got, expected)


@pytest.mark.parametrize("dtype", [*DTYPES, torch.float64])
@pytest.mark.parametrize("clamp", [False, True])
@pytest.mark.parametrize("limits", [(0.0, 1.0), (0.25, 0.75), (-1000.0, 400.0), (0.5, 0.5)])
def test_curves_are_as_close_to_the_reference_as_promised(limits, clamp, dtype):
    lo, hi = limits
    rng = np.random.default_rng(2)
    points = rng.random((40, 3, 4)).astype(np.float32)
    points[:20] = rng.integers(0, 2, (20, 3, 4))  # corners: vertical tangents at the ends and inside
    falls = rng.random((40, 3)) < 0.5
    x = random_volume((40, 3, 5, 4, 3)) * max(hi - lo, 1.0) * 1.2 + lo
    x[0, 0, 0, 0] = torch.tensor([float("nan"), float("inf"), -float("inf")])
    x[:, :, 0, 1] = torch.tensor([lo, hi, 0.5 * (lo + hi)])
    x = x.to(dtype)
    got = OPS.bezier_map(x, torch.from_numpy(points), torch.from_numpy(falls), None, lo, hi, clamp)
    expected = bezier_map.bezier_map(as_numpy(x), points, falls, limits, clamp)
    assert_close(got, expected, span=max(hi - lo, 1.0))


@pytest.mark.parametrize("curves", [1, 3])
@pytest.mark.parametrize("ranges", [1, 3])
def test_curves_and_ranges_of_single_channels_are_as_close(curves, ranges):
    rng = np.random.default_rng(3)
    points, falls = rng.random((4, curves, 4), np.float32), rng.random((4, curves)) < 0.5
    limits = np.sort(rng.random((4, ranges, 2), np.float32), axis=2)
    x = random_volume((4, 3, 7, 6, 5))
    tensors = [torch.from_numpy(a) for a in (points, falls, limits)]
    got = OPS.bezier_map(x, *tensors, 0.0, 1.0, True)
    assert_close(got, bezier_map.bezier_map(x.numpy(), points, falls, limits))


@pytest.mark.parametrize("clamp", [False, True])
def test_slopes_of_curves_are_as_close(clamp):
    rng = np.random.default_rng(4)
    points, falls = rng.random((30, 1, 4), np.float32), rng.random((30, 1)) < 0.5
    x = torch.linspace(-0.5, 1.5, 400, dtype=torch.float64).expand(30, 1, 1, 1, 400).clone()
    x[0, 0, 0, 0, :3] = torch.tensor([float("nan"), float("inf"), -float("inf")])
    got = OPS.bezier_map_slope(x, torch.from_numpy(points), torch.from_numpy(falls), None, 0.0, 1.0, clamp)
    # Where the curve is steep, float64 leaves fewer digits of the slope; 1e-6 is far above what is left.
    expected = bezier_map.bezier_map_slope(x.numpy(), points, falls, clamp=clamp)
    torch.testing.assert_close(got, torch.from_numpy(expected), rtol=1e-6, atol=1e-6)


def transformed(x, rates, numbers, limits=(0.0, 1.0), clamp=True):
    """Run both, check what must have the same bits, and return (got, expected) of the input."""
    spatial_shape = tuple(x.shape[2:])
    plan = OPS.draw_plan(torch.arange(len(x)) - 3, torch.tensor([11]), spatial_shape, rates, numbers)
    given = (None, *limits) if isinstance(limits, tuple) else (torch.from_numpy(limits), 0.0, 1.0)
    got, target = OPS.genesis_transform(x, plan, numbers, *given, clamp)
    expected, expected_target = genesis_transform.genesis_transform(as_numpy(x), plan.numpy(), numbers, limits, clamp)
    assert_same_bits(target, expected_target)
    assert got.is_contiguous()
    for n, row in enumerate(plan.numpy()):
        draw = draw_plan.decode(row, numbers)
        inside = paint_boxes.mask(draw.boxes, spatial_shape)
        painted = {"none": np.zeros_like(inside), "in": inside, "out": ~inside}[draw.paint]
        exact = torch.from_numpy(painted if draw.nonlinear else np.ones_like(painted))
        assert_same_bits(got[n][:, exact], expected[n][:, exact.numpy()])
    return got, expected


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS, ids=KIND_NAMES)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_transform_is_the_reference_s(shape, kind, dtype):
    rates, numbers = kind(shape)
    x = random_volume((6, 3, *shape), dtype)
    assert_close(*transformed(x, rates, numbers._replace(num_windows=200)))


def test_the_transform_of_profile_head_at_its_full_size_is_the_reference_s():
    shape = (64, 64, 32)
    x = random_volume((4, 1, *shape))
    assert_close(*transformed(x, head.RATES._replace(shuffle=1), head.numbers(shape)))


@pytest.mark.parametrize("clamp", [False, True])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_transform_in_ranges_of_samples_and_channels_is_the_reference_s(channels, clamp):
    shape = (13, 12, 11)
    limits = np.sort(np.random.default_rng(5).normal(size=(8, channels, 2)).astype(np.float32))
    limits[7] = 0.25  # empty
    x = random_volume((8, 2, *shape)) * 6 - 3
    x[:, :, 4:6, 3] = float("nan")
    x[:, :, 7] = float("inf")
    rates, numbers = head.RATES, head.numbers(shape)._replace(num_windows=200)
    assert_close(*transformed(x, rates, numbers, limits, clamp), span=6.0)


@pytest.mark.parametrize("kind", KINDS, ids=KIND_NAMES)
def test_the_transform_of_strided_input_is_the_reference_s(kind):
    shape = (10, 14, 12)
    rates, numbers = kind(shape)
    wide = random_volume((12, 6, 24, 14, 10))
    strided = wide[::2, ::2, ::2].transpose(2, 4)  # every other sample and channel, axes swapped
    assert strided.shape == (6, 3, 10, 14, 12) and not strided.is_contiguous()
    assert_close(*transformed(strided, rates, numbers._replace(num_windows=200)))


def test_the_transform_of_no_samples_is_empty():
    rates, numbers = head.RATES, head.numbers((8, 8, 8))
    got, expected = transformed(torch.zeros(0, 2, 8, 8, 8), rates, numbers)
    assert got.shape == expected.shape == (0, 2, 8, 8, 8)


def test_the_profile_head_draws_by_the_numbers_of_the_reference():
    for shape in [(64, 64, 32), (13, 20, 7), (30, 40, 1), (1, 1, 1)]:
        small = max(shape) < 20  # said, since nothing is shuffled there
        with pytest.warns(UserWarning, match="shuffle anything") if small else nullcontext():
            plan = genesis_ext.GenesisTransform("head", seed=4).plan(torch.arange(20), shape)
        expected = draw_plan.draw_plan(np.arange(20), 4, shape, head.RATES, head.numbers(shape))
        np.testing.assert_array_equal(plan.tensor.numpy(), expected)
