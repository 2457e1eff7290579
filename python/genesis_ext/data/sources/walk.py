# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Walk folders for image files and DICOM series, and tell which patient each belongs to."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from genesis_ext.data.readers.reader import Reader, reader_in_walk, readers, suffix_of
from genesis_ext.data.sources.source import Found, PatientRule, Source

if TYPE_CHECKING:
    from os import DirEntry

_STORE = "settings.json"
_SEQUENCE = re.compile(
    r"[_.-](t1|t1w|t1c|t1ce|t1gd|t1post|t2|t2w|flair|pd|pdw|dwi|adc|swi|dce|bold|raw|ct|mri?)(?=[_.-]|$)", re.IGNORECASE
)
_LABEL_FOLDER = re.compile(
    r"(gt_?)?(labels?(tr|ts|val)?|segs?|segmentations?|masks?|annotations?|ground.?truths?|contours|rois?)(_?(tr|ts|train|test|"
    r"val|final))?",
    re.IGNORECASE,
)
_LABEL_FILE = re.compile(
    r"(.*[_.-])?(seg|segs|segmentations?|labels?|labelmap|masks?|roi|gt|ground.?truth|annotations?|dseg|aseg|aparc[+_.-]aseg)"
    r"([_.-]?\d+)?",
    re.IGNORECASE,
)
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".7z", ".rar")
_CHANNEL = re.compile(r"(.+)_\d{4}")
_BIDS_SUBJECT = re.compile(r"(sub-[A-Za-z0-9]+)(_|$)")


@dataclass
class _Walk:
    """One walk: what it found, and the folders it has entered, so that loops of links end."""

    found: Found
    seen: dict[tuple[int, int], Path]


def sources_below(
    roots: Path | Sequence[Path], patient: PatientRule = "auto", labels: Path | None = None, keep_labels: bool = False
) -> Found:
    """The image files and DICOM folders below some folders, or among some files, sorted by path.

    Links are followed, each folder is entered once. Hidden files, folders that are stores, and what lies in the folder
    `labels` are left out; so are label maps by their names, unless `keep_labels` or nothing else is there. Names are
    the path below the root, joined by ``_``; for the patient see ``find_sources``.
    """
    walk = _Walk(Found(), {})
    paths = [roots] if isinstance(roots, Path) else list(roots)
    if len({path.is_absolute() for path in paths}) > 1:  # such paths have no common folder
        paths = [path.absolute() for path in paths]
    base = _base(paths)
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += _files_below(path, walk)
        elif path.exists():
            files += [path] if _reader(path, walk.found) else []
        else:
            walk.found.skipped.append((path, "a link that leads nowhere"))
    if labels is not None:
        apart = labels.resolve()
        files = [path for path in files if apart not in (path.resolve(), *path.resolve().parents)]
    files = list(dict.fromkeys(files))
    if not keep_labels:
        files = _without_labels(files, base, walk.found)
    named = [Source(path, _name(path, base), stem(path)) for path in files]
    walk.found.sources = _with_patients(named, base, patient, walk.found.notes)
    return walk.found


def image_files(root: Path, found: Found) -> list[Path]:
    """The image files and DICOM folders below a folder, sorted; what could not be walked goes into `found`, once."""
    walk = _Walk(Found(), {})
    files = list(_files_below(root, walk))
    found.skipped += [pair for pair in walk.found.skipped if pair not in found.skipped]
    return files


def stem(path: Path) -> str:
    """The name without the suffix of an image file; of a folder, its name."""
    suffix = suffix_of(path)
    return path.name[: -len(suffix)] if suffix and not path.is_dir() else path.name


def _without_labels(files: list[Path], base: Path, found: Found) -> list[Path]:
    """Leave out label maps by their names, unless nothing else is there or the folder itself is one of labels."""
    labels = [path for path in files if _is_label(path, base)]
    if not labels or len(labels) == len(files) or _LABEL_FOLDER.fullmatch(base.name):
        return files
    found.ignored += [(path, "a label map by its name") for path in labels]
    found.notes.append(
        f"{len(labels)} files are label maps by their names, the first is {labels[0]}: they are left out; --labels "
        "names the folder of labels, a CSV with a column label each of them"
    )
    return [path for path in files if path not in set(labels)]


def _is_label(path: Path, base: Path) -> bool:
    folders = path.relative_to(base).parts[:-1] if path.is_relative_to(base) and path != base else ()
    if path.is_dir():
        return any(_LABEL_FOLDER.fullmatch(name) for name in (*folders, path.name))
    return any(map(_LABEL_FOLDER.fullmatch, folders)) or _LABEL_FILE.fullmatch(stem(path)) is not None


def _base(paths: Sequence[Path]) -> Path:
    """The folder from which names are told."""
    if len(paths) == 1:
        return paths[0] if paths[0].is_dir() else paths[0].parent
    return Path(os.path.commonpath([path.parent for path in paths]))


