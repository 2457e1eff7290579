# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What all resampling is made of: boundaries, the prefilter, taps and results in another dtype."""

import numpy as np
import pytest

from genesis_ext.reference import axis
from genesis_ext.reference.axis import Axis, boundary_index, filtered, taps, taps_at
from genesis_ext.reference.convert import convert
from tests import oracles

FLOATS = [np.dtype(np.float32), np.dtype(np.float64)]


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("boundary", axis.BOUNDARIES)
def test_lines_go_on_as_numpy_pads_them(boundary, n):
    line = np.arange(n) + 10.0
    np.testing.assert_array_equal(axis.extended(line, boundary, -7.0, 40), oracles.extended(line, boundary, -7.0))


def test_crops_go_on_with_their_outermost_voxels():
    assert boundary_index(axis.CROP, [-9, -1, 0, 4, 5, 99], 5).tolist() == [0, 0, 0, 4, 4, 4]


def test_indices_far_outside_are_folded_exactly():
    far = 2**40
    assert boundary_index("mirror", [far, -far], 5).tolist() == [0, 0]  # 2^40 is a multiple of the period, 8
    assert boundary_index("reflect", [far + 3, -far - 1], 4).tolist() == [3, 0]
    assert boundary_index("grid-wrap", [far + 3, -far - 1], 4).tolist() == [3, 3]


def test_names_of_boundaries_are_known_with_their_synonym():
    assert axis.boundary_name("grid-mirror") == axis.boundary_name("reflect") == "reflect"
    with pytest.raises(ValueError, match=r"boundary must be one of mirror, .*grid-mirror, got 'wrap'"):
        axis.boundary_name("wrap")


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_coefficients_solve_the_equations_of_the_spline(dtype):
    samples = np.random.default_rng(0).normal(size=(90, 3)).astype(dtype)
    c = filtered(samples)
    assert c.dtype == dtype
    tolerance = 20 * np.finfo(dtype).eps
    np.testing.assert_allclose(c[:-2] + 4 * c[1:-1] + c[2:], samples[1:-1], rtol=0, atol=tolerance)
    inner = slice(30, -30)
    np.testing.assert_allclose(axis.GAIN * c[inner], oracles.coefficients(samples)[inner], rtol=0, atol=2 * tolerance)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_a_constant_line_has_constant_coefficients(dtype):
    c = filtered(np.full(30, 600, dtype))
    np.testing.assert_allclose(c, 100, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("order", [0, 1, 3])
def test_weights_are_those_of_the_b_spline(order):
    x = np.concatenate([np.linspace(-3, 9, 1001), np.arange(-3, 9) / 2])
    first, weights, length = taps_at(x, order, np.dtype(np.float64))
    assert (length > 0).all()
    for k in range(weights.shape[1]):
        expected = oracles.bspline(first + k - x, order) * (6 if order == 3 else 1)
        read = k < length
        np.testing.assert_allclose(weights[read, k], expected[read], rtol=0, atol=1e-14)
        assert (expected[~read] == 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 6 if order == 3 else 1, rtol=1e-14)


def test_weights_are_rounded_once_from_float64():
    x = np.random.default_rng(1).random(200) * 10
    for order in (1, 3):
        narrow, wide = (taps_at(x, order, dtype).weights for dtype in FLOATS)
        np.testing.assert_array_equal(narrow, wide.astype(np.float32))


def test_halves_go_up_at_order_0():
    assert taps_at(np.array([-0.5, 0.49, 0.5, 1.5, 2.5]), 0, FLOATS[0]).first.tolist() == [0, 0, 1, 2, 3]


@pytest.mark.parametrize("order", [1, 3])
@pytest.mark.parametrize("boundary", ["mirror", "grid-constant", axis.CROP])
@pytest.mark.parametrize(("n", "m"), [(7, 3), (100, 1), (33, 32), (2, 1), (9, 2)])
def test_stretched_weights_stay_inside_the_line_and_sum_to_one(n, m, boundary, order):
    first, weights, length = taps(Axis(n, m, n / m, 0.5, -0.5, order, boundary, stretched=True), FLOATS[1])
    assert (first >= 0).all() and (first + length <= n).all() and (length >= 1).all()
    k = np.arange(weights.shape[1])
    read = k < length[:, None]
    np.testing.assert_allclose((weights * read).sum(axis=1), 1, rtol=1e-14)
    assert (weights[read] > 0).all()
    # None that should be read is left out.
    where = first[:, None] + k
    expected = oracles.bspline((where - (np.arange(m)[:, None] + 0.5) * n / m + 0.5) / (n / m), order)
    assert (expected[~read & (where < n)] < 1e-15).all()


def test_positions_are_cut_at_the_last_voxel_where_corners_are_aligned():
    # 9 steps of 7/9 are more than 7 by rounding in some divisions: none of them may pass.
    for n in range(2, 60):
        for m in range(2, 60):
            positions = Axis(n, m, (n - 1) / (m - 1), 0.0, 0.0, 1, "mirror").positions
            assert positions[0] == 0
            assert positions[-1] <= n - 1 and positions[-1] == pytest.approx(n - 1)


@pytest.mark.parametrize(
    ("boundary", "inside"),
    [
        ("constant", [False, False, True, True, False, False, False]),
        (axis.CROP, [False, True, True, True, True, False, False]),
    ],
)
def test_only_two_boundaries_have_an_outside(boundary, inside):
    x = np.array([-0.51, -0.5, 0.0, 4.0, 4.5, 4.51, np.nan])
    assert axis.is_inside(x, boundary, 5).tolist() == inside
    for other in set(axis.BOUNDARIES) - {"constant"}:
        assert axis.is_inside(x, other, 5).tolist() == [True] * 6 + [False]


def test_integers_are_rounded_half_away_from_zero_and_saturate():
    values = np.float32([0.5, 1.5, -0.5, -1.5, 2.4999998, 254.5, 1e9, -1e9, np.inf, -np.inf, np.nan, 0.49999997])
    assert convert(values, np.int16).tolist() == [1, 2, -1, -2, 2, 255, 32767, -32768, 32767, -32768, 0, 0]
    assert convert(values, np.uint8).tolist() == [1, 2, 0, 0, 2, 255, 255, 0, 255, 0, 0, 0]


def test_half_precision_is_rounded_from_float32():
    just_above = np.float64(1 + 2**-11) + 2.0**-40  # a tie in float16 once it is a float32
    assert convert(np.array([just_above, 1e6]), np.float16).tolist() == [1.0, np.inf]
    values = np.float32([1.25, np.nan])
    assert convert(values, np.float32) is not values
    np.testing.assert_array_equal(convert(values, np.float64), values)
