# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Sampling at positions of a matrix, against scipy.ndimage.affine_transform."""

import math

import nibabel
import numpy as np
import pytest
import torch
from scipy import ndimage

from genesis_ext import ops
from tests import oracles
from tests.cases import same_bits

FILL = -2.5
BOUND = 1e-5  # of the larger of value range and magnitude
ORDERS = (0, 1, 3)
SHAPE = (9, 8, 7)
OUT = (11, 6, 10)
NAN = float("nan")

every_boundary = pytest.mark.parametrize("boundary", oracles.BOUNDARIES)
every_order = pytest.mark.parametrize("order", ORDERS)


def scaling(*factors):
    return np.diag([*factors, 1.0])


def shift(*voxels):
    matrix = np.eye(len(voxels) + 1)
    matrix[:-1, -1] = voxels
    return matrix


def rotation(degrees, a, b):
    matrix = np.eye(4)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    matrix[[a, a, b, b], [a, b, a, b]] = cos, -sin, sin, cos
    return matrix


MATRICES = {
    "identity": np.eye(4),
    "rotation": shift(5, 4, -1) @ rotation(33, 0, 1) @ rotation(-20, 1, 2) @ shift(-3, -2, 1),
    "scaling": scaling(0.7, 1.9, 0.31) @ shift(0.3, -0.2, 2),
    "shear": np.array([[1, 0.5, 0.2, -3], [0, 1, -0.7, 0.1], [0.3, 0.2, 1, 0.4], [0, 0, 0, 1]]),
    "flip": shift(8, 0, 6) @ scaling(-1, 1, -1),
    "halves": scaling(0.5, 0.5, 0.5) @ shift(-3, -3, -3),
    "singular": np.array([[0, 0, 0, 2.5], [0, 0, 0, 1.25], [0, 0, 1, -4], [0, 0, 0, 1]]),
    "far outside": scaling(37.3, -91.7, 1e5),
    "projection of everything onto a point far away": shift(-1e9, 1e8, 7e5) @ scaling(0, 0, 0),
}


def volume(shape, seed=0):
    return np.random.default_rng(seed).random(shape) * 10 - 3


def assert_within_bound(got, expected, x):
    got, expected, x = (np.asarray(a, np.float64) for a in (got, expected, x))
    assert np.abs(got - expected).max() <= BOUND * max(np.ptp(x), np.abs(x).max())


def sample(x, matrix, out_shape, order, boundary, **options):
    """Sample one volume or slice (*spatial), an array."""
    batch = torch.from_numpy(np.ascontiguousarray(x))[None, None]
    options |= {"spatial_dims": x.ndim}
    out = ops.affine_sample(batch, torch.as_tensor(matrix), out_shape, order, boundary, FILL, **options)
    return out[0, 0]


@every_order
@every_boundary
@pytest.mark.parametrize("matrix", MATRICES.values(), ids=MATRICES)
def test_it_is_scipy_s_affine_transform(matrix, boundary, order):
    for dtype in (np.float32, np.float64):
        x = volume(SHAPE).astype(dtype)
        expected = ndimage.affine_transform(
            x.astype(float), matrix, output_shape=OUT, order=order, mode=boundary, cval=FILL
        )
        assert_within_bound(sample(x, matrix, OUT, order, boundary), expected, x)


def points(matrix, out_shape):
    indices = np.indices(out_shape).reshape(len(out_shape), -1)
    return matrix[:-1, :-1] @ indices + matrix[:-1, -1:]


@every_order
@every_boundary
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 5, 1), (1, 2, 12), (2, 2, 2), (30, 3, 5)], ids=str)
def test_short_axes_are_resampled_as_long_ones(shape, boundary, order):
    for name in ("rotation", "scaling", "shear"):
        x, matrix = volume(shape), MATRICES[name]
        if order == 3 and boundary in ("reflect", "grid-mirror"):  # whose filter errs in scipy
            expected = oracles.map_coordinates(x, points(matrix, OUT), order, boundary, FILL).reshape(OUT)
        else:
            expected = ndimage.affine_transform(x, matrix, output_shape=OUT, order=order, mode=boundary, cval=FILL)
        assert_within_bound(sample(x.astype(np.float32), matrix, OUT, order, boundary), expected, x)


@every_order
@every_boundary
def test_slices_have_matrices_of_two_axes(boundary, order):
    x = volume((21, 16))
    matrix = np.array([[0.8, 0.5, -3], [-0.4, 1.1, 2.5], [0, 0, 1]])
    expected = ndimage.affine_transform(x, matrix, output_shape=(13, 30), order=order, mode=boundary, cval=FILL)
    got = sample(x.astype(np.float32), matrix, (13, 30), order, boundary)
    assert got.shape == (13, 30)
    assert_within_bound(got, expected, x)


