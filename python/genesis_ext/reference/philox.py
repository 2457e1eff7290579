# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Mirrors csrc/math/philox.h and csrc/math/draw.h: random words that are a pure function of where they are used.

Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]
UInt32 = NDArray[np.uint32]
UInt64 = NDArray[np.uint64]

_ROUNDS = 10
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))  # golden ratio and sqrt(3) - 1: what a round adds to the key
_MASK = np.uint64(0xFFFFFFFF)
_WORD = np.uint64(32)


class Purpose(IntEnum):
    """What a word is for. A number is never reused for another meaning."""

    FLIP = 1
    CHOICE = 2
    CONTROL_POINTS = 3
    DIRECTION = 4
    BOX = 5
    FILL = 6
    WINDOW = 7
    AXIS_PERMUTATION = 8
    NOISE = 9
    CROP = 10
    SUBVOLUME = 11
    ROTATION = 12
    ORIENTATION = 13
    JIGSAW = 14
    PERMUTATION_SET = 15
    AUGMENTATION = 16
    AUGMENTATION_NOISE = 17


def philox4x32(counter: ArrayLike, key: ArrayLike) -> UInt32:
    """Encrypt counters under keys: Philox4x32 with ten rounds.

    counter: (..., 4) and key: (..., 2), 32-bit words, broadcast over the leading axes.
    Returns (..., 4) uint32.
    """
    c = [np.asarray(counter).astype(np.uint64)[..., i] for i in range(4)]
    k = [np.asarray(key).astype(np.uint64)[..., i] for i in range(2)]
    for _ in range(_ROUNDS):
        product0, product1 = _MULTIPLIERS[0] * c[0], _MULTIPLIERS[1] * c[2]
        c = [
            (product1 >> _WORD) ^ c[1] ^ k[0],
            product1 & _MASK,
            (product0 >> _WORD) ^ c[3] ^ k[1],
            product0 & _MASK,
        ]
        k = [(k[0] + _WEYL[0]) & _MASK, (k[1] + _WEYL[1]) & _MASK]
    return np.stack(np.broadcast_arrays(*c), axis=-1).astype(np.uint32)


def bits64(value: ArrayLike) -> UInt64:
    """Read integers, signed or not, as unsigned 64-bit words."""
    return np.asarray(value).astype(np.uint64)


def words(seed: ArrayLike, sample_id: ArrayLike, purpose: Purpose, index: ArrayLike) -> UInt32:
    """Four random words for each (seed, sample id, purpose, index); seed, sample_id and index broadcast.

    seed, sample_id: 64-bit integers, signed or not.   index: integers in [0, 2^32).   Returns (..., 4) uint32.
    """
    seed, sample_id, index = np.broadcast_arrays(bits64(seed), bits64(sample_id), bits64(index))
    counter = (index & _MASK, np.full_like(index, purpose), sample_id & _MASK, sample_id >> _WORD)
    key = (seed & _MASK, seed >> _WORD)
    return philox4x32(np.stack(counter, axis=-1), np.stack(key, axis=-1))


def uniform(word: UInt32) -> Float32:
    """Map words to multiples of 2^-24 in [0, 1)."""
    return (np.asarray(word) >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def happens(word: UInt32, rate: float) -> NDArray[np.bool_]:
    """Whether an event of rate in [0, 1] happens: never at 0, always at 1."""
    return np.asarray(uniform(word).astype(np.float64) < rate)


def below(word: ArrayLike, n: ArrayLike) -> Int64:
    """Map words to integers in [0, n), n < 2^32, by the upper half of the product."""
    return ((bits64(word) * bits64(n)) >> _WORD).astype(np.int64)


def size_and_start(word: UInt32, lo: ArrayLike, hi: ArrayLike, length: ArrayLike, margin: int) -> tuple[Int64, Int64]:
    """Draw an interval on an axis of `length` voxels from one word.

    The size lies in [lo, hi], the ends at least `margin` voxels inside the axis, or as far as the size allows.
    Returns (size, start) int64, broadcast over the arguments.
    """
    lo, hi, length = (np.asarray(a, dtype=np.int64) for a in (lo, hi, length))
    product = bits64(word) * bits64(hi - lo + 1)
    size = lo + (product >> _WORD).astype(np.int64)
    inside = np.minimum(margin, (length - size) // 2)
    start = inside + below(product & _MASK, length - size - 2 * inside + 1)  # the lower half: the bits not yet used
    return size, start
