# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The fixed sets of distant permutations."""

import hashlib
import itertools

import numpy as np
import pytest

from genesis_ext.reference.philox import Purpose, words
from genesis_ext.transforms import distant_permutations


def distances(permutations):
    """Of all pairs, the number of places at which they differ."""
    return [int((a != b).sum()) for a, b in itertools.combinations(permutations, 2)]


@pytest.mark.parametrize(
    ("tiles", "count", "least", "mean"), [(27, 100, 24, 26.2), (27, 1000, 22, 26.0), (9, 100, 6, 8.07), (8, 64, 5, 7.1)]
)
def test_permutations_are_far_from_each_other(tiles, count, least, mean):
    permutations = distant_permutations(tiles, count)
    assert permutations.shape == (count, tiles)
    assert (np.sort(permutations, axis=1) == np.arange(tiles)).all()
    between = distances(permutations)
    assert min(between) == least
    assert np.mean(between) >= mean


@pytest.mark.parametrize(("tiles", "count"), [(3, 4), (4, 10)])
def test_each_is_the_farthest_of_all_from_those_before_it(tiles, count):
    chosen = [tuple(range(tiles))]
    for _ in range(1, count):
        scores = {
            p: [sum(a != b for a, b in zip(p, other, strict=True)) for other in chosen]
            for p in itertools.permutations(range(tiles))
        }
        chosen.append(max(scores, key=lambda p: (min(scores[p]), sum(scores[p]))))  # of equal ones the first
    assert distant_permutations(tiles, count).tolist() == [list(p) for p in chosen]


def test_a_large_set_is_chosen_from_drawn_permutations():
    drawn = (words(0, candidate, Purpose.PERMUTATION_SET, np.arange(7)).ravel()[:27] for candidate in range(10_000))
    pool = np.array([np.argsort(own) for own in drawn])
    first, second = distant_permutations(27, 2)
    assert first.tolist() == pool[0].tolist()
    assert second.tolist() == pool[(pool != pool[0]).all(axis=1).argmax()].tolist()


def test_a_smaller_set_is_the_beginning_of_a_larger_one():
    assert np.array_equal(distant_permutations(27, 20), distant_permutations(27, 100)[:20])


def test_the_set_is_always_the_same():
    digest = hashlib.sha256(distant_permutations(27, 100).astype("<i8").tobytes()).hexdigest()
    assert digest == "b02a93b3a7af3d3ed6b3444f914eee798f405dec066c3576d2cc6e1aa8842497"


def test_the_set_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        distant_permutations(4, 4)[0, 0] = 1


def test_all_permutations_can_be_had_and_no_more():
    assert len({tuple(p) for p in distant_permutations(4, 24)}) == 24
    with pytest.raises(ValueError, match=r"count must be 2 .. 24 for 4 tiles, got 25"):
        distant_permutations(4, 25)
    with pytest.raises(ValueError, match=r"count must be 2 .. 5000 for 27 tiles, got 1"):
        distant_permutations(27, 1)
