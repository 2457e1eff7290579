# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The whole transform: order and independence of its parts."""

import numpy as np
import pytest

from genesis_ext.reference import head
from genesis_ext.reference.bezier_map import bezier_map
from genesis_ext.reference.draw_plan import decode, draw_plan
from genesis_ext.reference.genesis_transform import genesis_transform
from genesis_ext.reference.local_shuffle import local_shuffle
from genesis_ext.reference.paint_boxes import mask, noise

SHAPE = (22, 20, 18)
NUMBERS = head.numbers(SHAPE)._replace(num_windows=300)


def batch(channels=1, count=12):
    return np.random.default_rng(0).random((count, channels, *SHAPE), np.float32)


def plan(count=12, numbers=NUMBERS, **rates):
    return draw_plan(np.arange(count), 1, SHAPE, head.RATES._replace(**rates), numbers)


def test_the_target_is_the_flipped_patch():
    x, numbers = batch(), NUMBERS._replace(flip_z=1)
    rows = plan(numbers=numbers, flip=0.7)
    _, target = genesis_transform(x, rows, numbers)
    for n, row in enumerate(rows):
        flipped = [axis + 1 for axis, flip in enumerate(decode(row, numbers).flips) if flip]
        np.testing.assert_array_equal(target[n], np.flip(x[n], flipped))
    assert len({int(row[0]) for row in rows}) > 3


def test_without_distortions_input_and_target_are_the_patch():
    x = batch()
    distorted, target = genesis_transform(x, plan(flip=0, shuffle=0, nonlinear=0, paint=0), NUMBERS)
    np.testing.assert_array_equal(distorted, x)
    np.testing.assert_array_equal(target, x)


def test_the_shuffle_comes_before_the_curve_and_after_the_flip():
    x, rows = batch(), plan(flip=1, shuffle=1, nonlinear=1, paint=0)
    distorted, target = genesis_transform(x, rows, NUMBERS)
    for n, row in enumerate(rows):
        draw = decode(row, NUMBERS)
        shuffled = local_shuffle(target[n : n + 1], [[draw.seed, draw.sample_id]], 300, (2, 2, 1))
        expected = bezier_map(shuffled, draw.control_points[np.newaxis], draw.decreasing[np.newaxis])
        np.testing.assert_array_equal(distorted[n : n + 1], expected)


def test_noise_never_goes_through_the_curve():
    x, rows = batch(channels=2), plan(shuffle=1, nonlinear=1, paint=1)
    distorted, _ = genesis_transform(x, rows, NUMBERS)
    for n, row in enumerate(rows):
        draw = decode(row, NUMBERS)
        inside = mask(draw.boxes, SHAPE)
        painted = inside if draw.paint == "in" else ~inside
        values = noise(1, n, SHAPE if draw.paint == "in" else (2, *SHAPE))
        np.testing.assert_array_equal(distorted[n][:, painted], np.broadcast_to(values, x.shape[1:])[:, painted])


def test_constants_fill_the_painted_voxels():
    numbers = NUMBERS._replace(in_constant=1, out_constant=1)
    rows = plan(numbers=numbers, shuffle=0, nonlinear=0, paint=1, outpaint=0.5)
    distorted, target = genesis_transform(batch(), rows, numbers, value_range=(0.0, 2.0))
    for n, row in enumerate(rows):
        draw = decode(row, numbers)
        changed = np.unique(distorted[n][distorted[n] != target[n]])
        allowed = draw.fills if draw.paint == "in" else draw.fills[:1]
        assert set(changed.tolist()) <= set((np.float32(2) * allowed).tolist())


@pytest.mark.parametrize("curves", [1, 3])
def test_channels_share_a_curve_or_have_one_each(curves):
    x, numbers = np.repeat(batch(count=4), 3, axis=1), NUMBERS._replace(curves=curves)
    rows = plan(4, numbers, shuffle=0, nonlinear=1, paint=0)
    distorted, _ = genesis_transform(x, rows, numbers)
    same = (distorted[:, :1] == distorted).all()
    assert same == (curves == 1)


@pytest.mark.parametrize("limits", [(3,), (4, 3, 2)])
def test_ranges_are_per_sample_and_channel(limits):
    x, rows = batch(channels=3, count=4), plan(4, shuffle=0, nonlinear=1, paint=1)
    ranges = np.sort(np.random.default_rng(1).random((4, 3, 2), np.float32), axis=2)
    ranges = ranges if len(limits) == 3 else ranges[:, 0]
    distorted, _ = genesis_transform(x, rows, NUMBERS, value_range=ranges)
    for n in range(4):
        alone, _ = genesis_transform(x[n : n + 1], rows[n : n + 1], NUMBERS, value_range=ranges[n : n + 1])
        np.testing.assert_array_equal(distorted[n : n + 1], alone)


def test_nan_stays_where_it_is_and_harms_no_neighbour():
    x = batch()
    holed = x.copy()
    holed[:, :, 3:6, 4:9, 2:7] = np.nan
    rows = plan(flip=0, shuffle=0, nonlinear=1, paint=0)
    clean, dirty = genesis_transform(x, rows, NUMBERS)[0], genesis_transform(holed, rows, NUMBERS)[0]
    np.testing.assert_array_equal(np.isnan(dirty), np.isnan(holed))
    np.testing.assert_array_equal(dirty[~np.isnan(holed)], clean[~np.isnan(holed)])


def test_an_empty_batch_stays_empty():
    distorted, target = genesis_transform(batch(count=0), plan(0), NUMBERS)
    assert distorted.shape == target.shape == (0, 1, *SHAPE)
