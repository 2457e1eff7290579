# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Folders, globs, files, CSV lists, ``dataset.json`` files and recipes to one list of sources."""

import glob
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

from genesis_ext.data.sources.class_folders import sources_by_class
from genesis_ext.data.sources.labels import add_labels
from genesis_ext.data.sources.lists import read_csv, read_dataset_json
from genesis_ext.data.sources.recipes import RECIPES
from genesis_ext.data.sources.source import ClassRule, Found, PatientRule, Source, SourceError, safe_name
from genesis_ext.data.sources.walk import sources_below
from genesis_ext.data.store.entry import SplitName
from genesis_ext.data.volume import Modality


def find_sources(
    paths: Iterable[str | PathLike[str]] | str | PathLike[str],
    recipe: str | None = None,
    modality: Modality | None = None,
    patient: PatientRule = "auto",
    splits: Sequence[SplitName] | None = None,
    labels: str | PathLike[str] | None = None,
    classes_from: ClassRule | None = None,
) -> Found:
    """The sources behind some paths, with unique names and each file once.

    paths: folders (walked, links followed), image files, DICOM folders, globs (``**`` goes down), ``.csv`` lists,
        ``dataset.json`` files of MSD or nnU-Net, or folders that hold one.
    recipe: name of the layout in which a dataset is distributed; `paths` are then its folders.
    modality: of all sources whose own is unknown.
    patient: what tells patients apart below a folder: "name" of the file, "folder" that holds it, or "auto": the name,
        but the folder where names repeat from folder to folder.
    splits: keep only sources of these splits.
    labels: folder of the label maps, named as the images are; see ``add_labels``. What lies there is no source. A list,
        a ``dataset.json`` and a recipe name labels of their own, which go before.
    classes_from: "folders": `paths` are folders that hold one for each class, ``ROOT/CLASS/...``, or one for each split
        and in it the classes; see ``sources_by_class``. None: only lists and recipes tell classes.

    Raises:
        SourceError: a path leads to nothing, a list is wrong, or no source is left.
    """
    roots = [Path(paths)] if isinstance(paths, str | PathLike) else [Path(path) for path in paths]
    if not roots:
        raise SourceError("no sources are given")
    if recipe is not None and recipe not in RECIPES:
        raise SourceError(f"recipe must be one of {', '.join(RECIPES)}, got {recipe!r}")
    if classes_from is not None and (recipe is not None or classes_from != "folders"):
        raise SourceError(f"classes must come from folders or not be asked for, beside no recipe, got {classes_from!r}")
    labels = None if labels is None else Path(labels)
    if labels is not None:
        _check_labels(labels, roots)
    found = Found()
    whose: dict[str, Path] = {}  # patients that names of files or folders told, by where they were found
    files = [
        root
        for root in roots
        if recipe is None and not classes_from and root.is_file() and root.suffix.lower() not in (".csv", ".json")
    ]
    if files:
        found.extend(_apart(sources_below(files, patient, labels), files[0].parent, whose))
    for root in roots:
        if recipe is not None:
            if not root.is_dir():
                raise SourceError(f"{root}: a recipe needs the folder of the dataset, and there is none")
            found.extend(RECIPES[recipe].find(root))
        elif classes_from is not None:
            found.extend(_apart(sources_by_class(root, patient, labels), root, whose))
        elif root in files:
            continue
        elif root.suffix.lower() == ".csv":
            found.extend(read_csv(root))
        elif root.suffix.lower() == ".json":
            found.extend(read_dataset_json(root))
        elif (root / "dataset.json").is_file():
            found.extend(read_dataset_json(root / "dataset.json"))
            found.notes.append(f"{root}: the sources are those that its dataset.json names")
        elif root.exists() or root.is_symlink():
            found.extend(_apart(sources_below(root, patient, labels), root, whose))
        elif matches := sorted(Path(match) for match in glob.glob(str(root), recursive=True)):
            found.extend(_apart(sources_below(matches, patient, labels), root, whose))
        else:
            raise SourceError(f"{root}: no such file or folder, and no file matches it as a pattern")
    if labels is not None and found.sources:
        add_labels(found, labels)
    if splits is not None and found.sources:
        found.sources = [source for source in found.sources if source.split in splits]
        if not found.sources:
            raise SourceError(f"none of the files in {', '.join(map(str, roots))} is marked {' or '.join(splits)}")
    found.sources = _unique(_each_once(found), found.notes)
    if modality is not None:
        found.sources = [s if s.modality else replace(s, modality=modality) for s in found.sources]
    if not found.sources:
        left_out = found.skipped or found.ignored
        reason = f" ({left_out[0][0]}: {left_out[0][1]})" if left_out else ""
        raise SourceError(f"no image file was found in {', '.join(map(str, roots))}{reason}")
    return found


def _check_labels(labels: Path, roots: Sequence[Path]) -> None:
    """Raise SourceError unless the labels have a folder of their own."""
    if not labels.is_dir():
        raise SourceError(f"{labels}: labels must be a folder, and there is none")
    for root in roots:
        if labels.resolve() in (root.resolve(), *root.resolve().parents):
            raise SourceError(f"{labels}: labels must lie in a folder of their own, got one that holds {root}")


def _apart(found: Found, root: Path, whose: dict[str, Path]) -> Found:
    """Keep patients apart who share a name below two roots: the second gets its root as a prefix, and a note."""
    for patient in dict.fromkeys(source.patient for source in found.sources):
        if (other := whose.setdefault(patient, root)) != root:
            name = f"{root.resolve().name}/{patient}"
            found.notes.append(
                f"two patients are called {patient}, below {other} and below {root}: the second is taken as "
                f"another one, {name}; a CSV with a column patient tells who is who"
            )
            found.sources = [replace(s, patient=name) if s.patient == patient else s for s in found.sources]
    return found


def _each_once(found: Found) -> list[Source]:
    """Drop files that come twice, under one path or several."""
    kept: list[Source] = []
    seen: dict[Path, Path] = {}
    for source in found.sources:
        real = source.path.resolve()
        if real in seen:
            found.skipped.append((source.path, f"the same file as {seen[real]}"))
        else:
            seen[real] = source.path
            kept.append(source)
    return kept


def _unique(sources: list[Source], notes: list[str]) -> list[Source]:
    """Make names safe and unique: a repeated one gets a tail made from its path, and a note."""
    taken: dict[str, Source] = {}
    result = []
    for source in sources:
        name = safe_name(source.name)
        if name.lower() in taken:  # disks that ignore case exist
            other = taken[name.lower()]
            tail = hashlib.sha256(str(source.path.resolve()).encode()).hexdigest()[:6]
            notes.append(
                f"two sources are called {name}: {other.path} keeps the name, {source.path} becomes {name}-{tail}"
            )
            name = f"{name}-{tail}"
        source = replace(source, name=name)
        taken[name.lower()] = source
        result.append(source)
    return result
