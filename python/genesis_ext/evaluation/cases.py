# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""From the files that a user names to cases, what a network sees at once, one file a channel; and through them all."""

import json
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import TypeVar

import torch

from genesis_ext.data.sources.find import find_sources
from genesis_ext.data.sources.source import Source, safe_name
from genesis_ext.data.sources.walk import stem
from genesis_ext.data.volume import Modality, VolumeError

LOG = "cases.jsonl"
"""In a folder of results: of which files each was made."""

_NUMBERED = re.compile(r"(.+)_(\d{4})")
_NO_NUMBER = -1
_Key = TypeVar("_Key", str, int)


@dataclass(frozen=True)
class Case:
    """What a network sees at once.

    Attributes:
        name: of its prediction, without suffix.
        paths: the files, or folders of DICOM slices, of its channels, in the order in which the network takes them; of
            several channels also one file whose frames they are.
        modality: as a user or a list says; None where the file is to tell.
        frames: of one file, the frame that each channel is; empty where the channels are files.
    """

    name: str
    paths: tuple[Path, ...]
    modality: Modality | None = None
    frames: tuple[int, ...] = ()


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
    images: Iterable[str | PathLike[str]] | str | PathLike[str],
    channels: Sequence[str],
    modality: Modality | None = None,
) -> Cases:
    """The cases behind some paths.

    Where a list or ``dataset.json`` names channels, they are found by their names. Else several channels are files
    named as by nnU-Net, ``CASE_0000.nii.gz``, ``CASE_0001.nii.gz``, or the frames of one file; of a single channel the
    number ``_0000`` may be left out.

    images: as for ``find_sources``.   channels: names of those that the network takes; of a single one it may be empty.
    modality: of files that do not tell theirs.

    Raises:
        SourceError: a path leads to nothing.
    """
    found = find_sources(images, modality=modality)
    cases = Cases(notes=found.notes + [f"skipped {path}: {reason}" for path, reason in found.skipped])
    named: defaultdict[str, dict[str, Source]] = defaultdict(dict)
    numbered: defaultdict[str, dict[int, Source]] = defaultdict(dict)
    for source in _short_names(found.sources):
        match = _NUMBERED.fullmatch(source.name)
        if source.case is not None and source.channel is not None and any(channels):
            named[source.case][source.channel] = source
        elif len(channels) > 1 and match is None:
            _framed(cases, source, channels)
        else:
            numbered[match[1] if match else source.name][int(match[2]) if match else _NO_NUMBER] = source
    for name, parts in named.items():
        _together(cases, name, parts, channels, ", ".join(channels))
    for name, files in numbered.items():
        if len(channels) == 1:
            _single(cases, name, files)
        else:
            last = len(channels) - 1
            _together(cases, name, files, range(len(channels)), f"{name}_0000 to {name}_{last:04d}", all_of_them=True)
    return cases


def _short_names(sources: Sequence[Source]) -> Iterator[Source]:
    """Sources that a walk named after folder and file, by that of the file alone where no other has it."""
    plain = [safe_name(stem(source.path)) for source in sources]
    times = Counter(name.lower() for name in plain)
    for source, name in zip(sources, plain, strict=True):
        walked = source.name.endswith(f"_{name}") and times[name.lower()] == 1
        yield replace(source, name=name) if walked else source


def _together(
    cases: Cases,
    name: str,
    parts: Mapping[_Key, Source],
    wanted: Sequence[_Key],
    rule: str,
    all_of_them: bool = False,
) -> None:
    """Add a case whose channels are files of their own.

    parts: by name or number.   wanted: the same, in the order of the network.   rule: these in words.
    all_of_them: there must be no others.
    """
    if not set(wanted) <= parts.keys() or (all_of_them and len(parts) > len(wanted)):
        here = ", ".join(source.path.name for source in parts.values())
        cases.refused.append((name, f"must have {len(wanted)} channels, {rule}, got {here}"))
        return
    ordered = [parts[each] for each in wanted]
    cases.found.append(Case(name, tuple(source.path for source in ordered), ordered[0].modality))


def _framed(cases: Cases, source: Source, channels: Sequence[str]) -> None:
    """Add a case whose channels are the frames of one file: by their names where a list tells these, else in order."""
    told = source.frame_channels
    if told and not set(channels) <= set(told):
        cases.refused.append((source.name, f"must have the channels {', '.join(channels)}, got {', '.join(told)}"))
        return
    frames = tuple(told.index(name) for name in channels) if told else tuple(range(len(channels)))
    cases.found.append(Case(source.name, (source.path,), source.modality, frames))


def _single(cases: Cases, name: str, files: Mapping[int, Source]) -> None:
    """Add what a network of one channel sees.

    files: of one name, by the number at its end. One that is not 0000 belongs to the name.
    """
    if 0 in files and len(files) > 1:
        here = ", ".join(source.path.name for source in files.values())
        rule = f"must have one channel, as the network, got {here}: give one of them, or rename files that are cases"
        cases.refused.append((name, rule))
        return
    for number, source in files.items():
        cases.found.append(Case(name if number in (0, _NO_NUMBER) else source.name, (source.path,), source.modality))


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
    cases: Cases,
    folder: Path,
    has: Callable[[str], bool],
    do: Callable[[Case], Path],
    report: Callable[[str], object] | None,
) -> Outcome:
    """Do each case that is not done; one that fails does not end the others.

    folder: of the results; its ``cases.jsonl`` says of which files each was made, so that those of another image that
        has the same name are not taken for them.
    has: whether the results of a name are there.   do: makes them, and returns a file to name.
    report: told a line a case.
    """
    say = report or (lambda text: None)
    for note in cases.notes:
        say(note)
    outcome = Outcome(failed=list(cases.refused))
    made_of = _read_log(folder / LOG)
    for number, case in enumerate(cases.found, start=1):
        files = [str(path.resolve()) for path in case.paths]
        begun = time.monotonic()
        try:
            if has(case.name) and case.name in made_of:
                if made_of[case.name] != files:
                    raise VolumeError(
                        f"{case.paths[0]}: {folder} holds the result of another image of that name, "
                        f"{made_of[case.name][0]}: give another folder"
                    )
                outcome.kept.append(case.name)
                continue
            path = do(case)
            with (folder / LOG).open("a", encoding="utf-8") as log:
                log.write("\n" + json.dumps({"case": case.name, "files": files}))  # behind an unfinished line
        except (VolumeError, OSError, MemoryError, torch.OutOfMemoryError) as error:
            outcome.failed.append((case.name, _reason(error, case.paths[0])))
            say(f"failed {case.name}: {outcome.failed[-1][1]}")
            continue
        outcome.written.append(case.name)
        seconds = time.monotonic() - begun
        say(f"{number} of {len(cases.found)}: {case.name} -> {path} ({seconds:.1f} s)")
    return outcome


def _read_log(path: Path) -> dict[str, list[str]]:
    """The files of each case. A line that a killed process left unfinished tells of no case, which is done again."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        with suppress(ValueError, KeyError, TypeError):
            entry = json.loads(line)
            found[entry["case"]] = entry["files"]
    return found


def _reason(error: BaseException, path: Path) -> str:
    if isinstance(error, torch.OutOfMemoryError):
        return f"{path}: the memory of the device does not suffice: give a smaller batch size"
    if isinstance(error, MemoryError):
        return f"{path}: the memory does not suffice"
    return str(error)
