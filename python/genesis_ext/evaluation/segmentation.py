# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Predicted label maps against true ones: overlap and surfaces, a class and a case at a time."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genesis_ext.data.readers import Header, VolumeError, label_header, read_label
from genesis_ext.data.readers.values import GRID_TOLERANCE, corner_distance_mm
from genesis_ext.data.sources.walk import sources_below
from genesis_ext.evaluation.outcome import (
    Evaluation,
    EvaluationError,
    Table,
    check_metrics,
    mean_result,
    refuse,
    unused,
)
from genesis_ext.evaluation.overlap import dice, iou_foreground, iou_keras
from genesis_ext.evaluation.probabilities import read_probabilities
from genesis_ext.evaluation.surfaces import surface_scores

SEGMENTATION_METRICS = (
    *("dice", "iou_foreground", "iou_keras"),
    *("hausdorff95_mm", "surface_distance_mm", "surface_dice"),
)
_MOST = 2**15 - 1  # label maps are read as int16
_SURFACES = SEGMENTATION_METRICS[3:]  # in the order of SurfaceScores

Classes = Mapping[str, tuple[int, ...]]
"""Name -> the values of the label map that belong to a class; 0 is the background."""


def evaluate_masks(
    prediction: Tensor,
    label: Tensor,
    spacing_mm: Sequence[float],
    metrics: Sequence[str] = SEGMENTATION_METRICS,
    tolerance_mm: float = 1.0,
    probability: Tensor | None = None,
) -> dict[str, float]:
    """Metrics of one region, by name; NaN where one is not defined.

    prediction, label: masks (X, Y[, Z]) of bool.   spacing_mm: of their voxels.
    tolerance_mm: within which surfaces count as equal in the surface Dice.
    probability: of the region, for ``iou_keras``; by default 0 and 1, as predicted.

    Raises:
        ValueError: a metric is unknown, or as for ``surface_scores``.
    """
    check_metrics(metrics, SEGMENTATION_METRICS)
    values = {"dice": dice(prediction, label), "iou_foreground": iou_foreground(prediction, label)}
    if "iou_keras" in metrics:
        values["iou_keras"] = iou_keras(prediction if probability is None else probability, label)
    if any(name in metrics for name in _SURFACES):
        scores = surface_scores(prediction, label, spacing_mm, tolerance_mm)
        values |= dict(zip(_SURFACES, scores, strict=True))
    return {name: values[name] for name in metrics}


def evaluate_segmentations(
    predictions: str | PathLike[str],
    labels: str | PathLike[str],
    classes: Classes | None = None,
    metrics: Sequence[str] = SEGMENTATION_METRICS,
    tolerance_mm: float = 1.0,
    probabilities: bool = False,
) -> Evaluation:
    """Compare the label maps of a folder with those of the same names in another.

    predictions, labels: folders of label maps of any format that is read, ``CASE.nii.gz`` in both, as nnU-Net has them.
        A case is a name without its suffix. Predictions without a label are noted and do not count.
    classes: values of a class, such as ``{"tumour": (1, 2)}``; by default each value of the labels but 0 is a class.
    probabilities: take ``iou_keras`` of those that ``genesis predict --probabilities`` wrote as ``CASE.npz``.

    Raises:
        EvaluationError: before anything is computed, for all files at once: no labels, a case without prediction, an
            unreadable file, a prediction on another grid than its label, a value that belongs to no class.
        ValueError: a metric is unknown, classes break their rules, or the tolerance is not one.
    """
    check_metrics(metrics, SEGMENTATION_METRICS)
    if not 0 <= tolerance_mm < math.inf:
        raise ValueError(f"tolerance_mm must be a finite number of at least 0, got {tolerance_mm}")
    if classes is not None:
        _check_classes(classes)
    if probabilities and "iou_keras" not in metrics:
        raise ValueError(f"probabilities are for iou_keras, got the metrics {', '.join(metrics)}")
    found, notes = _pairs(Path(predictions), Path(labels))
    classes = _declared(found, classes, probabilities)
    rows: list[tuple[Any, ...]] = []
    values: dict[tuple[str, str], dict[str, float]] = {(name, metric): {} for name in classes for metric in metrics}
    reasons: dict[tuple[str, str], str] = {}
    for pair in found:
        prediction, label = pair.read()
        shares = pair.probabilities(classes) if probabilities else {}
        for name, numbers in classes.items():
            x, y = (_mask(side, numbers) for side in (prediction, label))
            scores = evaluate_masks(x, y, pair.grid.spacing_mm, metrics, tolerance_mm, shares.get(name))
            sizes = int(x.sum()), int(y.sum())
            reason = reasons[name, pair.case] = _why_not(*sizes)
            remark = reason if any(map(math.isnan, scores.values())) else ""
            rows.append((pair.case, name, *scores.values(), *sizes, remark))
            for metric, value in scores.items():
                values[name, metric][pair.case] = value
    results = [
        mean_result(metric, name, by_case, {case: reasons[name, case] for case in by_case})
        for (name, metric), by_case in values.items()
    ]
    settings: dict[str, Any] = {"predictions": str(predictions), "labels": str(labels), "classes": dict(classes)}
    if any(name in metrics for name in _SURFACES):
        settings["tolerance_mm"] = tolerance_mm
    if probabilities:
        settings["iou_keras"] = "of the probabilities of CASE.npz"
    columns = ("case", "class", *metrics, "voxels_predicted", "voxels_labelled", "remark")
    return Evaluation("segmentation", settings, tuple(results), Table(columns, tuple(rows)), notes=notes)


