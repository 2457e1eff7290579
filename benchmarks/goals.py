# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What benchmarks/gpu.sh measures first: a copy, bits against the CPU, and the goals, a line of JSON each.

With `--fake` the device is the CPU, sizes are small, and every time is null: a trial of everything but the clock.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genesis_ext import GenesisTransform, ops
from genesis_ext._types import Shape3

SEED = 0
ROUNDS = 7


@dataclass(frozen=True)
class Goal:
    """One row: what is called, what it makes, and the bytes that it must move at least."""

    name: str
    call: Callable[[], Any]
    items: int
    bytes: int


def _seconds(call: Callable[[], Any]) -> tuple[float, float]:
    """Median and interquartile range of the time of a call, by CUDA events around some 50 ms of calls."""
    for _ in range(3):
        call()
    torch.cuda.synchronize()
    start = time.perf_counter()
    call()
    torch.cuda.synchronize()
    count = max(1, int(0.05 / max(time.perf_counter() - start, 1e-6)))
    times = []
    for _ in range(ROUNDS):
        first, last = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        first.record()
        for _ in range(count):
            call()
        last.record()
        last.synchronize()
        times.append(first.elapsed_time(last) / 1e3 / count)
    quarters = statistics.quantiles(times, n=4)
    return statistics.median(times), quarters[2] - quarters[0]


def _copy(device: torch.device, fake: bool) -> Goal:
    count = 2**12 if fake else 2**29
    x = torch.zeros(count, dtype=torch.uint8, device=device)
    y = torch.empty_like(x)
    return Goal("copy", lambda: y.copy_(x), 1, 2 * count)


def transforms(device: torch.device, fake: bool) -> Iterator[Goal]:
    """The kernels of genesis_transform alone: plans are drawn before."""
    patch: Shape3 = (12, 10, 8) if fake else (64, 64, 32)
    large: Shape3 = (20, 12, 12) if fake else (160, 160, 160)
    settings = [
        ("head", patch, torch.float32, 256),
        ("head, nothing shuffled", patch, torch.float32, 256),
        ("head, bfloat16", patch, torch.bfloat16, 256),
        ("head, 160^3", large, torch.float32, 8),
        ("paper", patch, torch.float32, 256),
        ("paper, 160^3", large, torch.float32, 8),
    ]
    for name, size, dtype, batch in settings:
        count = 2 if fake else batch
        x = torch.rand(count, 1, *size, device=device).to(dtype)
        profile = name.partition(",")[0]
        still = "nothing shuffled" in name
        transform = (
            GenesisTransform(profile, seed=SEED, shuffle_rate=0.0) if still else GenesisTransform(profile, seed=SEED)
        )
        plan = transform.plan(torch.arange(count, device=device), size)

        def call(x: Tensor = x, plan: ops.Plan = plan) -> None:
            ops.genesis_transform(x, plan)

        yield Goal(name, call, count, 3 * x.numel() * x.element_size())


def _volumes(device: torch.device, fake: bool) -> tuple[ops.PackedVolumes, int]:
    """Four scans, which together do not fit a cache."""
    side = 24 if fake else 300
    voxels = torch.randint(-1000, 1000, (4 * side**3,), dtype=torch.int16, device=device)
    return ops.PackedVolumes(
        voxels,
        torch.arange(4, device=device) * side**3,
        torch.full((4, 3), side, dtype=torch.int32, device=device),
        torch.tensor([[-1000.0, 1000.0]] * 4, device=device),
    ), side


