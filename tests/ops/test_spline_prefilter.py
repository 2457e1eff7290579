# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The spline prefilter: the bits of the reference, which the oracles are asked about, real scans, dtypes, gradients."""

import nibabel as nib
import numpy as np
import pytest
import scipy.ndimage
import torch

from genesis_ext import ops
from genesis_ext.reference.spline_prefilter import spline_prefilter as reference
from tests import oracles
from tests.cases import layouts, same_bits

BOUND = 1e-5  # of the larger of value range and magnitude, of samples and coefficients
DTYPES = (torch.uint8, torch.int16, torch.float16, torch.bfloat16, torch.float32, torch.float64)
SHAPES = [(7, 5, 9), (6, 13, 8), (9, 8), (2, 9, 6), (1, 7, 2), (2, 2), (1, 1, 1), (33, 40, 65)]
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
every_boundary = pytest.mark.parametrize("boundary", oracles.BOUNDARIES)


def volumes(shape, dtype=torch.float32):
    return (torch.rand(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64) * 200).to(dtype)


def close(got, expected, x):
    values = np.concatenate([np.ravel(x), np.ravel(expected)])
    return np.abs(got.double().numpy() - expected).max() <= BOUND * max(np.ptp(values), np.abs(values).max())


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@every_boundary
@every_shape
def test_it_has_the_bits_of_the_reference(shape, boundary, dtype):
    x = volumes((2, 1, *shape), dtype)
    got = ops.spline_prefilter(x, boundary=boundary, spatial_dims=len(shape))
    assert got.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    values = (x.float() if dtype == torch.bfloat16 else x).numpy()
    assert same_bits(got, torch.from_numpy(np.ascontiguousarray(reference(values, 3, boundary))))


@pytest.mark.parametrize(
    "scan", ["ct/abdomen_ts_example_ct_sm.nii.gz", "mri/abdomen_ts_example_mr_sm.nii.gz", "mri/chris_PD.nii.gz"]
)
def test_real_scans_are_filtered_as_by_scipy(shared, scan):
    voxels = np.asarray(nib.load(shared / "data" / scan).dataobj)[20:70, 30:80]
    x = torch.from_numpy(np.ascontiguousarray(voxels))[None, None]
    for boundary in ("mirror", "reflect", "grid-wrap"):
        got = ops.spline_prefilter(x, boundary=boundary)[0, 0]
        assert close(got, scipy.ndimage.spline_filter(voxels.astype(float), 3, np.float64, boundary), voxels)


@every_boundary
def test_resampling_its_own_coefficients_by_their_spline_gives_the_voxels_back(boundary):
    x = volumes((1, 1, 9, 12), torch.float64)[0, 0]
    c = ops.spline_prefilter(x[None, None], boundary=boundary, spatial_dims=2)[0, 0].numpy()
    extension = {"nearest": "reflect", "constant": "mirror", "grid-constant": "mirror"}.get(boundary, boundary)
    for axis in (0, 1):
        lines = oracles.extended(np.moveaxis(c, axis, 0), extension)
        inner = slice(oracles.PAD, -oracles.PAD)
        c = np.moveaxis((np.roll(lines, 1, 0) + 4 * lines + np.roll(lines, -1, 0))[inner] / 6, 0, axis)
    np.testing.assert_allclose(c, x, rtol=0, atol=1e-11)


def test_strides_and_threads_change_nothing():
    x = volumes((2, 2, 20, 33, 18))
    expected = ops.spline_prefilter(x)
    for layout, same_x in layouts(x):
        got = ops.spline_prefilter(same_x)
        assert same_bits(got, expected) and got.is_contiguous(), layout
    threads = torch.get_num_threads()
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            assert same_bits(ops.spline_prefilter(x), expected)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("shape", [(0, 2, 5, 6, 7), (2, 0, 5, 6, 7), (0, 1, 5, 6)])
def test_an_empty_batch_gives_an_empty_batch(shape):
    x = torch.zeros(shape, dtype=torch.int16)
    assert ops.spline_prefilter(x, spatial_dims=len(shape) - 2).shape == shape


def test_nan_reaches_its_volume_and_no_other():
    x = torch.zeros(2, 2, 5, 6, 1)
    x[1, 0, 2, 3] = torch.nan
    assert ops.spline_prefilter(x).isnan().flatten(2).all(2).tolist() == [[False, False], [True, False]]
    assert ops.spline_prefilter(x).isnan().sum() == 30


@pytest.mark.parametrize("boundary", ["mirror", "reflect", "nearest", "grid-wrap", "constant"])
def test_the_gradient_is_the_derivative_and_can_be_differentiated_again(boundary):
    x = (volumes((2, 1, 4, 3, 2), torch.float64) / 200).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: ops.spline_prefilter(v, 3, boundary), x)
    assert torch.autograd.gradgradcheck(lambda v: ops.spline_prefilter(v, 3, boundary) ** 2, x, fast_mode=True)


def test_the_gradient_has_the_dtype_of_x_and_its_bits_do_not_depend_on_autocast():
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        x = volumes((1, 1, 8, 9, 7), dtype).requires_grad_()
        grads = []
        for enabled in (False, True):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
                out = ops.spline_prefilter(x)
                grads.append(torch.autograd.grad(out, x, torch.ones_like(out))[0])
        assert grads[0].dtype == dtype
        assert same_bits(*grads)


def test_integers_have_no_gradient():
    assert not ops.spline_prefilter(volumes((1, 1, 4, 5, 1), torch.uint8)).requires_grad
