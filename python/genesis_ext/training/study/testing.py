# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""How a run of a study does on the patients that test: predicted as a user would, against labels as they were read."""

import csv
from collections import defaultdict
from pathlib import Path

from genesis_ext.data.store.entry import StoredVolume
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.evaluation import evaluate_classifications, evaluate_segmentations, predict, predict_candidates
from genesis_ext.models import TaskRecord, read_record
from genesis_ext.training.engine.run_folder import RunFolder
from genesis_ext.training.study.results import ALL_CASES, mean_of

Scores = dict[str, dict[str, float]]
"""Metric -> case -> value; a metric of all cases together has the one case "all"."""

_IMAGES, _LABELS, _CLASSES = "images", "labels", "classes.csv"


def test_run(run: RunFolder, store: VolumeStore, device: str, candidates: str | None = None) -> Scores:
    """Predict the volumes that are marked "test" by the best weights of a run, and compare.

    Of a segmentation: Dice, IoU and surfaces of each case, averaged over its classes. Of a classification: the area
    under the curve, averaged over classes, and accuracies, of all cases.

    candidates: the table of those that it classifies.

    Raises:
        ValueError: nothing is marked "test", has labels or can be predicted.
    """
    record = read_record(run.best)
    task = None if record is None else record.task
    assert task is not None, "a fine-tuning writes its task"
    folder = run.path / "test"
    where = None if device == "auto" else device  # prediction takes CUDA where it is by itself
    if candidates is not None:
        return _of_all(
            predict_candidates(run.best, store.path, candidates, folder, device=where, report=None), candidates
        )
    _lay_out(folder, store, task)
    outcome = predict(run.best, folder / _IMAGES, folder, device=where, report=None)
    if outcome.failed:
        raise ValueError(f"{folder}: {outcome.failed[0][0]} cannot be predicted: {outcome.failed[0][1]}")
    if task.kind == "classification":
        return _of_all(folder / "predictions.csv", folder / _CLASSES)
    named = {name: several for name, several in zip(task.classes, task.values, strict=True) if any(several)}
    found = evaluate_segmentations(folder, folder / _LABELS, named)
    return _by_case(found.cases.columns, found.cases.rows, [result.metric for result in found.results])


def _of_all(predictions: Path, classes: str | Path) -> Scores:
    """Of a classification, averaged over the classes."""
    values: defaultdict[str, list[float]] = defaultdict(list)
    for result in evaluate_classifications(predictions, classes).results:
        values[result.metric].append(result.value)
    return {metric: {ALL_CASES: mean_of(several)} for metric, several in values.items()}


def _by_case(columns: tuple[str, ...], rows: tuple[tuple[object, ...], ...], metrics: list[str]) -> Scores:
    """The mean over the classes of each case that has a value; NaN if none has."""
    scores: Scores = {}
    for metric in dict.fromkeys(metrics):
        at = columns.index(metric)
        values: defaultdict[str, list[float]] = defaultdict(list)
        for row in rows:
            values[str(row[0])].append(float(str(row[at])))
        scores[metric] = {case: mean_of(several) for case, several in values.items()}
    return scores


def _lay_out(folder: Path, store: VolumeStore, task: TaskRecord) -> None:
    """Links to the images that test, named as nnU-Net does, and beside them their labels or classes."""
    told = [entry for entry in store.entries if entry.split == "test" and _is_told(entry, task)]
    if not told:
        raise ValueError(f'{store.path}: no volume that is marked "test" tells what a {task.kind} is compared with')
    for name in (_IMAGES, _LABELS):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rows = []
    for entry in told:
        if entry.channel is not None and entry.channel not in task.channels and len(task.channels) > 1:
            continue
        several = len(task.channels) > 1
        case = entry.case if several and entry.case else entry.name
        number = task.channels.index(entry.channel) if several and entry.channel else 0
        _link(folder / _IMAGES / f"{case}_{number:04d}", Path(entry.source))
        if entry.label_source is not None and number == 0:
            _link(folder / _LABELS / case, Path(entry.label_source))
        if number == 0:
            rows.append((case, "|".join(entry.classes or ()) or "-"))
    with (folder / _CLASSES).open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("case", "class"), *rows])


def _is_told(entry: StoredVolume, task: TaskRecord) -> bool:
    return entry.label_source is not None if task.kind == "segmentation" else entry.classes is not None


def _link(at: Path, source: Path) -> None:
    """A link that keeps the suffixes of the file."""
    whole = source.name.lower()
    suffix = ".nii.gz" if whole.endswith(".nii.gz") else "" if source.is_dir() else source.suffix
    link = at.with_name(at.name + suffix)
    if not link.is_symlink():
        link.symlink_to(source.resolve())