def crops(device: torch.device, fake: bool) -> Iterator[Goal]:
    """Boxes of a half, a quarter and an eighth of a scan's side, alone and made into a batch."""
    volumes, side = _volumes(device, fake)
    out: Shape3 = (8, 8, 4) if fake else (64, 64, 32)
    count = 4 if fake else 1024
    generator = torch.Generator().manual_seed(SEED)
    sides = torch.tensor([side // (2, 4, 8, 8)[n % 4] for n in range(count)])[:, None]
    starts = (torch.rand(count, 3, generator=generator) * (side + 1 - sides)).floor()
    boxes = torch.cat([starts, starts + sides], 1).float().to(device)
    index = (torch.arange(count) // 4 % 4).to(device)
    voxels = out[0] * out[1] * out[2]
    read = sum(min(8 * voxels, int(n) ** 3) for n in sides)
    yield Goal("crop_resize", lambda: ops.crop_resize(volumes, index, boxes, out), count, 2 * read + 4 * count * voxels)
    batch = 2 if fake else 256
    transform, ids = GenesisTransform("head", seed=SEED), torch.arange(batch, device=device)

    def store_to_batch() -> None:
        transform(ops.crop_resize(volumes, index[:batch], boxes[:batch], out), ids)

    yield Goal("store to batch", store_to_batch, batch, 2 * read * batch // count + 12 * batch * voxels)


def resampling(device: torch.device, fake: bool) -> Iterator[Goal]:
    """A large and a small scan brought to 1 mm, order 3."""
    for name, shape, to in (
        ("resample, 512x512x300", (512, 512, 300), (358, 358, 210)),
        ("resample, 256x256x120", (256, 256, 120), (189, 189, 150)),
    ):
        n, m = [tuple(max(4, side // 32) if fake else side for side in sides) for sides in (shape, to)]
        scan = torch.randint(-1024, 1024, (1, 1, *n), dtype=torch.int16, device=device)

        def call(scan: Tensor = scan, m: tuple[int, ...] = m) -> None:
            ops.resample(scan, m, order=3)

        yield Goal(name, call, 1, 2 * (scan.numel() + m[0] * m[1] * m[2]))


def rows(kind: str, device: torch.device, fake: bool) -> Iterator[dict[str, Any]]:
    """What is measured, row by row."""
    if kind == "copy":
        goals: Iterator[Goal] = iter([_copy(device, fake)])
    else:
        goals = (goal for part in (transforms, crops, resampling) for goal in part(device, fake))
    for goal in goals:
        if fake:
            goal.call()
            median = spread = None
        else:
            median, spread = _seconds(goal.call)
        yield {
            "name": goal.name,
            "ms": None if median is None else median * 1e3,
            "iqr_ms": None if spread is None else spread * 1e3,
            "a_second": None if median is None else goal.items / median,
            "bytes": goal.bytes,
            "bytes_a_second": None if median is None else goal.bytes / median,
        }


def bits(device: torch.device, fake: bool, seconds: float) -> Iterator[dict[str, Any]]:
    """Whether the device gives the bits of the CPU, at product sizes, until the time is over."""
    end = time.monotonic() + seconds
    at_work: list[Shape3] = [(64, 64, 32), (70, 33, 47), (256, 256, 1), (96, 96, 96), (160, 160, 160)]
    sizes: list[Shape3] = [(9, 8, 7)] if fake else at_work
    for size in sizes:
        for profile in ("head", "paper"):
            for dtype in (torch.float32, torch.bfloat16, torch.float16):
                if time.monotonic() > end:
                    return
                x, ids = torch.rand(4, 2, *size, generator=torch.Generator().manual_seed(1)).to(dtype), torch.arange(4)
                transform = GenesisTransform(profile, seed=SEED)
                expected = transform(x, ids)
                found = transform(x.to(device), ids.to(device))
                same = all(torch.equal(a, b.cpu()) for a, b in zip(expected, found, strict=True))
                yield {"name": f"{profile}, {'x'.join(map(str, size))}, {dtype}", "same_bits": same}


def main(argv: list[str] | None = None) -> int:
    """Append the rows to a file, each as it is known; 1 where bits differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("copy", "bits", "goals"))
    parser.add_argument("--out", type=Path, required=True, help="JSON lines")
    parser.add_argument("--seconds", type=float, default=20.0, help="of the comparison of bits (default: %(default)s)")
    parser.add_argument("--fake", action="store_true", help="on the CPU, small, without times")
    args = parser.parse_args(argv)
    device = torch.device("cpu" if args.fake else "cuda")
    world = {"device": "fake" if args.fake else torch.cuda.get_device_name(), "torch": torch.__version__}
    found = bits(device, args.fake, args.seconds) if args.kind == "bits" else rows(args.kind, device, args.fake)
    different = 0
    with args.out.open("a", encoding="utf-8") as file:
        for row in found:
            different += row.get("same_bits") is False
            print(json.dumps({"kind": args.kind, **row, **world}), file=file, flush=True)
            print(json.dumps(row), flush=True)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
