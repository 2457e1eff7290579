# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The prefilter against scipy.ndimage.spline_filter and against dense algebra."""

import numpy as np
import pytest
import scipy.ndimage

from genesis_ext.reference.spline_prefilter import spline_prefilter
from tests import oracles

SHAPES = [(7, 5, 9), (6, 13, 8), (9, 8), (2, 9, 6), (1, 7, 2), (2, 2), (1, 1, 1), (64, 33), (33, 40, 65)]
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
every_boundary = pytest.mark.parametrize("boundary", oracles.BOUNDARIES)


def volume(shape):
    return np.random.default_rng(0).normal(size=(1, 1, *shape))


@every_shape
@every_boundary
def test_float64_is_what_dense_algebra_and_scipy_give(shape, boundary):
    x = volume(shape)
    got = spline_prefilter(x, 3, boundary)[0, 0]
    np.testing.assert_allclose(got, oracles.spline_filter(x[0, 0], boundary), rtol=0, atol=1e-12)
    if boundary in ("reflect", "grid-mirror", "nearest") and min(shape) < 6:
        return  # scipy errs
    # scipy's start of the reflect family is off by 3e-5 at 6 voxels and less on longer lines.
    np.testing.assert_allclose(got, scipy.ndimage.spline_filter(x[0, 0], 3, mode=boundary), rtol=0, atol=5e-6)


@every_shape
@every_boundary
def test_float32_stays_within_the_bound(shape, boundary):
    x = (volume(shape) * 1000).astype(np.float32)
    got = spline_prefilter(x, 3, boundary)
    expected = oracles.spline_filter(x[0, 0], boundary)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got[0, 0], expected, rtol=0, atol=1e-5 * max(np.abs(x).max(), np.abs(expected).max()))


def test_orders_without_a_filter_are_refused():
    for order in (0, 1, 2):
        with pytest.raises(ValueError, match=f"order must be 3, got {order}"):
            spline_prefilter(volume((5, 6, 7)), order)


def test_the_spline_of_the_coefficients_passes_through_the_samples():
    x = volume((9, 7))[0, 0]
    c = np.pad(spline_prefilter(x[None, None], 3, "reflect")[0, 0], 1, "symmetric")
    along = (c[:-2] + 4 * c[1:-1] + c[2:]) / 6
    np.testing.assert_allclose((along[:, :-2] + 4 * along[:, 1:-1] + along[:, 2:]) / 6, x, rtol=0, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float16])
def test_small_dtypes_become_single_precision(dtype):
    x = np.abs(volume((5, 6)) * 50).astype(dtype)
    got = spline_prefilter(x)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, spline_prefilter(x.astype(np.float32)))


def test_nan_reaches_its_lines_and_no_further():
    x = np.zeros((2, 1, 5, 6), np.float32)
    x[1, 0, 2, 3] = np.nan
    got = np.isnan(spline_prefilter(x))
    assert not got[0].any() and got[1].all()  # from its column along all rows
    assert np.isnan(spline_prefilter(x[..., None, 2, :])[1]).all()
