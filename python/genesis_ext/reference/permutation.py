# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Mirrors csrc/math/permutation.h: a keyed permutation of [0, n) without tables, and its inverse.

The swap-or-not shuffle of Hoang, Morris and Rogaway, "An enciphering scheme based on a card shuffle", CRYPTO 2012,
with 16 rounds: round r pairs x with K_r - x (mod n) and swaps the pair or not by a hash of its larger member.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Int64 = NDArray[np.int64]
UInt16 = NDArray[np.uint16]
UInt32 = NDArray[np.uint32]

_MAX_LENGTH_16 = 32768  # above, y + n no longer fits 16 bits and min(y, y + n) would pick the wrong one
_ROUNDS = 16


def _mix32(x: int) -> int:
    x ^= x >> 16
    x = x * 0x7FEB352D & 0xFFFFFFFF
    x ^= x >> 15
    x = x * 0x846CA68B & 0xFFFFFFFF
    return x ^ x >> 16


_C32 = np.array([_mix32(r + 1) | 1 for r in range(_ROUNDS)], dtype=np.uint32)
_D32 = np.array([_mix32(r + 77) | 1 for r in range(_ROUNDS)], dtype=np.uint32)
_C16, _D16 = _C32.astype(np.uint16), _D32.astype(np.uint16)
_E16 = np.array([_mix32(r + 153) & 0xFFFF for r in range(_ROUNDS)], dtype=np.uint16)  # no key makes all rounds equal


def permute(q: ArrayLike, n: ArrayLike, key: ArrayLike) -> Int64:
    """Send q to its place in the permutation of [0, n) under the 32-bit key; the arguments broadcast.

    q: integers in [0, n).   n: integers in [1, 2^20].   key: integers in [0, 2^32).   Returns int64.
    """
    return _apply(q, n, key, range(_ROUNDS))


def inverse(q: ArrayLike, n: ArrayLike, key: ArrayLike) -> Int64:
    """Undo `permute`: every round is its own inverse, so the rounds run backwards."""
    return _apply(q, n, key, reversed(range(_ROUNDS)))


def _apply(q: ArrayLike, n: ArrayLike, key: ArrayLike, rounds: Iterable[int]) -> Int64:
    q, n, key = np.broadcast_arrays(np.asarray(q, np.int64), np.asarray(n, np.int64), np.asarray(key, np.int64))
    narrow = n <= _MAX_LENGTH_16
    x16, n16 = q[narrow].astype(np.uint16), n[narrow].astype(np.uint16)
    x32, n32 = q[~narrow].astype(np.uint32), n[~narrow].astype(np.uint32)
    key16, key32 = key[narrow].astype(np.uint32), key[~narrow].astype(np.uint32)
    for r in rounds:
        x16 = _round16(x16, n16, key16, r)
        x32 = _round32(x32, n32, key32, r)
    result = np.empty(q.shape, np.int64)
    result[narrow] = x16
    result[~narrow] = x32
    return result


def _round16(x: UInt16, n: UInt16, key: UInt32, r: int) -> UInt16:
    lo, hi = key.astype(np.uint16), (key >> 16).astype(np.uint16)
    h = lo * _C16[r] + hi * _D16[r] + _E16[r]
    h ^= h >> 7
    k = (h.astype(np.uint32) * n >> 16).astype(np.uint16)
    y = k - x
    y = np.minimum(y, y + n)  # a negative difference wraps to a large number, so this is k - x modulo n
    t = (np.maximum(x, y) ^ h) * np.uint16(0x9E3B) + lo
    return np.where(t >> 15 != 0, y, x)


def _round32(x: UInt32, n: UInt32, key: UInt32, r: int) -> UInt32:
    h = key * _C32[r] + _D32[r]
    h ^= h >> 15
    h *= np.uint32(0x2C1B3C6D)
    h ^= h >> 12
    k = (h.astype(np.uint64) * n >> 32).astype(np.uint32)
    y = k - x
    y = np.minimum(y, y + n)
    t = (np.maximum(x, y) ^ h) * np.uint32(0x9E3779B1) + key
    t ^= t >> 15
    t *= np.uint32(0x85EBCA6B)
    return np.where(t >> 31 != 0, y, x)
