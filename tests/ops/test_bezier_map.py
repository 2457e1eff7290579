# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The intensity curve."""

import pytest
import torch

from genesis_ext import ops
from tests.cases import same_bits, voxels

EXACT = 1e-5  # of the range, the promise for float32
RISING, FALLING = torch.tensor([[False]]), torch.tensor([[True]])
S_CURVE = torch.tensor([[[0.7, 0.1, 0.2, 0.9]]])
VERTICAL = torch.tensor([[[1.0, 0.0, 0.0, 1.0]]])


def line(lo=0.0, hi=1.0, count=4097):
    return torch.linspace(lo, hi, count).view(1, 1, -1, 1, 1)


def test_points_on_the_diagonal_leave_values_alone():
    points = torch.tensor([[[1 / 3, 1 / 3, 2 / 3, 2 / 3]]])
    torch.testing.assert_close(ops.bezier_map(line(), points, RISING), line(), atol=EXACT, rtol=0)
    torch.testing.assert_close(ops.bezier_map(line(), points, FALLING), 1 - line(), atol=EXACT, rtol=0)


def test_a_known_curve_has_its_known_values():
    # x1 = 0, x2 = 1 makes x(t) = 3 t^2 - 2 t^3; with y1 = y2 = 1 y(t) = 1 - (1 - t)^3; t = 1/4, 1/2, 3/4.
    points = torch.tensor([[[0.0, 1.0, 1.0, 1.0]]])
    x = torch.tensor([0.0, 10 / 64, 0.5, 54 / 64, 1.0]).view(1, 1, -1, 1, 1)
    y = torch.tensor([0.0, 37 / 64, 7 / 8, 63 / 64, 1.0]).view_as(x)
    torch.testing.assert_close(ops.bezier_map(x, points, RISING), y, atol=EXACT, rtol=0)


@pytest.mark.parametrize("seed", range(5))
def test_a_curve_is_monotone_from_end_to_end(seed):
    points = torch.rand(1, 1, 4, generator=torch.Generator().manual_seed(seed))
    for decreasing, ends in ((RISING, [0.0, 1.0]), (FALLING, [1.0, 0.0])):
        y = ops.bezier_map(line(), points, decreasing).flatten()
        steps = y.diff() if ends == [0.0, 1.0] else -y.diff()
        assert steps.min() >= -EXACT
        torch.testing.assert_close(y[[0, -1]], torch.tensor(ends), atol=EXACT, rtol=0)


def test_values_outside_are_clamped_or_go_on_with_slope_one():
    x = torch.tensor([-torch.inf, -3.0, -0.5, 1.5, 3.0, torch.inf]).view(1, 1, -1, 1, 1)
    for decreasing, ends in ((RISING, (0.0, 1.0)), (FALLING, (1.0, 0.0))):
        y = ops.bezier_map(x, S_CURVE, decreasing).flatten()
        expected = torch.tensor([ends[0]] * 3 + [ends[1]] * 3)
        torch.testing.assert_close(y, expected, atol=EXACT, rtol=0)
    assert same_bits(ops.bezier_map(x, S_CURVE, RISING, clamp=False), x)
    assert same_bits(ops.bezier_map(x, S_CURVE, FALLING, clamp=False), 1 - x)


def test_a_range_moves_and_stretches_the_curve():
    x = line(-2.0, 6.0)
    for clamp in (True, False):
        expected = ops.bezier_map((x + 1) / 4, S_CURVE, FALLING, clamp=clamp) * 4 - 1
        got = ops.bezier_map(x, S_CURVE, FALLING, value_range=(-1.0, 3.0), clamp=clamp)
        torch.testing.assert_close(got, expected, atol=4 * EXACT, rtol=0)


# A span whose reciprocal float32 does not hold is as good as none.
EMPTY = {"fixed": (0.25, 0.25), "tensor": torch.tensor([[0.25, 0.25]]), "narrow": (0.0, 1e-40), "wide": (-3e38, 3e38)}


@pytest.mark.parametrize("value_range", EMPTY.values(), ids=EMPTY)
def test_an_empty_range_leaves_x_alone(value_range):
    x = voxels((1, 1, 7, 5, 3))
    assert same_bits(ops.bezier_map(x, S_CURVE, FALLING, value_range=value_range), x)


