# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Inputs at awkward sizes, and for each operator the arguments to call it with on such an input."""

import zlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from genesis_ext import ops
from genesis_ext.transforms import make_config, resolve

Arguments = dict[str, Any]

SHAPES = {
    "one voxel": (1, 1, 1, 1, 1),
    "odd sizes": (2, 1, 7, 5, 3),
    "short axes": (2, 1, 12, 1, 9),
    "one past 128": (1, 1, 129, 3, 2),
    "no samples": (0, 1, 4, 5, 6),
    "three channels": (2, 3, 11, 6, 13),
    "a patch": (2, 1, 30, 20, 14),
    "2D": (2, 2, 31, 13),
    "2D, one row": (3, 1, 1, 40),
}
DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def generator(name: str) -> torch.Generator:
    """Random numbers that depend on a name alone."""
    return torch.Generator().manual_seed(zlib.crc32(name.encode()))


def voxels(shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Tensor:
    """Values on both sides of [0, 1], with NaN, infinities and a negative zero among them."""
    x = torch.rand(shape, generator=generator(str(shape)), dtype=torch.float64) * 1.5 - 0.25
    if x.numel() > 20:
        x.view(-1)[torch.tensor([3, 7, 11, 13])] = torch.tensor([torch.nan, torch.inf, -torch.inf, -0.0]).double()
    return x.to(dtype)


def layouts(x: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Yield the same values in other strides."""
    yield "a slice of a larger buffer", _slice_of_larger(x)
    yield "first spatial axis fastest", x.movedim(2, -1).contiguous().movedim(-1, 2)
    yield "channels last", x.movedim(1, -1).contiguous().movedim(-1, 1)
    yield "an offset of one element", torch.cat([x.new_zeros(1), x.flatten()])[1:].view(x.shape)


def _slice_of_larger(x: Tensor) -> Tensor:
    larger = x.new_full([2 * size + 1 for size in x.shape], torch.nan)
    inside = larger[tuple(slice(1, 2 * size + 1, 2) for size in x.shape)]
    return inside.copy_(x)


def ids(samples: int) -> Tensor:
    """Small and large 64-bit numbers."""
    return torch.arange(samples) * 0x1234_5678_9ABC_DEF1 + 5


def keys(samples: int, seed: int = 3) -> Tensor:
    """Make (N, 2) keys of seed and sample id."""
    return torch.stack([torch.full((samples,), seed), ids(samples)], 1)


def random_boxes(samples: int, count: int, shape: tuple[int, ...]) -> Tensor:
    """Make (N, B, 6) boxes inside a patch, the last of each sample unused."""
    sides = torch.tensor([*shape, 1][:3])
    rng = generator(f"boxes {samples} {count} {sides.tolist()}")
    ends = (torch.rand(2, samples, count, 3, generator=rng) * (sides + 1)).long().clamp(max=sides)
    boxes = torch.cat([ends.amin(0), ends.amax(0)], -1).to(torch.int32)
    boxes[:, -1:] = 0
    return boxes


def curves(samples: int, count: int) -> tuple[Tensor, Tensor]:
    """Make control points (N, K, 4), the first one of vertical tangents, and directions (N, K)."""
    rng = generator(f"curves {samples} {count}")
    points = torch.rand(samples, count, 4, generator=rng)
    points[:1, :1] = torch.tensor([1.0, 0.0, 0.0, 1.0])
    return points, torch.rand(samples, count, generator=rng) < 0.5


def ranges(x: Tensor, channels: int) -> Tensor:
    """Make (N, channels, 2) ranges; the first one is empty."""
    rng = generator(f"ranges {x.shape[0]} {channels}")
    lo = torch.rand(x.shape[0], channels, generator=rng) - 0.5
    span = torch.rand(x.shape[0], channels, generator=rng) + 0.5
    span[:1, :1] = 0.0
    return torch.stack([lo, lo + span], -1)


def plan(x: Tensor, **config: Any) -> ops.Plan:
    """Draw a plan for x."""
    spec = resolve(make_config(**config), tuple(x.shape[2:]), x.shape[1])
    return ops.draw_plan(ids(x.shape[0]), 3, spec)


def _draw_plan(**config: Any) -> Callable[[Tensor], Arguments]:
    def arguments(x: Tensor) -> Arguments:
        spec = resolve(make_config(**config), tuple(x.shape[2:]), x.shape[1])
        return {"sample_id": ids(x.shape[0]), "seed": torch.tensor([-7]), "spec": spec}

    return arguments


def _genesis_transform(range_channels: int = 0, clamp: bool = True, **config: Any) -> Callable[[Tensor], Arguments]:
    def arguments(x: Tensor) -> Arguments:
        value_range: Any = (0.0, 1.0)
        if range_channels:
            value_range = ranges(x, x.shape[1] if range_channels > 1 else 1)
        return {"x": x, "plan": plan(x, **config), "value_range": value_range, "clamp": clamp}

    return arguments


def _bezier_map(per_channel: bool = False, **options: Any) -> Callable[[Tensor], Arguments]:
    def arguments(x: Tensor) -> Arguments:
        points, decreasing = curves(x.shape[0], x.shape[1] if per_channel else 1)
        return {"x": x, "control_points": points, "decreasing": decreasing} | options

    return arguments


def _bezier_map_in_ranges(x: Tensor) -> Arguments:
    return _bezier_map(per_channel=True)(x) | {"value_range": ranges(x, x.shape[1]), "clamp": False}


def _local_shuffle(**options: Any) -> Callable[[Tensor], Arguments]:
    return lambda x: {"x": x, "key": keys(x.shape[0])} | options


def _local_shuffle_large(x: Tensor) -> Arguments:
    sides = [max(1, side // 2) for side in x.shape[2:]]
    return _local_shuffle(num_windows=12, max_window=sides, order="sequential")(x)


def _paint_noise(kind: str) -> Callable[[Tensor], Arguments]:
    return lambda x: {
        "x": x,
        "boxes": random_boxes(x.shape[0], 3, x.shape[2:]),
        "kind": kind,
        "key": keys(x.shape[0]),
    }


def _paint_constants(x: Tensor) -> Arguments:
    samples = x.shape[0]
    return {
        "x": x,
        "boxes": random_boxes(samples, 4, x.shape[2:]),
        "kind": (torch.arange(samples) % 3 - 2).abs().to(torch.int8),
        "fill": torch.rand(samples, 4, generator=generator("fill")),
        "value_range": ranges(x, 1).squeeze(1),
    }


def _paint_one_constant(x: Tensor) -> Arguments:
    fill = torch.rand(x.shape[0], generator=generator("fill"))
    return {"x": x, "boxes": random_boxes(x.shape[0], 2, x.shape[2:]), "kind": "out", "fill": fill}


CASES: dict[str, dict[str, Callable[[Tensor], Arguments]]] = {
    "draw_plan": {
        "head": _draw_plan(profile="head"),
        "paper": _draw_plan(profile="paper"),
        "a curve a channel": _draw_plan(curve_per_channel=True, in_boxes_max=9),
    },
    "genesis_transform": {
        "head": _genesis_transform(num_windows=200),
        "paper": _genesis_transform(profile="paper", num_windows=60, range_channels=1),
        "all on": _genesis_transform(
            range_channels=2, clamp=False, shuffle_rate=1.0, nonlinear_rate=1.0, curve_per_channel=True, paint_rate=0.5
        ),
        "nothing": _genesis_transform(scheme="autoencoder"),
    },
    "bezier_map": {
        "clamped": _bezier_map(),
        "not clamped": _bezier_map(per_channel=True, clamp=False, value_range=(-0.1, 0.8)),
        "ranges by channel": _bezier_map_in_ranges,
    },
    "local_shuffle": {
        "last writer": _local_shuffle(num_windows=150),
        "last writer, axes": _local_shuffle(num_windows=40, permute="axes"),
        "sequential, axes": _local_shuffle(num_windows=80, order="sequential", permute="axes"),
        "sequential, large": _local_shuffle_large,
        "no windows": _local_shuffle(num_windows=0),
    },
    "paint_boxes": {
        "in, noise": _paint_noise("in"),
        "out, noise": _paint_noise("out"),
        "none": _paint_noise("none"),
        "constants": _paint_constants,
        "one constant": _paint_one_constant,
    },
}
NAMES = [(op, variant) for op, variants in CASES.items() for variant in variants]
ON_VOXELS = [(op, variant) for op, variant in NAMES if op != "draw_plan"]
DIFFERENTIABLE = [(op, variant) for op, variant in ON_VOXELS if op != "genesis_transform"]


def call(op: str, arguments: Arguments) -> tuple[Tensor, ...]:
    """Call an operator, and return all of its tensors."""
    out = getattr(ops, op)(**arguments)
    if isinstance(out, ops.Plan):
        return (out.tensor,)
    return out if isinstance(out, tuple) else (out,)


def moved(arguments: Arguments, device: torch.device | str) -> Arguments:
    """Return the same arguments on another device."""
    return {
        name: value.to(device) if isinstance(value, Tensor | ops.Plan) else value for name, value in arguments.items()
    }


def part(arguments: Arguments, rows: slice) -> Arguments:
    """Return the arguments of some samples of the batch."""
    return {
        name: value[rows] if isinstance(value, Tensor | ops.Plan) and name != "seed" else value
        for name, value in arguments.items()
    }


def same_bits(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are equal to the last bit, NaN being equal to NaN whatever its payload."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if not a.is_floating_point():
        return torch.equal(a, b)
    integer = {2: torch.int16, 4: torch.int32, 8: torch.int64}[a.element_size()]
    a, b = (t.detach().contiguous().masked_fill(t.isnan(), torch.nan) for t in (a, b))
    return torch.equal(a.view(integer), b.view(integer))
