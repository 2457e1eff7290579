# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What the wrappers check and convert before an operator is called: types, ranks and options.

Shapes, dtypes and devices are checked in C++, as are values of CPU tensors. Nothing here reads a value of a tensor, so
nothing waits for a device.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genesis_ext import _library
from genesis_ext._arguments import check_choice

_library.require()  # every operator imports this module: a missing library is named before anything is registered on it

ValueRange: TypeAlias = tuple[float, float] | Tensor
TensorLike: TypeAlias = Tensor | Sequence[Any] | NDArray[Any]
"""Whole numbers: a tensor of any integer dtype, a list, a tuple, a NumPy array."""

_FLOAT32_MAX = 3.4028234663852886e38
_WHOLE = (
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.uint16,
    torch.uint32,
    torch.uint64,
)


def got(value: object) -> str:
    """A value as errors show it: a tensor by dtype and shape, anything else as it prints."""
    return f"{value.dtype} {list(value.shape)}" if isinstance(value, Tensor) else repr(value)


def plain(x: Tensor) -> Tensor:
    """X as a `torch.Tensor`, since metadata of a subclass, such as an affine, need not hold for a result.

    Classes that do not rewrap results (Parameter) or have their own kernels (FakeTensor) are left alone.
    """
    kind = type(x)
    if kind is Tensor or kind.__torch_function__ is torch._C._disabled_torch_function_impl:
        return x
    return x.as_subclass(Tensor)


def check_tensor(op: str, name: str, value: object) -> Tensor:
    """Return the value as a plain tensor; anything else is a TypeError."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{op}: {name} must be a tensor, got {type(value).__name__}")
    return plain(value)


def as_numbers(op: str, name: str, value: object, dtype: torch.dtype, device: torch.device | str) -> Tensor:
    """Return whole numbers as a plain tensor of the dtype that the operator takes.

    Lists and arrays go to `device` without waiting for it. Floats are left to the checks in C++, which refuse them,
    unless a list of floats is what the operator takes. Numbers beyond a narrower dtype are clipped to it, which breaks
    the same rules.
    """
    if isinstance(value, Tensor):
        numbers = plain(value)
    else:
        numbers = _from_host(op, name, value, dtype).to(device, non_blocking=True)
    if numbers.dtype == dtype or numbers.dtype not in _WHOLE:
        return numbers
    if dtype == torch.int64 or dtype.is_floating_point:
        return numbers.to(dtype)
    ends = torch.iinfo(dtype)
    return numbers.to(torch.int64).clamp(ends.min, ends.max).to(dtype)


def as_ids(op: str, value: object, device: torch.device | str) -> Tensor:
    """Return sample ids as int64; those of 8 bits are refused, since they repeat after 256 samples."""
    if isinstance(value, Tensor | np.ndarray) and value.dtype.itemsize == 1:
        raise ValueError(f"{op}: sample_id must be (N,) int64, or integers of 16 bits at least, got {value.dtype}")
    return as_numbers(op, "sample_id", value, torch.int64, device)


def _from_host(op: str, name: str, value: object, dtype: torch.dtype) -> Tensor:
    if isinstance(value, str | bytes) or not isinstance(value, Sequence | np.ndarray):
        raise TypeError(f"{op}: {name} must be a tensor, got {type(value).__name__}")
    try:
        numbers = torch.tensor(value, device="cpu")
    except (RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{op}: {name} must hold numbers of at most 64 bits in equal rows, got {error}") from None
    meant = numbers.is_floating_point() and dtype.is_floating_point and not isinstance(value, np.ndarray)
    return numbers.to(dtype) if numbers.numel() == 0 or meant else numbers


def check_rank(op: str, x: Tensor, spatial_dims: int, in_2d: str = "spatial_dims=2") -> None:
    """X must be (N, C, X, Y, Z) for 3 spatial dimensions, (N, C, X, Y) for 2; in_2d: what says that they are 2."""
    if spatial_dims not in (2, 3):
        raise ValueError(f"{op}: spatial_dims must be 3 or 2, got {spatial_dims!r}")
    if x.dim() == 2 + spatial_dims:
        return
    if spatial_dims == 2:
        way_out = "; one image (C, X, Y) becomes a batch by x[None]" if x.dim() == 3 else ""
        raise ValueError(f"{op}: x must be (N, C, X, Y) with {in_2d}, got {got(x)}{way_out}")
    way_out = ""
    if x.dim() == 4:
        way_out = f"; one patch (C, X, Y, Z) becomes a batch by x[None], images (N, C, X, Y) need {in_2d}"
    raise ValueError(f"{op}: x must be (N, C, X, Y, Z), got {got(x)}{way_out}")


def check_voxels(op: str, x: object, spatial_dims: int, in_2d: str = "spatial_dims=2") -> Tensor:
    """Return x as a plain tensor; it must be floating-point, with so many spatial dimensions."""
    voxels = check_tensor(op, "x", x)
    if not voxels.is_floating_point():
        raise TypeError(f"{op}: x must be a floating-point tensor, got {got(x)}; convert it first, e.g. x.float()")
    check_rank(op, voxels, spatial_dims, in_2d)
    return voxels


def check_device(owner: str, x: Tensor, device: torch.device) -> None:
    """X must be on the device of a module's buffers."""
    if x.device != device:
        raise ValueError(
            f"{owner}: x must be on the device of the transform, {device}, got {x.device}; move the transform with "
            ".to(x.device)"
        )


