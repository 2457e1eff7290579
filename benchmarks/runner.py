# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Verify, then time: benchmarks by name, one after the other, into one result."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch

from genesis_ext._types import Shape3

from . import machine, ranks, startup
from .case import Case, Setup, name_of
from .registry import CASES, LEVELS
from .scaling import SERIES
from .sizes import batch_of_voxels, shrunk
from .startup import STARTUP
from .timing import FULL, QUICK, Effort, copy_bandwidth, launches, measure, transfer_bandwidth

SMALL: Shape3 = (30, 21, 20)  # to verify on: windows up to 3 x 2 x 2, boxes with their margin, no side alike
_PROCESSES = 7  # fresh ones, of start-up

Entry = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """What a run is asked for.

    Attributes:
        names: of `registry.NAMES`.
        device: where.
        dtypes: of those inputs that may be any; cases that have one of their own are measured once.
        sizes: instead of those of the registry, where there is a choice; empty: those.
        quick: a trial, to see that everything runs: small, short, and no numbers to keep.
    """

    names: Collection[str]
    device: torch.device
    dtypes: tuple[torch.dtype, ...] = (torch.float32,)
    sizes: tuple[Shape3, ...] = ()
    quick: bool = False

    @property
    def effort(self) -> Effort:
        return QUICK if self.quick else FULL


@dataclass(frozen=True)
class Job:
    """A part of a run: `measure()` gives its entries."""

    what: str
    measure: Callable[[], Iterable[Entry]]


def run(request: Request, report: Callable[[str], object] = print) -> dict[str, Any]:
    """Measure, and return what a result file holds.

    Raises:
        AssertionError: a contender does not do what it should.
    """
    began = time.monotonic()
    device, effort = request.device, request.effort
    head = machine.describe(device)
    bandwidth = copy_bandwidth(device, effort)
    result: dict[str, Any] = {"machine": head, "quick": request.quick, "copy_bytes_per_s": bandwidth}
    if device.type == "cuda":
        result["transfer_bytes_per_s"] = transfer_bandwidth(device, effort)
    names = [name for name in CASES if name in request.names]
    report(f"verifying {len(names)} benchmarks")
    verify(names, device, request.dtypes)
    jobs = [*_benchmark_jobs(names, request, bandwidth), *_series_jobs(request, bandwidth), *_startup_jobs(request)]
    entries: list[Entry] = []
    seen = set()
    timed_from = time.monotonic()
    for number, job in enumerate(jobs):
        passed = time.monotonic() - timed_from
        left = f", some {passed / number * (len(jobs) - number):.0f} s left" if number else ""
        report(f"[{number + 1}/{len(jobs)}{left}] {job.what}")
        for entry in job.measure():
            key = tuple(str(entry.get(part)) for part in ("level", "name", "setting", "size", "dtype", "point"))
            if key not in seen:
                seen.add(key)
                entries.append(entry)
                report(f"    {_summary(entry)}")
    result["results"] = entries
    result["seconds"] = round(time.monotonic() - began, 1)
    return result


def verify(
    names: Iterable[str],
    device: torch.device,
    dtypes: Iterable[torch.dtype] = (torch.float32,),
    others: bool = True,
) -> None:
    """Check, on a small batch, that the contenders do what they should: AssertionError otherwise.

    others: the contenders beside ours too, as far as `Case.verify` leaves them to checks of their own.
    """
    wanted = [*dtypes]
    for name in names:
        for make in CASES[name].makes:
            for dtype in wanted:
                case = make(Setup(SMALL, 3, device, dtype))
                case.verify()
                for contender in case.contenders if others else ():
                    if contender.check is not None:
                        contender.check()
                if case.dtype != name_of(dtype):
                    break  # it has a dtype of its own: the others give the same case


