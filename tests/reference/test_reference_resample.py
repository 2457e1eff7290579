# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Resampling against scipy.ndimage.zoom, dense algebra, and F.interpolate for antialias.

The oracles are asked about the reference, whose bits the operator has (tests/ops/test_resample.py); what else holds is
asked of both.
"""

import warnings

import numpy as np
import pytest
import scipy.ndimage
import torch
import torch.nn.functional as F

from genesis_ext import ops
from genesis_ext.reference.resample import resample as reference
from tests import oracles

RESIZES = [
    ((7, 5, 9), (5, 9, 12)),
    ((7, 5, 9), (14, 3, 1)),
    ((6, 13, 8), (6, 26, 4)),
    ((2, 9, 6), (5, 4, 6)),
    ((1, 7, 2), (4, 2, 9)),
    ((8, 7), (3, 18)),
    ((2, 2), (7, 1)),
    ((1, 1, 1), (3, 1, 2)),
    ((33, 20, 35), (20, 41, 17)),
]
every_resize = pytest.mark.parametrize(("shape", "out_shape"), RESIZES, ids=str)
every_boundary = pytest.mark.parametrize("boundary", oracles.BOUNDARIES)
FILL = 0.7


def by_operator(x, out_shape=None, zoom=None, dtype=None, **options):
    """The operator on arrays; a single axis gets a second one of one voxel."""
    line = x.ndim == 3
    if line:
        x, out_shape = x[..., None], (*out_shape, 1)
    got = ops.resample(
        torch.from_numpy(x),
        out_shape,
        zoom,
        dtype=None if dtype is None else torch.from_numpy(np.empty(0, dtype)).dtype,
        spatial_dims=x.ndim - 2,
        **options,
    ).numpy()
    return got[..., 0] if line else got


both = pytest.mark.parametrize("resample", [reference, by_operator], ids=["reference", "operator"])


def volume(shape, seed=0):
    return np.random.default_rng(seed).normal(size=(1, 1, *shape))


@pytest.mark.parametrize("order", [0, 1, 3])
@every_boundary
@every_resize
@pytest.mark.parametrize("grid_mode", [False, True], ids=["corners", "grid"])
def test_float64_is_what_dense_algebra_and_scipy_give(shape, out_shape, boundary, order, grid_mode):
    x = volume(shape)
    got = reference(x, out_shape, order=order, boundary=boundary, fill=FILL, grid_mode=grid_mode)
    assert got.shape == (1, 1, *out_shape)
    expected = oracles.zoom(x[0, 0], out_shape, order, boundary, FILL, grid_mode)
    np.testing.assert_allclose(got[0, 0], expected, rtol=0, atol=1e-12)
    if order == 3 and min(shape) < 6 and boundary in ("reflect", "grid-mirror"):
        return  # scipy errs
    np.testing.assert_allclose(got[0, 0], by_scipy(x[0, 0], out_shape, order, boundary, grid_mode), rtol=0, atol=2e-6)


def by_scipy(x, out_shape, order, boundary, grid_mode):
    factors = np.divide(out_shape, x.shape)
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # recommends mode="grid-constant"
        return scipy.ndimage.zoom(x, factors, order=order, mode=boundary, cval=FILL, grid_mode=grid_mode)


@pytest.mark.parametrize("order", [0, 1, 3])
@every_boundary
@every_resize
def test_float32_stays_within_the_bound(shape, out_shape, boundary, order):
    x = (volume(shape) * 1000).astype(np.float32)
    for grid_mode in (False, True):
        got = reference(x, out_shape, order=order, boundary=boundary, fill=FILL, grid_mode=grid_mode)
        assert got.dtype == np.float32
        expected = oracles.zoom(x[0, 0], out_shape, order, boundary, FILL, grid_mode)
        np.testing.assert_allclose(got[0, 0], expected, rtol=0, atol=1e-5 * np.abs(x).max())


@both
def test_the_last_voxel_is_inside_even_where_scipy_rounds_past_it(resample):
    missed = 0
    for n, m in ((a, b) for a in range(2, 30) for b in range(2, 30)):
        line = np.arange(n) + 1.0
        by_scipy = scipy.ndimage.zoom(line, m / n, order=1, mode="constant", cval=-99.0)
        got = resample(line[None, None], [m], order=1, boundary="constant", fill=-99.0)[0, 0]
        assert got.min() >= 1 and got[-1] == pytest.approx(n)
        missed += by_scipy[-1] == -99
    assert missed > 0  # scipy gives the fill there


@both
@pytest.mark.parametrize("fill", [0.1, np.inf, np.nan])
def test_outside_is_the_fill_exactly(resample, fill):
    x = volume((4, 5, 6)).astype(np.float32)
    got = resample(x, (8, 10, 12), order=3, boundary="constant", fill=fill, grid_mode=True)[0, 0]
    rim = np.ones((8, 10, 12), bool)
    rim[1:-1, 1:-1, 1:-1] = False
    np.testing.assert_array_equal(got[rim], np.float32(fill))
    assert np.isfinite(got[~rim]).all() and (got[~rim] != np.float32(0.1)).all()


@both
@pytest.mark.parametrize("order", [0, 1, 3])
@every_boundary
def test_axes_of_the_same_length_are_left_as_they_are(resample, boundary, order):
    x = np.concatenate([volume((5, 6, 7)), volume((5, 6, 7), seed=1)], axis=1).astype(np.float32)
    x[0, 0, 1, 2, 3] = np.nan
    for grid_mode in (False, True):
        got = resample(x, (5, 6, 7), order=order, boundary=boundary, grid_mode=grid_mode)
        np.testing.assert_array_equal(got, x)
        assert resample is reference or not np.shares_memory(got, x)


@both
@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("boundary", ["mirror", "reflect", "nearest", "grid-wrap"])
def test_an_axis_of_one_voxel_is_the_same_everywhere(resample, boundary, order):
    x = volume((1, 1, 4)).astype(np.float32)
    got = resample(x, (3, 5, 4), order=order, boundary=boundary, grid_mode=True)
    np.testing.assert_array_equal(got, np.broadcast_to(x, got.shape))


@both
def test_zoom_multiplies_the_sides_and_rounds_half_to_even(resample):
    x = volume((5, 7, 3))
    for zoom, out_shape in ((0.5, (2, 4, 2)), ((2, 0.5, 1), (10, 4, 3)), (1.5, (8, 10, 4)), (0.01, (1, 1, 1))):
        np.testing.assert_array_equal(resample(x, zoom=zoom, order=3), resample(x, out_shape, order=3))
    for sides in ({}, {"out_shape": (1, 1, 1), "zoom": 2.0}):
        with pytest.raises(ValueError, match="out_shape or zoom must be given"):
            resample(x, **sides)


@both
def test_samples_and_channels_are_resampled_alone(resample):
    x = np.random.default_rng(2).normal(size=(2, 3, 5, 6, 7)).astype(np.float32)
    together = resample(x, (4, 9, 3), order=3)
    for n, c in np.ndindex(2, 3):
        alone = resample(np.ascontiguousarray(x[n : n + 1, c : c + 1]), (4, 9, 3), order=3)
        np.testing.assert_array_equal(together[n : n + 1, c : c + 1], alone)
    assert resample(x[:0], (4, 9, 3)).shape == (0, 3, 4, 9, 3)


@both
@pytest.mark.parametrize("grid_mode", [False, True])
@pytest.mark.parametrize("order", [0, 1])
def test_nan_reaches_only_what_it_has_a_part_in(resample, order, grid_mode):
    x = np.zeros((1, 1, 9, 9, 9), np.float32)
    x[..., 4, 4, 4] = np.nan
    got = np.isnan(resample(x, (17, 17, 17), order=order, grid_mode=grid_mode)[0, 0])
    at = oracles.positions(9, 17, grid_mode)
    line = np.floor(at + 0.5) == 4 if order == 0 else np.abs(at - 4) < 1
    np.testing.assert_array_equal(got, np.einsum("x,y,z->xyz", line, line, line))


@both
def test_nan_reaches_its_whole_line_at_order_3_and_no_other_volume(resample):
    x = np.zeros((2, 1, 5, 6), np.float32)
    x[0, 0, 2, 3] = np.nan
    got = np.isnan(resample(x, (9, 6), order=3))
    assert got[0, 0, :, 3].all() and got.sum() == 9


@both
@pytest.mark.parametrize(("dtype", "largest"), [(np.uint8, 255), (np.int16, 32767)])
def test_integers_are_rounded_and_saturate(resample, dtype, largest):
    step = np.array([0] * 6 + [largest] * 6, dtype)[None, None]
    got = resample(step, [40], order=3)[0, 0]
    wide = resample(step, [40], order=3, dtype=np.float64)[0, 0]
    assert wide.max() > largest + 1 and wide.min() < -1  # the spline overshoots
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, np.clip(np.floor(wide + 0.5), np.iinfo(dtype).min, largest))


@both
def test_half_precision_is_the_single_precision_result_rounded_once(resample):
    x = volume((5, 6, 7)).astype(np.float16)
    single = resample(x.astype(np.float32), (7, 3, 8), order=3)
    np.testing.assert_array_equal(resample(x, (7, 3, 8), order=3), single.astype(np.float16))
    np.testing.assert_array_equal(resample(x, (7, 3, 8), order=3, dtype=np.float32), single)


@both
@pytest.mark.parametrize(
    ("shape", "out_shape"),
    [((17, 12), (5, 12)), ((17, 12), (6, 5)), ((31, 2), (31, 1)), ((9, 5), (4, 9)), ((45, 33), (44, 5))],
)
def test_linear_antialias_is_that_of_torch(resample, shape, out_shape):
    x = volume(shape)
    by_torch = F.interpolate(torch.from_numpy(x), out_shape, mode="bilinear", antialias=True).numpy()
    grows = any(m > n for n, m in zip(shape, out_shape, strict=True))
    # Where an axis grows, torch repeats the edge; where all shrink, no boundary plays a part.
    for boundary in ["nearest"] if grows else oracles.BOUNDARIES[:-1]:
        got = resample(x, out_shape, order=1, boundary=boundary, grid_mode=True, antialias=True)
        np.testing.assert_allclose(got, by_torch, rtol=0, atol=1e-12)


@both
@pytest.mark.parametrize("grid_mode", [False, True])
@pytest.mark.parametrize("order", [1, 3])
def test_antialias_is_the_stretched_kernel_with_weights_that_sum_to_one(resample, order, grid_mode):
    n, m = 23, 7
    x = volume((n,))
    step = n / m if grid_mode else (n - 1) / (m - 1)
    weights = oracles.bspline((np.arange(n) - oracles.positions(n, m, grid_mode)[:, None]) / step, order)
    weights /= weights.sum(axis=1, keepdims=True)
    got = resample(x, [m], order=order, grid_mode=grid_mode, antialias=True)[0, 0]
    np.testing.assert_allclose(got, weights @ x[0, 0], rtol=0, atol=1e-13)


@both
def test_antialias_leaves_axes_alone_that_do_not_shrink(resample):
    x = volume((6, 5, 9))
    options = {"order": 3, "boundary": "reflect", "grid_mode": True}
    grown = resample(x, (9, 5, 20), **options)
    np.testing.assert_array_equal(resample(x, (9, 5, 20), antialias=True, **options), grown)
    with pytest.raises(ValueError, match=r"antialias.*got .*0"):
        resample(x, (3, 3, 3), order=0, antialias=True)
    with pytest.raises(ValueError, match="order must be 0, 1 or 3, got 2"):
        resample(x, (3, 3, 3), order=2)


@both
def test_a_linear_ramp_stays_a_ramp(resample):
    ramp = np.arange(60.0)[None, None] * 3 + 1
    for order in (1, 3):
        got = resample(ramp, [178], order=order, boundary="mirror")[0, 0]
        inner = slice(50, -50)  # the mirrored ends are a kink
        np.testing.assert_allclose(got[inner], (np.arange(178) + 1)[inner], rtol=0, atol=1e-7)
