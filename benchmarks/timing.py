# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Times of contenders in turn (A B A B ...), so that a machine that slows down does so for all of them."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from .case import Case
from .memory import peak_extra_bytes


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes:
        rounds: turns of each contender.
        least_rounds: of a contender that is slow, however long they take; with 0 the warm-up is what it is measured by.
        seconds: least time of one measurement, filled by repeated calls.
        budget: seconds after which a slow contender has had its turns, warm-up included.
        copy_bytes: of the buffer that is copied to tell the bandwidth.
        memory_of_others: whether the memory of others is looked at too, which takes a call of each.
    """

    rounds: int
    least_rounds: int
    seconds: float
    budget: float
    copy_bytes: int
    memory_of_others: bool = True


FULL = Effort(rounds=9, least_rounds=5, seconds=0.2, budget=15.0, copy_bytes=2**28)
QUICK = Effort(rounds=3, least_rounds=0, seconds=0.005, budget=0.3, copy_bytes=2**25, memory_of_others=False)


def measure(case: Case, device: torch.device, bandwidth: float, effort: Effort) -> list[dict[str, Any]]:
    """Times, rates and memory of every contender: times of one sample, median and interquartile range of the rounds."""
    counts, warm = zip(*[_warm(contender.run, device, effort.seconds) for contender in case.contenders], strict=True)
    seconds: list[list[float]] = [[] for _ in case.contenders]
    last, spent = [*warm], [*warm]  # time of a call in the last turn, and of all turns
    for turn in range(effort.rounds):
        for number, (contender, count) in enumerate(zip(case.contenders, counts, strict=True)):
            if turn >= effort.least_rounds and spent[number] > effort.budget:
                continue
            if last[number] <= effort.seconds:
                contender.run(turn * count)  # not timed: while others ran, caches and freed memory went elsewhere
            last[number] = seconds_a_call(contender.run, turn * count, count, device)
            spent[number] += last[number] * count
            seconds[number].append(last[number] / contender.samples)
    for contender, measured, took in zip(case.contenders, seconds, warm, strict=True):
        if not measured:
            measured.append(took / contender.samples)
    ours = statistics.median(seconds[0])
    return [
        {
            "name": contender.name,
            "differs": contender.differs,
            "samples": contender.samples,
            "calls": count,
            **times(measured),
            "items_per_s": case.items / statistics.median(measured),
            "share_of_copy_bandwidth": case.least_bytes / statistics.median(measured) / bandwidth,
            "peak_extra_bytes": peak_extra_bytes(partial(contender.run, 0), device)
            if effort.memory_of_others or contender is case.contenders[0]
            else None,
            "times_ours": statistics.median(measured) / ours,
        }
        for contender, count, measured in zip(case.contenders, counts, seconds, strict=True)
    ]


def times(seconds: Sequence[float]) -> dict[str, float]:
    """Rounds, median, interquartile range and least of repeated measurements, as result files hold them."""
    spread = 0.0
    if len(seconds) > 1:
        quarters = statistics.quantiles(seconds, n=4, method="inclusive")
        spread = quarters[2] - quarters[0]
    return {
        "rounds": len(seconds),
        "median_s": statistics.median(seconds),
        "iqr_s": spread,
        "least_s": min(seconds),
    }


def copy_bandwidth(device: torch.device, effort: Effort) -> float:
    """Bytes a second, read and written, that torch copies between two buffers larger than the caches."""
    source = torch.ones(effort.copy_bytes // 4 * (4 if device.type == "cuda" else 1), device=device)
    target = torch.empty_like(source)
    return 2.0 * source.nbytes / _seconds_of(lambda call: target.copy_(source), device, effort)


def transfer_bandwidth(device: torch.device, effort: Effort) -> float:
    """Bytes a second from pinned host memory to a GPU."""
    source = torch.ones(effort.copy_bytes // 4, pin_memory=True)
    target = torch.empty_like(source, device=device)
    return source.nbytes / _seconds_of(lambda call: target.copy_(source, non_blocking=True), device, effort)


def seconds_a_call(run: Callable[[int], object], first: int, count: int, device: torch.device) -> float:
    """Mean time of `count` calls one after the other, on a GPU until the last one is done."""
    _wait(device)
    start = time.perf_counter()
    for call in range(first, first + count):
        run(call)
    _wait(device)
    return (time.perf_counter() - start) / count


def launches(run: Callable[[], object], device: torch.device) -> int | None:
    """Kernels, copies and fills that a call has a GPU do; None on a CPU, and where the profiler sees no GPU work."""
    if device.type != "cuda":
        return None
    run()
    _wait(device)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        run()
        _wait(device)
    return sum(event.device_type == torch.autograd.DeviceType.CUDA for event in profile.events()) or None


def _seconds_of(run: Callable[[int], object], device: torch.device, effort: Effort) -> float:
    count, _ = _warm(run, device, effort.seconds)
    return statistics.median(seconds_a_call(run, 0, count, device) for _ in range(effort.rounds))


def _warm(run: Callable[[int], object], device: torch.device, seconds: float) -> tuple[int, float]:
    """Warm up, and return how many calls fill the time of one measurement, and the time of a call."""
    took = seconds_a_call(run, 0, 1, device)
    if took <= 10 * seconds:  # else the second call would not be that much faster
        took = seconds_a_call(run, 0, 1, device)
    return max(1, round(seconds / took)), took


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
