# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""From the files that a user names to cases, what a network sees at once, one file a channel; and through them all."""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import torch

from genesis_ext.data.sources.find import find_sources
from genesis_ext.data.sources.source import Source
from genesis_ext.data.volume import Modality, VolumeError

_NUMBERED = re.compile(r"(.+)_(\d{4})")


@dataclass(frozen=True)
class Case:
    """What a network sees at once.

    Attributes:
        name: of its prediction, without suffix.
        paths: the files, or folders of DICOM slices, of its channels, in the order in which the network takes them.
        modality: as a user or a list says; None where the file is to tell.
    """

    name: str
    paths: tuple[Path, ...]
    modality: Modality | None = None


@dataclass
class Cases:
    """Cases in a fixed order.

    Attributes:
        found: to be predicted.
        refused: (name, reason) of those that cannot be.
        notes: on what was found, a sentence each.
    """

    found: list[Case] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_cases(
    images: Iterable[str | PathLike[str]] | str | PathLike[str], channels: int, modality: Modality | None = None
) -> Cases:
    """The cases behind some paths.

    Several channels are files named as by nnU-Net: ``CASE_0000.nii.gz``, ``CASE_0001.nii.gz``. Of a single one the
    number ``_0000`` may be left out.

    images: as for ``find_sources``.   channels: that the network takes.   modality: of files that do not tell theirs.

    Raises:
        SourceError: a path leads to nothing.
    """
    found = find_sources(images, modality=modality)
    cases = Cases(notes=found.notes + [f"skipped {path}: {reason}" for path, reason in found.skipped])
    groups: defaultdict[str, dict[int, Source]] = defaultdict(dict)
    for source in found.sources:
        match = _NUMBERED.fullmatch(source.name)
        groups[match[1] if match else source.name][int(match[2]) if match else -1] = source
    for name, files in groups.items():
        if channels == 1:
            _single(cases, name, files)
        elif set(files) == set(range(channels)):
            ordered = [files[number] for number in range(channels)]
            cases.found.append(Case(name, tuple(source.path for source in ordered), ordered[0].modality))
        else:
            here = ", ".join(source.path.name for source in files.values())
            rule = f"must have {channels} channels, {name}_0000 to {name}_{channels - 1:04d}, got {here}"
            cases.refused.append((name, rule))
    return cases


@dataclass
class Outcome:
    """What became of cases, by their names.

    Attributes:
        written: now.   kept: from an earlier call.   failed: (name, reason).
    """

    written: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)


def work_through(
    cases: Cases, has: Callable[[str], bool], do: Callable[[Case], Path], report: Callable[[str], object] | None
) -> Outcome:
    """Do each case that is not done; one that fails does not end the others.

    has: whether the results of a name are there.   do: makes them, and returns a file to name.   report: told a line a
    case.
    """
    say = report or (lambda text: None)
    for note in cases.notes:
        say(note)
    outcome = Outcome(failed=list(cases.refused))
    for number, case in enumerate(cases.found, start=1):
        if has(case.name):
            outcome.kept.append(case.name)
            continue
        begun = time.monotonic()
        try:
            path = do(case)
        except (VolumeError, OSError, MemoryError, torch.OutOfMemoryError) as error:
            outcome.failed.append((case.name, _reason(error, case.paths[0])))
            say(f"failed {case.name}: {outcome.failed[-1][1]}")
            continue
        outcome.written.append(case.name)
        seconds = time.monotonic() - begun
        say(f"{number} of {len(cases.found)}: {case.name} -> {path} ({seconds:.1f} s)")
    return outcome


def _reason(error: BaseException, path: Path) -> str:
    if isinstance(error, torch.OutOfMemoryError):
        return f"{path}: the memory of the device does not suffice: give a smaller batch size"
    if isinstance(error, MemoryError):
        return f"{path}: the memory does not suffice"
    return str(error)


def _single(cases: Cases, name: str, files: dict[int, Source]) -> None:
    """Add what a network of one channel sees.

    files: of one name, by the number at its end; -1: without. A number that is not 0000 belongs to the name.
    """
    if 0 in files and len(files) > 1:
        here = ", ".join(source.path.name for source in files.values())
        rule = f"must have one channel, as the network, got {here}: give one of them, or rename files that are cases"
        cases.refused.append((name, rule))
        return
    for number, source in files.items():
        cases.found.append(Case(name if number in (0, -1) else source.name, (source.path,), source.modality))
