# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Resampling: the bits of the reference, real scans, dtypes, strides, gradients.

tests/reference/test_reference_resample.py holds the reference to the oracles, and both to what they have in common.
"""

import warnings

import nibabel as nib
import numpy as np
import pytest
import scipy.ndimage
import torch
import torch.nn.functional as F

from genesis_ext import ops
from genesis_ext.reference.resample import resample as reference
from tests import oracles
from tests.cases import layouts, same_bits

BOUND = 1e-5  # of the larger of value range and magnitude
DTYPES = (torch.uint8, torch.int16, torch.float16, torch.bfloat16, torch.float32, torch.float64)
RESIZES = [
    ((7, 5, 9), (5, 9, 12)),
    ((7, 5, 9), (14, 3, 1)),
    ((2, 9, 6), (5, 4, 6)),
    ((1, 7, 2), (4, 2, 9)),
    ((8, 7), (3, 18)),
    ((2, 2), (7, 1)),
    ((1, 1, 1), (3, 1, 2)),
    ((33, 20, 35), (20, 41, 17)),
]
every_resize = pytest.mark.parametrize(("shape", "out_shape"), RESIZES, ids=str)
every_boundary = pytest.mark.parametrize("boundary", oracles.BOUNDARIES)
every_grid_mode = pytest.mark.parametrize("grid_mode", [False, True], ids=["corners", "grid"])
SCANS = [
    "ct/abdomen_ts_example_ct_sm.nii.gz",
    "ct/heart_aorta_ts_cropped.nii.gz",
    "mri/abdomen_ts_example_mr_sm.nii.gz",
    "mri/chris_PD.nii.gz",
    "mri/torchio_fernando_t2.nii.gz",
]


def volumes(shape, dtype=torch.float32, scale=200.0):
    """Random values in [-scale/2, scale/2], or [0, scale] where the dtype has no sign."""
    x = torch.rand(shape, generator=torch.Generator().manual_seed(len(shape)), dtype=torch.float64) * scale
    return (x if dtype == torch.uint8 else x - scale / 2).to(dtype)


def by_scipy(x, out_shape, **options):
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # recommends mode="grid-constant"
        return scipy.ndimage.zoom(x.astype(np.float64), np.divide(out_shape, x.shape), **options)


def close(got, expected, x):
    """Whether all of it is within the bound of the oracle."""
    bound = BOUND * max(np.ptp(x).item(), np.abs(x).max().item())
    return np.abs(got.double().numpy() - expected).max() <= bound


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@every_resize
def test_it_has_the_bits_of_the_reference(shape, out_shape, dtype):
    x = volumes((2, 2, *shape), dtype)
    values = (x.float() if dtype == torch.bfloat16 else x).numpy()
    for boundary in oracles.BOUNDARIES:
        for order, antialias in ((0, False), (1, False), (3, False), (1, True), (3, True)):
            options = {"order": order, "boundary": boundary, "fill": 3.7, "antialias": antialias}
            for grid_mode in (False, True):
                got = ops.resample(x, out_shape, grid_mode=grid_mode, **options, spatial_dims=len(shape))
                expected = torch.from_numpy(reference(values, out_shape, grid_mode=grid_mode, **options)).to(dtype)
                assert same_bits(got, expected), options


@pytest.mark.parametrize("scan", SCANS)
@every_grid_mode
def test_real_scans_are_resampled_as_by_scipy(shared, scan, grid_mode):
    voxels = np.asarray(nib.load(shared / "data" / scan).dataobj)
    middle = tuple(slice(max(n // 2 - 24, 0), n // 2 + 24) for n in voxels.shape)
    part = np.ascontiguousarray(voxels[middle])
    out_shape = [round(n * factor) for n, factor in zip(part.shape, (0.74, 1.3, 1.9), strict=True)]
    for order in (0, 1, 3):
        for boundary in ("mirror", "nearest", "grid-wrap", "grid-constant"):
            options = {"order": order, "grid_mode": grid_mode}
            got = ops.resample(
                torch.from_numpy(part)[None, None], out_shape, boundary=boundary, dtype=torch.float32, **options
            )
            assert close(got[0, 0], by_scipy(part, out_shape, mode=boundary, **options), part)


def test_integers_of_a_scan_at_one_millimetre_are_those_of_scipy_rounded(shared):
    scan = nib.load(shared / "data" / SCANS[0])
    voxels = np.asarray(scan.dataobj)[30:90, 20:70]
    out_shape = [round(n * mm) for n, mm in zip(voxels.shape, scan.header.get_zooms(), strict=True)]
    got = ops.resample(torch.from_numpy(voxels)[None, None], out_shape, order=3, boundary="nearest", grid_mode=True)
    expected = by_scipy(voxels, out_shape, order=3, mode="nearest", grid_mode=True)
    assert got.dtype == torch.int16 and got.shape[2:] == expected.shape
    difference = np.abs(got[0, 0].numpy() - expected.clip(-32768, 32767))
    assert difference.max() <= 0.5 + BOUND * max(np.ptp(voxels), np.abs(voxels).max())


def test_labels_of_a_scan_keep_their_values_and_come_back(shared):
    labels = np.asarray(nib.load(shared / "data" / "labels" / "heart_aorta_ts_cropped_aorta.nii.gz").dataobj)
    x = torch.from_numpy(labels.astype(np.uint8))[None, None]
    finer = ops.resample(x, zoom=1.6, order=0, boundary="nearest", grid_mode=True)
    assert finer.dtype == torch.uint8
    assert set(finer.unique().tolist()) == set(x.unique().tolist())
    assert torch.equal(ops.resample(finer, x.shape[2:], order=0, boundary="nearest", grid_mode=True), x)


@pytest.mark.parametrize("order", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_any_dtype_comes_in_and_any_goes_out(dtype, order):
    x = volumes((1, 2, 9, 10, 11), dtype)
    options = {"out_shape": (7, 12, 20), "order": order}
    wide = ops.resample(x, dtype=torch.float64 if dtype == torch.float64 else torch.float32, **options)
    assert ops.resample(x, **options).dtype == dtype
    for out_dtype in DTYPES:
        got = ops.resample(x, dtype=out_dtype, **options)
        assert got.dtype == out_dtype
        if out_dtype.is_floating_point:
            # Half types are rounded once from float32, also those of float64 arithmetic.
            assert same_bits(got, (wide if out_dtype == torch.float64 else wide.float()).to(out_dtype))
        else:
            limits = torch.iinfo(out_dtype)
            rounded = (wide.abs() + 0.5).floor() * wide.sign()  # half away from zero; values are small
            assert torch.equal(got, rounded.clamp(limits.min, limits.max).to(out_dtype))


@pytest.mark.parametrize(("dtype", "largest"), [(torch.uint8, 255), (torch.int16, 32767)])
def test_integers_are_rounded_half_away_from_zero_and_saturate(dtype, largest):
    step = torch.tensor([0] * 6 + [largest] * 6, dtype=dtype).reshape(1, 1, 12, 1, 1)
    got = ops.resample(step, (40, 1, 1), order=3).flatten()
    wide = ops.resample(step, (40, 1, 1), order=3, dtype=torch.float32).flatten()
    assert wide.max() > largest + 1 and wide.min() < -1  # the spline overshoots
    assert got.max() == largest and got.min() == (0 if dtype == torch.uint8 else wide.min().round())
    halves = torch.tensor([[-3.0, -2.0, 0.0, 1.0, 2.0, 1e9, torch.nan, torch.inf, -torch.inf]]).reshape(1, 1, 9, 1, 1)
    low = torch.iinfo(dtype).min
    between = ops.resample(halves[:, :, :6], (11, 1, 1), dtype=dtype).flatten().tolist()
    expected = [-3, -3, -2, -1, 0, 1, 1, 2, 2, largest, largest]  # -2.5 -> -3, 0.5 -> 1, 1.5 -> 2
    assert between == [max(v, low) for v in expected]
    assert ops.resample(halves, (9, 1, 1), dtype=dtype).flatten().tolist()[5:] == [largest, 0, largest, low]


@pytest.mark.parametrize("order", [0, 1, 3])
def test_strides_change_nothing(order):
    for dtype in (torch.int16, torch.float32):
        x = volumes((2, 3, 9, 12, 10), torch.float32).to(dtype)
        expected = ops.resample(x, (12, 7, 15), order=order, dtype=torch.float32)
        for layout, same_x in layouts(x.float()):
            strided = torch.empty_strided(same_x.shape, same_x.stride(), dtype=dtype).copy_(x)
            assert same_bits(ops.resample(strided, (12, 7, 15), order=order, dtype=torch.float32), expected), layout
        flipped = ops.resample(x.expand(2, 3, 9, 12, 10)[:, :1].expand(2, 4, 9, 12, 10), (12, 7, 15), order=order)
        assert same_bits(flipped[:, 3], flipped[:, 0])  # a stride of zero


@pytest.mark.parametrize("shape", [(0, 2, 5, 6, 7), (2, 0, 5, 6, 7), (0, 1, 5, 6), (0, 1, 0, 6)])
def test_an_empty_batch_gives_an_empty_batch(shape):
    out_shape = (4, 4, 4)[: len(shape) - 2]
    got = ops.resample(torch.zeros(shape), out_shape, order=3, spatial_dims=len(out_shape))
    assert got.shape == (*shape[:2], *out_shape)


def test_one_and_more_threads_give_the_same_bits():
    x = volumes((2, 1, 40, 50, 60))
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            results.append([ops.resample(x, shape, order=3) for shape in ((30, 61, 50), (55, 40, 60))])
    finally:
        torch.set_num_threads(threads)
    assert all(same_bits(a, b) for other in results[1:] for a, b in zip(results[0], other, strict=True))


def test_linear_resampling_is_that_of_torch():
    x = volumes((2, 2, 9, 14, 11))
    for out_shape in ((5, 20, 11), (18, 7, 30)):
        for grid_mode in (False, True):
            got = ops.resample(x, out_shape, boundary="nearest", grid_mode=grid_mode)
            by_torch = F.interpolate(x, out_shape, mode="trilinear", align_corners=not grid_mode)
            torch.testing.assert_close(got, by_torch, rtol=0, atol=BOUND * 200)


GRADIENT_CASES = [
    {"order": order, "boundary": boundary, "grid_mode": grid_mode, "antialias": antialias}
    for boundary in ("mirror", "reflect", "nearest", "grid-wrap", "grid-constant", "constant")
    for order, antialias in ((0, False), (1, False), (3, False), (1, True), (3, True))
    for grid_mode in (False, True)
]


def test_the_gradient_is_the_derivative_in_every_mode():
    x = volumes((2, 1, 4, 3, 2), torch.float64, scale=2.0).requires_grad_()
    for options in GRADIENT_CASES:
        assert torch.autograd.gradcheck(
            lambda v: ops.resample(v, (3, 5, 2), fill=0.7, **options),  # noqa: B023 - called at once
            x,
            fast_mode=True,
        ), options


def test_the_gradient_can_be_differentiated_again():
    x = volumes((1, 2, 4, 3), torch.float64, scale=2.0).requires_grad_()
    for options in GRADIENT_CASES[2::7]:
        assert torch.autograd.gradgradcheck(
            lambda v: ops.resample(v, (6, 2), fill=0.7, spatial_dims=2, **options) ** 2,  # noqa: B023 - called at once
            x,
            fast_mode=True,
        ), options


@pytest.mark.parametrize("options", GRADIENT_CASES[::5], ids=str)
def test_the_gradient_is_the_exact_adjoint(options):
    x = volumes((2, 2, 12, 9, 10)).requires_grad_()
    out_shape = (7, 15, 10)
    y = torch.randn(2, 2, *out_shape, generator=torch.Generator().manual_seed(0))
    (grad,) = torch.autograd.grad(ops.resample(x, out_shape, **options), x, y)
    assert grad.shape == x.shape and grad.is_contiguous()
    forward = (ops.resample(x.detach().double(), out_shape, **options) * y).sum()
    assert (grad.double() * x).sum().item() == pytest.approx(forward.item(), rel=1e-4, abs=1e-2)  # float32 sums


def test_the_gradient_has_the_dtype_of_x_and_its_bits_do_not_depend_on_autocast():
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        x = volumes((1, 1, 8, 9, 7)).to(dtype).requires_grad_()
        grads = []
        for enabled in (False, True):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
                out = ops.resample(x, (5, 12, 9), order=3, dtype=torch.float32)
                grads.append(torch.autograd.grad(out, x, torch.ones_like(out))[0])
        assert grads[0].dtype == dtype
        assert same_bits(*grads)


def test_integers_have_no_gradient():
    x = volumes((1, 1, 4, 5, 6)).requires_grad_()
    assert not ops.resample(x, (3, 3, 3), dtype=torch.int16).requires_grad
    assert not ops.resample(x.detach().to(torch.int16), (3, 3, 3), dtype=torch.float32).requires_grad


def test_sides_may_be_unknown_when_compiled():
    torch.compiler.reset()
    resize = torch.compile(
        lambda x, n: ops.resample(x, (n, 2 * n, x.shape[4]), order=3), fullgraph=True, backend="aot_eager", dynamic=True
    )
    for n in (5, 6, 9):
        x = volumes((1, 2, n + 1, 7, 8))
        assert same_bits(resize(x, n), ops.resample(x, (n, 2 * n, 8), order=3))
