# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A fixed set of permutations that are far from each other: the answers of a jigsaw puzzle."""

import itertools
import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from genesis_ext.reference.philox import Purpose, words

_POOL = 10_000  # permutations to choose from
_MOST = 5_000  # chosen of them, so that the greedy choice still has one


@cache
def distant_permutations(tiles: int, count: int) -> NDArray[np.int64]:
    """Permutations of `tiles` things, each as far as possible from those before: (count, tiles) int64, read-only.

    The distance of two permutations is the number of places at which they differ (Hamming). From a pool of candidates
    the one is taken whose least distance to those taken before is the greatest, of several the one with the greatest
    sum of distances, of these the first; the first of the pool begins. The pool holds all permutations in lexicographic
    order where there are at most 10,000, else 10,000 drawn ones (docs/determinism.md). The same set always: of 27
    things 100 differ from each other at 24 places at least, at 26.2 on average.

    Raises:
        ValueError: fewer than two permutations, or more than there are or than 5,000.

    Source: Noroozi and Favaro, "Unsupervised Learning of Visual Representations by Solving Jigsaw Puzzles", ECCV 2016,
    whose pool are all permutations of 9 and whose measure is the sum alone.
    """
    most = min(math.factorial(tiles), _MOST)
    if not 2 <= count <= most:
        raise ValueError(f"distant_permutations: count must be 2 .. {most} for {tiles} tiles, got {count}")
    pool = _pool(tiles)
    least = np.full(len(pool), tiles + 1)
    total = np.zeros(len(pool), dtype=np.int64)
    chosen = [0]
    while len(chosen) < count:
        distance = (pool != pool[chosen[-1]]).sum(axis=1)
        least = np.minimum(least, distance)
        total += distance
        # The sum is at most count * tiles, so that it only tells equal least distances apart.
        chosen.append(int(np.argmax(least * (count * tiles + 1) + total)))
    permutations = pool[chosen].astype(np.int64)
    permutations.flags.writeable = False
    return permutations


def _pool(tiles: int) -> NDArray[np.uint16]:
    """The candidates, (P, tiles)."""
    if math.factorial(tiles) <= _POOL:
        return np.array(list(itertools.permutations(range(tiles))), dtype=np.uint16)
    drawn = words(0, np.arange(_POOL)[:, None], Purpose.PERMUTATION_SET, np.arange(-(-tiles // 4)))
    return np.argsort(drawn.reshape(_POOL, -1)[:, :tiles], axis=1, kind="stable").astype(np.uint16)
