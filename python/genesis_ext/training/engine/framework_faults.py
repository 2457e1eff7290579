# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Convolutions whose gradients torch computes wrongly on some CPUs, and how a run keeps clear of them.

docs/framework_faults.md tells what was found. ``fault_of`` is the rule, conservative and the same on every CPU;
scripts/sweep_convolutions.py compares the gradients of what it admits with a plain computation.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.utils._python_dispatch import TorchDispatchMode

_BLOCK = 16  # channels that the kernels of AVX-512 work on at once; 8 with AVX2
_SMALL = 3  # no kernel up to this size was found to be wrong in float32


def lay_out(module: nn.Module, device: torch.device) -> None:
    """Lay the weights out channels last, as convolutions run fastest, unless a CPU computes one of them wrongly then.

    A step of eight 32x32x16 takes .24 instead of .34 s on a CPU.
    """
    layers = [part for part in module.modules() if isinstance(part, _ConvNd)]
    if device.type == "cpu" and any(_skips_voxels(part.weight, part.stride) for part in layers):
        return
    cubes = any(p.dim() == 5 for p in module.parameters())
    module.to(memory_format=torch.channels_last_3d if cubes else torch.channels_last)  # type: ignore[call-overload]


@contextmanager
def refusing_faults() -> Iterator[None]:
    """A context in which a convolution on the CPU whose gradients torch computes wrongly is refused.

    Run a network once in it, on a batch like those of training and under the same autocast. It sees the shapes, layouts
    and dtypes of every convolution, functional ones too. Compiled modules run uncompiled.

    Raises:
        ValueError: in the context; the text says which convolution, why, and what to do.
    """
    with torch.compiler.set_stance("force_eager"), _Watch():  # type: ignore[no-untyped-call]
        yield


class _Watch(TorchDispatchMode):
    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is torch.ops.aten.convolution.default and args[0].device.type == "cpu":
            x, weight, _, stride, padding, dilation, transposed, output_padding, _ = args
            fault = fault_of(x, weight, stride, padding, dilation, transposed, output_padding)
            if fault is not None:
                raise ValueError(fault)
        with self:  # under inference_mode conv2d and its like come whole
            parts = func.decompose(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {})) if parts is NotImplemented else parts


def fault_of(
    x: Tensor,
    weight: Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
) -> str | None:
    """What may be wrong with the gradients of a convolution on a CPU, as a sentence; None if nothing is.

    x: (N, in, *spatial).   weight: (out, in / groups, *kernel), transposed (in, out / groups, *kernel).
    """
    what = f"a convolution of weights {_sizes(weight.shape)}, stride {_sizes(stride)} and padding {_sizes(padding)}"
    if _skips_voxels(weight, stride) and (_is_channels_last(x) or _is_channels_last(weight)):
        return (
            f"{what}, of fewer than {_BLOCK} channels, must not be laid out channels last on a CPU, where torch writes "
            "past its memory in the backward pass: leave network and input contiguous"
        )
    half = x.dtype.itemsize < 4
    wrong = f"{what} must not be trained in {str(x.dtype).removeprefix('torch.')} on a CPU, where torch computes wrong"
    if half and max(dilation) > 1:
        return f"{wrong} gradients of weights that are dilated, got {_sizes(dilation)}: choose precision fp32"
    for axis in range(x.ndim - 2):
        side, kernel = x.shape[2 + axis], dilation[axis] * (weight.shape[2 + axis] - 1) + 1
        if transposed:  # its weights' gradient is that of the convolution from its output to its input
            side = (side - 1) * stride[axis] - 2 * padding[axis] + kernel + output_padding[axis]
        starts = range(-padding[axis], side + padding[axis] - kernel + 1, stride[axis])
        large = weight.shape[2 + axis] > _SMALL
        if (half or large) and not any(0 <= start <= side - kernel for start in starts):
            return (
                f"{wrong} gradients of the weights if no kernel lies within the {side} voxels of axis {axis + 1}: "
                f"choose {'a smaller kernel' if large else 'precision fp32'}, or patches longer along that axis"
            )
    return None


def _skips_voxels(weight: Tensor, stride: Sequence[int]) -> bool:
    """Whether voxels are gathered before a product of few channels."""
    return math.prod(weight.shape[2:]) == 1 and max(stride) > 1 and weight.shape[1] < _BLOCK


def _is_channels_last(x: Tensor) -> bool:
    """By the strides, as torch decides: sizes of 1 leave the layout open otherwise."""
    least = 0
    for axis in (1, *range(x.ndim - 1, 1, -1), 0):
        if x.stride(axis) < least or (axis == 0 and least == x.stride(1)):
            return False
        least = x.stride(axis) * max(x.shape[axis], 1)
    return True


def _sizes(sizes: Sequence[int]) -> str:
    return "x".join(map(str, sizes))
