# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Mirrors transforms/finetune/draws.py: what an augmented sample undergoes. docs/determinism.md gives every draw."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genesis_ext.reference.philox import Purpose, below, words

Float64 = NDArray[np.float64]
UInt32 = NDArray[np.uint32]
Draws = dict[str, NDArray[Any]]

GEOMETRY_CALLS = 6  # of Philox, before those of the channels
CHANNEL_CALLS = 5
SHEARS = ((0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1))  # row and column of each off-diagonal entry


def uniform(word: UInt32) -> Float64:
    """Words to multiples of 2^-24 in [0, 1)."""
    return (word >> np.uint32(8)).astype(np.float64) * 2.0**-24


def between(word: UInt32, ends: tuple[float, float]) -> Float64:
    """Words to numbers in a range, equally likely."""
    return np.asarray(ends[0] + uniform(word) * (ends[1] - ends[0]))


def factor(word: UInt32, ends: tuple[float, float]) -> Float64:
    """Words to factors in a range: where 1 lies inside, half of them below and half above, by the top bit."""
    lo, hi = ends
    if not lo < 1.0 < hi:
        return between(word, ends)
    u = ((word & np.uint32(0x7FFFFFFF)) >> np.uint32(7)).astype(np.float64) * 2.0**-24
    return np.where(word >> np.uint32(31) == 1, 1.0 + u * (hi - 1.0), lo + u * (1.0 - lo))


def draw(
    sample_id: ArrayLike, seed: int, config: Any, shape: Sequence[int], kinds: Sequence[object], groups: int = 1
) -> Draws:
    """Draw for (N,) ids.

    config: has the rates and ranges of `FinetuneTransformConfig`.   shape: (X, Y, Z) voxels.   kinds: of the three
    axes; those of one kind may be exchanged.   groups: of channels that are drawn for, K.
    Returns arrays by the names of `FinetunePlan`, of N samples or (N, K).
    """
    ids = np.asarray(sample_id, np.int64)
    w = words(seed, ids[:, None], Purpose.AUGMENTATION, np.arange(GEOMETRY_CALLS + CHANNEL_CALLS * groups))
    flip_axes = range(3) if config.flip_axes is None else config.flip_axes
    flips = np.stack([(uniform(w[:, 0, a]) < config.flip_rate) & (a in flip_axes) for a in range(3)], axis=1)

    transposed = uniform(w[:, 1, 0]) < config.transpose_rate
    orders = [
        order
        for order in itertools.permutations(range(3))
        if order != (0, 1, 2) and all(i == a or (shape[i] > 1 and kinds[i] == kinds[a]) for i, a in enumerate(order))
    ]
    chosen = np.array([(0, 1, 2)])[np.zeros(len(ids), np.int64)]
    if orders:
        chosen = np.where(transposed[:, None], np.array(orders)[below(w[:, 0, 3], len(orders))], chosen)

    planes = {a: ((a + 1) % 3, (a + 2) % 3) for a in range(3)}
    turnable = [a for a in range(3) if all(shape[i] > 1 for i in planes[a])]
    quarters = np.zeros((len(ids), 3), np.int64)
    if turnable:
        about = np.array(turnable)[below(w[:, 1, 2], len(turnable))]
        square = np.array([kinds[b] == kinds[c] for b, c in planes.values()])[about]
        number = np.where(square, 1 + below(w[:, 1, 3], 3), 2)
        happens = uniform(w[:, 1, 1]) < config.quarter_turn_rate
        quarters[np.arange(len(ids)), about] = np.where(happens, number, 0)

    rotated = uniform(w[:, 2, 0]) < config.rotation_rate
    most = config.rotation_degrees if isinstance(config.rotation_degrees, tuple) else (config.rotation_degrees,) * 3
    degrees = [between(w[:, 2, 1 + a], (-most[a], most[a])) * (a in turnable) for a in range(3)]
    sheared = uniform(w[:, 3, 2]) < config.shear_rate
    long = np.array([shape[i] > 1 and shape[j] > 1 for i, j in SHEARS])
    shear = between(w[:, 4:6, :3].reshape(-1, 6), (-config.shear, config.shear)) * long

    of = w[:, GEOMETRY_CALLS:].reshape(len(ids), groups, CHANNEL_CALLS, 4)
    amount = of[:, :, 1], of[:, :, 3]

    def maybe(rate: float, call: int, word: int, value: Float64, otherwise: float) -> Float64:
        return np.where(uniform(of[:, :, call, word]) < rate, value, otherwise)

    def gamma(word: UInt32) -> Float64:
        return np.floor(factor(word, config.gamma) * 64.0 + 0.5) * (1 / 64)

    return {
        "sample_id": ids,
        "flips": flips,
        "axes": chosen,
        "quarters": quarters,
        "degrees": np.where(rotated[:, None], np.stack(degrees, axis=1), 0.0) + 0.0,
        "scale": np.where(uniform(w[:, 3, 0]) < config.scale_rate, factor(w[:, 3, 1], config.scale), 1.0),
        "shear": np.where(sheared[:, None], shear, 0.0) + 0.0,
        "noise": maybe(config.noise_rate, 0, 0, between(amount[0][..., 0], config.noise_std), 0.0),
        "blur": maybe(config.blur_rate, 0, 1, between(amount[0][..., 1], config.blur_sigma), 0.0),
        "brightness": maybe(config.brightness_rate, 0, 2, factor(amount[0][..., 2], config.brightness), 1.0),
        "contrast": maybe(config.contrast_rate, 0, 3, factor(amount[0][..., 3], config.contrast), 1.0),
        "resolution": maybe(config.low_resolution_rate, 2, 0, between(amount[1][..., 0], config.low_resolution), 1.0),
        "inverted_gamma": maybe(config.inverted_gamma_rate, 2, 1, gamma(amount[1][..., 1]), 1.0),
        "gamma": maybe(config.gamma_rate, 2, 2, gamma(amount[1][..., 2]), 1.0),
        "curve": uniform(of[:, :, 2, 3]) < config.curve_rate,
        "decreasing": uniform(amount[1][..., 3]) < config.curve_decreasing_rate,
        "control_points": uniform(of[:, :, 4]),
    }
