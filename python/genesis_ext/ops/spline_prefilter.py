# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Coefficients of the cubic B-spline that passes through all voxels."""

from typing import Any

import torch
from torch import Tensor

from genesis_ext.ops._checks import as_3d, as_before, refuse_vmap
from genesis_ext.ops._resampling import boundary_code, check_volumes, transpose_along


def spline_prefilter(x: Tensor, order: int = 3, boundary: str = "mirror", spatial_dims: int = 3) -> Tensor:
    """Turn voxels into coefficients of the interpolating cubic B-spline, along every spatial axis.

    Equal to ``scipy.ndimage.spline_filter(order=3, mode=boundary)`` within 1e-5 of the larger of value range and
    magnitude; for lines shorter than 6 in the reflect family, where scipy errs, to the exact solution. Exactness class
    B: same bits on CPU and CUDA. Differentiable in x; the gradient is the exact adjoint.

    Args:
        x: (N, C, X, Y, Z), uint8, int16, float16, bfloat16, float32 or float64, any strides.
        order: 3; splines of order 0 and 1 are their own coefficients.
        boundary: "mirror", "reflect" (also "grid-mirror") or "grid-wrap"; as in scipy, "nearest" counts as "reflect",
            "constant" and "grid-constant" as "mirror".
        spatial_dims: 3; 2 where x is a batch of images, (N, C, X, Y).

    Returns:
        Coefficients of the shape of x, contiguous: float64 for float64, else float32.

    Raises:
        TypeError, ValueError: x of another type, dtype or rank, or an unknown order or boundary.

    Source: Unser, Aldroubi and Eden, "B-spline signal processing", IEEE TSP 1993; docs/resampling.md.
    """
    x = check_volumes("spline_prefilter", x, spatial_dims)
    if not isinstance(order, int) or order != 3:
        raise ValueError(f"spline_prefilter: order must be 3 (lower orders need no prefilter), got {order!r}")
    code = boundary_code("spline_prefilter", boundary)
    out: Tensor = torch.ops.genesis_ext.spline_prefilter.default(as_3d(x), order, code)
    return as_before(out, x)


def _fake(x: Tensor, order: int, boundary: int) -> Tensor:
    return x.new_empty(x.shape, dtype=torch.float64 if x.dtype == torch.float64 else torch.float32)


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, ctx.order, ctx.boundary = inputs
    ctx.dtype = x.dtype


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    """The filter of an axis is a matrix; its columns are the filtered unit vectors."""
    for axis in range(2, 5):
        n = grad.shape[axis]
        # Filtered along the line only: as n volumes of one line each.
        units = torch.eye(n, dtype=grad.dtype, device=grad.device)[:, None, :, None, None]
        columns = torch.ops.genesis_ext.spline_prefilter.default(units, ctx.order, ctx.boundary)
        grad = transpose_along(grad, columns[:, 0, :, 0, 0].T, axis)
    return grad.to(ctx.dtype), None, None


torch.library.register_fake("genesis_ext::spline_prefilter", _fake)
torch.library.register_vmap("genesis_ext::spline_prefilter", refuse_vmap("spline_prefilter"))
torch.library.register_autograd("genesis_ext::spline_prefilter", _backward, setup_context=_setup)
