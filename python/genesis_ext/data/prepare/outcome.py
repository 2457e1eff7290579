# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""One source is read, prepared and written; every failure ends as a line that names the file."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor

from genesis_ext._files import sha256_of
from genesis_ext.data.prepare.preprocess import Prepared, PrepareSettings, prepare_volume
from genesis_ext.data.prepare.stopwatch import Stopwatch
from genesis_ext.data.readers import files_of, read_label, read_volumes
from genesis_ext.data.sources.source import Source, safe_name
from genesis_ext.data.store.entry import LabelNames, StoredVolume
from genesis_ext.data.store.writer import Record, forget, volume_files, write_record, write_volume
from genesis_ext.data.volume import Volume, VolumeError

Status = Literal["taken", "kept", "skipped", "failed"]


@dataclass(frozen=True)
class Task:
    """A source to be prepared into a store."""

    source: Source
    fingerprint: str
    store: Path
    settings: PrepareSettings


@dataclass(frozen=True)
class Outcome:
    """What became of a source.

    Attributes:
        source: which.
        status: "taken" now, "kept" from an earlier run, "skipped" since it cannot be used, "failed" through no fault
            of its own (full disk, lost worker): another run may do it.
        reason: why it was skipped or failed.
        volumes: what is stored of it.
        problems: (path, reason) of what belongs to it and could not be used: a label, one of several series.
        seconds: that each part of the work took.
    """

    source: Source
    status: Status
    reason: str = ""
    volumes: tuple[StoredVolume, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)


def prepare_source(task: Task) -> Outcome:
    """Prepare one source and write its volumes, then its record. Raises nothing but interrupts."""
    clock, source = Stopwatch(), task.source
    try:
        return _prepare_source(task, clock)
    except VolumeError as error:
        return Outcome(source, "skipped", str(error), seconds=clock.seconds)
    except MemoryError:
        return Outcome(source, "failed", f"{source.path}: the memory does not suffice", seconds=clock.seconds)
    except _WriteError as error:
        reason = f"{source.path}: cannot be written to {task.store}: {error}"
        return Outcome(source, "failed", reason, seconds=clock.seconds)
    except OSError as error:
        reason = f"{source.path}: unreadable: {error.strerror or error}"
        return Outcome(source, "skipped", reason, seconds=clock.seconds)
    except Exception as error:  # one odd file must not end a run of thousands
        reason = f"{source.path}: unexpected {type(error).__name__}: {' '.join(str(error).split())}"
        return Outcome(source, "skipped", reason, seconds=clock.seconds)


def fingerprint(source: Source, settings: PrepareSettings) -> str:
    """SHA-256 over all that decides the voxels: path, size and time of each file, modality, settings, label, its names.

    Raises:
        OSError: a file cannot be examined; of a label this shows when it is read.
    """
    files = [_stamp(path) for path in files_of(source.path)]
    if source.label is not None:
        try:
            files += [_stamp(path) for path in files_of(source.label)]
        except OSError:
            files.append([str(source.label)])
    content = [files, source.modality, settings.to_dict(), source.label_names]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def bytes_of(source: Source) -> int:
    """Size of its files, without the label."""
    return sum(path.stat().st_size for path in files_of(source.path))


def checksum_of_files(path: Path) -> str:
    """SHA-256 of a file; of several, as a folder of slices, of the lines that ``sha256sum`` prints of them in order."""
    files = files_of(path)
    if len(files) == 1:
        return sha256_of(files[0])
    lines = "".join(f"{sha256_of(file)}  {file.name}\n" for file in files)
    return hashlib.sha256(lines.encode()).hexdigest()


class _WriteError(Exception):
    """The store cannot be written."""