def test_the_three_forms_of_a_range_agree():
    x = voxels((2, 3, 7, 5, 3))
    points, decreasing = S_CURVE.repeat(2, 1, 1), FALLING.repeat(2, 1)
    fixed = ops.bezier_map(x, points, decreasing, value_range=(-0.5, 2.0))
    per_sample = torch.tensor([[-0.5, 2.0]] * 2)
    assert same_bits(ops.bezier_map(x, points, decreasing, value_range=per_sample), fixed)
    assert same_bits(ops.bezier_map(x, points, decreasing, value_range=per_sample[:, None].repeat(1, 3, 1)), fixed)


def test_a_curve_a_channel_is_each_channel_on_its_own():
    x = voxels((2, 3, 7, 5, 3))
    points = torch.rand(2, 3, 4, generator=torch.Generator().manual_seed(0))
    decreasing = torch.tensor([[True, False, True], [False, False, True]])
    value_range = torch.tensor([[[0.0, 1.0], [-0.5, 0.5], [0.3, 0.3]]] * 2)
    together = ops.bezier_map(x, points, decreasing, value_range)
    for c in range(3):
        one = slice(c, c + 1)
        alone = ops.bezier_map(x[:, one], points[:, one], decreasing[:, one], value_range[:, one])
        assert same_bits(together[:, one], alone)


def test_nan_stays_nan_and_harms_no_neighbour():
    x = line(count=64).clone()
    x[0, 0, 17] = torch.nan
    for clamp in (True, False):
        y = ops.bezier_map(x, VERTICAL, RISING, clamp=clamp)
        assert y.isnan().nonzero()[:, 2].tolist() == [17]
        assert same_bits(y[:, :, 18:], ops.bezier_map(x[:, :, 18:], VERTICAL, RISING, clamp=clamp))


def gradient(x, points=S_CURVE, decreasing=RISING, **options):
    x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(ops.bezier_map(x, points, decreasing, **options).nan_to_num().sum(), x)
    return slope.flatten()


def test_the_gradient_is_zero_where_clamped_and_one_outside():
    x = torch.tensor([-1.0, 2.0]).view(1, 1, 2, 1, 1)
    assert gradient(x).tolist() == [0.0, 0.0]
    assert gradient(x, clamp=False).tolist() == [1.0, 1.0]
    assert gradient(x, decreasing=FALLING, clamp=False).tolist() == [-1.0, -1.0]


def test_the_gradient_is_bounded_where_the_curve_is_vertical_and_zero_at_nan():
    x = torch.tensor([0.5, torch.nan]).view(1, 1, 2, 1, 1)
    steep, at_nan = gradient(x, points=VERTICAL).tolist()
    assert 100.0 < steep <= 1e4
    assert at_nan == 0.0


def test_the_gradient_of_an_empty_range_is_one():
    assert gradient(line(count=5), value_range=(0.5, 0.5)).tolist() == [1.0] * 5


def test_the_gradient_is_the_same_in_compiled_code():
    torch.compiler.reset()

    @torch.compile(fullgraph=True, backend="aot_eager")
    def loss(v):
        return (ops.bezier_map(v, S_CURVE, FALLING) ** 2).sum()

    x = line(count=33).requires_grad_()
    (compiled,) = torch.autograd.grad(loss(x), x)
    (eager,) = torch.autograd.grad((ops.bezier_map(x, S_CURVE, FALLING) ** 2).sum(), x)
    assert torch.equal(compiled, eager)


def test_a_second_derivative_is_refused_in_words():
    x = line(count=5).double().requires_grad_()
    (slope,) = torch.autograd.grad(ops.bezier_map(x, S_CURVE, RISING).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match=r"bezier_map: must be differentiated once at most.*second derivative"):
        slope.sum().backward()


def test_gradients_of_points_and_range_are_refused_in_words():
    with pytest.raises(RuntimeError, match=r"bezier_map: control_points must not require a gradient.*detach\(\)"):
        ops.bezier_map(line(), S_CURVE.clone().requires_grad_(), RISING)
    with pytest.raises(RuntimeError, match=r"bezier_map: value_range must not require a gradient"):
        ops.bezier_map(line(), S_CURVE, RISING, value_range=torch.zeros(1, 2, requires_grad=True))


def test_float64_points_are_taken_too():
    assert same_bits(ops.bezier_map(line(), S_CURVE.double(), RISING), ops.bezier_map(line(), S_CURVE, RISING))
