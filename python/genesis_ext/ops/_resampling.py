# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What the resampling operators share: dtypes, boundaries, shapes, and the matrix of an axis for gradients."""

import math
from collections.abc import Iterable, Sequence
from numbers import Integral, Real

import torch
from torch import Tensor

from genesis_ext._arguments import check_choice
from genesis_ext.ops._checks import check_rank, check_tensor, got

DTYPES = (torch.uint8, torch.int16, torch.float16, torch.bfloat16, torch.float32, torch.float64)
"""In the order of their codes in the schemas."""

BOUNDARIES = {
    "mirror": 0,
    "reflect": 1,
    "grid-mirror": 1,
    "nearest": 2,
    "grid-wrap": 3,
    "grid-constant": 4,
    "constant": 5,
}
"""Name -> code in the schemas; docs/resampling.md draws them."""

_SIDES_END = 2**30


def check_volumes(op: str, x: object, spatial_dims: int) -> Tensor:
    """Return x as a plain tensor; its dtype must be one that can be resampled."""
    volumes = check_tensor(op, "x", x)
    if volumes.dtype not in DTYPES:
        raise TypeError(f"{op}: x must be {dtypes_text()}, got {got(volumes)}")
    check_rank(op, volumes, spatial_dims)
    return volumes


def dtypes_text() -> str:
    *most, last = (str(dtype).removeprefix("torch.") for dtype in DTYPES)
    return f"{', '.join(most)} or {last}"


def dtype_code(op: str, dtype: torch.dtype) -> int:
    if dtype not in DTYPES:
        raise TypeError(f"{op}: dtype must be {dtypes_text()}, got {dtype}")
    return DTYPES.index(dtype)


def boundary_code(op: str, boundary: str) -> int:
    if boundary == "wrap":
        raise ValueError(
            f"{op}: boundary 'wrap' of scipy takes the first and the last voxel for one and is left out; "
            "use 'grid-wrap', which repeats the whole line"
        )
    check_choice(op, "boundary", boundary, BOUNDARIES)
    return BOUNDARIES[boundary]


def check_order(op: str, order: int) -> int:
    if isinstance(order, bool) or not isinstance(order, int) or order not in (0, 1, 3):
        raise ValueError(f"{op}: order must be 0, 1 or 3, got {order!r}")
    return order


def check_fill(op: str, fill: float) -> float:
    if isinstance(fill, bool) or not isinstance(fill, Real):
        raise TypeError(f"{op}: fill must be a number, got {fill!r}")
    return float(fill)


def check_flag(op: str, name: str, flag: bool) -> bool:
    if not isinstance(flag, bool):
        raise TypeError(f"{op}: {name} must be True or False, got {flag!r}")
    return flag


def check_shape(op: str, name: str, shape: Iterable[int], axes: int) -> list[int]:
    """The sides of a volume, each at least 1, with a third of 1 in 2D."""
    sides = list(shape) if isinstance(shape, Iterable) and not isinstance(shape, Tensor) else [shape]
    if len(sides) != axes or any(isinstance(n, bool) or not isinstance(n, Integral | torch.SymInt) for n in sides):
        raise ValueError(f"{op}: {name} must be {axes} integers, one for each axis of x, got {shape!r}")
    sides = [n if isinstance(n, int | torch.SymInt) else int(n) for n in sides]
    if any(n < 1 for n in sides):
        raise ValueError(f"{op}: {name} must be at least 1 along every axis, got {tuple(sides)}")
    if any(n >= _SIDES_END for n in sides):
        raise ValueError(f"{op}: {name} must be below 2^30 along every axis, got {tuple(sides)}")
    return sides + [1] * (3 - axes)


def zoomed_shape(op: str, shape: Sequence[int], zoom: float | Sequence[float]) -> list[int]:
    """Rounded sides times zoom, as scipy does; at least 1."""
    factors = list(zoom) if isinstance(zoom, Iterable) and not isinstance(zoom, Tensor) else [zoom] * len(shape)
    if len(factors) != len(shape) or not all(map(_is_factor, factors)):
        raise ValueError(f"{op}: zoom must be a positive number, or one for each of {len(shape)} axes, got {zoom!r}")
    sides = [n * z for n, z in zip(shape, factors, strict=True)]
    if any(side >= _SIDES_END for side in sides):
        raise ValueError(f"{op}: zoom must give sides below 2^30, got {zoom!r} for {tuple(shape)}")
    return [max(1, round(side)) for side in sides]


def _is_factor(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and 0 < float(value) < math.inf


def transpose_along(grad: Tensor, matrix: Tensor, axis: int) -> Tensor:
    """Apply the transpose of `matrix` (m, n) to the axis of m values: it becomes one of n."""
    with torch.autocast(grad.device.type, enabled=False):  # it would multiply matrices in half precision
        product: Tensor = torch.tensordot(grad, matrix, dims=([axis], [0]))
    return product.movedim(-1, axis)
