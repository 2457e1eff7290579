# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Mirrors csrc/ops/local_shuffle: voxels change places within small windows.

Models Genesis (MICCAI 2019), section 2, transformation II. Two orders: "last_writer", as the released code (every
window reads the original, the last one to write a voxel wins), and "sequential", as the paper (the windows act one
after another, which keeps the histogram).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genesis_ext.reference.permutation import permute as permute_index
from genesis_ext.reference.philox import Purpose, size_and_start, words

Array = NDArray[Any]
Int64 = NDArray[np.int64]

ORDERS = ("last_writer", "sequential")  # by number, as in a plan
PERMUTES = ("voxel", "axes")


def local_shuffle(
    x: Array,
    key: ArrayLike,
    num_windows: int = 10_000,
    max_window: Sequence[int] | None = None,
    order: str = "last_writer",
    permute: str = "voxel",
) -> Array:
    """Shuffle voxels within random windows, all channels alike.

    x: (N, C, X, Y, Z).   key: (N, 2) integers = seed, sample id.
    max_window: largest side of a window along each axis, by default a tenth of the axis, at least 1; a window holds at
    most 2^20 voxels.
    order: "last_writer" or "sequential".   permute: "voxel" (all voxels of a window) or "axes" (each axis on its own).
    Returns an array like x. Exactness class A.
    """
    spatial_shape = x.shape[2:]
    sides = max_window if max_window is not None else [max(1, length // 10) for length in spatial_shape]
    result = x.copy()
    for n, (seed, sample_id) in enumerate(np.asarray(key)):
        source = source_index(seed, sample_id, spatial_shape, num_windows, sides, order, permute)
        result[n] = x[n].reshape(len(x[n]), -1)[:, source]
    return result


def source_index(
    seed: ArrayLike,
    sample_id: ArrayLike,
    spatial_shape: Sequence[int],
    num_windows: int,
    max_window: Sequence[int],
    order: str,
    permute: str,
) -> Int64:
    """Row-major index of the voxel that each voxel of the result is read from: (X, Y, Z) int64."""
    sizes, starts, keys = windows(seed, sample_id, spatial_shape, num_windows, max_window)
    permutations = window_permutations(seed, sample_id, sizes, keys, permute)
    index = np.arange(np.prod(spatial_shape, dtype=np.int64)).reshape(1, *spatial_shape)
    apply = {"last_writer": apply_last_writer, "sequential": apply_sequential}[order]
    return np.asarray(apply(index, sizes, starts, permutations)[0])


def windows(
    seed: ArrayLike, sample_id: ArrayLike, spatial_shape: Sequence[int], num_windows: int, max_window: Sequence[int]
) -> tuple[Int64, Int64, Int64]:
    """Draw the windows of one sample: sizes (W, 3), starts (W, 3) in voxels, and permutation keys (W,)."""
    word = words(seed, sample_id, Purpose.WINDOW, np.arange(num_windows))  # (W, 4)
    sizes, starts = size_and_start(word[:, :3], 1, max_window, spatial_shape, margin=0)
    return sizes, starts, word[:, 3].astype(np.int64)


def window_permutations(seed: ArrayLike, sample_id: ArrayLike, sizes: Int64, keys: Int64, permute: str) -> list[Int64]:
    """Draw the permutation of each window: new[q] = old[permutation[q]], q row-major in the window."""
    volumes = np.prod(sizes, axis=1)
    ends = np.cumsum(volumes)
    window = np.repeat(np.arange(len(sizes)), volumes)  # all windows one after another, a voxel an entry
    q = np.arange(len(window)) - np.repeat(ends - volumes, volumes)
    if permute == "voxel":
        permuted = permute_index(q, volumes[window], keys[window])
    else:
        axis_keys = words(seed, sample_id, Purpose.AXIS_PERMUTATION, np.arange(len(sizes)))[:, :3]
        size = sizes[window].T  # (3, voxels)
        place = np.stack([q // (size[1] * size[2]), q // size[2] % size[1], q % size[2]])
        i, j, k = permute_index(place, size, axis_keys[window].T)
        permuted = (i * size[1] + j) * size[2] + k
    return np.split(permuted, ends)[: len(sizes)]


def apply_last_writer(x: Array, sizes: ArrayLike, starts: ArrayLike, permutations: Sequence[Array]) -> Array:
    """Apply given windows to x (C, X, Y, Z): each reads x itself, later ones overwrite earlier ones.

    sizes, starts: (W, 3).   permutations: W arrays of the windows' volumes.   Returns an array like x.
    """
    result = x.copy()
    _write_windows(x, result, sizes, starts, permutations)
    return result


def apply_sequential(x: Array, sizes: ArrayLike, starts: ArrayLike, permutations: Sequence[Array]) -> Array:
    """Apply given windows to x (C, X, Y, Z), each on what the ones before it left; arguments of `apply_last_writer`."""
    result = x.copy()
    _write_windows(result, result, sizes, starts, permutations)
    return result


def _write_windows(
    source: Array, result: Array, sizes: ArrayLike, starts: ArrayLike, permutations: Sequence[Array]
) -> None:
    for size, start, permutation in zip(np.asarray(sizes), np.asarray(starts), permutations, strict=True):
        window = (slice(None), *(slice(a, a + s) for a, s in zip(start, size, strict=True)))
        old = source[window].reshape(len(source), -1)
        result[window] = old[:, permutation].reshape(len(source), *size)
