# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Boxes cut out of many volumes and resized to one shape, in one pass."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from genesis_ext.ops._checks import TensorLike, as_numbers, check_tensor, refuse_gradient, refuse_vmap
from genesis_ext.ops._resampling import DTYPES, check_fill, check_flag, check_order, check_shape, dtype_code


class PackedVolumes(NamedTuple):
    """Volumes of any shapes in one buffer, all tensors on one device.

    Attributes:
        voxels: (M,) uint8, int16, float16 or float32, contiguous: the volumes one after another, z fastest.
        offset: (V,) int64, where each volume begins in `voxels`.
        shape: (V, 3) int32, sides of each volume, in [1, 2^30).
        window: (V, 2) float32, the stored values that become 0 and 1; lo = hi leaves values as they are stored.
    """

    voxels: Tensor
    offset: Tensor
    shape: Tensor
    window: Tensor


def crop_resize(
    volumes: PackedVolumes,
    volume_index: TensorLike,
    boxes: TensorLike,
    out_shape: Sequence[int],
    order: int = 1,
    antialias: bool = False,
    fill: float = 0.0,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Cut a box out of a volume for each sample, resize it to `out_shape`, and map the volume's window to [0, 1].

    Voxel i spans [i, i + 1), so that output i of n lies at lo + (i + .5) (hi - lo) / n - .5 in voxel indices: a whole
    volume as box gives ``F.interpolate(align_corners=False)``. Up to the volume's edges the outermost voxels continue;
    outside is the fill. Order 3 is the interpolating cubic B-spline of the whole volume, cut to 24 samples around each
    position; docs/resampling.md gives every operation. Then the window: (v - lo) / (hi - lo), clamped to [0, 1]. NaN
    stays NaN. Exactness class B: same bits on CPU and CUDA. Not differentiable.

    Args:
        volumes: PackedVolumes.
        volume_index: (N,) int64, the volume of each sample; other integers and lists are converted.
        boxes: (N, 6) float32 = x0, y0, z0, x1, y1, z1 in voxel edges of the volume, lo < hi, at most 2^30 in magnitude;
            they may have fractions and reach outside. Integers and lists are converted, exactly up to 2^24.
        out_shape: sides of the result, three, or two for one slice across z: that in the middle of the box.
        order: 0 (nearest; for labels), 1 (linear) or 3 (cubic).
        antialias: along axes with more than a voxel a step, stretch the kernel by the step, as
            ``F.interpolate(antialias=True)``; for order 3 a smoothing B-spline on the voxels themselves. Not for
            order 0.
        fill: the value outside the volume, in stored units (it passes through the window).
        dtype: of the result: float32, float16, bfloat16, uint8 or int16. Integers are rounded half away from zero and
            saturate.

    Returns:
        (N, 1, *out_shape), contiguous.

    Raises:
        TypeError, ValueError: an argument of another type, dtype, shape or device; on the CPU also a volume_index out
            of range, a box that is empty or not finite, a volume beyond the buffer, or a window that is not finite (on
            CUDA such samples become the fill).
        RuntimeError: the voxels require a gradient.

    Source: Universal Model, section 3 (sub-volumes at several scales); Unser, Aldroubi and Eden, "B-spline signal
        processing", IEEE TSP 1993.
    """
    op = "crop_resize"
    if not isinstance(volumes, PackedVolumes):
        raise TypeError(f"{op}: volumes must be PackedVolumes, got {type(volumes).__name__}")
    voxels, window = check_tensor(op, "voxels", volumes.voxels), check_tensor(op, "window", volumes.window)
    offset = as_numbers(op, "offset", volumes.offset, torch.int64, voxels.device)
    shape = as_numbers(op, "shape", volumes.shape, torch.int32, voxels.device)
    volume_index = as_numbers(op, "volume_index", volume_index, torch.int64, voxels.device)
    boxes = as_numbers(op, "boxes", boxes, torch.float32, voxels.device)
    refuse_gradient(op, "voxels", voxels)
    refuse_gradient(op, "boxes", boxes)
    flat = isinstance(out_shape, Sequence) and len(out_shape) == 2
    sides = check_shape(op, "out_shape", out_shape, 2 if flat else 3)
    out: Tensor = torch.ops.genesis_ext.crop_resize.default(
        voxels,
        offset,
        shape,
        window,
        volume_index,
        boxes,
        sides,
        check_order(op, order),
        check_flag(op, "antialias", antialias),
        check_fill(op, fill),
        dtype_code(op, dtype),
    )
    return out.squeeze(-1) if flat else out


def _fake(
    voxels: Tensor,
    offset: Tensor,
    shape: Tensor,
    window: Tensor,
    volume_index: Tensor,
    boxes: Tensor,
    out_shape: Sequence[int],
    order: int,
    antialias: bool,
    fill: float,
    dtype: int,
) -> Tensor:
    return voxels.new_empty((volume_index.shape[0], 1, *out_shape), dtype=DTYPES[dtype])


torch.library.register_fake("genesis_ext::crop_resize", _fake)
torch.library.register_vmap("genesis_ext::crop_resize", refuse_vmap("crop_resize"))
