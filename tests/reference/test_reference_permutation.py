# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The keyed permutation: a bijection for every length, undone by its inverse, and uniform."""

from itertools import permutations
from math import factorial

import numpy as np
import pytest
from scipy import stats

from genesis_ext.reference.permutation import inverse, permute
from genesis_ext.reference.philox import Purpose, words

KEYS = words(2026, 0, Purpose.WINDOW, np.arange(200_000))[:, 3].astype(np.int64)  # as windows get them
SIGNIFICANT = 0.001


def test_every_length_up_to_4096_is_a_bijection():
    lengths = np.arange(1, 4097)
    first = np.cumsum(lengths) - lengths
    n, base = np.repeat(lengths, lengths), np.repeat(first, lengths)
    place = permute(np.arange(len(n)) - base, n, KEYS[0])
    assert (place < n).all()
    assert (np.bincount(place + base, minlength=len(n)) == 1).all()


@pytest.mark.parametrize("n", [20_000, 32_767, 32_768, 32_769, 40_000, 65_536, 65_537, 777_777, 2**20])
def test_long_permutations_are_bijections_undone_by_their_inverse(n):
    q = np.arange(n)
    place = permute(q, n, KEYS[n % 1000])
    assert (np.bincount(place, minlength=n) == 1).all()
    assert (inverse(place, n, KEYS[n % 1000]) == q).all()
    assert (place != q).any()


@pytest.mark.parametrize("n", [1, 2, 3, 10, 36, 108, 1000])
def test_the_inverse_undoes_the_permutation_under_every_key(n):
    q, keys = np.arange(n), KEYS[:100, np.newaxis]
    assert (inverse(permute(q, n, keys), n, keys) == q).all()
    assert (permute(inverse(q, n, keys), n, keys) == q).all()


@pytest.mark.parametrize("n", [2, 3, 4])
def test_all_orders_of_a_few_are_equally_frequent(n):
    orders = permute(np.arange(n), n, KEYS[:, np.newaxis])  # (200,000 keys, n)
    codes = orders @ n ** np.arange(n)
    possible = [np.dot(order, n ** np.arange(n)) for order in permutations(range(n))]
    counts = np.array([(codes == code).sum() for code in possible])
    assert counts.sum() == len(KEYS) and len(counts) == factorial(n)
    assert stats.chisquare(counts).pvalue > SIGNIFICANT


@pytest.mark.parametrize("n", range(5, 37))
def test_every_element_is_equally_frequent_at_every_place(n):
    keys = KEYS[:20_000]
    places = permute(np.arange(n), n, keys[:, np.newaxis])
    counts = np.stack([np.bincount(places[:, q], minlength=n) for q in range(n)])
    expected = len(keys) / n
    # Rows and columns of the table sum to the number of keys: (n - 1)^2 degrees of freedom.
    statistic = ((counts - expected) ** 2 / expected).sum() * (n - 1) / n
    assert stats.chi2.sf(statistic, (n - 1) ** 2) > SIGNIFICANT


def test_arguments_broadcast_and_both_widths_may_mix():
    n = np.array([5, 40_000, 32_768, 2**20])
    together = permute(4, n, KEYS[:4])
    assert together.tolist() == [int(permute(4, int(a), int(k))) for a, k in zip(n, KEYS, strict=False)]