@dataclass(frozen=True)
class _Pair:
    """A case whose two headers have been read, and lie on one grid."""

    case: str
    prediction: Path
    label: Path
    grid: Header

    def probabilities(self, classes: Classes) -> dict[str, Tensor]:
        """Of each class, on the grid of what ``read`` gives."""
        path = self.prediction.with_name(f"{self.case}.npz")
        return read_probabilities(path, self.prediction, classes)

    def read(self) -> tuple[Tensor, Tensor]:
        """Prediction and label, int16: compared with uint8, a number above 255 would be another one."""
        return read_label(self.prediction, self.grid).short(), read_label(self.label, self.grid).short()


def _pairs(predictions: Path, labels: Path) -> tuple[list[_Pair], tuple[str, ...]]:
    """All cases, sorted, and notes; raises EvaluationError for all that cannot be paired."""
    ours, theirs = _files(predictions), _files(labels)
    problems = [f"{labels / case}: has no prediction in {predictions}" for case in sorted(theirs.keys() - ours.keys())]
    found = []
    for case in sorted(theirs.keys() & ours.keys()):
        try:
            grid, other = label_header(theirs[case]), label_header(ours[case])
            _check_grids(other, grid)
            found.append(_Pair(case, ours[case], theirs[case], grid))
        except (VolumeError, EvaluationError) as error:
            problems.append(str(error))
    refuse(problems)
    extra = sorted(ours.keys() - theirs.keys())
    return found, unused(extra, "predictions have no label")


def _files(folder: Path) -> dict[str, Path]:
    """Label maps of a folder by case."""
    if not folder.is_dir():
        raise EvaluationError(f"{folder}: must be a folder of label maps, and there is none")
    below = sources_below(folder)
    problems = [f"{path}: {reason}" for path, reason in below.skipped]
    files: dict[str, Path] = {}
    for source in below.sources:
        if source.name in files:
            problems.append(f"{folder}: must have one file a case, got {files[source.name].name}, {source.path.name}")
        files[source.name] = source.path
    refuse(problems)
    if not files:
        raise EvaluationError(f"{folder}: must hold label maps, found none")
    return files


def _check_grids(prediction: Header, label: Header) -> None:
    off = math.inf
    if prediction.shape == label.shape:
        off = corner_distance_mm(prediction.affine, label.affine, label.shape)
    if not off <= GRID_TOLERANCE * min(label.spacing_mm):
        raise EvaluationError(
            f"{prediction.path}: must lie on the grid of its label, got {_grid(prediction)}, but {label.path} has "
            f"{_grid(label)}; resample it first"
        )


def _grid(header: Header) -> str:
    shape, mm, first = header.shape, header.spacing_mm, header.affine[:3, 3]
    return (
        f"{' x '.join(map(str, shape))} voxels of {' x '.join(f'{size:.4g}' for size in mm)} mm, the first at "
        f"({', '.join(f'{at:.4g}' for at in first)}) mm"
    )


def _check_classes(classes: Classes) -> None:
    owner: dict[int, str] = {}
    for name, values in classes.items():
        if not name or not values or any(type(value) is not int or abs(value) > _MOST for value in values):
            raise ValueError(
                f"classes must have a name and whole numbers of at most {_MOST} each, got {name!r}: {values}"
            )
        if 0 in values:
            raise ValueError(f"classes must not hold 0, the background, got it in {name}")
        owner |= dict.fromkeys(values, name)
    if not owner:
        raise ValueError("classes must name one class at least, got none")


def _declared(found: Sequence[_Pair], classes: Classes | None, probabilities: bool) -> Classes:
    """The classes, if need be those of the labels; raises EvaluationError for unreadable files and other values."""
    problems: list[str] = []
    values: dict[Path, set[int]] = {}
    for pair in found:
        for path in (pair.label, pair.prediction):
            try:
                values[path] = set(np.unique(read_label(path, pair.grid).numpy()).tolist()) - {0}
            except VolumeError as error:
                problems.append(str(error))
    refuse(problems)
    if classes is None:
        seen = sorted(set().union(*(values[pair.label] for pair in found)))
        if not seen:
            raise EvaluationError(f"{found[0].label.parent}: all labels are empty: say which classes there are")
        classes = {str(value): (value,) for value in seen}
    known = {value for numbers in classes.values() for value in numbers}
    said = ", ".join(_named(classes))
    for path, own in values.items():
        if strange := sorted(own - known):
            problems.append(f"{path}: values must be 0 or of the classes {said}, got {', '.join(map(str, strange))}")
    for pair in found if probabilities else ():
        try:
            pair.probabilities(classes)
        except EvaluationError as error:
            problems.append(str(error))
    refuse(problems)
    return classes


def _named(classes: Classes) -> Iterator[str]:
    for name, values in classes.items():
        numbers = "+".join(map(str, values))
        yield name if name == numbers else f"{name} ({numbers})"


def _mask(labels: Tensor, values: tuple[int, ...]) -> Tensor:
    return labels == values[0] if len(values) == 1 else torch.isin(labels, labels.new_tensor(values))


def _why_not(predicted: int, labelled: int) -> str:
    """Why a metric is not defined, by the voxels on either side."""
    if not predicted and not labelled:
        return "neither prediction nor label has the class"
    return "the prediction lacks the class" if labelled else "the label lacks the class"
