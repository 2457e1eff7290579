# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The resampling operators on a CUDA device, beyond test_cuda.py: dtypes, boundaries, long lines, huge volumes."""

import itertools

import pytest
import torch

from genesis_ext import ops
from tests.cases import CASES, call, generator, layouts, moved, same_bits, voxels
from tests.graphs import captured
from tests.oracles import BOUNDARIES

pytestmark = pytest.mark.cuda
CUDA = torch.device("cuda", 0)
DTYPES = (torch.uint8, torch.int16, torch.float16, torch.bfloat16, torch.float32, torch.float64)
STORED = (torch.uint8, torch.int16, torch.float16, torch.float32)
RESAMPLING = ("spline_prefilter", "resample", "affine_sample", "crop_resize")
VARIANTS = [(op, variant) for op in RESAMPLING for variant in CASES[op]]
SHAPE = (2, 2, 37, 29, 41)  # more than one tile along every axis, and warps that are not full
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
every_boundary = pytest.mark.parametrize("boundary", BOUNDARIES)


def scan(shape, dtype):
    """Random voxels: whole numbers in [0, 255], or in [-1024, 1024] where the dtype has a sign."""
    x = torch.rand(shape, generator=generator(str(shape)), dtype=torch.float64)
    return (x * 255 if dtype == torch.uint8 else x * 2048 - 1024).round().to(dtype)


@every_boundary
@every_dtype
def test_resample_gives_the_bits_of_the_cpu(dtype, boundary):
    x = scan(SHAPE, dtype)
    settings = itertools.product([0, 1, 3], [False, True], [(21, 64, 41), (50, 29, 13), (37, 29, 70)])
    for (order, grid_mode, out_shape), out in zip(settings, itertools.cycle(DTYPES), strict=False):
        options = {"order": order, "boundary": boundary, "grid_mode": grid_mode, "fill": 7.5, "dtype": out}
        got = ops.resample(x.to(CUDA), out_shape, **options)
        assert same_bits(got.cpu(), ops.resample(x, out_shape, **options)), (out_shape, options)


@every_boundary
@every_dtype
def test_coefficients_are_the_bits_of_the_cpu(dtype, boundary):
    x = scan(SHAPE, dtype)
    assert same_bits(
        ops.spline_prefilter(x.to(CUDA), boundary=boundary).cpu(), ops.spline_prefilter(x, boundary=boundary)
    )


@every_boundary
@every_dtype
def test_affine_sample_gives_the_bits_of_the_cpu(dtype, boundary):
    x = scan(SHAPE, dtype)
    matrix = CASES["affine_sample"]["linear"](x)["matrix"]
    for order, out in itertools.product([0, 1, 3], DTYPES):
        options = {"order": order, "boundary": boundary, "fill": 7.5, "dtype": out}
        got = ops.affine_sample(x.to(CUDA), matrix.to(CUDA), (45, 31, 40), **options)
        assert same_bits(got.cpu(), ops.affine_sample(x, matrix, (45, 31, 40), **options)), options


@pytest.mark.parametrize("dtype", STORED, ids=str)
@pytest.mark.parametrize("variant", CASES["crop_resize"])
def test_crops_of_stored_volumes_are_the_bits_of_the_cpu(variant, dtype):
    arguments = CASES["crop_resize"][variant](scan(SHAPE, dtype))
    assert same_bits(
        ops.crop_resize(**moved(arguments, CUDA)).cpu(),
        ops.crop_resize(**arguments),
    )


@pytest.mark.parametrize(
    "shape", [(1, 1, 600, 3, 2), (1, 1, 2, 601, 3), (1, 1, 3, 2, 1500), (3, 1, 700, 40), (1, 1, 9, 900)], ids=str
)
def test_long_lines_give_the_bits_of_the_cpu(shape):
    x = scan(shape, torch.float32)
    for zoom in (0.7, 1.9):
        expected = ops.resample(x, zoom=zoom, order=3)
        for layout, same in layouts(x.to(CUDA)):
            assert same_bits(ops.resample(same, zoom=zoom, order=3).cpu(), expected), layout
        stored = ops.resample(x.short().to(CUDA), zoom=zoom, order=3, dtype=torch.float32)
        assert same_bits(stored.cpu(), expected)


@pytest.mark.parametrize(("op", "variant"), VARIANTS)
def test_a_captured_operator_follows_new_voxels(op, variant):
    arguments = moved(CASES[op][variant](voxels((2, 2, 20, 18, 17))), CUDA)
    x = arguments["volumes"].voxels if op == "crop_resize" else arguments["x"]
    graph, (out,) = captured(lambda: call(op, arguments))
    for step in range(3):
        x.copy_(x.flatten().roll(step + 1).view_as(x))
        graph.replay()
        assert same_bits(out, call(op, arguments)[0])


@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize(("side", "out_side"), [(1301, 700), (700, 1301)], ids=["in", "out"])
def test_more_voxels_than_31_bits_count(side, out_side, order):
    if torch.cuda.mem_get_info(CUDA)[0] < 40 * 2**30:
        pytest.skip("needs 40 GiB of free device memory")
    assert 1301**3 > 2**31
    x = torch.randint(256, (1, 1, 1301, 1301, side), dtype=torch.uint8, device=CUDA)
    got = ops.resample(x, (1301, 1301, out_side), order=order)
    # Lines are independent of each other where the other axes stay as they are.
    expected = ops.resample(x[:, :, -2:, -3:].contiguous(), (2, 3, out_side), order=order)
    assert torch.equal(got[:, :, -2:, -3:], expected)
