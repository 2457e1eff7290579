# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Local pixel shuffling: permute the voxels of many small windows."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from genesis_ext.ops._checks import (
    TensorLike,
    as_3d,
    as_before,
    as_code,
    as_numbers,
    check_voxels,
    refuse_vmap,
    window_sides,
)

ORDERS = ("last_writer", "sequential")
PERMUTES = ("voxel", "axes")


def local_shuffle(
    x: Tensor,
    key: TensorLike,
    num_windows: int = 10_000,
    max_window: int | Sequence[int] | None = None,
    order: str = "last_writer",
    permute: str = "voxel",
    spatial_dims: int = 3,
) -> Tensor:
    """Permute the voxels of windows whose sizes, places and permutations follow from the sample's key.

    All channels of a sample move alike. Values only move, so the result is exact in every dtype (class A).
    Differentiable in x: gradients return to where each value came from, summed where it was copied.

    Args:
        x: (N, C, X, Y, Z), float64, float32, float16 or bfloat16, any strides.
        key: (N, 2) int64 = seed, sample id; other integers and lists are converted.
        num_windows: windows a sample, at least 0.
        max_window: largest side of a window in voxels, one for all axes or one an axis; sides are drawn in
            [1, max_window], starts anywhere in the patch. At most the patch's side, and at most 2^20 voxels a window.
            Default: a tenth of each side, at least 1: a patch of less than 20 voxels along every axis stays as it is.
        order: "last_writer": each window reads the original and the last one that covers a voxel decides (released
            code; values can be lost or copied). "sequential": windows act one after another on the result so far
            (paper); the values of the patch stay the same, in other places.
        permute: "voxel": all voxels of a window (released code). "axes": along each axis on its own, P W P' (paper).
        spatial_dims: 3; 2 where x is a batch of images, (N, C, X, Y).

    Returns:
        Shape and dtype of x, contiguous.

    Raises:
        TypeError, ValueError: an argument of another type, dtype, shape or device, an unknown option, a window larger
            than the patch or than 2^20 voxels.

    Source: Models Genesis (MICCAI 2019), section 2, "local pixel shuffling", and supplement B.
    """
    x = check_voxels("local_shuffle", x, spatial_dims)
    key = as_numbers("local_shuffle", "key", key, torch.int64, x.device)
    sides = window_sides("local_shuffle", max_window, x.shape[2:])
    out: Tensor = torch.ops.genesis_ext.local_shuffle.default(
        as_3d(x),
        key,
        num_windows,
        sides,
        as_code("local_shuffle", "order", order, ORDERS),
        as_code("local_shuffle", "permute", permute, PERMUTES),
    )
    return as_before(out, x)


def _fake(x: Tensor, key: Tensor, num_windows: int, max_window: Sequence[int], order: int, permute: int) -> Tensor:
    return x.new_empty(x.shape)


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    _, key, *ctx.options = inputs
    ctx.save_for_backward(key)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    (key,) = ctx.saved_tensors
    samples, channels, *shape = grad.shape
    # Where each voxel came from: the operator itself, on the voxels' own indices (float64 holds them exactly).
    voxels = grad[0, 0].numel() if samples and channels else 0
    if voxels == 0:
        return torch.zeros_like(grad), None, None, None, None, None
    index = torch.arange(voxels, dtype=torch.float64, device=grad.device).reshape(1, 1, *shape)
    index = index.expand(samples, 1, *shape)
    source: Tensor = torch.ops.genesis_ext.local_shuffle.default(index, key, *ctx.options)
    source = source.to(torch.int64).flatten(2).expand(samples, channels, voxels)
    # Half types are summed in float32: many voxels may have copied one.
    summed = torch.float32 if grad.dtype in (torch.float16, torch.bfloat16) else grad.dtype
    back = grad.new_zeros((samples, channels, voxels), dtype=summed)
    back = back.scatter_add(2, source, grad.flatten(2).to(summed))
    return back.to(grad.dtype).reshape(grad.shape), None, None, None, None, None


torch.library.register_fake("genesis_ext::local_shuffle", _fake)
torch.library.register_vmap("genesis_ext::local_shuffle", refuse_vmap("local_shuffle"))
torch.library.register_autograd("genesis_ext::local_shuffle", _backward, setup_context=_setup)