def as_3d(x: Tensor) -> Tensor:
    """2D is 3D with one slice."""
    return x.unsqueeze(-1) if x.dim() == 4 else x


def as_before(out: Tensor, x: Tensor) -> Tensor:
    """Undo `as_3d` for the output of an operator on x."""
    return out.squeeze(-1) if x.dim() == 4 else out


def split_range(op: str, value_range: ValueRange) -> tuple[Tensor | None, float, float]:
    """The three arguments that stand for a range in the schemas: a tensor (N, 1 or C, 2) or None, and lo, hi.

    value_range: (lo, hi) floats with lo <= hi, finite in float32; or a float32 tensor (N, 2) or (N, C, 2).
    """
    if isinstance(value_range, Tensor):
        ranges = plain(value_range)
        refuse_gradient(op, "value_range", ranges)
        return ranges.unsqueeze(1) if ranges.dim() == 2 else ranges, 0.0, 1.0
    if not isinstance(value_range, Sequence) or isinstance(value_range, str) or len(value_range) != 2:
        raise TypeError(f"{op}: value_range must be (lo, hi) or a tensor (N, 2) or (N, C, 2), got {value_range!r}")
    lo, hi = value_range
    # Written so that NaN fails too.
    if not (-_FLOAT32_MAX <= lo <= hi <= _FLOAT32_MAX):
        raise ValueError(f"{op}: value_range must be finite with lo <= hi, got {value_range!r}")
    return None, float(lo), float(hi)


def as_code(op: str, name: str, value: str, codes: tuple[str, ...]) -> int:
    """The number of an option in a schema: its place among its possible values."""
    check_choice(op, name, value, codes)
    return codes.index(value)


def as_seed(op: str, seed: int | Tensor, like: Tensor) -> Tensor:
    """A (1,) int64 tensor of the seed beside `like`; an int counts modulo 2^64, and its bits are kept."""
    if isinstance(seed, Tensor):
        return as_numbers(op, "seed", seed, torch.int64, like.device)
    if isinstance(seed, np.integer):
        seed = int(seed)
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"{op}: seed must be an int or a (1,) int64 tensor, got {type(seed).__name__}")
    if not -(2**63) <= seed < 2**63:
        seed = (seed + 2**63) % 2**64 - 2**63
    return like.new_full((1,), seed, dtype=torch.int64)


def window_sides(op: str, max_window: int | Sequence[int] | None, shape: Sequence[int]) -> list[int]:
    """Largest sides of a shuffled window along x, y, z; by default a tenth of the patch; 1 along the z of 2D."""
    if max_window is None:
        sides = [max(1, side // 10) for side in shape]
    elif isinstance(max_window, int):
        sides = [max_window] * len(shape)
    else:
        sides = list(max_window)
    if len(sides) != len(shape):
        raise ValueError(f"{op}: max_window must have one side for each axis of {tuple(shape)}, got {max_window!r}")
    return sides + [1] * (3 - len(sides))


def refuse_gradient(op: str, name: str, value: Tensor, way_out: str = "") -> None:
    if value.requires_grad and torch.is_grad_enabled():
        raise RuntimeError(
            f"{op}: {name} must not require a gradient, since {op} has none with respect to it, got "
            f"{name}.requires_grad = True; use {name}.detach(){way_out}"
        )


def refuse_vmap(op: str) -> Callable[..., NoReturn]:
    """What to register for torch.vmap: the operators are batched already."""

    def refuse(info: Any, in_dims: Any, *args: Any) -> NoReturn:
        raise ValueError(
            f"{op}: must be called without torch.vmap, since it is already batched along dimension 0 "
            f"(samples) of its tensors, got a vmap over {info.batch_size}; flatten that dimension into dimension 0"
        )

    return refuse


def voxels_text(shape: Sequence[int]) -> str:
    return f"{' x '.join(map(str, shape))} ({math.prod(shape)} voxels)"
