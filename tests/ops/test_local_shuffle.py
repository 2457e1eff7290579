# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Local shuffling."""

import pytest
import torch

from genesis_ext import ops
from tests.cases import keys, same_bits, voxels

OPTIONS = [
    pytest.param({"order": order, "permute": permute}, id=f"{order} {permute}")
    for order in ("last_writer", "sequential")
    for permute in ("voxel", "axes")
]


def numbered(shape):
    """Make a batch whose voxels hold their own index, the same in all samples and channels."""
    index = torch.arange(torch.Size(shape[2:]).numel(), dtype=torch.float64)
    return index.view(1, 1, *shape[2:]).expand(shape).contiguous()


@pytest.mark.parametrize("options", OPTIONS)
def test_values_come_from_within_a_windows_reach(options):
    x = numbered((2, 1, 20, 18, 16))
    source = ops.local_shuffle(x, keys(2), num_windows=200, max_window=(5, 3, 2), **options).long()
    assert (source != x.long()).double().mean() > 0.1
    if options["order"] == "last_writer":  # one step; sequential windows can carry a value on
        here = x.long()
        for stride, size, reach in ((18 * 16, 20, 5), (16, 18, 3), (1, 16, 2)):
            assert ((source // stride % size) - (here // stride % size)).abs().max() < reach


@pytest.mark.parametrize("permute", ["voxel", "axes"])
def test_sequential_windows_keep_all_values(permute):
    x = torch.rand(2, 2, 21, 13, 9)
    y = ops.local_shuffle(x, keys(2), num_windows=300, max_window=6, order="sequential", permute=permute)
    assert not torch.equal(y, x)
    assert torch.equal(y.flatten(2).sort().values, x.flatten(2).sort().values)


def test_the_last_of_many_windows_loses_and_copies_values():
    x = numbered((1, 1, 30, 30, 30))
    kept = ops.local_shuffle(x, keys(1), num_windows=4000).unique().numel() / x.numel()
    assert 0.5 < kept < 0.95


@pytest.mark.parametrize("options", OPTIONS)
def test_channels_move_alike(options):
    x = numbered((2, 3, 11, 12, 13))
    x = x + torch.arange(3).view(1, 3, 1, 1, 1) * 10_000
    y = ops.local_shuffle(x, keys(2), num_windows=80, **options)
    assert torch.equal(y - torch.arange(3).view(1, 3, 1, 1, 1) * 10_000, y[:, :1].expand_as(y))


@pytest.mark.parametrize("options", OPTIONS)
def test_one_window_of_the_whole_patch_permutes_it(options):
    x = numbered((1, 1, 6, 5, 4))
    # The first window's size is drawn, so look for a key that draws the whole patch.
    for sample in range(400):
        key = torch.tensor([[0, sample]])
        moved = ops.local_shuffle(x, key, num_windows=1, max_window=(6, 5, 4), **options) != x
        if moved[0, 0, 0].any() and moved[0, 0, -1].any() and moved[..., 0].any() and moved[..., -1].any():
            break
    y = ops.local_shuffle(x, key, num_windows=1, max_window=(6, 5, 4), **options)
    assert torch.equal(y.flatten().sort().values, x.flatten())
    if options["permute"] == "axes":  # planes stay planes
        assert (y // 20 == (y // 20)[..., :1, :1]).all()
        assert (y % 4 == (y % 4)[..., :1, :1, :]).all()


@pytest.mark.parametrize("options", OPTIONS)
def test_no_windows_and_windows_of_one_voxel_change_nothing(options):
    x = voxels((2, 1, 7, 5, 3))
    assert same_bits(ops.local_shuffle(x, keys(2), num_windows=0, **options), x)
    assert same_bits(ops.local_shuffle(x, keys(2), max_window=1, num_windows=50, **options), x)


def test_the_default_window_is_a_tenth_of_each_axis():
    x = torch.rand(2, 1, 40, 27, 9)
    assert torch.equal(
        ops.local_shuffle(x, keys(2), num_windows=90), ops.local_shuffle(x, keys(2), 90, max_window=(4, 2, 1))
    )


def test_one_number_is_the_window_along_every_axis():
    for shape, sides in (((2, 1, 8, 9, 7), [3, 3, 3]), ((2, 1, 8, 9), [3, 3])):
        x, dims = torch.rand(shape), len(sides)
        one, each = (ops.local_shuffle(x, keys(2), 40, window, spatial_dims=dims) for window in (3, sides))
        assert torch.equal(one, each)


@pytest.mark.parametrize("options", OPTIONS)
def test_the_key_decides_and_each_sample_has_its_own(options):
    x = torch.rand(1, 1, 12, 12, 12).repeat(3, 1, 1, 1, 1)
    key = torch.tensor([[0, 1], [0, 2], [1, 1]])
    y = ops.local_shuffle(x, key, num_windows=50, max_window=4, **options)
    assert not torch.equal(y[0], y[1])
    assert not torch.equal(y[0], y[2])
    assert torch.equal(y[1:2], ops.local_shuffle(x[:1], key[1:2], num_windows=50, max_window=4, **options))


def test_nan_moves_like_any_value():
    x = torch.rand(1, 1, 12, 12, 12)
    x[0, 0, 4, 5, 6] = torch.nan
    arguments = {"key": keys(1), "num_windows": 200, "max_window": 4, "order": "sequential"}
    y = ops.local_shuffle(x, **arguments)
    assert y.isnan().sum() == 1
    assert torch.equal(y.isnan(), ops.local_shuffle(x.nan_to_num(-1.0), **arguments) == -1.0)


@pytest.mark.parametrize("options", OPTIONS)
def test_a_window_of_more_than_32768_voxels_still_permutes(options):
    x = numbered((1, 1, 40, 36, 33))
    y = ops.local_shuffle(x, keys(1), num_windows=2, max_window=(40, 36, 33), **options)
    assert y.min() >= 0
    assert y.max() < x.numel()
    if options["order"] == "sequential":
        assert torch.equal(y.flatten().sort().values, x.flatten())


@pytest.mark.parametrize("options", OPTIONS)
def test_the_gradient_counts_where_each_value_went(options):
    x = numbered((2, 2, 9, 8, 7)).requires_grad_()
    y = ops.local_shuffle(x, keys(2), num_windows=60, max_window=4, **options)
    weights = torch.rand(y.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    (got,) = torch.autograd.grad((y * weights).sum(), x)
    for n in range(2):
        for c in range(2):
            count = torch.bincount(y[n, c].detach().long().flatten(), weights[n, c].flatten(), minlength=9 * 8 * 7)
            torch.testing.assert_close(got[n, c].flatten(), count)


def test_the_gradient_in_half_types_is_summed_in_float32():
    x = torch.rand(1, 1, 16, 16, 16).half().requires_grad_()
    y = ops.local_shuffle(x, keys(1), num_windows=500, max_window=6)
    (half,) = torch.autograd.grad(y, x, torch.full_like(y, 0.1))
    wide_x = x.detach().float().requires_grad_()
    wide_y = ops.local_shuffle(wide_x, keys(1), num_windows=500, max_window=6)
    (wide,) = torch.autograd.grad(wide_y, wide_x, torch.full_like(y, 0.1).float())
    assert torch.equal(half, wide.half())


def test_the_gradient_can_be_differentiated_again():
    x = torch.rand(1, 1, 4, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda v: ops.local_shuffle(v, keys(1), 20, 3) ** 2, x)


def test_deterministic_algorithms_are_no_obstacle():
    x = torch.rand(1, 1, 8, 8, 8, requires_grad=True)
    torch.use_deterministic_algorithms(True)
    try:
        (grad,) = torch.autograd.grad(ops.local_shuffle(x, keys(1), 50, 4).sum(), x)
    finally:
        torch.use_deterministic_algorithms(False)
    assert grad.sum() == x.numel()
