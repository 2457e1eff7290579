# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What the wrappers check and turn before an operator is called: types, ranks and options.

Shapes, dtypes and devices are checked in C++, as are values of CPU tensors. Nothing here reads a value of a tensor, so
nothing waits for a device.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeAlias

import torch
from torch import Tensor

from genesis_ext import _library

_library.require()  # every operator imports this module: a missing library is named before anything is registered on it

ValueRange: TypeAlias = tuple[float, float] | Tensor

_FLOAT32_MAX = 3.4028234663852886e38


def got(value: object) -> str:
    """What was got, in the words of an error: a tensor by dtype and shape, anything else as it prints."""
    return f"{value.dtype} {list(value.shape)}" if isinstance(value, Tensor) else repr(value)


def check_tensor(op: str, name: str, value: object) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"{op}: {name} must be a tensor, got {type(value).__name__}")


def check_voxels(op: str, x: Tensor) -> None:
    """X must be a floating-point tensor (N, C, X, Y, Z) or (N, C, X, Y)."""
    check_tensor(op, "x", x)
    if not x.is_floating_point():
        raise TypeError(f"{op}: x must be a floating-point tensor, got {got(x)}; convert it first, e.g. x.float()")
    if x.dim() not in (4, 5):
        raise ValueError(f"{op}: x must be (N, C, X, Y, Z) or (N, C, X, Y), got {got(x)}")


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
        refuse_gradient(op, "value_range", value_range)
        return value_range.unsqueeze(1) if value_range.dim() == 2 else value_range, 0.0, 1.0
    if not isinstance(value_range, Sequence) or isinstance(value_range, str) or len(value_range) != 2:
        raise TypeError(f"{op}: value_range must be (lo, hi) or a tensor (N, 2) or (N, C, 2), got {value_range!r}")
    lo, hi = value_range
    # Written so that NaN fails too.
    if not (-_FLOAT32_MAX <= lo <= hi <= _FLOAT32_MAX):
        raise ValueError(f"{op}: value_range must be finite with lo <= hi, got {value_range!r}")
    return None, float(lo), float(hi)


def as_code(op: str, name: str, value: str, codes: tuple[str, ...]) -> int:
    """The number of an option in a schema: its place among its possible values."""
    if value not in codes:
        raise ValueError(f"{op}: {name} must be one of {', '.join(map(repr, codes))}, got {value!r}")
    return codes.index(value)


def as_seed(op: str, seed: int | Tensor, like: Tensor) -> Tensor:
    """A (1,) int64 tensor of the seed beside `like`; an int counts modulo 2^64, and its bits are kept."""
    if isinstance(seed, Tensor):
        return seed
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
