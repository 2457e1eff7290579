# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Plans: what a row holds, and what rates and numbers do to it."""

import numpy as np
import pytest

from genesis_ext.reference import head
from genesis_ext.reference.draw_plan import decode, draw_plan
from genesis_ext.reference.philox import Purpose, uniform, words

SHAPE = (64, 64, 32)


def draws(count, rates=head.RATES, numbers=None, seed=0, shape=SHAPE):
    numbers = numbers or head.numbers(shape)
    return [decode(row, numbers) for row in draw_plan(np.arange(count), seed, shape, rates, numbers)]


def test_the_numbers_of_profile_head_are_those_of_the_released_code():
    assert head.numbers(SHAPE) == (
        *(3, 1, 1, 1, 0),  # flips: three tries; channel axis, x, y; never z
        *(10_000, 6, 6, 3, 0, 0),  # windows up to a tenth
        *(1, 3),  # one curve, margin 3
        *(0, 5, 0, 10, 21, 10, 21, 5, 10),  # in-painting: a sixth to a third
        *(1, 5, 0, 28, 37, 28, 37, 14, 19, 28, 37, 28, 37, 14, 19),  # out-painting: less three to four sevenths
    )


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 1), (7, 5, 9), (13, 20, 1)])
def test_boxes_fit_short_axes(shape):
    sides = np.array(shape)
    for draw in draws(100, shape=shape):
        assert draw.paint != "out" or len(draw.boxes) > 0
        assert (draw.boxes[:, :3] >= 0).all() and (draw.boxes[:, 3:] <= sides).all()
        assert (draw.boxes[:, 3:] > draw.boxes[:, :3]).all()


def test_boxes_keep_the_margin_and_their_sides():
    for draw in draws(300):
        size, start = draw.boxes[:, 3:] - draw.boxes[:, :3], draw.boxes[:, :3]
        assert (start >= 3).all() and (start + size <= np.array(SHAPE) - 3).all()
        bounds = {"in": [(10, 10, 5), (21, 21, 10)], "out": [(28, 28, 14), (37, 37, 19)]}.get(draw.paint)
        assert bounds is None or ((size >= bounds[0]).all() and (size <= bounds[1]).all())


def test_a_sample_is_drawn_alike_in_every_batch():
    numbers, ids = head.numbers(SHAPE), np.array([5, -1, 2**62, 7])
    together = draw_plan(ids, 3, SHAPE, head.RATES, numbers)
    for n, sample_id in enumerate(ids):
        np.testing.assert_array_equal(draw_plan([sample_id], [3], SHAPE, head.RATES, numbers)[0], together[n])


def test_an_empty_batch_has_an_empty_plan():
    assert draw_plan(np.zeros(0, np.int64), 0, SHAPE, head.RATES, head.numbers(SHAPE)).shape == (0, 10 + 5 + 7 * 5)


@pytest.mark.parametrize(("seed", "sample_id"), [(-1, 5), (2**40 + 3, -(2**63)), (0, 2**63 - 1)])
def test_seed_and_sample_id_stand_in_the_row_as_their_bits(seed, sample_id):
    numbers = head.numbers(SHAPE)
    row = draw_plan([sample_id], seed, SHAPE, head.RATES, numbers)[0]
    low_and_high = [value % 2**64 >> shift & 0xFFFFFFFF for value in (seed, sample_id) for shift in (0, 32)]
    assert row[5:9].astype(np.uint32).tolist() == low_and_high
    draw = decode(row, numbers)
    assert (draw.seed, draw.sample_id) == (seed % 2**64, sample_id % 2**64)


