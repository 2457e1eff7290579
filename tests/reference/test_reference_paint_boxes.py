# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Painting against recorded outputs; masks, noise, constants and ranges."""

import numpy as np
import pytest

from genesis_ext.reference import released
from genesis_ext.reference.paint_boxes import in_painting, mask, noise, out_painting, paint_boxes
from genesis_ext.reference.philox import Purpose, uniform, words

SHAPES = ["64x64x32", "48x40x32"]
KEY = np.array([[3, 5]])
BOXES = np.array([[[1, 1, 1, 4, 5, 3], [2, 2, 0, 6, 4, 2], [0, 0, 0, 0, 0, 0]]])


def corners(golden):
    start = golden["boxes_start"].astype(np.int64)
    return np.concatenate([start, start + golden["boxes_size"]], axis=1)


@pytest.mark.parametrize("shape", SHAPES)
def test_recorded_in_painting_is_reproduced(shared, shape):
    golden = np.load(shared / "golden" / f"in_painting_{shape}.npz")
    noises = [golden[f"noise_{b}"] for b in range(len(golden["boxes_size"]))]
    np.testing.assert_array_equal(in_painting(golden["input"], corners(golden), noises), golden["output"])
    given = zip(golden["boxes_size"], golden["boxes_start"], noises, strict=True)
    np.testing.assert_array_equal(released.in_painting(golden["input"], given), golden["output"])


@pytest.mark.parametrize("shape", SHAPES)
def test_recorded_out_painting_is_reproduced(shared, shape):
    golden = np.load(shared / "golden" / f"out_painting_{shape}.npz")
    noised = out_painting(golden["input"], corners(golden), golden["noise_0"])
    np.testing.assert_array_equal(noised, golden["output"])
    given = zip(golden["boxes_size"], golden["boxes_start"], strict=True)
    np.testing.assert_array_equal(released.out_painting(golden["input"], given, golden["noise_0"]), golden["output"])


def test_the_mask_is_the_union_of_the_boxes_cut_to_the_volume():
    inside = mask([[-2, 1, 0, 2, 9, 1], [1, 0, 0, 3, 1, 2], [2, 2, 1, 2, 3, 2]], (4, 3, 2))
    expected = np.zeros((4, 3, 2), bool)
    expected[:2, 1:, :1] = True
    expected[1:3, :1, :] = True
    np.testing.assert_array_equal(inside, expected)


def test_noise_of_a_voxel_is_the_word_that_the_specification_names():
    values = noise(8, 9, (3, 5, 7)).ravel()
    for v, value in enumerate(values):
        word = words(8, 9, Purpose.NOISE, (v >> 5) * 8 + (v & 7))[(v >> 3) & 3]
        assert value == uniform(word)
    assert len(np.unique(values)) == len(values)


def test_in_painting_fills_the_boxes_with_noise_that_the_channels_share():
    x = np.full((1, 2, 7, 6, 5), 2, np.float32)
    out = paint_boxes(x, BOXES, "in", key=KEY)
    expected = np.where(mask(BOXES[0], (7, 6, 5)), noise(3, 5, (7, 6, 5)), np.float32(2))
    np.testing.assert_array_equal(out, np.broadcast_to(expected, x.shape))


def test_out_painting_keeps_the_boxes_and_draws_noise_for_each_channel():
    x = np.full((1, 2, 7, 6, 5), 2, np.float32)
    out = paint_boxes(x, BOXES, "out", key=KEY)
    expected = np.where(mask(BOXES[0], (7, 6, 5)), np.float32(2), noise(3, 5, (2, 7, 6, 5)))
    np.testing.assert_array_equal(out[0], expected)
    assert (out[0, 0] != out[0, 1]).any()


def test_constants_are_those_of_the_last_box_in_and_of_the_first_out():
    x = np.zeros((1, 1, 7, 6, 5), np.float32)
    fill = np.float32([[0.25, 0.75, 0.5]])
    filled = paint_boxes(x, BOXES, "in", fill=fill)[0, 0]
    assert filled[1, 1, 1] == 0.25 and filled[3, 3, 1] == 0.75 and filled[0, 0, 0] == 0
    kept = paint_boxes(x, BOXES, "out", fill=fill)
    assert set(np.unique(kept)) == {np.float32(0), np.float32(0.25)}
    np.testing.assert_array_equal(kept, paint_boxes(x, BOXES, "out", fill=np.float32([0.25])))


def test_painted_values_lie_in_the_range_by_single_precision_arithmetic():
    x, limits = np.zeros((1, 1, 7, 6, 5), np.float32), np.float32([-1000.3, 412.7])
    out = paint_boxes(x, np.zeros((1, 0, 6), np.int32), "out", key=KEY, value_range=limits)
    np.testing.assert_array_equal(out, limits[0] + noise(3, 5, (1, 1, 7, 6, 5)) * (limits[1] - limits[0]))


@pytest.mark.parametrize("limits", [(0.5, 0.5), (0.5, -1.0)])
def test_an_empty_range_paints_its_lower_end(limits):
    x = np.zeros((1, 1, 4, 4, 4), np.float32)
    assert (paint_boxes(x, np.zeros((1, 0, 6), np.int32), "out", key=KEY, value_range=limits) == 0.5).all()


def test_no_boxes_paint_nothing_in_and_everything_out():
    x = np.full((2, 1, 4, 4, 4), np.nan, np.float32)
    out = paint_boxes(x, np.zeros((2, 3, 6), np.int32), np.int8([1, 2]), key=[[0, 0], [0, 1]])
    assert np.isnan(out[0]).all() and not np.isnan(out[1]).any()


def test_each_sample_has_its_kind_range_and_key():
    x = np.random.default_rng(0).random((3, 2, 7, 6, 5), np.float32)
    boxes, key = np.repeat(BOXES, 3, axis=0), [[3, 5], [3, 6], [3, 7]]
    limits = np.float32([[0, 1], [1, 5], [2, 3]])
    out = paint_boxes(x, boxes, np.int8([0, 1, 2]), key=key, value_range=limits)
    for n, kind in enumerate(["none", "in", "out"]):
        alone = paint_boxes(x[n : n + 1], BOXES, kind, key=key[n : n + 1], value_range=limits[n])
        np.testing.assert_array_equal(out[n : n + 1], alone)
    np.testing.assert_array_equal(out[0], x[0])


def test_half_precision_is_rounded_once():
    x = np.zeros((1, 1, 5, 5, 5), np.float16)
    single = paint_boxes(x.astype(np.float32), BOXES, "out", key=KEY, value_range=(-3, 11))
    half = paint_boxes(x, BOXES, "out", key=KEY, value_range=(-3, 11))
    np.testing.assert_array_equal(half, single.astype(np.float16))
