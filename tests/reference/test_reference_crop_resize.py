# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Crops against scipy.ndimage on the whole volume, and against F.interpolate where a box is cut without a rest."""

import numpy as np
import pytest
import scipy.ndimage
import torch
import torch.nn.functional as F

from genesis_ext.reference.crop_resize import crop_resize
from tests import oracles

SHAPES = [(9, 12, 7), (5, 1, 30), (1, 1, 1), (16, 8, 6)]
NO_WINDOW = (0.0, 0.0)


def packed(shapes=SHAPES, dtype=np.float32, window=NO_WINDOW, seed=0):
    """Volumes one after another with a gap before each."""
    rng = np.random.default_rng(seed)
    offset, parts = [], []
    for shape in shapes:
        parts.append(np.full(3, 99))
        offset.append(sum(map(len, parts)))
        parts.append(rng.random(np.prod(shape)) * 200 + 20)
    return (
        np.concatenate(parts).astype(dtype),
        np.array(offset, np.int64),
        np.array(shapes, np.int32),
        np.array([window] * len(shapes), np.float32),
    )


def volume(volumes, v):
    voxels, offset, shape, _ = volumes
    return voxels[offset[v] :][: np.prod(shape[v])].reshape(shape[v])


def grid(box, out_shape):
    """Positions (3, M) of the samples of a box."""
    lines = [
        lo + (np.arange(m) + 0.5) * (hi - lo) / m - 0.5 for lo, hi, m in zip(box[:3], box[3:], out_shape, strict=True)
    ]
    return np.stack(np.meshgrid(*lines, indexing="ij")).reshape(3, -1)


def inside(box, shape, out_shape):
    at = grid(box, out_shape)
    return ((at >= -0.5) & (at <= np.array(shape)[:, None] - 0.5)).all(axis=0).reshape(out_shape)


@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize(
    ("v", "box", "out_shape"),
    [
        (0, (1.25, 2.5, 0.1, 6.75, 11.9, 6.3), (5, 6, 7)),
        (0, (0, 0, 0, 9, 12, 7), (20, 3, 9)),
        (0, (-2.3, -1, 3, 4, 16, 11), (9, 8, 7)),
        (1, (0.5, -3, 2, 4.5, 4, 29.5), (3, 5, 11)),
        (2, (-1, -1, -1, 2, 2, 2), (5, 4, 3)),
        (3, (2, 3, 1, 10, 7, 5), (8, 4, 4)),
    ],
)
def test_samples_are_those_of_the_whole_volume(v, box, out_shape, order):
    volumes, fill = packed(), -5.0
    got = crop_resize(volumes, [v], [box], out_shape, order, fill=fill)
    assert got.shape == (1, 1, *out_shape) and got.dtype == np.float32
    x = volume(volumes, v)
    expected = oracles.map_coordinates(x, grid(box, out_shape), order, "nearest").reshape(out_shape)
    here = inside(box, x.shape, out_shape)
    np.testing.assert_allclose(got[0, 0][here], expected[here], rtol=0, atol=1e-5 * 220)
    assert (got[0, 0][~here] == fill).all()
    by_scipy = scipy.ndimage.map_coordinates(x.astype(float), grid(box, out_shape), order=order, mode="nearest")
    np.testing.assert_allclose(got[0, 0][here], by_scipy.reshape(out_shape)[here], rtol=0, atol=1e-5 * 220)


def test_a_box_of_whole_voxels_in_its_own_size_is_the_part_itself():
    volumes = packed()
    for order in (0, 1):
        got = crop_resize(volumes, [0], [(2, 3, 1, 7, 10, 5)], (5, 7, 4), order)
        np.testing.assert_array_equal(got[0, 0], volume(volumes, 0)[2:7, 3:10, 1:5])


def test_a_whole_volume_is_resized_as_by_torch():
    volumes, out_shape = packed(), (6, 15, 20)
    x = torch.from_numpy(volume(volumes, 0).copy())[None, None]
    got = crop_resize(volumes, [0], [(0, 0, 0, 9, 12, 7)], out_shape, 1)
    by_torch = F.interpolate(x, out_shape, mode="trilinear").numpy()
    np.testing.assert_allclose(got, by_torch, rtol=0, atol=1e-5 * 220)


def test_antialias_of_a_whole_slice_is_that_of_torch():
    volumes = packed([(40, 33, 1)])
    x = torch.from_numpy(volume(volumes, 0)[..., 0].copy())[None, None].double()
    for out_shape in ((9, 12), (9, 50), (17, 33)):
        got = crop_resize(volumes, [0], [(0, 0, 0, 40, 33, 1)], (*out_shape, 1), 1, antialias=True)
        by_torch = F.interpolate(x, out_shape, mode="bilinear", antialias=True).numpy()
        np.testing.assert_allclose(got[..., 0], by_torch, rtol=0, atol=1e-5 * 220)


