# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Label maps in a folder of their own, found by the names of the images."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from genesis_ext.data.sources.source import Found, Source, SourceError
from genesis_ext.data.sources.walk import sources_below, stem


def add_labels(found: Found, folder: Path) -> None:
    """Give every source that has none the label of its name in a folder.

    Names are compared without suffixes: first with the path below the folder, then, where it is that of one source and
    one label only, that of the file alone; each also without the number of a channel, as in nnU-Net's ``case_0000``.
    Sources that share a label are of one patient.

    Raises:
        SourceError: no label for any source, or two for one.
    """
    below = sources_below(folder, keep_labels=True)
    found.skipped += below.skipped
    by_path: defaultdict[str, list[Path]] = defaultdict(list)
    by_stem: defaultdict[str, list[Path]] = defaultdict(list)
    for label in below.sources:
        by_path[label.name].append(label.path)
        by_stem[stem(label.path)].append(label.path)
    stems = Counter(stem(path) for path in {source.path for source in found.sources})
    patients: dict[Path, str] = {}  # by label
    for number, source in enumerate(found.sources):
        own = [by_path[name] for name in _names(source.name) if name in by_path]
        if stems[stem(source.path)] == 1:
            own += [by_stem[name] for name in _names(stem(source.path)) if len(by_stem.get(name, ())) == 1]
        if source.label is None and own:
            if len(own[0]) > 1:
                raise SourceError(f"{source.path}: must have one label in {folder}, got {own[0][0]} and {own[0][1]}")
            source = replace(source, label=own[0][0])
            if not source.patient_known:
                source = replace(source, patient=patients.setdefault(own[0][0], source.patient))
        found.sources[number] = source
    _tell(found, folder, {label.path.resolve() for label in below.sources})


def _names(name: str) -> Iterator[str]:
    yield name
    if re.search(r"_\d{4}$", name):
        yield name[:-5]


def _tell(found: Found, folder: Path, labels: set[Path]) -> None:
    """Notes on sources without a label and labels without a source."""
    without: list[Source] = [source for source in found.sources if source.label is None]
    unused = sorted(labels - {source.label.resolve() for source in found.sources if source.label})
    if len(unused) == len(labels):
        raise SourceError(f"{folder}: must hold files named as the sources are, such as {found.sources[0].name}")
    if without:
        found.notes.append(f"{len(without)} sources have no label in {folder}, the first is {without[0].path}")
    if unused:
        found.notes.append(f"{len(unused)} files of {folder} are the label of no source, the first is {unused[0]}")
