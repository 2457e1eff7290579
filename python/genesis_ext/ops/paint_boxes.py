# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""In-painting and out-painting: replace the voxels inside or outside of boxes."""

from typing import Any

import torch
from torch import Tensor

from genesis_ext.ops._checks import (
    TensorLike,
    ValueRange,
    as_3d,
    as_before,
    as_code,
    as_numbers,
    check_tensor,
    check_voxels,
    refuse_gradient,
    refuse_vmap,
    split_range,
)

KINDS = ("none", "in", "out")


def paint_boxes(
    x: Tensor,
    boxes: TensorLike,
    kind: str | TensorLike,
    key: TensorLike | None = None,
    fill: Tensor | None = None,
    value_range: ValueRange = (0.0, 1.0),
    spatial_dims: int = 3,
) -> Tensor:
    """Replace the voxels inside the union of a sample's boxes ("in") or outside of it ("out").

    The new values are noise, uniform over the range, if `key` is given, or constants if `fill` is. Channels share noise
    for "in" and have their own for "out", as released. Exactness class A. Differentiable in x: the gradient passes
    where x was kept.

    Args:
        x: (N, C, X, Y, Z), float64, float32, float16 or bfloat16, any strides.
        boxes: (N, B, 6) int32 = x0, y0, z0, x1, y1, z1 in voxels, half-open; all zeros: unused. In 2D z is 0 to 1.
            Other integers and lists are converted, also for kind and key.
        kind: "none", "in" or "out" for all samples, or (N,) int8 with 0, 1 or 2.
        key: (N, 2) int64 = seed, sample id: noise. Exactly one of key and fill is given.
        fill: constants as fractions of the range, float32: (N, B), one a box, or (N,), one a sample. Where boxes
            overlap the last one counts; "out" takes the first constant.
        value_range: (lo, hi), or a float32 tensor (N, 2) or (N, C, 2): a painted voxel is lo + fill * (hi - lo), and lo
            where the range is empty.
        spatial_dims: 3; 2 where x is a batch of images, (N, C, X, Y).

    Returns:
        Shape and dtype of x, contiguous.

    Raises:
        TypeError, ValueError: an argument of another type, dtype, shape or device, both or neither of key and fill; on
            the CPU also boxes outside the patch or an unknown kind (on CUDA boxes are cut and the kind counts as none).
        RuntimeError: `fill` or `value_range` require a gradient.

    Source: Models Genesis (MICCAI 2019), section 2, "out-painting" and "in-painting", and supplement C and D.
    """
    x = check_voxels("paint_boxes", x, spatial_dims)
    boxes = as_numbers("paint_boxes", "boxes", boxes, torch.int32, x.device)
    if (key is None) == (fill is None):
        raise ValueError(
            "paint_boxes: key must be given (for noise) or fill (for constants), not both, got "
            f"{'neither' if key is None else 'both'}"
        )
    if fill is not None:
        fill = check_tensor("paint_boxes", "fill", fill)
        refuse_gradient("paint_boxes", "fill", fill)
        fill = fill.unsqueeze(1) if fill.dim() == 1 else fill  # (N,) -> (N, 1)
    else:
        key = as_numbers("paint_boxes", "key", key, torch.int64, x.device)
    if isinstance(kind, str):
        kind = boxes.new_full(boxes.shape[:1], as_code("paint_boxes", "kind", kind, KINDS), dtype=torch.int8)
    else:
        kind = as_numbers("paint_boxes", "kind", kind, torch.int8, x.device)
    ranges, lo, hi = split_range("paint_boxes", value_range)
    out: Tensor = torch.ops.genesis_ext.paint_boxes.default(as_3d(x), boxes, kind, key, fill, ranges, lo, hi)
    return as_before(out, x)


def _fake(
    x: Tensor,
    boxes: Tensor,
    kind: Tensor,
    key: Tensor | None,
    fill: Tensor | None,
    value_range: Tensor | None,
    lo: float,
    hi: float,
) -> Tensor:
    return x.new_empty(x.shape)


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(inputs[1], inputs[2])


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    boxes, kind = ctx.saved_tensors
    # Ones painted with zeros: the operator itself says what was kept.
    ones = grad.new_ones((grad.shape[0], 1, *grad.shape[2:]), dtype=torch.float32)
    zeros = ones.new_zeros((grad.shape[0], 1))
    kept: Tensor = torch.ops.genesis_ext.paint_boxes.default(ones, boxes, kind, None, zeros, None, 0.0, 1.0)
    return torch.where(kept == 1.0, grad, 0.0), None, None, None, None, None, None, None


torch.library.register_fake("genesis_ext::paint_boxes", _fake)
torch.library.register_vmap("genesis_ext::paint_boxes", refuse_vmap("paint_boxes"))
torch.library.register_autograd("genesis_ext::paint_boxes", _backward, setup_context=_setup)
