# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Non-linear intensity transformation by a monotone cubic Bezier curve."""

from typing import Any, NoReturn

import torch
from torch import Tensor

from genesis_ext.ops._checks import (
    ValueRange,
    as_3d,
    as_before,
    check_tensor,
    check_voxels,
    refuse_gradient,
    refuse_vmap,
    split_range,
)


def bezier_map(
    x: Tensor,
    control_points: Tensor,
    decreasing: Tensor,
    value_range: ValueRange = (0.0, 1.0),
    clamp: bool = True,
    spatial_dims: int = 3,
) -> Tensor:
    """Map each value through its sample's curve: y(t) where x(t) is the value, both cubic Beziers.

    The curve runs from (0, 0) to (1, 1), pulled by (x1, y1) and (x2, y2), in units of the range; decreasing curves take
    y(1 - t) instead. With x1 and x2 in [0, 1], x(t) is monotone, so the curve is a function. It is exact to 1e-5 of the
    range (plus one rounding for half types), with the same bits on every device (class B).

    Differentiable in x, once: the curve's slope, 0 where clamped and for NaN, at most 1e4 in size where the curve is
    vertical.

    Args:
        x: (N, C, X, Y, Z), float64, float32, float16 or bfloat16, any strides. NaN stays NaN.
        control_points: (N, K, 4) float32 = x1, y1, x2, y2 in [0, 1]; K = 1 (all channels alike) or C.
        decreasing: (N, K) bool.
        value_range: (lo, hi), or a float32 tensor (N, 2) or (N, C, 2); an empty range (lo = hi) leaves x as it is.
        clamp: clip values to the range first; otherwise the curve continues outside with slope +-1.
        spatial_dims: 3; 2 where x is a batch of images, (N, C, X, Y).

    Returns:
        Shape and dtype of x, contiguous.

    Raises:
        TypeError, ValueError: an argument of another type, dtype, shape or device; on the CPU also control points
            outside [0, 1] (on CUDA they are cut to [0, 1]).
        RuntimeError: `control_points` or `value_range` require a gradient.

    Source: Models Genesis (MICCAI 2019), section 2, "non-linear transformation", and supplement A.
    """
    x = check_voxels("bezier_map", x, spatial_dims)
    control_points = check_tensor("bezier_map", "control_points", control_points)
    decreasing = check_tensor("bezier_map", "decreasing", decreasing)
    refuse_gradient("bezier_map", "control_points", control_points)
    ranges, lo, hi = split_range("bezier_map", value_range)
    out: Tensor = torch.ops.genesis_ext.bezier_map.default(as_3d(x), control_points, decreasing, ranges, lo, hi, clamp)
    return as_before(out, x)


def _fake(
    x: Tensor, control_points: Tensor, decreasing: Tensor, value_range: Tensor | None, lo: float, hi: float, clamp: bool
) -> Tensor:
    return x.new_empty(x.shape)


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, control_points, decreasing, value_range, *ctx.numbers = inputs
    ctx.save_for_backward(x, control_points, decreasing, value_range)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    slope: Tensor = torch.ops.genesis_ext.bezier_map_slope.default(*ctx.saved_tensors, *ctx.numbers)
    return grad * slope, None, None, None, None, None, None


def _no_second_derivative(ctx: Any, grad: Tensor) -> NoReturn:
    raise RuntimeError(
        "bezier_map: must be differentiated once at most, since its slope has no derivative here, got a second "
        "derivative with respect to x; leave out create_graph=True or use x.detach()"
    )


for _op in ("bezier_map", "bezier_map_slope"):
    torch.library.register_fake(f"genesis_ext::{_op}", _fake)
    torch.library.register_vmap(f"genesis_ext::{_op}", refuse_vmap(_op))
torch.library.register_autograd("genesis_ext::bezier_map", _backward, setup_context=_setup)
torch.library.register_autograd("genesis_ext::bezier_map_slope", _no_second_derivative)
