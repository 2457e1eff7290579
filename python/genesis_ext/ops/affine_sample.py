# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Sampling of volumes at positions that matrices give: rotation, scaling, shear, flips, one grid on another."""

from collections.abc import Sequence
from typing import Any, NoReturn

import torch
from torch import Tensor

from genesis_ext.ops._checks import as_3d, as_before, check_tensor, got, refuse_gradient, refuse_vmap
from genesis_ext.ops._resampling import (
    BOUNDARIES,
    DTYPES,
    boundary_code,
    check_fill,
    check_order,
    check_shape,
    check_volumes,
    dtype_code,
    transpose_along,
)


def affine_sample(
    x: Tensor,
    matrix: Tensor,
    out_shape: Sequence[int],
    order: int = 1,
    boundary: str = "constant",
    fill: float = 0.0,
    dtype: torch.dtype | None = None,
    spatial_dims: int = 3,
) -> Tensor:
    """Sample each volume where its matrix puts the output voxels.

    Equal to ``scipy.ndimage.affine_transform`` for each volume, within 1e-5 of the larger of value range and magnitude
    (order 3 is the interpolating cubic B-spline, prefilter included); docs/resampling.md gives every operation. To
    bring a volume of affine A (index to mm) onto the grid of affine B: ``matrix = inv(A) @ B``. Exactness class B: same
    bits on CPU and CUDA. Differentiable in x, for floating dtypes, once; the gradient is the exact adjoint (class C; on
    CUDA it adds in any order, and refuses under ``torch.use_deterministic_algorithms``).

    Args:
        x: (N, C, X, Y, Z), uint8, int16, float16, bfloat16, float32 or float64, any strides. One volume
            under many matrices (``x.expand(N, ...)``) is filtered once on the CPU.
        matrix: (N, D+1, D+1) or (D+1, D+1), D = `spatial_dims`, float64 (or float32, which places voxels less exactly):
            homogeneous, from the index of an output voxel to the position in x, in voxels, as in scipy. Any finite one:
            a singular matrix samples a plane, a line or a point.
        out_shape: D sides of the result in voxels, each at least 1.
        order: 0 (nearest), 1 (linear) or 3 (cubic).
        boundary: how volumes go on beyond their ends: "constant" (the fill at positions outside), "grid-constant",
            "mirror", "reflect" (also "grid-mirror"), "nearest" or "grid-wrap", as in scipy.
        fill: the value beyond the ends for the two constant boundaries.
        dtype: of the result, one of those of x; default that of x. Integers are rounded half away from zero and
            saturate.
        spatial_dims: 3; 2 where x is a batch of images, (N, C, X, Y).

    Returns:
        (N, C, *out_shape), contiguous.

    Raises:
        TypeError, ValueError: an argument of another type, dtype, shape or device, an unknown order or boundary; on the
            CPU also a matrix that is not finite or whose last row is not (0, ..., 0, 1) (on CUDA that row is not read,
            and positions that are not finite take the fill).
        RuntimeError: `matrix` requires a gradient.

    Source: Unser, Aldroubi and Eden, "B-spline signal processing", IEEE TSP 1993.
    """
    x = check_volumes("affine_sample", x, spatial_dims)
    matrix = check_tensor("affine_sample", "matrix", matrix)
    refuse_gradient("affine_sample", "matrix", matrix)
    axes = spatial_dims
    matrices = matrix.unsqueeze(0) if matrix.dim() == 2 else matrix
    if matrices.dim() != 3 or matrices.shape[1:] != (axes + 1, axes + 1):
        size = f"{axes + 1}, {axes + 1}"
        raise ValueError(
            f"affine_sample: matrix must be (N, {size}) or ({size}) for x of {axes} axes, got {got(matrix)}"
        )
    shape = check_shape("affine_sample", "out_shape", out_shape, axes)
    out: Tensor = torch.ops.genesis_ext.affine_sample.default(
        as_3d(x),
        matrices,
        shape,
        check_order("affine_sample", order),
        boundary_code("affine_sample", boundary),
        check_fill("affine_sample", fill),
        dtype_code("affine_sample", x.dtype if dtype is None else dtype),
    )
    return as_before(out, x)


def _fake(
    x: Tensor, matrix: Tensor, out_shape: Sequence[int], order: int, boundary: int, fill: float, dtype: int
) -> Tensor:
    return x.new_empty((*x.shape[:2], *out_shape), dtype=DTYPES[dtype])


