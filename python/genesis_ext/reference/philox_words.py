# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Mirrors csrc/ops/philox_words: the random words of samples, for decisions that are drawn outside of a plan."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genesis_ext.reference.philox import Purpose, words

Int64 = NDArray[np.int64]


def philox_words(sample_id: ArrayLike, seed: ArrayLike, purpose: int, count: int) -> Int64:
    """Return the words of indices 0 ... count - 1 for each sample.

    sample_id: (N,) 64-bit integers.   seed: one 64-bit integer.   purpose: what the words are for (`philox.Purpose`).
    Returns (N, count, 4) with values in [0, 2^32). Exactness class A.
    """
    ids = np.asarray(sample_id)[:, np.newaxis]
    return words(np.reshape(seed, ()), ids, Purpose(purpose), np.arange(count)).astype(np.int64)
