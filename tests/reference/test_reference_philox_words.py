# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Words of samples are those of Philox at their place."""

import numpy as np
import pytest

from genesis_ext.reference.philox import Purpose, philox4x32
from genesis_ext.reference.philox_words import philox_words


def test_each_word_is_that_of_its_sample_and_index():
    ids, seed = np.array([5, -1, 2**62], np.int64), -(2**40)
    got = philox_words(ids, seed, Purpose.SUBVOLUME, 7)
    assert got.shape == (3, 7, 4) and got.dtype == np.int64
    for n, sample_id in enumerate(int(i) % 2**64 for i in ids):
        for k in range(7):
            key = [seed % 2**32, seed % 2**64 >> 32]
            words = philox4x32([k, Purpose.SUBVOLUME, sample_id % 2**32, sample_id >> 32], key)
            assert got[n, k].tolist() == words.tolist()


def test_no_samples_and_no_words_are_empty():
    assert philox_words(np.zeros(0, np.int64), 1, Purpose.ROTATION, 3).shape == (0, 3, 4)
    assert philox_words(np.arange(4), [1], Purpose.ROTATION, 0).shape == (4, 0, 4)


def test_a_purpose_that_has_no_meaning_is_refused():
    with pytest.raises(ValueError, match="0 is not a valid Purpose"):
        philox_words([1], 1, 0, 3)