def _fake_adjoint(grad: Tensor, matrix: Tensor, in_shape: Sequence[int], order: int, boundary: int) -> Tensor:
    pads = [_pad(n, order, boundary) for n in in_shape]
    if matrix.shape[1] == 3:
        pads[2] = 0
    return grad.new_empty((*grad.shape[:2], *(n + 2 * pad for n, pad in zip(in_shape, pads, strict=True))))


def _pad(n: int, order: int, boundary: int) -> int:
    """Mirror AffineAxis::pad of csrc/math/affine.h: coefficients beyond either end of an axis of n voxels."""
    if order != 3 or (n == 1 and boundary != BOUNDARIES["grid-constant"]):
        return 0
    return 14 if boundary in (BOUNDARIES["nearest"], BOUNDARIES["grid-constant"]) else 2


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, matrix, _, ctx.order, ctx.boundary, *_ = inputs
    ctx.in_shape, ctx.dtype = x.shape[2:], x.dtype
    ctx.save_for_backward(matrix)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    """Scatter to the coefficients, then apply the transpose of the prefilter, a matrix for each axis."""
    if grad.is_cuda and torch.are_deterministic_algorithms_enabled():
        raise RuntimeError(
            "affine_sample: the gradient on CUDA must be taken without torch.use_deterministic_algorithms, since its "
            "sums have no fixed order, got deterministic algorithms; take it on the CPU, or allow it there"
        )
    grad = grad.to(torch.float64 if ctx.dtype == torch.float64 else torch.float32)
    (matrix,) = ctx.saved_tensors
    grad = torch.ops.genesis_ext.affine_sample_adjoint.default(grad, matrix, ctx.in_shape, ctx.order, ctx.boundary)
    for axis, n in enumerate(ctx.in_shape, start=2):
        pad = (grad.shape[axis] - n) // 2
        if pad > 0:
            grad = transpose_along(grad, _coefficients_of_units(n, pad, ctx.boundary, grad), axis)
    return grad.to(ctx.dtype), None, None, None, None, None, None


def _coefficients_of_units(n: int, pad: int, boundary: int, like: Tensor) -> Tensor:
    """Cubic coefficients of the unit vectors: (n + 2 pad, n), the dtype and device of `like`.

    A coefficient is the sum over all samples of sqrt(3) z^distance times the sample, z = sqrt(3) - 2.
    """
    far = 30  # |z|^30 = 7e-18
    k = torch.arange(-pad, n + pad, device=like.device)
    samples = torch.arange(-pad - far, n + pad + far, device=like.device)
    distance = (k[:, None] - samples).abs().to(like.dtype)
    sign = 1 - 2 * (distance % 2)
    response = 3**0.5 * sign * (2 - 3**0.5) ** distance
    stands_for = _index(boundary, samples, n)[:, None] == torch.arange(n, device=like.device)
    return response @ stands_for.to(like.dtype)


def _index(boundary: int, i: Tensor, n: int) -> Tensor:
    """What stands at index i of a line of n samples; -1 for the fill."""
    if boundary in (BOUNDARIES["mirror"], BOUNDARIES["constant"]):
        at = i.remainder(2 * n - 2)
        return torch.minimum(at, 2 * n - 2 - at)
    if boundary == BOUNDARIES["reflect"]:
        at = i.remainder(2 * n)
        return torch.minimum(at, 2 * n - 1 - at)
    if boundary == BOUNDARIES["grid-wrap"]:
        return i.remainder(n)
    if boundary == BOUNDARIES["nearest"]:
        return i.clamp(0, n - 1)
    return torch.where((i >= 0) & (i < n), i, -1)


def _no_second_derivative(ctx: Any, grad: Tensor) -> NoReturn:
    raise RuntimeError(
        "affine_sample: must be differentiated once at most, got a second derivative with respect to x; leave out "
        "create_graph=True or use x.detach()"
    )


torch.library.register_fake("genesis_ext::affine_sample", _fake)
torch.library.register_fake("genesis_ext::affine_sample_adjoint", _fake_adjoint)
for _op in ("affine_sample", "affine_sample_adjoint"):
    torch.library.register_vmap(f"genesis_ext::{_op}", refuse_vmap(_op))
torch.library.register_autograd("genesis_ext::affine_sample", _backward, setup_context=_setup)
torch.library.register_autograd("genesis_ext::affine_sample_adjoint", _no_second_derivative)