def _prepare_source(task: Task, clock: Stopwatch) -> Outcome:
    source, settings = task.source, task.settings
    forget(task.store, source.name)
    with clock("read"):
        volumes = read_volumes(source.path, source.modality, frames=settings.frames)
        checksum = checksum_of_files(source.path)
    problems: list[tuple[str, str]] = []
    stored: list[StoredVolume] = []
    patients: list[str | None] = []
    for name, volume in _named(source, volumes):
        label = None
        if source.label is not None:
            try:
                with clock("read"):
                    label = _named_values(source.label, read_label(source.label, volume), source.label_names)
            except (VolumeError, OSError) as error:
                problems.append((str(source.label), f"label of {source.path} not used: {error}"))
        try:
            prepared = prepare_volume(volume, label, settings, clock)
        except VolumeError as error:
            if len(volumes) == 1:
                raise
            problems.append((str(source.path), f"{volume.name} skipped: {error}"))
            continue
        entry = _entry(name, volume, prepared, source, checksum)
        try:
            with clock("write"):
                stored.append(write_volume(task.store, entry, prepared.voxels, prepared.label))
        except OSError as error:
            raise _WriteError(error.strerror or str(error)) from error
        patients.append(volume.patient)
    if not stored:
        return Outcome(source, "skipped", problems[0][1], problems=tuple(problems[1:]), seconds=clock.seconds)
    record = Record(source.name, task.fingerprint, tuple(stored), tuple(patients), tuple(problems))
    try:
        with clock("write"):
            write_record(task.store, record)
    except OSError as error:
        raise _WriteError(error.strerror or str(error)) from error
    return Outcome(source, "taken", "", tuple(stored), tuple(problems), clock.seconds)


def _named_values(path: Path, label: Tensor, names: LabelNames | None) -> Tensor:
    """The label, unless values have names and one of its own has none.

    Raises:
        VolumeError: it has such a value.
    """
    if not names:
        return label
    known = {0, *(number for value in names.values() for number in (value if isinstance(value, list) else [value]))}
    seen = np.zeros(2**16, bool)
    for part in label.numpy():  # an index takes 8 bytes a voxel
        seen[part] = True  # a negative one counts from the end
    if strange := set(np.flatnonzero(seen).astype(np.int16).tolist()) - known:
        raise VolumeError(f"{path}: label values must be those that have a name, {sorted(known)}, got {min(strange)}")
    return label


def patient_of(source: Source, of_file: str | None) -> str:
    """Whose a volume is: as a list or recipe says, else as the file says, else by the name of the file."""
    return source.patient if source.patient_known or not of_file else of_file


def _named(source: Source, volumes: list[Volume]) -> Iterator[tuple[str, Volume]]:
    """Names in the store. A plus sign comes from here alone, so no other source can have such a name."""
    taken: set[str] = set()
    for number, volume in enumerate(volumes):
        name = source.name
        if len(volumes) > 1:
            frame = re.search(r"_(t\d+)$", volume.name)
            name = f"{source.name}+{frame[1] if frame else safe_name(volume.name)}"
        if name in taken:
            name = f"{name}+{number}"
        taken.add(name)
        yield name, volume


def _entry(name: str, volume: Volume, prepared: Prepared, source: Source, source_checksum: str) -> StoredVolume:
    """All but the checksums of what is stored, which writing tells."""
    file, label = volume_files(name)
    x, y, z = prepared.voxels.shape
    return StoredVolume(
        name=name,
        file=file,
        label=None if prepared.label is None else label,
        shape=(x, y, z),
        dtype=prepared.scale.dtype,
        spacing_mm=prepared.grid.spacing_mm,
        affine=tuple(tuple(float(value) for value in row) for row in prepared.grid.affine),
        modality=volume.modality,
        slope=prepared.scale.slope,
        intercept=prepared.scale.intercept,
        window=prepared.scale.window,
        patient=patient_of(source, volume.patient),
        source=str(source.path),
        checksum="",
        label_checksum=None,
        statistics=prepared.statistics,
        notes=(*volume.notes, *prepared.notes),
        original=volume.original,
        source_checksum=source_checksum,
        label_source=None if prepared.label is None else str(source.label),
        label_names=None if prepared.label is None else source.label_names,
        **source.told_of(name),
    )


def _stamp(path: Path) -> list[Any]:
    status = path.stat()
    return [str(path.resolve()), status.st_size, status.st_mtime_ns]