def test_curves_and_fills_are_the_words_of_their_purposes():
    numbers = head.numbers(SHAPE)._replace(curves=3, in_constant=1)
    draw = decode(draw_plan([4], 2, SHAPE, head.RATES._replace(paint=1, outpaint=0), numbers)[0], numbers)
    np.testing.assert_array_equal(draw.control_points, uniform(words(2, 4, Purpose.CONTROL_POINTS, np.arange(3))))
    np.testing.assert_array_equal(draw.decreasing, words(2, 4, Purpose.DIRECTION, np.arange(3))[:, 0] >= 2**31)
    fills = uniform(words(2, 4, Purpose.FILL, np.arange(len(draw.boxes)))[:, 0])
    np.testing.assert_array_equal(draw.fills, fills)
    assert draw.constant and len(draw.boxes) > 0


def test_unused_boxes_are_zeros():
    numbers = head.numbers(SHAPE)
    for row in draw_plan(np.arange(200), 1, SHAPE, head.RATES, numbers):
        assert (row[10 + 5 + 7 * row[4] :] == 0).all()


def test_rates_of_zero_and_one_decide_everything():
    nothing = draws(50, head.RATES._replace(flip=0, shuffle=0, nonlinear=0, paint=0))
    assert {(d.flips, d.shuffle, d.nonlinear, d.paint, len(d.boxes)) for d in nothing} == {
        ((False, False, False), False, False, "none", 0)
    }
    everything = draws(50, head.RATES._replace(shuffle=1, nonlinear=1, paint=1, outpaint=1, out_more=1))
    assert {(d.shuffle, d.nonlinear, d.paint, len(d.boxes)) for d in everything} == {(True, True, "out", 5)}


@pytest.mark.parametrize(
    ("weights", "tries", "expected"), [((0, 0, 0, 1), 3, {2}), ((1, 0, 0, 0), 3, set()), ((0, 1, 0, 0), 2, set())]
)
def test_flips_toggle_the_axes_that_their_weights_allow(weights, tries, expected):
    numbers = head.numbers(SHAPE)._replace(
        flip_tries=tries, **dict(zip(("flip_none", "flip_x", "flip_y", "flip_z"), weights, strict=True))
    )
    for draw in draws(20, head.RATES._replace(flip=1), numbers):  # two toggles of one axis undo each other
        assert {axis for axis in range(3) if draw.flips[axis]} == expected


@pytest.mark.parametrize("least", [0, 1, 4, 7])
def test_the_least_number_of_boxes_is_always_drawn(least):
    numbers = head.numbers(SHAPE)._replace(in_min=least, in_max=7, out_min=least, out_max=7)
    rates = head.RATES._replace(paint=1, outpaint=0.5, in_more=0, out_more=0)
    assert {len(draw.boxes) for draw in draws(30, rates, numbers)} == {least}


def test_the_painted_fraction_stays_within_its_bound():
    numbers = head.numbers(SHAPE)._replace(in_max=20)
    rates = head.RATES._replace(paint=1, outpaint=0, in_more=1, in_max_fraction=0.05)
    counts = set()
    for draw in draws(100, rates, numbers):
        volume = np.prod(draw.boxes[:, 3:] - draw.boxes[:, :3], axis=1).sum()
        assert volume <= 0.05 * np.prod(SHAPE)
        counts.add(len(draw.boxes))
    assert len(counts) > 2 and max(counts) < 20


def test_constants_are_marked_for_the_kind_that_is_drawn():
    numbers = head.numbers(SHAPE)._replace(in_constant=1, out_constant=0)
    for draw in draws(60, head.RATES._replace(paint=0.8, outpaint=0.5), numbers):
        assert draw.constant == (draw.paint == "in")


def test_the_first_kept_box_has_sides_of_its_own():
    sides = {f"first_{end}_{axis}": 50 if axis != "z" else 20 for end in ("lo", "hi") for axis in "xyz"}
    numbers = head.numbers(SHAPE)._replace(**sides)
    for draw in draws(40, head.RATES._replace(paint=1, outpaint=1), numbers):
        size = draw.boxes[:, 3:] - draw.boxes[:, :3]
        assert size[0].tolist() == [50, 50, 20]
        assert (size[1:] <= [37, 37, 19]).all()
