# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Shuffling against recorded outputs, and what each order and permutation keeps."""

import numpy as np
import pytest

from genesis_ext.reference.local_shuffle import (
    apply_last_writer,
    apply_sequential,
    local_shuffle,
    source_index,
    window_permutations,
    windows,
)
from genesis_ext.reference.paint_boxes import mask
from genesis_ext.reference.released import local_shuffling

GOLDEN = ["local_shuffle_64x64x32.npz", "local_shuffle_40x48x24.npz"]
KEY = [[7, 11]]


def numbered(*shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(1, 1, *shape)


@pytest.mark.parametrize("name", GOLDEN)
def test_recorded_windows_give_the_recorded_output(shared, name):
    golden = np.load(shared / "golden" / name)
    given = golden["windows_size"], golden["windows_start"]
    permutations = np.split(golden["permutation"], golden["permutation_offset"][1:-1])
    np.testing.assert_array_equal(apply_last_writer(golden["input"], *given, permutations), golden["output"])
    released = local_shuffling(golden["input"], zip(*given, permutations, strict=True))
    np.testing.assert_array_equal(released, golden["output"])


@pytest.mark.parametrize("shape", [(64, 64, 32), (13, 7, 21), (30, 25, 1), (1, 1, 1)])
def test_windows_lie_in_the_patch_and_reach_every_size(shape):
    largest = np.maximum(1, np.array(shape) // 10)
    sizes, starts, _ = windows(3, 4, shape, 10_000, largest)
    assert (sizes >= 1).all() and (starts >= 0).all() and (starts + sizes <= shape).all()
    assert sizes.max(axis=0).tolist() == largest.tolist()
    assert (starts + sizes).max(axis=0).tolist() == list(shape) and starts.min() == 0


@pytest.mark.parametrize("permute", ["voxel", "axes"])
@pytest.mark.parametrize("shape", [(20, 15, 9), (31, 12, 1)])
def test_the_sequential_shuffle_keeps_all_values(permute, shape):
    x = np.random.default_rng(0).normal(size=(2, 3, *shape)).astype(np.float32)
    out = local_shuffle(x, [[0, 1], [0, 2]], 500, (4, 5, 1), order="sequential", permute=permute)
    np.testing.assert_array_equal(np.sort(out.reshape(6, -1)), np.sort(x.reshape(6, -1)))
    assert (out != x).mean() > 0.5


def test_the_last_window_that_covers_a_voxel_owns_it():
    shape, largest = (12, 10, 8), (5, 4, 3)
    sizes, starts, keys = windows(5, 6, shape, 40, largest)
    permutations = window_permutations(5, 6, sizes, keys, "voxel")
    source = source_index(5, 6, shape, 40, largest, "last_writer", "voxel")
    for voxel in np.ndindex(shape):
        expected = voxel
        for size, start, permutation in zip(sizes, starts, permutations, strict=True):
            inside = np.array(voxel) - start
            if (inside >= 0).all() and (inside < size).all():
                q = permutation[np.ravel_multi_index(inside, size)]
                expected = tuple(start + np.unravel_index(q, size))
        assert source[voxel] == np.ravel_multi_index(expected, shape)


def test_sequential_windows_act_on_what_the_earlier_ones_left():
    x = np.arange(4).reshape(1, 4, 1, 1)
    sizes, starts, swap = [[2, 1, 1], [2, 1, 1]], [[0, 0, 0], [1, 0, 0]], np.array([1, 0])
    assert apply_sequential(x, sizes, starts, [swap, swap]).ravel().tolist() == [1, 2, 0, 3]
    assert apply_last_writer(x, sizes, starts, [swap, swap]).ravel().tolist() == [1, 2, 1, 3]


def test_permuting_axes_moves_whole_slices():
    _, key = windows(1, 2, (6, 7, 8), 1, (6, 7, 8))[1:]
    size = np.array([[6, 7, 8]])
    source = window_permutations(1, 2, size, key, "axes")[0].reshape(6, 7, 8)
    i, j, k = np.unravel_index(source, (6, 7, 8))
    for axis, index in enumerate((i, j, k)):
        along = np.moveaxis(index, axis, 0).reshape(index.shape[axis], -1)
        assert (along == along[:, :1]).all()  # the source along an axis depends on the place along that axis alone
        assert sorted(along[:, 0]) == list(range(index.shape[axis]))


def test_windows_of_one_voxel_change_nothing():
    x = numbered(9, 9, 9)
    np.testing.assert_array_equal(local_shuffle(x, KEY, 1000), x)


def test_no_windows_change_nothing():
    x = numbered(30, 30, 30)
    np.testing.assert_array_equal(local_shuffle(x, KEY, 0), x)


@pytest.mark.parametrize("order", ["last_writer", "sequential"])
def test_channels_move_alike_and_samples_on_their_own(order):
    x = np.repeat(numbered(20, 20, 20), 2, axis=1)
    batch = np.repeat(x, 2, axis=0)
    out = local_shuffle(batch, [[7, 11], [7, 12]], 300, (4, 4, 4), order=order)
    np.testing.assert_array_equal(out[:, 0], out[:, 1])
    np.testing.assert_array_equal(out[:1], local_shuffle(x, KEY, 300, (4, 4, 4), order=order))
    assert (out[0] != out[1]).any()


def test_a_batch_of_none_stays_one():
    assert local_shuffle(np.zeros((0, 2, 5, 5, 5), np.float32), np.zeros((0, 2), np.int64)).shape == (0, 2, 5, 5, 5)


def test_the_head_numbers_touch_as_much_as_the_released_code():
    sizes, starts, _ = windows(0, 0, (64, 64, 32), 10_000, (6, 6, 3))
    covered = mask(np.concatenate([starts, starts + sizes], axis=1), (64, 64, 32))
    source = source_index(0, 0, (64, 64, 32), 10_000, (6, 6, 3), "last_writer", "voxel")
    assert abs(covered.mean() - 0.82) < 0.01
    assert abs(1 - len(np.unique(source)) / source.size - 0.21) < 0.01  # values lost