@every_order
@pytest.mark.parametrize("boundary", ["constant", "nearest", "grid-constant"])
def test_one_scan_on_the_grid_of_another_lies_where_its_affine_says(shared, boundary, order):
    moving, fixed = (
        nibabel.load(shared / "data" / "mri" / f"mslong_patient01_study1_{name}_raw.nii.gz")
        for name in ("T1W", "FLAIR")
    )
    coarse = scaling(4.0, 4.0, 1.0)  # every fourth voxel: scipy is slow
    x = np.asarray(moving.dataobj, np.float32)[::4, ::4]
    matrix = np.linalg.inv(moving.affine @ coarse) @ fixed.affine @ coarse
    assert not np.allclose(matrix, np.diag(np.diag(matrix)))
    expected = ndimage.affine_transform(
        x.astype(float), matrix, output_shape=(80, 80, 36), order=order, mode=boundary, cval=FILL
    )
    got = sample(x, matrix, (80, 80, 36), order, boundary)
    assert_within_bound(got, expected, x)
    assert (got.numpy() != FILL).mean() > 0.5


@pytest.mark.parametrize(("order", "tolerance"), [(1, 0.02), (3, 0.002)])
def test_a_landmark_keeps_its_place_in_space(order, tolerance):
    moving = shift(-4.0, 10.0, 3.0) @ rotation(25, 0, 2) @ scaling(-1.5, 1.2, 2.0)
    fixed = shift(-62.0, 7.0, -9.0) @ rotation(-10, 0, 1)
    indices = np.indices((30, 30, 24)).reshape(3, -1)
    centre = (moving @ [15.0, 14.0, 12.0, 1.0])[:3]
    x = np.exp(-(((moving[:3, :3] @ indices + moving[:3, 3:]).T - centre) ** 2).sum(1) / 18).reshape(30, 30, 24)
    y = sample(x, np.linalg.inv(moving) @ fixed, (48, 48, 48), order, "constant").numpy()
    y[y == FILL] = 0.0
    weights = y.ravel() / y.sum()
    found = fixed[:3, :3] @ (np.indices(y.shape).reshape(3, -1) @ weights) + fixed[:3, 3]
    assert np.abs(found - centre).max() < tolerance  # mm


def test_every_sample_has_its_own_matrix_and_every_channel_the_same():
    x = torch.from_numpy(volume((3, 2, *SHAPE))).float()
    matrices = torch.stack([torch.from_numpy(MATRICES[name]) for name in ("rotation", "flip", "shear")])
    for order in ORDERS:
        together = ops.affine_sample(x, matrices, OUT, order, "mirror")
        assert together.shape == (3, 2, *OUT)
        for n in range(3):
            for c in range(2):
                alone = ops.affine_sample(x[n : n + 1, c : c + 1], matrices[n], OUT, order, "mirror")
                assert same_bits(together[n : n + 1, c : c + 1], alone)


@every_order
def test_one_matrix_serves_all_samples_and_one_volume_all_matrices(order):
    x = torch.from_numpy(volume((3, 2, *SHAPE))).float()
    matrix = torch.from_numpy(MATRICES["shear"])
    shared_matrix = ops.affine_sample(x, matrix, OUT, order)
    assert same_bits(shared_matrix, ops.affine_sample(x, matrix.expand(3, 4, 4), OUT, order))
    matrices = torch.stack([torch.from_numpy(MATRICES[name]) for name in ("rotation", "flip", "shear")])
    one = x[:1].expand(3, 2, *SHAPE)
    assert same_bits(
        ops.affine_sample(one, matrices, OUT, order, "nearest"),
        ops.affine_sample(one.contiguous(), matrices, OUT, order, "nearest"),
    )


