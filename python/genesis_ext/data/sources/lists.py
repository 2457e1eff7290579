# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Lists of sources: CSV tables, and the ``dataset.json`` of the Medical Segmentation Decathlon and of nnU-Net."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from genesis_ext.data.sources.class_folders import SPLIT_WORDS
from genesis_ext.data.sources.source import Found, Source, SourceError
from genesis_ext.data.sources.table import read_rows
from genesis_ext.data.sources.walk import stem
from genesis_ext.data.store.entry import LabelNames, SplitName
from genesis_ext.data.volume import Modality

_COLUMNS = ("path", "label", "name", "patient", "modality", "split", "class", "fold", "case", "channel")
_OTHER_NAMES = {"image": "path"}
_MRI_CHANNEL = re.compile(r"mri?\b|t1|t2|flair|pd\b|adc|dwi|dce|swi|bssfp|lge", re.IGNORECASE)


def read_csv(path: Path) -> Found:
    """A table with the columns path (or image) and, as wanted, others; comma, semicolon or tab between them.

    label, name, patient, modality, split, fold, case, channel: as ``Source`` has them; a case is one patient, unless
        patient tells more.
    class: what holds for the volume, several classes with ``|`` between them, ``-`` if none does.

    Paths are relative to the table. Empty cells mean unknown.

    Raises:
        SourceError: unreadable, a column is missing or unknown, or a cell breaks its rule; the text names the line.
    """
    columns, rows = read_rows(path, SourceError, lambda name: _OTHER_NAMES.get(name.lower(), name.lower()))
    unknown = [name for name in columns if name not in _COLUMNS]
    if "path" not in columns or unknown:
        wrong = "path is missing" if "path" not in columns else f"{unknown[0]!r} is none of them"
        raise SourceError(
            f"{path}: the first line must name the columns path and any of {', '.join(_COLUMNS[1:])}: {wrong}"
        )
    found = Found()
    for row in rows:
        place, cell = row.place, dict.fromkeys(_COLUMNS, "") | row.cells
        if not cell["path"]:
            raise SourceError(f"{place}: path must not be empty")
        image = path.parent / cell["path"]
        if not image.exists():
            found.skipped.append((image, f"no such file or folder (line {row.line} of {path.name})"))
            continue
        found.sources.append(
            Source(
                path=image,
                name=cell["name"] or stem(image),
                patient=cell["patient"] or cell["case"] or stem(image),
                modality=_modality(cell["modality"], place),
                split=_split(cell["split"], place),
                label=path.parent / cell["label"] if cell["label"] else None,
                patient_known=bool(cell["patient"] or cell["case"]),
                classes=_classes(cell["class"], place),
                fold=_fold(cell["fold"], place),
                case=cell["case"] or None,
                channel=cell["channel"] or None,
            )
        )
    return found


