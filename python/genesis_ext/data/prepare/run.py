# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Prepare sources into a store, in parallel. A run may be killed at any moment; the next one does what is left."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

from genesis_ext.data.prepare.outcome import Outcome, Task, bytes_of, fingerprint, patient_of, prepare_source
from genesis_ext.data.prepare.preprocess import PrepareSettings
from genesis_ext.data.prepare.remarks import remarks
from genesis_ext.data.prepare.report import Report
from genesis_ext.data.prepare.workers import Workers, WorkersNotStarted
from genesis_ext.data.sources.find import find_sources
from genesis_ext.data.sources.source import Found, Source
from genesis_ext.data.store.entry import TOLD_LATER
from genesis_ext.data.store.volume_store import FORMAT, INDEX, StoreError, VolumeStore, is_store
from genesis_ext.data.store.writer import (
    StoreLock,
    begin,
    check_settings,
    has_record,
    read_record,
    record_names,
    write_index,
    write_record,
)

MOST_WORKERS = 8  # by default; each holds a scan in memory


class PrepareError(ValueError):
    """Nothing could be taken; the text names the first reason."""


@dataclass(frozen=True)
class Step:
    """How far a run is, after one source.

    Attributes:
        outcome: of that source.
        done, total: sources.
        bytes_done, bytes_total: of their files, without those kept from an earlier run.
        seconds: since the first source was begun.
    """

    outcome: Outcome
    done: int
    total: int
    bytes_done: int
    bytes_total: int
    seconds: float


def prepare(
    found: Found,
    store: str | PathLike[str],
    settings: PrepareSettings | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    progress: Callable[[Step], object] = lambda step: None,
    wait: bool = False,
    executor: Executor | None = None,
) -> Report:
    """Prepare sources into a store and report the outcome of each.

    Sources that an earlier run prepared are kept if they and the settings are unchanged. The store ends up with these
    sources and no others. A file that cannot be used becomes a line of the report.

    found: by ``find_sources``.
    store: the folder; made if it is not there.
    workers: processes (default: the cores, 8 at most); 0 works in this process. With more than 0 call it from under
        ``if __name__ == "__main__":``, for they import the main module.
    overwrite: clear what was prepared with other settings.
    progress: called after each source.
    wait: for another run that prepares this store, instead of refusing.
    executor: does the work in place of `workers`, and stays open. Its processes must see sources and store under the
        same paths.

    Raises:
        StoreError: the folder holds something else, other settings, or is being prepared; or cannot be written.
    """
    settings, store = settings or PrepareSettings(), Path(store)
    if workers is None:
        workers = min(MOST_WORKERS, len(os.sched_getaffinity(0)))
    elif executor is not None:
        raise ValueError(f"workers must not be given beside an executor, got {workers}")
    if workers < 0:
        raise ValueError(f"workers must be at least 0, got {workers}")
    if not overwrite:
        check_settings(store, settings.to_dict())
    try:
        with StoreLock(store, wait):
            begin(store, settings.to_dict(), overwrite)
            return _prepare(found, store, settings, workers if executor is None else executor, progress)
    except OSError as error:
        raise StoreError(f"{store}: cannot be written: {error.strerror or error}: what is done is kept") from error


def prepare_cached(
    sources: str | PathLike[str] | Sequence[str | PathLike[str]],
    cache_dir: str | PathLike[str] | None = None,
    report: Callable[[str], object] = print,
    workers: int | None = 0,
    **settings: Any,
) -> VolumeStore:
    """The store of some sources: prepared by the first call, found by later ones.

    It lies in a folder named by sources (paths, sizes, times) and settings. Two processes may call it at once: one
    prepares, the other waits.

    sources: as for ``find_sources``.
    cache_dir: default ``$GENESIS_CACHE``, or ``~/.cache/genesis_ext``.
    report: told what is skipped and where the store is.
    settings: recipe, modality, patient, splits, labels and classes_from of ``find_sources``, and those of
        ``PrepareSettings``.

    Raises:
        SourceError, PrepareError: nothing could be found, or taken.
    """
    choice = {
        name: settings.pop(name)
        for name in ("recipe", "modality", "patient", "splits", "labels", "classes_from")
        if name in settings
    }
    how = PrepareSettings(**settings)
    found = find_sources(sources, **choice)
    digest = hashlib.sha256(f"{FORMAT}\n".encode())
    for source in found.sources:
        digest.update(f"{fingerprint(source, how)} {source.name} {source.patient} {source.split}\n".encode())
        later = {name: getattr(source, name) for name in (*TOLD_LATER, "frame_channels")}
        digest.update("".join(f"{name} {value}\n" for name, value in later.items() if value not in (None, ())).encode())
    root = Path(cache_dir or os.environ.get("GENESIS_CACHE") or Path.home() / ".cache" / "genesis_ext")
    store = root / "stores" / digest.hexdigest()[:20]
    if not is_store(store):
        report(f"preparing {len(found.sources)} files into {store}")
        result = prepare(found, store, how, workers=workers, wait=True)
        for line in result.lines():
            report(line)
        if not result.entries:
            raise PrepareError(result.why_nothing())
    return VolumeStore(store)


