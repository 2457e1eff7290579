# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The pipeline the way the released Models Genesis code works, in NumPy: the baseline of the benchmarks.

Written from the description of the method. Draws come from a NumPy generator, the curve is a table of 100,000 points
with linear interpolation, and the shuffle is a Python loop over 10,000 windows. Drawing and doing are apart, so that
recorded draws can be applied too. Patches have shape (C, X, Y, Z) with values in [0, 1] and axes of at least 10 voxels.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]
Triple = Sequence[int] | NDArray[np.integer[Any]]  # along x, y, z
Window = tuple[Triple, Triple, Array]  # size, start, and what is put there: a permutation or noise

FLIP_RATE, SHUFFLE_RATE, NONLINEAR_RATE, PAINT_RATE, OUTPAINT_RATE = 0.4, 0.5, 0.9, 0.9, 0.8
FLIP_TRIES = 3
NUM_WINDOWS = 10_000
TABLE_POINTS = 100_000
MAX_BOXES, MORE_RATE = 5, 0.95
MARGIN = 3


def released_pair(x: Array, rng: np.random.Generator, shuffle_rate: float = SHUFFLE_RATE) -> tuple[Array, Array]:
    """Draw and apply everything to one patch x (C, X, Y, Z). Returns (input, target)."""
    target = random_flips(x, rng)
    result = target
    if rng.random() < shuffle_rate:
        result = local_shuffling(result, random_windows(x.shape[1:], rng))
    if rng.random() < NONLINEAR_RATE:
        result = nonlinear(result, rng.random(4), decreasing=rng.random() < 0.5)
    if rng.random() < PAINT_RATE:
        if rng.random() < OUTPAINT_RATE:
            result = out_painting(result, random_kept_boxes(x.shape[1:], rng), rng.random(x.shape))
        else:
            result = in_painting(result, random_filled_boxes(x.shape[1:], rng))
    return result, target


def random_flips(x: Array, rng: np.random.Generator) -> Array:
    """Flip up to three times along one of the first three axes of x, of which the first is that of the channels."""
    for _ in range(FLIP_TRIES):
        if rng.random() >= FLIP_RATE:
            break
        x = np.flip(x, int(rng.integers(3)))
    return x


def local_shuffling(x: Array, windows: Iterable[Window], sequential: bool = False) -> Array:
    """Write permuted copies of windows of x over each other; only channel 0 changes.

    sequential: as in the paper instead, each window is permuted as those before left it.
    """
    result = x.copy()
    new = result[0]
    old = new if sequential else x[0]
    for size, start, permutation in windows:
        region = _region(size, start)
        new[region] = old[region].ravel()[permutation].reshape(size)
    return result


def nonlinear(x: Array, control_points: ArrayLike, decreasing: bool) -> Array:
    """Map values through the Bezier curve with inner points x1, y1, x2, y2; beyond the table its end values hold."""
    x1, y1, x2, y2 = np.asarray(control_points)
    t = np.linspace(0.0, 1.0, TABLE_POINTS)
    weights = np.stack([(1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3])
    abscissae, values = np.array([[0.0, x1, x2, 1.0], [0.0, y1, y2, 1.0]]) @ weights
    return np.asarray(np.interp(x, abscissae, values[::-1] if decreasing else values)).astype(x.dtype)


def in_painting(x: Array, boxes: Iterable[Window]) -> Array:
    """Fill boxes with their noise, the same in all channels."""
    result = x.copy()
    for size, start, noise in boxes:
        result[(slice(None), *_region(size, start))] = noise
    return result


def out_painting(x: Array, boxes: Iterable[tuple[Triple, Triple]], noise: ArrayLike) -> Array:
    """Keep boxes (size, start), and put noise of x's shape everywhere else."""
    result = np.array(noise, x.dtype)
    for size, start in boxes:
        kept = (slice(None), *_region(size, start))
        result[kept] = x[kept]
    return result


def random_windows(
    spatial_shape: Sequence[int], rng: np.random.Generator, num_windows: int = NUM_WINDOWS, axes: bool = False
) -> Iterator[Window]:
    """Draw windows of up to a tenth of each axis anywhere in the patch, with a permutation of their voxels each.

    axes: as in the paper instead, a permutation along each axis.
    """
    shape = np.array(spatial_shape)
    sizes = rng.integers(1, shape // 10, (num_windows, 3), endpoint=True)
    starts = rng.integers(0, shape - sizes, endpoint=True)
    for size, start, volume in zip(sizes.tolist(), starts.tolist(), sizes.prod(axis=1).tolist(), strict=True):
        yield size, start, _axis_permutation(size, rng) if axes else rng.permutation(volume)


def random_filled_boxes(spatial_shape: Sequence[int], rng: np.random.Generator) -> Iterator[Window]:
    """Draw up to five boxes of a sixth to a third of each axis, with noise for each."""
    shape = np.array(spatial_shape)
    for _ in range(MAX_BOXES):
        if rng.random() >= MORE_RATE:
            break
        size = rng.integers(shape // 6, shape // 3, endpoint=True)
        yield size, _random_start(shape, size, rng), rng.random(size)


def random_kept_boxes(spatial_shape: Sequence[int], rng: np.random.Generator) -> Iterator[tuple[Triple, Triple]]:
    """Draw one to five boxes that are smaller than the patch by three to four sevenths of each axis."""
    shape = np.array(spatial_shape)
    for number in range(MAX_BOXES):
        if number > 0 and rng.random() >= MORE_RATE:
            break
        size = shape - rng.integers(3 * shape // 7, 4 * shape // 7, endpoint=True)
        yield size, _random_start(shape, size, rng)


def _axis_permutation(size: Sequence[int], rng: np.random.Generator) -> Array:
    x, y, z = (rng.permutation(side) for side in size)
    return ((x[:, None, None] * size[1] + y[:, None]) * size[2] + z).ravel()


def _random_start(shape: Array, size: Array, rng: np.random.Generator) -> Array:
    return np.asarray(rng.integers(MARGIN, shape - size - MARGIN, endpoint=True))


def _region(size: Triple, start: Triple) -> tuple[slice, ...]:
    return tuple([slice(a, a + s) for a, s in zip(start, size, strict=True)])