@pytest.mark.parametrize("order", [1, 3])
def test_antialias_takes_in_what_lies_around_the_box(order):
    volumes = packed([(40, 1, 1)])
    lo, hi, m = 10.0, 22.5, 5
    got = crop_resize(volumes, [0], [(lo, 0, 0, hi, 1, 1)], (m, 1, 1), order, antialias=True).ravel()
    step = (hi - lo) / m
    at = lo + (np.arange(m) + 0.5) * step - 0.5
    weights = oracles.bspline((np.arange(40) - at[:, None]) / step, order)
    expected = weights @ volume(volumes, 0).ravel() / weights.sum(axis=1)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * 220)
    with pytest.raises(ValueError, match="order must be 1 or 3 with antialias, got 0"):
        crop_resize(volumes, [0], [(0, 0, 0, 1, 1, 1)], (1, 1, 1), 0, antialias=True)


def test_a_window_becomes_zero_to_one_and_the_rest_is_cut():
    box, out_shape = [(-1, 0, 0, 9, 12, 7)], (20, 12, 7)
    stored = crop_resize(packed(), [0], box, out_shape, fill=100.0)
    got = crop_resize(packed(window=(50, 150)), [0], box, out_shape, fill=100.0)
    np.testing.assert_allclose(got, np.clip((stored - 50) / 100, 0, 1), rtol=0, atol=1e-6)
    assert (got[0, 0, 0] == 0.5).all()  # the fill is a stored value
    assert got.min() == 0 and got.max() == 1


@pytest.mark.parametrize("window", [(3.0, 3.0), (5.0, 1.0), (np.nan, 1.0)])
def test_an_empty_window_leaves_stored_values(window):
    box = [(0, 0, 0, 9, 12, 7)]
    np.testing.assert_array_equal(
        crop_resize(packed(window=window), [0], box, (5, 5, 5)), crop_resize(packed(), [0], box, (5, 5, 5))
    )


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float16])
def test_volumes_of_small_dtypes_are_their_values(dtype):
    volumes = packed(dtype=dtype)
    wide = (volumes[0].astype(np.float32), *volumes[1:])
    box, index = [(0.5, 1, 2, 6, 9, 6.5)] * 2, [0, 3]
    np.testing.assert_array_equal(
        crop_resize(volumes, index, box, (4, 5, 6), 3), crop_resize(wide, index, box, (4, 5, 6), 3)
    )


def test_labels_keep_their_values_at_order_0():
    volumes = packed(dtype=np.uint8)
    got = crop_resize(volumes, [0, 3], [(0.3, 1, 2, 6, 9, 6.5)] * 2, (9, 9, 9), 0, dtype=np.uint8)
    assert got.dtype == np.uint8
    for v, part in zip([0, 3], got, strict=True):
        assert set(part.ravel().tolist()) <= {0, *volume(volumes, v).ravel().tolist()}


@pytest.mark.parametrize(
    "box",
    [(0, 0, 0, 0, 5, 5), (4, 0, 0, 3, 5, 5), (0, 0, 0, np.inf, 5, 5), (np.nan, 0, 0, 1, 5, 5), (-2e9, 0, 0, 1, 5, 5)],
)
def test_a_box_that_is_none_gives_the_fill(box):
    got = crop_resize(packed(window=(0, 200)), [0], [box], (2, 3, 4), fill=50.0)
    assert (got == 0.25).all()


def test_an_index_of_no_volume_gives_the_fill_as_it_is():
    got = crop_resize(packed(window=(0, 200)), [-1, 4], [(0, 0, 0, 1, 1, 1)] * 2, (2, 3, 4), fill=50.0)
    assert got.shape == (2, 1, 2, 3, 4) and (got == 50).all()


def test_two_sides_are_enough_for_one_slice():
    volumes = packed([(40, 33, 1)])
    box = [(3, 4, 0, 20, 30, 1)]
    flat = crop_resize(volumes, [0], box, (7, 8), 3)
    np.testing.assert_array_equal(flat, crop_resize(volumes, [0], box, (7, 8, 1), 3)[..., 0])


def test_no_boxes_give_an_empty_batch():
    got = crop_resize(packed(), np.zeros(0, np.int64), np.zeros((0, 6), np.float32), (2, 3, 4))
    assert got.shape == (0, 1, 2, 3, 4)


def test_nan_stays_and_harms_no_neighbour():
    volumes = packed(window=(0, 200))
    volume(volumes, 0)[4, 5, 3] = np.nan
    got = crop_resize(volumes, [0, 3], [(0, 0, 0, 9, 12, 7), (0, 0, 0, 9, 8, 6)], (9, 12, 7))
    assert np.argwhere(np.isnan(got)).tolist() == [[0, 0, 4, 5, 3]]