def _prepare(
    found: Found, store: Path, settings: PrepareSettings, by: Executor | int, progress: Callable[[Step], object]
) -> Report:
    outcomes: dict[str, Outcome] = {}
    tasks: list[Task] = []
    sizes: dict[str, int] = {}
    for source in found.sources:
        try:
            mark, size = fingerprint(source, settings), bytes_of(source)
        except OSError as error:
            reason = f"{error.filename or source.path}: unreadable: {error.strerror or error}"
            outcomes[source.name] = Outcome(source, "skipped", reason)
            continue
        kept = _kept(store, source, mark)
        if kept is None:
            tasks.append(Task(source, mark, store, settings))
            sizes[source.name] = size
        else:
            outcomes[source.name] = kept
    if any(has_record(store, task.source.name) for task in tasks):
        (store / INDEX).unlink(missing_ok=True)  # it names files that are about to change
    step = partial(Step, total=len(found.sources), bytes_total=sum(sizes.values()))
    begun, bytes_done = time.monotonic(), 0
    for number, outcome in enumerate(outcomes.values(), start=1):
        progress(step(outcome, number, bytes_done=0, seconds=0.0))
    for outcome in _outcomes(tasks, by):
        outcomes[outcome.source.name] = outcome
        bytes_done += sizes[outcome.source.name]
        seconds = time.monotonic() - begun
        progress(step(outcome, len(outcomes), bytes_done=bytes_done, seconds=seconds))
    results = [outcomes[source.name] for source in found.sources]
    entries = [entry for outcome in results for entry in outcome.volumes]
    earlier = record_names(store) - outcomes.keys()
    found = replace(found, notes=[*found.notes, *remarks(entries, settings, earlier)])
    report = Report(results, found, time.monotonic() - begun)
    if report.entries:
        write_index(store, settings.to_dict(), settings.dtype, report.entries)
    else:
        (store / INDEX).unlink(missing_ok=True)
    report.write(store)
    return report


def _outcomes(tasks: Sequence[Task], by: Executor | int) -> Iterator[Outcome]:
    """What becomes of each task, in the order in which they end.

    by: an executor, or a number of workers; 0 works in this process.
    """
    if not isinstance(by, Executor):
        if by and tasks:
            with Workers(min(by, len(tasks))) as workers:
                yield from _outcomes(tasks, workers)
        else:
            yield from map(prepare_source, tasks)
        return
    sources = {by.submit(prepare_source, task): task.source for task in tasks}
    try:
        for future in as_completed(sources):
            try:
                outcome = future.result()
            except WorkersNotStarted:
                raise
            except Exception as error:  # of the executor: prepare_source raises none
                source = sources[future]
                outcome = Outcome(source, "failed", f"{source.path}: {str(error) or type(error).__name__}")
            yield outcome
    finally:
        for future in sources:
            future.cancel()


def _kept(store: Path, source: Source, mark: str) -> Outcome | None:
    """What an earlier run made of a source, if that still holds, with what the source tells of it now."""
    record = read_record(store, source.name)
    if record is None or record.fingerprint != mark:
        return None
    pairs = zip(record.volumes, record.patients, strict=True)
    volumes = tuple(replace(v, patient=patient_of(source, p), **source.told_of(v.name)) for v, p in pairs)
    if volumes != record.volumes:
        write_record(store, replace(record, volumes=volumes))
    return Outcome(source, "kept", "", volumes, record.problems)
