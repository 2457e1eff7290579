# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Axis-aligned resampling of volumes by splines of order 0, 1 and 3."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from genesis_ext.ops._checks import as_3d, as_before, refuse_vmap
from genesis_ext.ops._resampling import (
    DTYPES,
    boundary_code,
    check_fill,
    check_flag,
    check_order,
    check_shape,
    check_volumes,
    dtype_code,
    transpose_along,
    zoomed_shape,
)


def resample(
    x: Tensor,
    out_shape: Sequence[int] | None = None,
    zoom: float | Sequence[float] | None = None,
    order: int = 1,
    boundary: str = "mirror",
    fill: float = 0.0,
    grid_mode: bool = False,
    antialias: bool = False,
    dtype: torch.dtype | None = None,
    spatial_dims: int = 3,
) -> Tensor:
    """Resample volumes to another number of voxels along their axes.

    Equal to ``scipy.ndimage.zoom(grid_mode=...)`` for each volume, within 1e-5 of the larger of value range and
    magnitude (order 3 is the interpolating cubic B-spline, prefilter included); docs/resampling.md gives every
    operation. Exactness class B: same bits on CPU and CUDA. Differentiable in x, for floating dtypes, also twice; the
    gradient is the exact adjoint.

    Args:
        x: (N, C, X, Y, Z), uint8, int16, float16, bfloat16, float32 or float64, any strides.
        out_shape: sides of the result in voxels, each at least 1. Exactly one of out_shape and zoom is given.
        zoom: output over input sides, one number or one for each axis; sides are rounded.
        order: 0 (nearest), 1 (linear) or 3 (cubic).
        boundary: how volumes continue beyond their ends: "mirror", "reflect" (also "grid-mirror"), "nearest",
            "grid-wrap", "grid-constant" or "constant", as in scipy.
        fill: the value beyond the ends for the two constant boundaries.
        grid_mode: False: centres of the outermost voxels stay in place (align_corners=True of torch); True: their
            outer edges do.
        antialias: where an axis shrinks, stretch the kernel by the step, as ``F.interpolate(antialias=True)``; for
            order 3 a smoothing B-spline on the voxels themselves. Not for order 0.
        dtype: of the result, one of those of x; default that of x. Integers are rounded half away from zero and
            saturate.
        spatial_dims: 3; 2 where x is a batch of images, (N, C, X, Y).

    Returns:
        (N, C, *out_shape), contiguous.

    Raises:
        TypeError, ValueError: an argument of another type, dtype or shape, or an unknown order or boundary.

    Source: Unser, Aldroubi and Eden, "B-spline signal processing", IEEE TSP 1993; Universal Model, section 3
    ("third-order spline interpolation").
    """
    x = check_volumes("resample", x, spatial_dims)
    if (out_shape is None) == (zoom is None):
        raise ValueError(
            "resample: out_shape or zoom must be given, not both, got " + ("neither" if zoom is None else "both")
        )
    if zoom is not None:
        out_shape = zoomed_shape("resample", x.shape[2:], zoom)
    assert out_shape is not None
    shape = check_shape("resample", "out_shape", out_shape, spatial_dims)
    code = dtype_code("resample", x.dtype if dtype is None else dtype)
    out: Tensor = torch.ops.genesis_ext.resample.default(
        as_3d(x),
        shape,
        check_order("resample", order),
        boundary_code("resample", boundary),
        check_fill("resample", fill),
        check_flag("resample", "grid_mode", grid_mode),
        check_flag("resample", "antialias", antialias),
        code,
    )
    return as_before(out, x)


def _fake(
    x: Tensor,
    out_shape: Sequence[int],
    order: int,
    boundary: int,
    fill: float,
    grid_mode: bool,
    antialias: bool,
    dtype: int,
) -> Tensor:
    return x.new_empty((*x.shape[:2], *out_shape), dtype=DTYPES[dtype])


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, *ctx.settings = inputs
    ctx.in_shape, ctx.dtype = x.shape[2:], x.dtype


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    """Resampling is one matrix for each axis; its columns are the resampled unit vectors."""
    out_shape, order, boundary, _, grid_mode, antialias, _ = ctx.settings
    arithmetic = torch.float64 if ctx.dtype == torch.float64 else torch.float32
    grad = grad.to(arithmetic)
    for axis, (n, m) in enumerate(zip(ctx.in_shape, out_shape, strict=True)):
        units = torch.eye(n, dtype=arithmetic, device=grad.device)[None, None, :, :, None]
        matrix = torch.ops.genesis_ext.resample.default(
            units, [m, n, 1], order, boundary, 0.0, grid_mode, antialias, DTYPES.index(arithmetic)
        )
        grad = transpose_along(grad, matrix[0, 0, :, :, 0], 2 + axis)
    return grad.to(ctx.dtype), None, None, None, None, None, None, None


torch.library.register_fake("genesis_ext::resample", _fake)
torch.library.register_vmap("genesis_ext::resample", refuse_vmap("resample"))
torch.library.register_autograd("genesis_ext::resample", _backward, setup_context=_setup)
