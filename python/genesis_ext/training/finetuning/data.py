# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Which volumes train, which validate, and which are not touched: by patient, who is never on two sides."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from genesis_ext._types import Shape3
from genesis_ext.data.candidates import Candidates
from genesis_ext.data.sampling.folds import folds_of
from genesis_ext.data.sampling.split import Region, marks_of, usable_volumes
from genesis_ext.data.store.entry import StoredVolume
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.models import TaskRecord
from genesis_ext.training.engine.run_data import RunData, with_contrast
from genesis_ext.training.finetuning.config import FinetuneConfig
from genesis_ext.training.finetuning.groups import DataConfig
from genesis_ext.training.finetuning.tasks import TASKS

Report = Callable[[str], object]


@dataclass(frozen=True, kw_only=True)
class TaskData(RunData):
    """What a run trains and validates on.

    Attributes:
        answer: what is to be told of it.
        test_patients: those whose volumes are marked for tests; they are not touched.
        candidates, validation_candidates: around which samples are cut; None where boxes are drawn.
    """

    answer: TaskRecord
    test_patients: tuple[str, ...]
    candidates: Candidates | None
    validation_candidates: Candidates | None


def choose_sides(config: FinetuneConfig, data: RunData, report: Report) -> TaskData:
    """The data with the whole volumes that train and validate, and the answer that they ask for.

    Raises:
        ValueError: a patient is on two sides, a side is empty, or labels or classes do not fit.
    """
    own, task = config.data, TASKS[config.task.task]
    smallest = own.sampling().smallest
    tables = {store.path: read_candidates(config, store, report) for store in data.stores}
    trains = _told(config, data.store, tables[data.store.path], report)
    other = data.validation_store
    if data.other is None:
        trains, validates = _divided(own, data.store.entries, trains, report)
    else:
        validates = _told(config, other, tables[other.path], report)
        _check_apart(data.store, trains, other, validates)
    train, validation = (
        with_contrast(_regions(side, volumes, smallest, report), side, report)
        for side, volumes in ((data.store, trains), (other, validates))
    )
    train = _chosen(own, data.store.entries, train, report)
    if not train or not validation:
        side = "validation" if train else "training"
        raise ValueError(f"nothing is left for {side}: no volume with a {task.lacks()} there holds a box of {smallest}")
    first, second = tables[data.store.path], tables[other.path]
    if first is not None and second is not None:
        first, second = first.of(_volumes(train)), second.of(_volumes(validation))
        answer = task.answer_candidates(config, (first, second))
    else:
        answer = task.answer(config, [(data.store, _volumes(train)), (other, _volumes(validation))])
    weights = config.task.class_weights
    if weights and len(weights) != len(answer.classes):
        raise ValueError(f"class_weights must be one for each of {', '.join(answer.classes)}, got {weights}")
    marked = {entry.patient for s in data.stores for entry, mark in _marked(s.entries) if mark == "test"}
    return TaskData(
        data.store,
        data.other,
        train,
        validation,
        answer=answer,
        test_patients=tuple(sorted(marked)),
        candidates=first,
        validation_candidates=second,
    )


def read_candidates(config: FinetuneConfig, store: VolumeStore, report: Report) -> Candidates | None:
    """The candidates of a store, if the config has a table of them."""
    if config.data.candidates is None:
        return None
    found = Candidates.read_csv(config.data.candidates, store, config.task.classes or ("0", "1"))
    for note in found.notes:
        report(note)
    return replace(found, notes=())


def _told(config: FinetuneConfig, store: VolumeStore, candidates: Candidates | None, report: Report) -> list[int]:
    """The volumes of a store that can be learnt from; of several channels those of the first."""
    task, first = TASKS[config.task.task], config.data.channels[:1]
    inputs = [
        i
        for i, (entry, mark) in enumerate(_marked(store.entries))
        if mark != "test"
        and (not first or entry.channel in first)
        and config.data.modalities in ("all", entry.modality)
    ]
    lacks = task.lacks() if candidates is None else "candidate"
    having = (
        {i for i in inputs if task.told(config, store.entries[i])}
        if candidates is None
        else set(candidates.volume.tolist())
    )
    told = [i for i in inputs if i in having]
    if len(told) < len(inputs):
        missing = next(i for i in inputs if i not in having)
        report(
            f"left out {len(inputs) - len(told)} of {len(inputs)} volumes, which have no {lacks}: the first is "
            f"{store.entries[missing].name}"
        )
    if not told:
        raise ValueError(f"{store.path}: no volume has a {lacks}: docs/finetuning.md says how data tell theirs")
    return told


def _divided(
    own: DataConfig, entries: Sequence[StoredVolume], volumes: list[int], report: Report
) -> tuple[list[int], list[int]]:
    """Volumes that train and that validate: by the fold asked for, else by the store's split, else by fold 0."""
    marks = marks_of(entries, validation=True)
    if own.fold is None and any(marks[i] == "validation" for i in volumes):
        held = {i for i in volumes if marks[i] == "validation"}
    else:
        fold = own.fold or 0
        folds = folds_of([entries[i] for i in volumes], own.folds, own.split_seed)
        held = {i for i, number in zip(volumes, folds, strict=True) if number == fold}
        report(f"fold {fold} of {own.folds} validates")
    return [i for i in volumes if i not in held], sorted(held)


def _check_apart(store: VolumeStore, trains: list[int], other: VolumeStore, validates: list[int]) -> None:
    """Refuse volumes and patients that are in both stores."""
    files = {store.entries[i].checksum for i in trains}
    patients = {store.entries[i].patient for i in trains}
    for entry in (other.entries[i] for i in validates):
        if entry.checksum in files:
            raise ValueError(f"{entry.name} must not both train and validate")
        if entry.patient in patients:
            raise ValueError(
                f"patient {entry.patient} must not both train and validate, and is in {store.path} and {other.path}: "
                "leave out one side, or tell patients apart, by a CSV of the sources"
            )


def _chosen(own: DataConfig, entries: Sequence[StoredVolume], regions: list[Region], report: Report) -> list[Region]:
    """The regions of those training patients whose labels are used: the first ones of an order that only names and
    the seed decide, so that fewer are always among more."""
    patients = sorted({entries[r.volume].patient for r in regions}, key=lambda name: _order(own.split_seed, name))
    count = own.train_patients or max(1, round(own.label_fraction * len(patients)))
    if count > len(patients):
        raise ValueError(f"train_patients must be at most those that there are, {len(patients)}, got {count}")
    if count < len(patients):
        report(f"{count} of {len(patients)} patients train")
    kept = set(patients[:count])
    return [region for region in regions if entries[region.volume].patient in kept]


def _regions(store: VolumeStore, volumes: list[int], smallest: Shape3, report: Report) -> list[Region]:
    usable = usable_volumes(store.entries, volumes, smallest, report)
    return [Region(i, (0, 0, 0), store.entries[i].shape) for i in usable]


def _marked(entries: Sequence[StoredVolume]) -> list[tuple[StoredVolume, str | None]]:
    return list(zip(entries, marks_of(entries, validation=True), strict=True))


def _volumes(regions: list[Region]) -> list[int]:
    return [region.volume for region in regions]


def _order(seed: int, patient: str) -> str:
    return hashlib.sha256(f"subset {seed} {patient}".encode()).hexdigest()
