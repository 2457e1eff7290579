# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Predicted label maps against true ones: overlap and surfaces, a class and a case at a time."""

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genesis_ext.evaluation.label_maps import Classes, LabelPair, check_classes, declared_classes, find_pairs
from genesis_ext.evaluation.overlap import dice, iou_foreground, iou_keras
from genesis_ext.evaluation.report import EvaluationError, EvaluationReport, Table, check_metrics, mean_result, refuse
from genesis_ext.evaluation.surfaces import surface_scores

SEGMENTATION_METRICS = (
    *("dice", "iou_foreground", "iou_keras"),
    *("hausdorff95_mm", "surface_distance_mm", "surface_dice"),
)
_SURFACES = SEGMENTATION_METRICS[3:]  # in the order of SurfaceScores


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
    executor: Executor | None = None,
) -> EvaluationReport:
    """Compare the label maps of a folder with those of the same names in another.

    predictions, labels: folders of label maps of any format that is read, ``CASE.nii.gz`` in both, as nnU-Net has them.
        A case is a name without its suffix. Predictions without a label are noted and do not count.
    classes: values of a class, such as ``{"tumour": (1, 2)}``; by default each value of the labels but 0 is a class.
    probabilities: take ``iou_keras`` of those that ``genesis predict --probabilities`` wrote as ``CASE.npz``.
    executor: works on the cases, and stays open; by default this process does. Results are the same.

    Raises:
        EvaluationError: before anything is computed, for all files at once: no labels, a case without prediction, an
            unreadable file, a prediction on another grid than its label, a value that belongs to no class.
        ValueError: a metric is unknown, classes break their rules, or the tolerance is not one.
    """
    check_metrics(metrics, SEGMENTATION_METRICS)
    if not 0 <= tolerance_mm < math.inf:
        raise ValueError(f"tolerance_mm must be a finite number of at least 0, got {tolerance_mm}")
    if classes is not None:
        check_classes(classes)
    if probabilities and "iou_keras" not in metrics:
        raise ValueError(f"probabilities are for iou_keras, got the metrics {', '.join(metrics)}")
    found, notes = find_pairs(Path(predictions), Path(labels))
    each = map if executor is None else executor.map
    classes = declared_classes(found, classes, each)
    if probabilities:
        refuse([problem for problem in each(partial(_check_probabilities, classes=classes), found) if problem])
    rows: list[tuple[Any, ...]] = []
    values: dict[tuple[str, str], dict[str, float]] = {(name, metric): {} for name in classes for metric in metrics}
    reasons: dict[tuple[str, str], str] = {}
    measure = partial(
        _measure, classes=classes, metrics=metrics, tolerance_mm=tolerance_mm, probabilities=probabilities
    )
    for pair, measured in zip(found, each(measure, found), strict=True):
        for name, (scores, sizes) in measured.items():
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
    return EvaluationReport("segmentation", settings, tuple(results), Table(columns, tuple(rows)), notes=notes)


def _check_probabilities(pair: LabelPair, classes: Classes) -> str:
    """What is wrong with those of a case, "" if nothing is."""
    try:
        pair.probabilities(classes)
    except EvaluationError as error:
        return str(error)
    return ""


def _measure(
    pair: LabelPair, classes: Classes, metrics: Sequence[str], tolerance_mm: float, probabilities: bool
) -> dict[str, tuple[dict[str, float], tuple[int, int]]]:
    """By class: metrics, and the voxels predicted and labelled."""
    prediction, label = pair.read()
    shares = pair.probabilities(classes) if probabilities else {}
    measured = {}
    for name, numbers in classes.items():
        x, y = (_mask(side, numbers) for side in (prediction, label))
        scores = evaluate_masks(x, y, pair.grid.spacing_mm, metrics, tolerance_mm, shares.get(name))
        measured[name] = scores, (int(x.sum()), int(y.sum()))
    return measured


def _mask(labels: Tensor, values: tuple[int, ...]) -> Tensor:
    return labels == values[0] if len(values) == 1 else torch.isin(labels, labels.new_tensor(values))


def _why_not(predicted: int, labelled: int) -> str:
    """Why a metric is not defined, by the voxels on either side."""
    if not predicted and not labelled:
        return "neither prediction nor label has the class"
    return "the prediction lacks the class" if labelled else "the label lacks the class"
