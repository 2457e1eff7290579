# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The four transformations of Models Genesis in one pass."""

from collections.abc import Sequence

import torch
from torch import Tensor

from genesis_ext.ops._checks import (
    ValueRange,
    as_3d,
    as_before,
    check_voxels,
    got,
    refuse_gradient,
    refuse_vmap,
    split_range,
)
from genesis_ext.ops.plan import Plan

_WAY_OUT = ", or compose ops.local_shuffle, ops.bezier_map and ops.paint_boxes, which have gradients"


def genesis_transform(
    x: Tensor, plan: Plan, value_range: ValueRange = (0.0, 1.0), clamp: bool = True
) -> tuple[Tensor, Tensor]:
    """Make the input and the target of a restoration task: the target is x flipped, the input distorted as well.

    In one pass, each output voxel is either painted (noise or a constant) or the curve of the voxel that flip and
    shuffle put there. The bits are those of flipping, `local_shuffle`, `bezier_map` and `paint_boxes` one after another
    with the plan's fields, on every device and in any split of the batch. Not differentiable.

    Args:
        x: (N, C, X, Y, Z), or (N, C, X, Y) with a plan for (X, Y), float32, float16 or bfloat16, any strides. NaN moves
            like any value and affects no neighbour.
        plan: of the same N samples and spatial shape, on the device of x.
        value_range: where curve and noise act: (lo, hi), or a float32 tensor (N, 2) or (N, C, 2) on the device of x. An
            empty range (lo = hi) means no curve, and painted voxels become lo.
        clamp: clip values to the range before the curve; otherwise the curve continues outside with slope +-1. Samples
            without a curve keep values outside the range either way.

    Returns:
        input, target: shape and dtype of x, contiguous.

    Raises:
        TypeError, ValueError: an argument of another type, dtype, shape or device, or a plan of another shape.
        RuntimeError: x requires a gradient.

    Source: Models Genesis (MICCAI 2019), figure 2 and supplement A to D.
    """
    if not isinstance(plan, Plan):
        raise TypeError(f"genesis_transform: plan must be a Plan, got {type(plan).__name__}")
    x = check_voxels("genesis_transform", x, len(plan.spec.spatial_shape), "a plan for (X, Y)")
    if tuple(x.shape[2:]) != plan.spec.spatial_shape:
        raise ValueError(
            f"genesis_transform: plan must be drawn for the spatial shape of x, got a plan for "
            f"{plan.spec.spatial_shape} and x {got(x)}"
        )
    refuse_gradient("genesis_transform", "x", x, _WAY_OUT)
    ranges, lo, hi = split_range("genesis_transform", value_range)
    distorted, target = torch.ops.genesis_ext.genesis_transform.default(
        as_3d(x), plan.tensor, plan.spec.numbers, ranges, lo, hi, clamp
    )
    return as_before(distorted, x), as_before(target, x)


def _fake(
    x: Tensor, plan: Tensor, numbers: Sequence[int], value_range: Tensor | None, lo: float, hi: float, clamp: bool
) -> tuple[Tensor, Tensor]:
    return x.new_empty(x.shape), x.new_empty(x.shape)


torch.library.register_fake("genesis_ext::genesis_transform", _fake)
torch.library.register_vmap("genesis_ext::genesis_transform", refuse_vmap("genesis_transform"))
