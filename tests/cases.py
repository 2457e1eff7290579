# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Inputs at awkward sizes, and for each operator the arguments to call it with on such an input."""

import math
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


class Tagged(Tensor):
    """Results of torch's functions on it are of its class too, as those on a MetaTensor are."""


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


def _philox_words(**options: Any) -> Callable[[Tensor], Arguments]:
    return lambda x: {"sample_id": ids(x.shape[0]), "seed": torch.tensor([-7])} | options


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


def _resample(side: Callable[[int], int], **options: Any) -> Callable[[Tensor], Arguments]:
    """One voxel stays one, so that 2D and 3D have the same cases."""
    return lambda x: {"x": x, "out_shape": [1 if n == 1 else side(n) for n in x.shape[2:]]} | options


def _resample_in_and_out(x: Tensor) -> Arguments:
    sides = [1 if n == 1 else n // 2 + 1 if axis % 2 else 2 * n + 1 for axis, n in enumerate(x.shape[2:])]
    return {"x": x, "out_shape": sides, "order": 1, "boundary": "grid-constant", "fill": 0.3, "grid_mode": True}


def _spline_prefilter(boundary: str) -> Callable[[Tensor], Arguments]:
    return lambda x: {"x": x, "boundary": boundary}


def _affine_sample(larger: float, **options: Any) -> Callable[[Tensor], Arguments]:
    """A matrix a sample: turned, stretched and sheared about the centre, so that some of the result lies outside."""

    def arguments(x: Tensor) -> Arguments:
        sides = [*x.shape[2:], 1][:3]
        axes = 3 if x.dim() == 5 and sides[2] > 1 else 2  # one slice is left where it is
        rng = generator(f"affine {x.shape[0]} {sides}")
        matrix = torch.eye(4, dtype=torch.float64).repeat(x.shape[0], 1, 1)
        matrix[:, :axes, :axes] += 0.6 * torch.rand(x.shape[0], axes, axes, generator=rng, dtype=torch.float64) - 0.3
        centre = (torch.tensor(sides, dtype=torch.float64) - 1) / 2
        out_shape = [1 if n == 1 else int(n * larger) for n in sides]
        matrix[:, :3, 3] = centre - matrix[:, :3, :3] @ ((torch.tensor(out_shape, dtype=torch.float64) - 1) / 2)
        if x.dim() == 4:
            matrix = matrix[:, [0, 1, 3]][:, :, [0, 1, 3]]
        return {"x": x, "matrix": matrix, "out_shape": out_shape[: x.dim() - 2]} | options

    return arguments


def _crop_resize(**options: Any) -> Callable[[Tensor], Arguments]:
    """Every channel is a volume of its own; boxes reach outside on some sides."""

    def arguments(x: Tensor) -> Arguments:
        sides = [*x.shape[2:], 1][:3]
        count, rng = x.shape[0] * x.shape[1], generator(f"crops {x.shape[:2]} {sides}")
        volumes = ops.PackedVolumes(
            x.flatten().to(torch.float32 if x.dtype == torch.bfloat16 else x.dtype),
            torch.arange(count) * math.prod(sides),
            torch.tensor([sides] * count, dtype=torch.int32).reshape(-1, 3),
            torch.tensor([[0.0, 0.0], [-0.1, 0.9]]).repeat(count, 1)[:count],
        )
        corners = torch.rand(2, x.shape[0], 3, generator=rng).sort(0).values + torch.tensor([-0.1, 0.1])[:, None, None]
        boxes = torch.cat([*(corners * torch.tensor(sides))], -1)
        if sides[2] == 1:
            boxes[:, 2], boxes[:, 5] = 0.0, 1.0
        index = torch.randint(max(count, 1), (x.shape[0],), generator=rng)
        out_shape = (5, 9) if x.dim() == 4 else (5, 9, 1 if sides[2] == 1 else 18)
        return {"volumes": volumes, "volume_index": index, "boxes": boxes, "out_shape": out_shape} | options

    return arguments


def _paint_one_constant(x: Tensor) -> Arguments:
    fill = torch.rand(x.shape[0], generator=generator("fill"))
    return {"x": x, "boxes": random_boxes(x.shape[0], 2, x.shape[2:]), "kind": "out", "fill": fill}


CASES: dict[str, dict[str, Callable[[Tensor], Arguments]]] = {
    "draw_plan": {
        "head": _draw_plan(profile="head"),
        "paper": _draw_plan(profile="paper"),
        "a curve a channel": _draw_plan(curve_per_channel=True, in_boxes_max=9),
    },
    "philox_words": {
        "one call": _philox_words(purpose=1, count=1),
        "many calls": _philox_words(purpose=12, count=133),
        "no calls": _philox_words(purpose=11, count=0),
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
    "spline_prefilter": {
        "mirror": _spline_prefilter("mirror"),
        "nearest": _spline_prefilter("nearest"),
        "grid-wrap": _spline_prefilter("grid-wrap"),
    },
    "resample": {
        "cubic, larger": _resample(lambda n: (3 * n + 1) // 2, order=3),
        "cubic, smaller": _resample(lambda n: (2 * n + 2) // 3, order=3, boundary="nearest", grid_mode=True),
        "cubic, fill": _resample(lambda n: n + 3, order=3, boundary="constant", fill=0.25, grid_mode=True),
        "cubic, zoom": lambda x: {"x": x, "zoom": 1.3, "order": 3, "boundary": "grid-wrap"},
        "linear": _resample_in_and_out,
        "voxels": _resample(lambda n: 2 * n - 1, order=0, boundary="reflect", grid_mode=True),
        "antialias": _resample(lambda n: n // 2, order=1, antialias=True, grid_mode=True),
        "antialias, cubic": _resample(lambda n: n // 2 + 1, order=3, antialias=True),
        "to int16": _resample(lambda n: n + 2, order=3, boundary="grid-constant", dtype=torch.int16),
    },
    "affine_sample": {
        "linear": _affine_sample(1.2),
        "linear, fill": _affine_sample(1.5, boundary="grid-constant", fill=0.3),
        "linear, wrapped": _affine_sample(2.0, boundary="grid-wrap"),
        "cubic": _affine_sample(1.2, order=3, fill=0.3),
        "cubic, mirror": _affine_sample(1.5, order=3, boundary="mirror"),
        "cubic, nearest": _affine_sample(1.5, order=3, boundary="nearest"),
        "voxels": _affine_sample(1.4, order=0, boundary="reflect"),
        "to int16": _affine_sample(1.1, order=1, dtype=torch.int16),
    },
    "crop_resize": {
        "linear": _crop_resize(),
        "cubic": _crop_resize(order=3, fill=0.4),
        "voxels": _crop_resize(order=0, fill=0.4),
        "antialias": _crop_resize(antialias=True),
        "antialias, cubic": _crop_resize(order=3, antialias=True),
        "to uint8": _crop_resize(order=0, dtype=torch.uint8),
    },
}


def _saying_2d(make: Callable[[Tensor], Arguments]) -> Callable[[Tensor], Arguments]:
    return lambda x: make(x) | ({"spatial_dims": 2} if x.dim() == 4 else {})


# What has x and no plan is told of 2D.
TOLD = ("bezier_map", "local_shuffle", "paint_boxes", "spline_prefilter", "resample", "affine_sample")
CASES |= {op: {variant: _saying_2d(make) for variant, make in CASES[op].items()} for op in TOLD}
NAMES = [(op, variant) for op, variants in CASES.items() for variant in variants]
# The argument whose rows are the samples, where it is not x.
ROWS = {"draw_plan": "sample_id", "philox_words": "sample_id", "crop_resize": "boxes"}
ON_VOXELS = [(op, variant) for op, variant in NAMES if op not in ROWS]
RESAMPLING = ("spline_prefilter", "resample", "affine_sample")  # x of any dtype; the result has another shape or dtype
TRANSFORMATIONS = [(op, variant) for op, variant in ON_VOXELS if op not in RESAMPLING]
NOT_DIFFERENTIABLE = ("genesis_transform", "to int16")
DIFFERENTIABLE = [names for names in ON_VOXELS if not {*names} & {*NOT_DIFFERENTIABLE}]


def call(op: str, arguments: Arguments) -> tuple[Tensor, ...]:
    """Call an operator, and return all of its tensors."""
    out = getattr(ops, op)(**arguments)
    if isinstance(out, ops.Plan):
        return (out.tensor,)
    return out if isinstance(out, tuple) else (out,)


def moved(arguments: Arguments, device: torch.device | str) -> Arguments:
    """Return the same arguments on another device."""

    def there(value: Any) -> Any:
        if isinstance(value, ops.PackedVolumes):
            return ops.PackedVolumes(*map(there, value))
        return value.to(device) if isinstance(value, Tensor | ops.Plan) else value

    return {name: there(value) for name, value in arguments.items()}


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
