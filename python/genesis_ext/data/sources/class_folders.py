# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Folders of classes: ``ROOT/CLASS/...``, or ``ROOT/SPLIT/CLASS/...`` where all folders below the root name splits."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from genesis_ext.data.sources.source import Found, PatientRule, SourceError
from genesis_ext.data.sources.walk import sources_below
from genesis_ext.data.store.entry import SplitName

SPLIT_WORDS: dict[str, SplitName] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "val", "valid"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}  # fmt: skip


def sources_by_class(root: Path, patient: PatientRule = "auto", labels: Path | None = None) -> Found:
    """The sources below each folder of a class, with its name as their class.

    Patients are told within a class, see ``find_sources``. One name in two classes is one patient, in two splits two;
    both are said.

    Raises:
        SourceError: the root is no folder, or holds none.
    """
    if not root.is_dir():
        raise SourceError(f"{root}: classes from folders need a folder that holds one for each class")
    found = Found()
    folders = _folders(root, labels)
    if folders and all(folder.name.lower() in SPLIT_WORDS for folder in folders):
        found.notes.append(
            f"{root}: its folders are splits, {', '.join(f.name for f in folders)}; those below, classes"
        )
        sides: list[tuple[SplitName | None, Path, list[Path]]] = [
            (SPLIT_WORDS[folder.name.lower()], folder, _folders(folder, labels)) for folder in folders
        ]
    else:
        sides = [(None, root, folders)]
    if not any(classes for _, _, classes in sides):
        raise SourceError(f"{root}: classes from folders need a folder for each class, and it holds none")
    splits: dict[str, set[SplitName | None]] = defaultdict(set)
    classes_of: dict[str, set[str]] = defaultdict(set)
    for split, side, classes in sides:
        for file in sorted(path for path in side.iterdir() if path.is_file() and not path.name.startswith(".")):
            found.ignored.append((file, "lies in no folder of a class"))
        for folder in classes:
            below = sources_below(folder, patient, labels)
            if not below.sources:
                below.notes.append(f"{folder}: holds no image file, so no volume is of class {folder.name}")
            prefix = "_".join(part.name for part in ((side, folder) if split else (folder,)))
            below.sources = [
                replace(source, name=f"{prefix}_{source.name}", split=split, classes=(folder.name,))
                for source in below.sources
            ]
            for source in below.sources:
                splits[source.patient].add(split)
                classes_of[source.patient].add(folder.name)
            found.extend(below)
    if crossing := sorted(name for name, own in splits.items() if len(own) > 1):
        found.notes.append(
            f"{len(crossing)} names are in several splits, the first is {crossing[0]}: each split is taken to have "
            "patients of its own; a CSV with a column patient tells who is who"
        )
        found.sources = [
            replace(s, patient=f"{s.split}/{s.patient}") if len(splits[s.patient]) > 1 else s for s in found.sources
        ]
    if shared := sorted(name for name, own in classes_of.items() if len(own) > 1):
        found.notes.append(
            f"{len(shared)} names are in several classes, the first is {shared[0]}: each is taken as one patient; a "
            "CSV with a column patient tells who is who"
        )
    return found


def _folders(root: Path, labels: Path | None) -> list[Path]:
    apart = labels.resolve() if labels else None
    return sorted(
        path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".") and path.resolve() != apart
    )