def _files_below(folder: Path, walk: _Walk) -> Iterator[Path]:
    """Image files, and folders that hold DICOM slices, in the order of their names."""
    try:
        status = folder.stat()
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError as error:
        walk.found.skipped.append((folder, f"unreadable folder: {error.strerror or error}"))
        return
    place = (status.st_dev, status.st_ino)
    if place in walk.seen:
        if folder.is_symlink():
            walk.found.skipped.append((folder, f"a link to {walk.seen[place]}, where the walk has been"))
        return
    walk.seen[place] = folder
    if any(entry.name == _STORE for entry in entries) and any(entry.name == "volumes" for entry in entries):
        walk.found.ignored.append((folder, "a volume store"))
        return
    slices = False
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = folder / entry.name
        try:
            if entry.is_dir():
                yield from _files_below(path, walk)
            elif not entry.is_file():
                walk.found.skipped.append((path, _why_no_file(entry)))
            elif (reader := _reader(path, walk.found)) is None:
                continue
            elif not reader.by_folder:
                yield path
            elif not slices:
                slices = True
                yield folder
        except OSError as error:
            walk.found.skipped.append((path, f"unreadable: {error.strerror or error}"))


def _why_no_file(entry: "DirEntry[str]") -> str:
    if not entry.is_symlink():
        return "neither a file nor a folder"
    try:
        os.stat(entry.path)
    except OSError as error:
        return f"a link that leads nowhere: {error.strerror or error}"
    return "a link to neither a file nor a folder"


def _reader(path: Path, found: Found) -> Reader | None:
    """The reader of a file. One that has none is noted, unless it holds voxels for a header beside it."""
    reader = reader_in_walk(path)
    if reader is None and path.name.lower().endswith(_ARCHIVES):
        found.skipped.append((path, "an archive: unpack it to read what it holds"))
    elif reader is None and not path.name.lower().endswith(tuple(s for other in readers() for s in other.companions)):
        found.ignored.append((path, "no image file by its name"))
    return reader


def _name(path: Path, base: Path) -> str:
    try:
        parts = path.relative_to(base).parts[:-1]
    except ValueError:
        parts = ()
    return "_".join((*parts, stem(path))) if path != base else path.resolve().name


def _named_after_sequences(sources: Sequence[Source]) -> tuple[str, str] | None:
    """Two file names of one folder that differ only in the MRI sequence; None if there are none."""
    seen: dict[tuple[Path, str], str] = {}
    for source in sources:
        name = stem(source.path)
        common = _SEQUENCE.sub("", name)
        if common != name and (other := seen.setdefault((source.path.parent, common.lower()), name)) != name:
            return other, name
    return None


def _channels_together(sources: list[Source], notes: list[str]) -> list[Source]:
    """Files of one folder named ``case_0000``, ``case_0001``, ... are the channels of one patient, ``case``."""
    cases: dict[tuple[Path, str], list[Source]] = defaultdict(list)
    for source in sources:
        if match := _CHANNEL.fullmatch(source.patient):
            cases[source.path.parent, match[1]].append(source)
    numbers = {source.patient[-4:] for members in cases.values() for source in members}
    if "0000" not in numbers or len(numbers) < 2 or max(map(len, cases.values())) < 2:
        return sources
    whose = {source.path: case for (_, case), members in cases.items() for source in members}
    notes.append(
        f"{len(whose)} files end in the number of a channel, as {next(iter(whose)).name}: those of one case are "
        "taken as one patient"
    )
    return [replace(source, patient=whose.get(source.path, source.patient)) for source in sources]


def _with_patients(sources: list[Source], base: Path, rule: PatientRule, notes: list[str]) -> list[Source]:
    """Fill in patients: by file name, or by folder where names repeat."""
    sources = _channels_together(sources, notes) if rule == "auto" else sources
    by_subject = [_BIDS_SUBJECT.match(source.path.name) for source in sources]
    unnamed = [source for source, subject in zip(sources, by_subject, strict=True) if subject is None]
    folders: dict[str, set[Path]] = defaultdict(set)
    for source in unnamed:
        folders[source.patient].add(source.path.parent)
    repeated = {name: places for name, places in folders.items() if len(places) > 1}
    crowded = {place for places in repeated.values() for place in places}
    if repeated and rule == "auto":
        name, places = next(iter(repeated.items()))
        notes.append(
            f"files of one name lie in several folders, as {name} in {' and '.join(map(str, sorted(places)[:2]))}: "
            f"each of {len(crowded)} folders is taken as one patient; --patient name takes each file as one, a CSV "
            "with a column patient tells it"
        )
    elif rule == "auto" and (alike := _named_after_sequences(unnamed)):
        notes.append(
            f"files of one folder differ in the name of a sequence alone, as {' and '.join(alike)}: each is taken as a "
            "patient of its own, so that one may train while the other validates; --patient folder takes those of a "
            "folder as one, a CSV with a column patient tells who is who"
        )
    result = []
    for source, subject in zip(sources, by_subject, strict=True):
        folder = source.path.parent
        place = _name(folder, base) if folder != base else base.resolve().name
        if subject is not None:
            patient = subject[1]
        elif rule == "folder" or (rule == "auto" and folder in crowded):
            patient = place
        elif source.patient in repeated:
            patient = f"{place}/{source.patient}"
        else:
            patient = source.patient
        result.append(replace(source, patient=patient))
    return result
