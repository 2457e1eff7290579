# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Sampling by a matrix against scipy.ndimage.affine_transform and against dense algebra."""

import numpy as np
import pytest
import scipy.ndimage

from genesis_ext.reference.affine_sample import affine_sample, positions
from genesis_ext.reference.resample import resample
from tests import oracles

SHAPES = [(7, 8, 9), (6, 13, 7), (8, 7), (2, 9, 6), (1, 7, 6), (2, 2), (1, 1, 1)]
OUT = (8, 7, 6)
FILL = 0.7
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
every_boundary = pytest.mark.parametrize("boundary", oracles.BOUNDARIES)


def volume(shape, seed=0):
    return np.random.default_rng(seed).normal(size=(1, 1, *shape))


def random_matrix(axes, seed=0):
    """A rotation, shear and scaling about some point, so that a part of the output lies outside."""
    rng = np.random.default_rng(seed)
    matrix = np.eye(axes + 1)
    matrix[:axes, :axes] += rng.normal(size=(axes, axes)) * 0.4
    matrix[:axes, axes] = rng.normal(size=axes) * 2
    return matrix


@pytest.mark.parametrize("order", [0, 1, 3])
@every_boundary
@every_shape
def test_float64_is_what_dense_algebra_and_scipy_give(shape, boundary, order):
    x, axes = volume(shape), len(shape)
    matrix, out_shape = random_matrix(axes), OUT[:axes]
    got = affine_sample(x, matrix, out_shape, order, boundary, FILL)[0, 0]
    at = positions(matrix, out_shape)
    expected = oracles.map_coordinates(x[0, 0], at, order, boundary, FILL).reshape(out_shape)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)
    if order == 3 and boundary in ("reflect", "grid-mirror") and min(shape) < 6:
        return  # scipy errs
    by_scipy = scipy.ndimage.affine_transform(
        x[0, 0], matrix, output_shape=out_shape, order=order, mode=boundary, cval=FILL
    )
    np.testing.assert_allclose(got, by_scipy, rtol=0, atol=5e-6)


@pytest.mark.parametrize("order", [0, 1, 3])
@every_boundary
@every_shape
def test_float32_stays_within_the_bound(shape, boundary, order):
    x, axes = (volume(shape) * 1000).astype(np.float32), len(shape)
    matrix, out_shape = random_matrix(axes, 1), OUT[:axes]
    got = affine_sample(x, matrix, out_shape, order, boundary, FILL)
    assert got.dtype == np.float32
    expected = oracles.map_coordinates(x[0, 0], positions(matrix, out_shape), order, boundary, FILL)
    np.testing.assert_allclose(got.ravel(), expected, rtol=0, atol=1e-5 * np.abs(x).max())


def test_positions_are_the_matrix_times_the_output_index():
    matrix = random_matrix(3)
    indices = np.indices(OUT).reshape(3, -1)
    expected = (matrix @ np.vstack([indices, np.ones(indices.shape[1])]))[:3]
    np.testing.assert_allclose(positions(matrix, OUT), expected, atol=1e-13)


@pytest.mark.parametrize("boundary", oracles.BOUNDARIES)
@pytest.mark.parametrize("order", [0, 1, 3])
def test_a_diagonal_matrix_is_resampling(order, boundary):
    x, out_shape = volume((6, 7, 8)), (9, 4, 15)
    step = [(n - 1) / (m - 1) for n, m in zip(x.shape[2:], out_shape, strict=True)]
    got = affine_sample(x, np.diag([*step, 1.0]), out_shape, order, boundary)
    expected = resample(x, out_shape, order=order, boundary=boundary)
    inside = np.s_[:, :, :-1, :-1, :-1]  # the last position may be rounded to the other side of the last voxel
    np.testing.assert_allclose(got[inside], expected[inside], rtol=0, atol=1e-12)


@pytest.mark.parametrize("order", [0, 1])
def test_whole_positions_give_the_voxels_themselves(order):
    x = volume((5, 6, 7)).astype(np.float32)
    flip = np.diag([1.0, -1.0, 1.0, 1.0])
    flip[1, 3] = 5
    np.testing.assert_array_equal(affine_sample(x, flip, (5, 6, 7), order), x[:, :, :, ::-1])
    axes_swapped = np.eye(4)[[2, 1, 0, 3]]
    np.testing.assert_array_equal(affine_sample(x, axes_swapped, (7, 6, 5), order), x.transpose(0, 1, 4, 3, 2))


def test_each_sample_has_its_matrix_and_channels_share_it():
    x = np.random.default_rng(3).normal(size=(2, 3, 5, 6, 7)).astype(np.float32)
    matrices = np.stack([random_matrix(3, 4), random_matrix(3, 5)])
    together = affine_sample(x, matrices, OUT, 3, "mirror")
    for n, c in np.ndindex(2, 3):
        alone = affine_sample(x[n : n + 1, c : c + 1], matrices[n], OUT, 3, "mirror")
        np.testing.assert_array_equal(together[n : n + 1, c : c + 1], alone)
    assert affine_sample(x[:0], matrices[:0], OUT).shape == (0, 3, *OUT)


@every_boundary
def test_far_positions_and_no_positions_do_no_harm(boundary):
    x = volume((5, 6))
    far = np.array([[1.0, 0, 1e13], [0, 1, -1e12], [0, 0, 1]])
    got = affine_sample(x, far, (3, 3), 3, boundary, FILL)
    assert np.isfinite(got).all()
    if boundary in ("constant", "grid-constant"):
        np.testing.assert_allclose(got, FILL, rtol=1e-12)
    if boundary == "nearest":
        np.testing.assert_allclose(got, x[0, 0, -1, 0], rtol=1e-12)
    for no_place in (2.0**50, 1e300, np.inf, np.nan):
        far[0, 2] = no_place
        assert (affine_sample(x, far, (3, 3), 3, boundary, FILL) == FILL).all()


def test_nan_reaches_only_what_it_has_a_part_in():
    x = np.zeros((1, 1, 5, 6), np.float32)
    x[0, 0, 2, 3] = np.nan
    shift = np.eye(3)
    shift[0, 2] = 0.5
    got = affine_sample(x, shift, (4, 6), 1, "nearest")
    np.testing.assert_array_equal(np.argwhere(np.isnan(got[0, 0])), [[1, 3], [2, 3]])


def test_results_are_rounded_and_saturate():
    x = np.array([[[-200, 100, 300]]], np.int16)
    half = np.array([[1.0, 0, 0.5], [0, 1, 0], [0, 0, 1]])
    got = affine_sample(x[..., None], half, (2, 1), 1, "nearest", dtype=np.uint8)
    assert got.dtype == np.uint8 and got.ravel().tolist() == [0, 200]
    assert affine_sample(x[..., None] + 1, half, (2, 1), 1).ravel().tolist() == [-49, 201]
    with pytest.raises(ValueError, match="order must be 0, 1 or 3, got 5"):
        affine_sample(x[..., None], half, (2, 1), 5)
