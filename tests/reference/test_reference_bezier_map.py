# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The curve against recorded outputs, known points, and what is said of odd values and ranges."""

import numpy as np
import pytest

from genesis_ext.reference.bezier_map import bezier_map, bezier_map_slope, curve, curve_slope

CORNERS = [(1, 0, 1, 0), (1, 0.3, 0, 0.8), (0, 1, 0, 1), (0, 0, 0, 0), (1, 1, 1, 1), (0, 1, 1, 0), (0.999999, 0, 0, 1)]


def bernstein(t, a, b):
    return 3 * (1 - t) ** 2 * t * a + 3 * (1 - t) * t**2 * b + t**3


def one_curve(points, decreasing=False):
    return np.reshape(points, (1, 1, 4)), np.full((1, 1), decreasing)


def volume(values, dtype=np.float32):
    return np.asarray(values, dtype).reshape(1, 1, -1, 1, 1)


def test_recorded_curves_are_reproduced(shared):
    golden = np.load(shared / "golden" / "bezier.npz")
    points, decreasing = golden["control_points"][:, np.newaxis], ~golden["increasing"][:, np.newaxis]
    values = np.broadcast_to(golden["input"], (64, 1, 4097))
    np.testing.assert_allclose(bezier_map(values, points, decreasing)[:, 0], golden["output"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("points", CORNERS)
@pytest.mark.parametrize("decreasing", [False, True])
def test_points_on_the_curve_are_found(points, decreasing):
    t = np.linspace(0, 1, 1001)
    x, y = bernstein(t, *points[::2]), bernstein(1 - t if decreasing else t, *points[1::2])
    # The tolerance is that of the bottom of a cube: where x(t) is as flat as t^3, 1e-16 in x is 5e-6 in t.
    np.testing.assert_allclose(curve(x, points, decreasing), y, rtol=0, atol=2e-5)


def test_points_on_many_curves_are_found_closely():
    points = np.random.default_rng(0).random((500, 1, 4))
    t = np.linspace(0, 1, 101)
    x, y = bernstein(t, points[..., 0], points[..., 2]), bernstein(t, points[..., 1], points[..., 3])
    np.testing.assert_allclose(curve(x, points, False), y, rtol=0, atol=1e-10)


@pytest.mark.parametrize("points", CORNERS)
def test_the_ends_are_exact(points):
    assert curve([0.0, 1.0], points, False).tolist() == [0, 1]
    assert curve([0.0, 1.0], points, True).tolist() == [1, 0]


def test_points_on_the_diagonal_change_nothing():
    v = np.linspace(0, 1, 77)
    np.testing.assert_allclose(curve(v, [0.25, 0.25, 0.6, 0.6], False), v, atol=1e-12)


def test_values_outside_are_clamped_and_nan_stays():
    out = bezier_map(volume([-1, 2, np.inf, -np.inf, np.nan, 0, 1]), *one_curve([0.1, 0.5, 0.2, 0.9]))
    np.testing.assert_array_equal(out.ravel(), np.float32([0, 1, 1, 0, np.nan, 0, 1]))


@pytest.mark.parametrize(
    ("decreasing", "expected"), [(False, [-1, 2, np.inf, -np.inf]), (True, [2, -1, -np.inf, np.inf])]
)
def test_without_clamping_the_curve_goes_on_with_slope_one(decreasing, expected):
    curves = one_curve([0.1, 0.5, 0.2, 0.9], decreasing)
    out = bezier_map(volume([-1, 2, np.inf, -np.inf, np.nan]), *curves, clamp=False)
    np.testing.assert_array_equal(out.ravel(), np.float32([*expected, np.nan]))
    slope = bezier_map_slope(volume([-1, 2, np.inf, -np.inf, np.nan]), *curves, clamp=False)
    assert slope.ravel().tolist() == [-1 if decreasing else 1] * 4 + [0]


def test_a_value_range_shifts_and_stretches_the_curve():
    curves = one_curve([0.1, 0.5, 0.2, 0.9], True)
    v = np.linspace(0, 1, 50)
    mapped = bezier_map(volume(v * 1400 - 1000, np.float64), *curves, value_range=(-1000, 400))
    np.testing.assert_allclose(mapped, bezier_map(volume(v, np.float64), *curves) * 1400 - 1000, atol=1e-3)


@pytest.mark.parametrize("limits", [(0.5, 0.5), (1.0, 0.0), (np.nan, 1.0)])
@pytest.mark.parametrize("clamp", [False, True])
def test_an_empty_range_means_no_curve(limits, clamp):
    x = volume([-3, 0.5, 7, np.nan, np.inf])
    curves = one_curve([0.1, 0.5, 0.2, 0.9], True)
    np.testing.assert_array_equal(bezier_map(x, *curves, value_range=limits, clamp=clamp), x)
    assert (bezier_map_slope(x, *curves, value_range=limits, clamp=clamp) == 1).all()


def test_channels_may_have_curves_and_ranges_of_their_own():
    rng = np.random.default_rng(1)
    x, points, falls = rng.random((2, 3, 4, 5, 1), np.float32), rng.random((2, 3, 4)), rng.random((2, 3)) < 0.5
    limits = np.sort(rng.random((2, 3, 2), np.float32), axis=2)
    out = bezier_map(x, points, falls, limits)
    for n, c in np.ndindex(2, 3):
        at = slice(n, n + 1), slice(c, c + 1)
        np.testing.assert_array_equal(out[at], bezier_map(x[at], points[at], falls[at], limits[at]))


def test_half_precision_is_the_single_precision_result_rounded_once():
    x = np.random.default_rng(2).random((1, 1, 300), np.float32).astype(np.float16)
    curves = one_curve([0.9, 0.2, 0.4, 1.0])
    single = bezier_map(x.astype(np.float32), *curves)
    np.testing.assert_array_equal(bezier_map(x, *curves), single.astype(np.float16))


@pytest.mark.parametrize("decreasing", [False, True])
def test_the_slope_is_that_of_the_curve(decreasing):
    points = np.random.default_rng(3).random((50, 1, 4))
    v, step = np.linspace(0.05, 0.95, 31), 1e-5
    differences = (curve(v + step, points, decreasing) - curve(v - step, points, decreasing)) / (2 * step)
    np.testing.assert_allclose(curve_slope(v, points, decreasing), differences, rtol=1e-3, atol=1e-4)


def test_the_slope_is_zero_where_clamped_and_bounded_where_vertical():
    slope = bezier_map_slope(volume([-1, 0, 1, 2, np.nan]), *one_curve([0, 0.5, 1, 0.5]))
    assert slope.ravel().tolist() == [0, 1e4, 1e4, 0, 0]
    assert curve_slope(0.0, [0, 0, 0.5, 0.5], False) == pytest.approx(1, abs=1e-4)  # 0 / 0: the limit