def _benchmark_jobs(names: Iterable[str], request: Request, bandwidth: float) -> Iterator[Job]:
    device = request.device
    levels = {name: level for level, members in LEVELS.items() for name in members}

    def entries(name: str, make: Callable[[Setup], Case], setup: Setup) -> Iterator[Entry]:
        case = make(setup)
        if case.dtype != name_of(setup.dtype) and setup.dtype != request.dtypes[0]:
            return  # it has a dtype of its own, and was measured with the first one
        yield _measured(levels[name], name, CASES[name].unit, case, setup, request, bandwidth)

    for name in names:
        benchmark = CASES[name]
        sizes = request.sizes or benchmark.sizes_on(device)
        for size in dict.fromkeys(map(shrunk, sizes[:1])) if request.quick else sizes:
            for make in benchmark.makes:
                for dtype in request.dtypes:
                    setup = Setup(size, benchmark.batch(size, device, request.quick), device, dtype)
                    yield Job(_what(name, setup), lambda n=name, m=make, s=setup: entries(n, m, s))  # type: ignore[misc]


def _series_jobs(request: Request, bandwidth: float) -> Iterator[Job]:
    device, dtype = request.device, request.dtypes[0]

    def entries(name: str, point: int, setup: Setup) -> Iterator[Entry]:
        series = SERIES[name]
        at = {"point": {"axis": series.axis, "value": point}}
        if series.make is None:
            ours = ranks.measure(point, device, setup.size, 4 if request.quick else setup.batch, request.effort)
            setting = "sub-volumes of a store, cut and distorted, one thread or GPU a rank"
            entry = _entry("scaling", name, setting, setup, series.unit, 1)
            yield entry | at | {"contenders": [ours | {"items_per_s": 1 / ours["median_s"], "times_ours": 1.0}]}
            return
        case = series.make(point, setup)
        case = replace(case, contenders=case.contenders[:1])
        with _threads(point if series.threads else torch.get_num_threads()):
            yield _measured("scaling", name, series.unit, case, setup, request, bandwidth) | at

    for name, series in SERIES.items():
        if name not in request.names or device.type not in series.devices:
            continue
        size = shrunk(series.size) if request.quick else series.size
        setup = Setup(size, batch_of_voxels(size, device, request.quick), device, dtype)
        for point in series.points(device, request.quick):
            yield Job(f"{name}: {series.axis} {point}", lambda n=name, p=point, s=setup: entries(n, p, s))  # type: ignore[misc]


def _startup_jobs(request: Request) -> Iterator[Job]:
    def entries(name: str) -> Iterator[Entry]:
        for found in startup.measure([name], request.device, 2 if request.quick else _PROCESSES):
            yield _entry("startup", name, found["setting"], None, "calls", 1) | found

    for name in STARTUP:
        if name in request.names:
            yield Job(f"{name}: {STARTUP[name]}, in fresh processes", lambda n=name: entries(n))  # type: ignore[misc]


def _measured(level: str, name: str, unit: str, case: Case, setup: Setup, request: Request, bandwidth: float) -> Entry:
    device = request.device
    contenders = measure(case, device, bandwidth, request.effort)
    if (count := launches(lambda: case.contenders[0].run(0), device)) is not None:
        contenders[0]["launches"] = count
    batch = case.contenders[0].samples
    setup = replace(setup, size=case.size, batch=setup.batch if level == "latency" else batch)
    entry = _entry(level, name, case.setting, setup, unit, case.items)
    return entry | {"dtype": case.dtype, "least_bytes": case.least_bytes, "contenders": contenders}


def _entry(level: str, name: str, setting: str, setup: Setup | None, unit: str, items: int) -> Entry:
    return {
        "level": level,
        "name": name,
        "setting": setting,
        "size": list(setup.size) if setup else [],
        "batch": setup.batch if setup else 1,
        "threads": torch.get_num_threads(),
        "dtype": name_of(setup.dtype) if setup else "",
        "unit": unit,
        "items": items,
    }


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _what(name: str, setup: Setup) -> str:
    return f"{name}, {'x'.join(map(str, setup.size))}, {name_of(setup.dtype)}, batch {setup.batch}"


def _summary(entry: Mapping[str, Any]) -> str:
    times = ", ".join(f"{c['name']} {1e3 * c['median_s']:.3g} ms" for c in entry["contenders"])
    per = "a call" if entry["unit"] == "calls" else "a sample"
    return f"{entry['setting'] or entry['name']}: {times} {per}"