def read_dataset_json(path: Path) -> Found:
    """The cases that a ``dataset.json`` names (MSD, nnU-Net 1), or that lie in its folders (nnU-Net 2).

    A case of several channels gives one source a channel where they are files of their own; all belong to one patient,
    and tell case and channel.

    Raises:
        SourceError: unreadable, or none of these forms.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: unreadable: {error}") from error
    if not isinstance(content, dict):
        raise SourceError(f"{path}: must hold an object, got {type(content).__name__}")
    channels = content.get("channel_names", content.get("modality"))
    if isinstance(channels, list):
        channels = {str(number): name for number, name in enumerate(channels)}
    if not isinstance(channels, dict) or not channels:
        raise SourceError(f"{path}: must name its channels under modality (MSD) or channel_names (nnU-Net)")
    names = {int(number): str(name) for number, name in channels.items()}
    listed = [(split, case) for key, split in SPLIT_WORDS.items() for case in _cases(path, content, key)]
    found = _listed(path, names, listed) if listed else _in_folders(path, names, content)
    if meanings := _label_names(path, content.get("labels")):
        found.sources = [replace(source, label_names=meanings) if source.label else source for source in found.sources]
    return found


def channel_modality(name: str) -> Modality | None:
    """What the name of a channel says, as in "CT", "FLAIR", "T1w"; None if nothing."""
    word = name.strip().lower()
    if re.match(r"ct\b|ct_|computed", word):
        return "ct"
    if re.search(r"x-?ray", word):
        return "xray"
    if re.search(r"ultrasound|^us$", word):
        return "us"
    return "mri" if _MRI_CHANNEL.search(word) else None


def _label_names(path: Path, labels: Any) -> LabelNames | None:
    """Values by name, of nnU-Net's ``{"tumour": 1}`` or the older ``{"1": "tumour"}``.

    Raises:
        SourceError: neither of these, or 0 is not the background.
    """
    if not labels:
        return None
    wrong = f"{path}: labels must give each name a whole number, or a list of them, and the background 0, got {labels}"
    if not isinstance(labels, dict):
        raise SourceError(wrong)
    if all(isinstance(name, str) and value.isdigit() for value, name in labels.items()):
        labels = {name: int(value) for value, name in labels.items()}
    numbers = [value if isinstance(value, list) else [value] for value in labels.values()]
    if not all(type(number) is int for several in numbers for number in several) or labels.get("background", 0) != 0:
        raise SourceError(wrong)
    return dict(labels)


def _cases(path: Path, content: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    cases = content.get(key, [])
    if not isinstance(cases, list):
        return []
    read = [{"image": case} if isinstance(case, str | list) else case for case in cases]
    for case in read:
        if not isinstance(case, dict) or "image" not in case:
            raise SourceError(f"{path}: every case of {key} must name its image, got {case!r}")
    return read


def _listed(path: Path, names: Mapping[int, str], cases: list[tuple[SplitName, dict[str, Any]]]) -> Found:
    found = Found()
    for split, case in cases:
        images = [case["image"]] if isinstance(case["image"], str) else list(case["image"])
        label = path.parent / str(case["label"]) if case.get("label") else None
        first = stem(path.parent / str(images[0])) if images else ""
        patient = first if len(images) == 1 else re.sub(r"_\d{4}$", "", first)
        for number, image in enumerate(images):
            whole = path.parent / str(image)
            # nnU-Net 1 lists a case without the number of the channel that its files carry.
            files = {number: whole} if whole.exists() else _channels(whole, names)
            if not files:
                found.skipped.append((whole, f"named in {path.name}, but there is no such file"))
            several = len(files) > 1 or len(images) > 1
            for channel, file in files.items():
                source = _source(file, patient, several, names, channel, split, label)
                if not several and len(names) > 1:  # the channels are the frames of one 4D file
                    source = replace(source, case=patient, frame_channels=tuple(names.values()))
                found.sources.append(source)
    return found


def _in_folders(path: Path, names: Mapping[int, str], content: Mapping[str, Any]) -> Found:
    ending = str(content.get("file_ending", ".nii.gz"))
    found = Found()
    for folder, labels, split in (("imagesTr", "labelsTr", "train"), ("imagesTs", "labelsTs", "test")):
        for file in sorted((path.parent / folder).glob(f"*{ending}")):
            numbered = re.fullmatch(r"(.+)_(\d{4})", file.name[: -len(ending)])
            if file.name.startswith("."):
                continue
            if numbered is None:
                found.skipped.append((file, "its name must end in the number of the channel, as in case_0000"))
                continue
            case, channel = numbered[1], int(numbered[2])
            label = path.parent / labels / f"{case}{ending}"
            held = label if label.exists() else None
            found.sources.append(_source(file, case, len(names) > 1, names, channel, SPLIT_WORDS[split], held))
    if not found.sources and not found.skipped:
        raise SourceError(f"{path}: names no cases under training or test, and there are none in imagesTr or imagesTs")
    return found


def _channels(whole: Path, names: Mapping[int, str]) -> dict[int, Path]:
    """The files of a case by channel: case.nii.gz is case_0000.nii.gz, case_0001.nii.gz and so on."""
    case = stem(whole)
    files = {number: whole.with_name(f"{case}_{number:04d}{whole.name[len(case) :]}") for number in names}
    return {number: file for number, file in files.items() if file.exists()}


def _source(
    file: Path,
    case: str,
    several: bool,
    names: Mapping[int, str],
    channel: int,
    split: SplitName,
    label: Path | None,
) -> Source:
    """One channel of a case.

    several: the case has more, so its name goes into that of the source.
    """
    part = names.get(channel) if several else None
    kinds = {channel_modality(name) for name in names.values()}
    told = channel_modality(names[channel]) if channel in names else None
    modality = told or (kinds.pop() if len(kinds) == 1 else None)
    name = f"{case}_{part}" if part else case
    of = case if part else None
    return Source(file, name, case, modality, split, label, patient_known=True, case=of, channel=part)


def _modality(cell: str, place: str) -> Modality | None:
    for modality in get_args(Modality):
        if cell.lower() == modality:
            return modality  # type: ignore[no-any-return]
    if cell:
        raise SourceError(f"{place}: modality must be one of {', '.join(get_args(Modality))} or empty, got {cell!r}")
    return None


def _split(cell: str, place: str) -> SplitName | None:
    if cell and cell.lower() not in SPLIT_WORDS:
        raise SourceError(f"{place}: split must be train, validation, test or empty, got {cell!r}")
    return SPLIT_WORDS.get(cell.lower())


def _classes(cell: str, place: str) -> tuple[str, ...] | None:
    if not cell:
        return None
    names = tuple(name.strip() for name in cell.split("|")) if cell != "-" else ()
    if not all(names) or len(set(names)) < len(names):
        raise SourceError(
            f"{place}: class must be different names with | between them, - for none, or empty, got {cell!r}"
        )
    return names


def _fold(cell: str, place: str) -> int | None:
    if cell and not (cell.isascii() and cell.isdigit()):
        raise SourceError(f"{place}: fold must be a whole number of at least 0, or empty, got {cell!r}")
    return int(cell) if cell else None
