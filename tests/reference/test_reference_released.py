# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The baseline that works like the released code (its shuffle and painting are tested beside the operators')."""

import numpy as np
import pytest

from genesis_ext.reference import released


def patch(*shape):
    return np.random.default_rng(5).random(shape, np.float32)


def test_recorded_curves_are_reproduced(shared):
    golden = np.load(shared / "golden" / "bezier.npz")
    for points, increasing, output in zip(
        golden["control_points"], golden["increasing"], golden["output"], strict=True
    ):
        mapped = released.nonlinear(golden["input"], points, decreasing=not increasing)
        np.testing.assert_allclose(mapped, output, rtol=0, atol=1e-9)


def test_a_pair_keeps_shape_and_type():
    rng = np.random.default_rng(0)
    x = patch(1, 24, 20, 16)
    for _ in range(5):
        for part in released.released_pair(x, rng):
            assert part.shape == x.shape and part.dtype == np.float32


def test_the_target_is_the_patch_but_for_flips_along_x_and_y():
    rng = np.random.default_rng(1)
    x = patch(1, 12, 11, 10)
    ways = {axes: np.flip(x, axes).tobytes() for axes in [(), (1,), (2,), (1, 2)]}
    seen = {released.random_flips(x, rng).tobytes() for _ in range(200)}
    assert seen == set(ways.values())


@pytest.mark.parametrize(("kind", "fraction"), [("in", 0.056), ("out", 0.681)])
def test_painting_masks_as_much_as_the_released_code(kind, fraction):
    rng, x = np.random.default_rng(2), np.full((1, 64, 64, 32), 2, np.float32)
    masked = []
    for _ in range(300):
        if kind == "in":
            painted = released.in_painting(x, released.random_filled_boxes(x.shape[1:], rng))
        else:
            painted = released.out_painting(x, released.random_kept_boxes(x.shape[1:], rng), rng.random(x.shape))
        masked.append((painted != 2).mean())
    standard_error = np.std(masked) / len(masked) ** 0.5
    assert abs(np.mean(masked) - fraction) < 4 * standard_error


def test_only_channel_zero_is_shuffled():
    x = patch(2, 20, 20, 20)
    out = released.local_shuffling(x, released.random_windows(x.shape[1:], np.random.default_rng(3)))
    np.testing.assert_array_equal(out[1], x[1])
    assert (out[0] != x[0]).mean() > 0.5
