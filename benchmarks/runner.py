# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Verify, then time: contenders in turn (A B A B ...), so that a machine that slows down does so for all of them."""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import torch

from . import machine
from .case import Case, Contender, Setup, Size
from .memory import peak_extra_bytes
from .registry import BENCHMARKS, PIPELINES

SMALL: Size = (30, 21, 20)  # to verify on: windows up to 3 x 2 x 2, boxes with their margin, no side alike


@dataclass(frozen=True)
class Effort:
    """How long to measure. seconds: least time of one measurement, filled by repeated calls."""

    rounds: int
    seconds: float
    copy_bytes: int


FULL = Effort(rounds=9, seconds=0.2, copy_bytes=2**28)
QUICK = Effort(rounds=3, seconds=0.005, copy_bytes=2**25)


def run(
    names: Sequence[str],
    sizes: Sequence[Size],
    device: torch.device,
    quick: bool,
    report: Callable[[str], object] = print,
) -> dict[str, Any]:
    """Measure benchmarks by name, and return what a result file holds.

    sizes: instead of those of the registry; empty: those.   quick: to see that everything runs, not for numbers.

    Raises:
        AssertionError: a contender does not do what it should.
    """
    effort = QUICK if quick else FULL
    head = machine.describe(device)
    bandwidth = copy_bandwidth(device, effort)
    results: list[dict[str, Any]] = []
    verify(names, device)
    for name in names:
        benchmark = BENCHMARKS[name]
        for make, size in product(benchmark.makes, sizes or benchmark.sizes_on(device)):
            case = make(Setup(size, benchmark.batch(size, device, quick), device))
            measured = measure(case, device, bandwidth, effort)
            result = {
                "operator": name,
                "pipeline": name in PIPELINES,
                "setting": case.setting,
                "size": list(size),
                "dtype": case.dtype,
                "unit": benchmark.unit,
                "items": case.items,
                "least_bytes": case.least_bytes,
                "contenders": measured,
            }
            results.append(result)
            times = ", ".join(f"{c['name']} {1e3 * c['median_s']:.3g} ms" for c in measured)
            report(f"{name} {'x'.join(map(str, size))} {case.setting}: {times} a sample")
    return {"machine": head, "quick": quick, "copy_bytes_per_s": bandwidth, "results": results}


def verify(names: Iterable[str], device: torch.device, others: bool = True) -> None:
    """Check, on a small batch, that the contenders do what they should: AssertionError otherwise.

    others: the contenders beside ours too, as far as `Case.verify` leaves them to checks of their own.
    """
    for name in names:
        for make in BENCHMARKS[name].makes:
            case = make(Setup(SMALL, 3, device))
            case.verify()
            for contender in case.contenders if others else ():
                if contender.check is not None:
                    contender.check()


def measure(case: Case, device: torch.device, bandwidth: float, effort: Effort) -> list[dict[str, Any]]:
    """Times, rates and memory of every contender: times of one sample, median and interquartile range of the rounds."""
    calls = [_calls_for(contender, device, effort.seconds) for contender in case.contenders]
    seconds: list[list[float]] = [[] for _ in case.contenders]
    for turn in range(effort.rounds):
        for contender, count, measured in zip(case.contenders, calls, seconds, strict=True):
            contender.run(turn * count)  # not timed: while the others ran, caches and freed memory went elsewhere
            measured.append(_seconds_a_call(contender, turn * count, count, device) / contender.samples)
    ours = statistics.median(seconds[0])
    return [
        {
            "name": contender.name,
            "differs": contender.differs,
            "samples": contender.samples,
            "calls": count,
            "rounds": effort.rounds,
            "median_s": (median := statistics.median(measured)),
            "iqr_s": _interquartile_range(measured),
            "items_per_s": case.items / median,
            "share_of_copy_bandwidth": case.least_bytes / median / bandwidth,
            "peak_extra_bytes": peak_extra_bytes(partial(contender.run, 0), device),
            "times_ours": median / ours,
        }
        for contender, count, measured in zip(case.contenders, calls, seconds, strict=True)
    ]


def copy_bandwidth(device: torch.device, effort: Effort) -> float:
    """Bytes a second, read and written, that torch copies between two buffers larger than the caches."""
    source = torch.ones(effort.copy_bytes // 4 * (4 if device.type == "cuda" else 1), device=device)
    target = torch.empty_like(source)
    copy = Contender("copy", lambda call: target.copy_(source), 1)
    count = _calls_for(copy, device, effort.seconds)
    seconds = statistics.median(_seconds_a_call(copy, 0, count, device) for _ in range(effort.rounds))
    return 2.0 * source.numel() * source.element_size() / seconds


def _calls_for(contender: Contender, device: torch.device, seconds: float) -> int:
    """Warm up, and return how many calls fill the time of one measurement."""
    _seconds_a_call(contender, 0, 1, device)
    return max(1, round(seconds / _seconds_a_call(contender, 0, 1, device)))


def _seconds_a_call(contender: Contender, first: int, count: int, device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    for call in range(first, first + count):
        contender.run(call)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return (time.perf_counter() - start) / count


def _interquartile_range(values: list[float]) -> float:
    quarters = statistics.quantiles(values, n=4, method="inclusive")
    return quarters[2] - quarters[0]