@pytest.mark.parametrize("order", [0, 1])
def test_flips_and_quarter_turns_move_voxels_without_a_change(order):
    x = torch.from_numpy(volume(SHAPE)).float()
    x[3, 4, 5], x[0, 0, 0] = NAN, -0.0
    flip = torch.from_numpy(MATRICES["flip"])
    assert same_bits(ops.affine_sample(x[None, None], flip, SHAPE, order)[0, 0], x.flip(0, 2))
    turn = torch.tensor([[0.0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    assert same_bits(ops.affine_sample(x[None, None], turn, (8, 9, 7), order)[0, 0], x.transpose(0, 1))


def test_a_nan_reaches_only_the_outputs_that_it_has_a_part_in():
    x = torch.ones(1, 1, *SHAPE)
    x[..., 4, 4, 4] = NAN
    matrix = torch.from_numpy(scaling(0.5, 0.5, 0.5))
    out = ops.affine_sample(x, matrix, (17, 15, 13), 1)[0, 0]
    expected = torch.zeros(17, 15, 13, dtype=torch.bool)
    expected[7:10, 7:10, 7:10] = True
    assert torch.equal(out.isnan(), expected)
    assert (out[~expected] == 1).all()


@every_order
@pytest.mark.parametrize(
    "dtype", [torch.uint8, torch.int16, torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)
def test_every_dtype_comes_in_and_goes_out(dtype, order):
    x = (torch.from_numpy(volume((1, 1, *SHAPE))) * 12 + 40).to(dtype)
    matrix = torch.from_numpy(MATRICES["rotation"])
    exact = ops.affine_sample(x.double(), matrix, OUT, order, "mirror")
    same = ops.affine_sample(x, matrix, OUT, order, "mirror")
    assert same.dtype == dtype
    wide = ops.affine_sample(x, matrix, OUT, order, "mirror", dtype=torch.float64)
    assert_within_bound(wide, exact, x.double())
    if dtype.is_floating_point:
        assert same_bits(same, wide.to(dtype))
    else:
        info = torch.iinfo(dtype)
        away = torch.where(wide < 0, (wide - 0.5).ceil(), (wide + 0.5).floor())
        assert torch.equal(same, away.clamp(info.min, info.max).to(dtype))


def test_integers_saturate_and_nan_becomes_zero():
    x = torch.tensor([1e6, -1e6, NAN, 2.5, -2.5])[None, None, :, None, None]
    identity = torch.eye(4)
    assert ops.affine_sample(x, identity, (5, 1, 1), dtype=torch.int16).flatten().tolist() == [32767, -32768, 0, 3, -3]
    assert ops.affine_sample(x, identity, (5, 1, 1), dtype=torch.uint8).flatten().tolist() == [255, 0, 0, 3, 0]


def test_labels_stay_labels_at_order_0():
    labels = torch.randint(0, 5, (1, 1, *SHAPE), generator=torch.Generator().manual_seed(1), dtype=torch.uint8) * 50
    out = ops.affine_sample(labels, torch.from_numpy(MATRICES["rotation"]), OUT, 0, fill=7)
    assert set(out.unique().tolist()) <= {0, 7, 50, 100, 150, 200}


@every_order
def test_far_from_the_volume_there_is_the_fill_itself(order):
    x = torch.rand(1, 1, *SHAPE)
    matrix = torch.from_numpy(shift(30.0, 0.0, 0.0))
    for boundary in ("constant", "grid-constant"):
        assert (ops.affine_sample(x, matrix, OUT, order, boundary, 0.1) == torch.tensor(0.1)).all()
    beyond = torch.from_numpy(shift(2.0**51, 0.0, 0.0))
    assert (ops.affine_sample(x, beyond, OUT, order, "mirror", 0.1) == torch.tensor(0.1)).all()


@every_order
def test_a_fill_that_is_not_a_number_marks_what_lies_outside(order):
    x = torch.from_numpy(volume((1, 1, *SHAPE)))
    matrix = MATRICES["rotation"]
    at = points(matrix, OUT)
    outside = ((at < 0) | (at > np.array(SHAPE)[:, None] - 1)).any(0).reshape(OUT)
    out = ops.affine_sample(x, torch.from_numpy(matrix), OUT, order, fill=NAN)
    assert np.array_equal(out[0, 0].isnan().numpy(), outside)


@every_order
@every_boundary
def test_gradient_is_the_derivative(boundary, order):
    rng = torch.Generator().manual_seed(2)
    options = {"order": order, "boundary": boundary, "fill": FILL}
    for shape, out_shape, axes in (
        ((2, 2, 3, 4, 2), (3, 2, 4), 3),
        ((2, 1, 5, 4), (3, 6), 2),
        ((1, 1, 1, 2, 1), OUT, 3),
        ((1, 1, 3, 4, 1), (4, 2, 1), 3),
    ):
        matrix = torch.eye(axes + 1, dtype=torch.float64).repeat(shape[0], 1, 1)
        matrix[:, :axes] += torch.randn(shape[0], axes, axes + 1, generator=rng, dtype=torch.float64) * 0.4
        x = torch.randn(shape, generator=rng, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(
            lambda v, m=matrix, s=out_shape: ops.affine_sample(v, m, s, **options, spatial_dims=len(s)),
            x,
            fast_mode=True,
        )


@every_order
def test_gradient_in_float32_is_that_in_float64(order):
    x, matrix = torch.from_numpy(volume((1, 1, 20, 17, 12))), torch.from_numpy(MATRICES["rotation"])
    grads = []
    for dtype in (torch.float64, torch.float32):
        leaf = x.detach().to(dtype, copy=True).requires_grad_()
        ops.affine_sample(leaf, matrix, (25, 20, 15), order, "nearest").square().sum().backward()
        grads.append(leaf.grad.double())
    torch.testing.assert_close(grads[1], grads[0], rtol=0, atol=1e-5 * grads[0].abs().max().item())


def test_a_second_derivative_is_refused_in_words():
    x = torch.rand(1, 1, 4, 4, 4, requires_grad=True)
    (grad,) = torch.autograd.grad(ops.affine_sample(x, torch.eye(4), (4, 4, 4)).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="affine_sample: must be differentiated once at most"):
        grad.sum().backward()


X = torch.rand(2, 1, 4, 5, 6)
EYE = torch.eye(4).repeat(2, 1, 1)
BROKEN = EYE.clone()
BROKEN[1, 0, 2] = NAN
PERSPECTIVE = EYE.clone()
PERSPECTIVE[1, 3, 1] = 0.5


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"x": X.int()}, TypeError, "x must be uint8, int16, .* got torch.int32"),
        ({"x": X[0], "spatial_dims": 2}, ValueError, r"matrix must be \(N, 3, 3\) or \(3, 3\) for x of 2 axes"),
        # A rotation without translation, as scipy takes it, says nothing of two axes.
        ({"x": X[0], "matrix": EYE[0, :3, :3], "out_shape": (5, 6)}, ValueError, r"x must be \(N, C, X, Y, Z\), got"),
        ({"x": X[:, :, :0]}, ValueError, r"x must have at least one voxel along every axis, got \(2, 1, 0, 5, 6\)"),
        ({"matrix": EYE.tolist()}, TypeError, "matrix must be a tensor, got list"),
        ({"matrix": EYE.long()}, ValueError, "matrix must be float64 or float32, got int64"),
        ({"matrix": EYE[:, :3]}, ValueError, r"matrix must be \(N, 4, 4\) or \(4, 4\) for x of 3 axes, got .*3, 4\]"),
        ({"matrix": EYE[:, :3, :3]}, ValueError, r"matrix must be \(N, 4, 4\) or \(4, 4\) for x of 3 axes"),
        ({"matrix": EYE[[0, 0, 0]]}, ValueError, r"matrix must have shape \(N or 1, 4, 4\).*N = 2, got \(3, 4, 4\)"),
        ({"matrix": BROKEN}, ValueError, "matrix must be finite, got nan at row 0, column 2 of sample 1"),
        ({"matrix": EYE * math.inf}, ValueError, "matrix must be finite, got "),
        ({"matrix": PERSPECTIVE}, ValueError, r"matrix must end in the row .*got 0.5 at column 1 of sample 1"),
        ({"out_shape": (4, 5)}, ValueError, "out_shape must be 3 integers"),
        ({"out_shape": (4, 5, 0)}, ValueError, "out_shape must be at least 1 along every axis"),
        ({"order": 2}, ValueError, "order must be 0, 1 or 3, got 2"),
        ({"boundary": "wrap"}, ValueError, "boundary 'wrap' of scipy .* use 'grid-wrap'"),
        ({"boundary": "zeros"}, ValueError, "boundary must be one of .* got 'zeros'"),
        ({"fill": "air"}, TypeError, "fill must be a number, got 'air'"),
        ({"dtype": torch.int64}, TypeError, "dtype must be .* got torch.int64"),
    ],
)
def test_a_wrong_argument_is_refused_in_words(change, error, words):
    arguments = {"x": X, "matrix": EYE, "out_shape": (4, 5, 6)} | change
    with pytest.raises(error, match=rf"^affine_sample: .*{words}"):
        ops.affine_sample(**arguments)


def test_a_gradient_of_the_matrix_is_refused_in_words():
    with pytest.raises(RuntimeError, match="affine_sample: matrix must not require a gradient"):
        ops.affine_sample(X, EYE.clone().requires_grad_(), (4, 5, 6))


@pytest.mark.cuda
def test_matrices_that_are_not_finite_give_the_fill_on_a_gpu():
    x = X.cuda()
    for order in ORDERS:
        for boundary in oracles.BOUNDARIES:
            out = ops.affine_sample(x, BROKEN.cuda(), (4, 5, 6), order, boundary, 0.25)
            assert (out[1] == 0.25).all()
            assert same_bits(out[0].cpu(), ops.affine_sample(X[:1], EYE[:1], (4, 5, 6), order, boundary, 0.25)[0])


@pytest.mark.cuda
def test_the_gradient_on_a_gpu_refuses_deterministic_algorithms():
    x = X.cuda().requires_grad_()
    out = ops.affine_sample(x, EYE.cuda(), (4, 5, 6))
    torch.use_deterministic_algorithms(True)
    try:
        with pytest.raises(RuntimeError, match="affine_sample: the gradient on CUDA must be taken without"):
            out.sum().backward()
    finally:
        torch.use_deterministic_algorithms(False)
