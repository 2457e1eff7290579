# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A study, step by step: data, pre-training, the grid, the comparison. What is done stays done."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TypeVar

from genesis_ext._lock import FolderLock, LockedError
from genesis_ext.data.prepare.preprocess import PrepareSettings
from genesis_ext.data.prepare.run import prepare
from genesis_ext.data.sources.find import find_sources
from genesis_ext.data.store.volume_store import is_store
from genesis_ext.training.engine.run_log import duration
from genesis_ext.training.study.config import Cell, StudyConfig
from genesis_ext.training.study.jobs import Place, make_source, run_cell
from genesis_ext.training.study.page import write_study
from genesis_ext.training.study.results import Result, StudyResults
from genesis_ext.training.study.split import sides_of

_J = TypeVar("_J")
_R = TypeVar("_R")

_SECONDS_BETWEEN_PAGES = 300.0


def study(
    config: StudyConfig,
    data: str | PathLike[str],
    out: str | PathLike[str],
    executor: Executor | None = None,
    device: str = "auto",
    time_limit_s: float = math.inf,
    report: Callable[[str], object] = print,
) -> StudyResults:
    """Run all that is not done yet, and write study.html, results.csv, cases.csv and study.md into `out`.

    A job that fails is told in the report, and the others go on. Jobs are independent: the same call goes on after a
    kill, run by run and, within a run, step by step.

    data: a store, whose marks are the split; or scans, which are prepared into OUT/store with the split of the study.
    out: folder of the study, made if needed.
    executor: runs the jobs; default: this process. With one of several machines, `data` and `out` must be seen by all.
    time_limit_s: from this call on; no job begins after it.
    report: told of the data, of every job that ends, and of the time left.

    Raises:
        ValueError: the data or the folder do not fit the study.
    """
    out, begun = Path(out), time.monotonic()
    try:
        with FolderLock(out):
            store = _store(config, Path(data), out, report)
            place = Place(out.resolve(), store.resolve(), device)
            return _run(config, place, executor, begun + time_limit_s, report)
    except LockedError as error:
        raise ValueError(f"{out}: another study runs there, {error}: choose another folder") from error


def _store(config: StudyConfig, data: Path, out: Path, report: Callable[[str], object]) -> Path:
    """The store of the study."""
    if is_store(data):
        if config.split:
            raise ValueError(f"{data} is a store, whose marks are the split: split must not be given")
        return data
    found = find_sources(data)
    if config.split:
        sides = sides_of((source.patient for source in found.sources), **config.split)
        found.sources = [replace(source, split=sides[source.patient]) for source in found.sources]
    result = prepare(found, out / "store", PrepareSettings(**config.preparation), workers=0)
    for line in result.lines():
        report(line)
    if not result.entries:
        raise ValueError(result.why_nothing())
    return out / "store"


def _run(
    config: StudyConfig, place: Place, executor: Executor | None, deadline: float, report: Callable[[str], object]
) -> StudyResults:
    weights = {source: config.weights.get(source, source) for source in config.sources}
    failed: dict[str, str] = {}
    for name, made in _done(executor, partial(make_source, config, place), list(config.pretraining), deadline):
        if isinstance(made, Exception):
            failed[f"pretraining/{name}"] = str(made)
            report(f"pre-training {name} failed: {made}")
        else:
            weights[name] = made
            report(f"pre-trained {name}: {made}")
    lost = {source for source in config.pretraining if f"pretraining/{source}" in failed}
    cells = [cell for cell in config.cells() if cell.source not in lost]
    results: dict[str, Result] = {}
    begun = written = time.monotonic()

    def so_far() -> StudyResults:
        return StudyResults(config, tuple(results[cell.name] for cell in cells if cell.name in results), dict(failed))

    for number, (cell, result) in enumerate(
        _done(executor, partial(_run_cell, config, place, weights), cells, deadline), start=1
    ):
        now = time.monotonic()
        left = duration((now - begun) / number * (len(cells) - number))
        if isinstance(result, Exception):
            failed[cell.name] = str(result)
            report(f"{number}/{len(cells)}  {cell.name} failed: {result}")
        else:
            results[cell.name] = result
            report(f"{number}/{len(cells)}  {cell.name}  {config.metric} {result.mean(config.metric):.4f}  {left} left")
        if now - written > _SECONDS_BETWEEN_PAGES:
            write_study(place.out, so_far())
            written = now
    write_study(place.out, so_far())
    return so_far()


def _run_cell(config: StudyConfig, place: Place, weights: Mapping[str, str], cell: Cell) -> Result:
    return run_cell(config, cell, weights[cell.source], place)


def _done(
    executor: Executor | None, work: Callable[[_J], _R], jobs: Sequence[_J], deadline: float
) -> Iterator[tuple[_J, _R | Exception]]:
    """Each job and its result, or the exception that it ended with, as they end; none begins after the deadline."""
    if executor is None:
        for job in jobs:
            if time.monotonic() >= deadline:
                return
            try:
                yield job, work(job)
            except Exception as error:  # one run must not end the others
                yield job, error
        return
    futures = {executor.submit(work, job): job for job in jobs}
    try:
        for future in as_completed(futures):
            if time.monotonic() >= deadline:
                for other in futures:
                    other.cancel()
            if not future.cancelled():
                try:
                    result: _R | Exception = future.result()
                except Exception as error:  # as above
                    result = error
                yield futures[future], result
    finally:
        for future in futures:
            future.cancel()
