# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Philox words and what is made of them."""

from pathlib import Path

import numpy as np
import pytest

from genesis_ext.reference import philox
from genesis_ext.reference.philox import Purpose

KNOWN_ANSWERS = Path(__file__).parents[1] / "data" / "philox_kat.txt"


def known_answers():
    lines = [line.split() for line in KNOWN_ANSWERS.read_text().splitlines() if not line.startswith("#")]
    return [[int(word, 16) for word in words] for name, *words in lines if name == "philox4x32-10"]


@pytest.mark.parametrize("vector", known_answers())
def test_philox_gives_the_published_words(vector):
    assert philox.philox4x32(vector[:4], vector[4:6]).tolist() == vector[6:]


def test_there_are_three_published_vectors():
    assert len(known_answers()) == 3


def test_philox_of_many_counters_is_philox_of_each():
    counters = np.arange(24, dtype=np.uint32).reshape(2, 3, 4)
    together = philox.philox4x32(counters, [5, 6])
    for at in np.ndindex(2, 3):
        assert together[at].tolist() == philox.philox4x32(counters[at], [5, 6]).tolist()


@pytest.mark.parametrize("seed", [0, 2**63 + 12345, -1, -(2**40)])
@pytest.mark.parametrize("sample_id", [3, 2**64 - 7, -(2**63)])
def test_a_word_depends_on_all_bits_of_seed_sample_id_purpose_and_index(seed, sample_id):
    s, i = seed % 2**64, sample_id % 2**64
    expected = philox.philox4x32([77, 9, i % 2**32, i >> 32], [s % 2**32, s >> 32])
    assert philox.words(seed, sample_id, Purpose.NOISE, 77).tolist() == expected.tolist()


def test_purposes_keep_their_numbers():
    names = [
        "FLIP",
        "CHOICE",
        "CONTROL_POINTS",
        "DIRECTION",
        "BOX",
        "FILL",
        "WINDOW",
        "AXIS_PERMUTATION",
        "NOISE",
        "CROP",
        "SUBVOLUME",
        "ROTATION",
        "ORIENTATION",
        "JIGSAW",
        "PERMUTATION_SET",
        "AUGMENTATION",
        "AUGMENTATION_NOISE",
    ]
    assert [(purpose.name, purpose.value) for purpose in Purpose] == list(zip(names, range(1, 18), strict=True))


def test_uniform_reaches_from_zero_to_just_below_one():
    assert philox.uniform(np.uint32([0, 255, 256, 2**31, 2**32 - 1])).tolist() == [0, 0, 2**-24, 0.5, 1 - 2**-24]


def test_an_event_never_happens_at_rate_zero_and_always_at_rate_one():
    extremes = np.uint32([0, 2**32 - 1])
    assert not philox.happens(extremes, 0.0).any()
    assert philox.happens(extremes, 1.0).all()


def test_an_event_happens_as_often_as_its_rate_says():
    happened = philox.happens(philox.words(0, 0, Purpose.CHOICE, np.arange(25_000)), 0.9)
    assert abs(happened.mean() - 0.9) < 4 * (0.9 * 0.1 / happened.size) ** 0.5  # four standard deviations


@pytest.mark.parametrize("n", [1, 2, 3, 1000, 2**32 - 1])
def test_below_stays_below(n):
    assert philox.below(np.uint32([0, 2**32 - 1]), n).tolist() == [0, n - 1]


def test_size_and_start_reach_every_place_inside_the_margin_and_no_other():
    word = philox.words(1, 2, Purpose.BOX, np.arange(5_000)).ravel()
    size, start = philox.size_and_start(word, 2, 5, 12, margin=3)
    # A side of 5 or more leaves a margin of 3, which is what was asked for.
    assert set(zip(size.tolist(), start.tolist(), strict=True)) == {
        (s, a) for s in range(2, 6) for a in range(3, 12 - 3 - s + 1)
    }


@pytest.mark.parametrize(("length", "lo", "hi"), [(1, 1, 1), (2, 1, 2), (5, 4, 5), (7, 1, 7), (9, 9, 9)])
def test_the_margin_shrinks_where_the_axis_is_short(length, lo, hi):
    size, start = philox.size_and_start(philox.words(0, 1, Purpose.BOX, np.arange(500)), lo, hi, length, margin=3)
    kept = np.minimum(3, (length - size) // 2)
    assert (start >= kept).all() and (start + size <= length - kept).all()
    assert size.min() == lo and size.max() == hi
