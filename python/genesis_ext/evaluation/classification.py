# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Predicted probabilities of classes against what holds, from two tables."""

import math
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_ext._extras import require
from genesis_ext.evaluation.class_tables import NONE, THRESHOLD, ClassTables, read_class_tables
from genesis_ext.evaluation.froc import Detections, froc
from genesis_ext.evaluation.ranking import auc
from genesis_ext.evaluation.report import EvaluationError, EvaluationReport, Result, Table, check_metrics
from genesis_ext.evaluation.statistics import RESAMPLES

CLASSIFICATION_METRICS = ("auc", "accuracy", "balanced_accuracy", "froc")
_LEVEL = (2.5, 97.5)


def evaluate_classifications(
    predictions: str | PathLike[str], labels: str | PathLike[str], metrics: Sequence[str] | None = None
) -> EvaluationReport:
    """Compare the probabilities of a table with the classes of another.

    predictions: a CSV with the column case and a column of probabilities a class, as ``genesis predict`` writes it; a
        column predicted is passed over. A single class holds or not; of two the second is the positive one.
    labels: a CSV with the columns case and class, and any others. A class is a name of the first table; several that
        hold together have ``|`` between them, and ``-`` says that none does. Of a single class, 1 and 0 do too. Cases
        without a class do not count. With a column scan, FROC is measured of two classes or one; those positives that
        share a text in a column finding are one finding.
        With predictions of candidates it is their table, whose rows of scans that were not predicted do not count.
    metrics: of ``CLASSIFICATION_METRICS``; by default all for which there is what they need.

    Where classes exclude each other, the most probable one is predicted; where they do not (a ``|`` or a ``-`` in the
    labels, or a single class), each above .5.

    Raises:
        EvaluationError: before anything is computed, for all rows at once: a case without prediction, a case twice, a
            probability that lies outside [0, 1], a class that is not among the predictions.
        ValueError: a metric is unknown.
        ImportError: scikit-learn or SciPy is not installed.
    """
    if metrics is not None:
        check_metrics(metrics, CLASSIFICATION_METRICS)
    data = read_class_tables(Path(predictions), Path(labels))
    has_froc = len(data.classes) <= 2 and bool(data.scans)
    if metrics is None:
        metrics = [name for name in CLASSIFICATION_METRICS if name != "froc" or has_froc]
    elif "froc" in metrics and not has_froc:
        got = f"{len(data.classes)} classes and {'a' if data.scans else 'no'} column scan"
        raise EvaluationError(f"{labels}: froc must have at most two classes and a column scan, got {got}")
    measured: dict[str, Any] = {"auc": _aucs, "accuracy": _accuracy, "balanced_accuracy": _balanced, "froc": _froc}
    results = [result for name in metrics for result in measured[name](data)]
    settings = {
        "predictions": str(predictions),
        "labels": str(labels),
        "classes": data.classes,
        "predicted": "the most probable class" if data.exclusive else f"every class above {THRESHOLD}",
    }
    title, table = _confusions(data)
    return EvaluationReport("classification", settings, tuple(results), _rows(data), {title: table}, data.notes)


def _aucs(data: ClassTables) -> list[Result]:
    """Of each class against all others, and their mean; a class without positives or negatives is named."""
    results, undefined = [], {}
    for number in data.ranked:
        name, n = data.classes[number], len(data.cases)
        found = auc(data.probability[:, number], data.holds[:, number])
        left_out: dict[str, tuple[str, ...]] = {}
        if math.isnan(found.value):
            reason = "no case has the class" if not data.holds[:, number].any() else "all cases have the class"
            undefined[name] = reason
            left_out = {reason: ()}
            n = 0
        results.append(Result("auc", name, found.value, n, math.nan, found.low, found.high, "DeLong", left_out))
    if len(results) > 1:
        defined = [result.value for result in results if not math.isnan(result.value)]
        mean = float(np.mean(defined)) if defined else math.nan
        results.append(Result("auc_mean", "", mean, len(data.cases), left_out=_by_reason(undefined)))
    return results


def _accuracy(data: ClassTables) -> list[Result]:
    """Of all classes where they exclude each other, else of each."""
    right = data.predicted == data.holds
    columns = {"": right.all(axis=1)} if data.exclusive else dict(zip(data.classes, right.T, strict=True))
    return [_share("accuracy", name, of) for name, of in columns.items()]


def _share(metric: str, group: str, right: NDArray[np.bool_]) -> Result:
    test = require("scipy.stats", "evaluate", "for accuracy").binomtest(int(right.sum()), len(right))
    interval = test.proportion_ci(method="wilson")
    low, high = float(interval.low), float(interval.high)
    return Result(metric, group, float(right.mean()), len(right), math.nan, low, high, "Wilson")


def _balanced(data: ClassTables) -> list[Result]:
    """Mean over the classes of the share of their cases that is found; else of a class and its opposite."""
    right = data.predicted == data.holds
    if data.exclusive:
        return [_mean_recall("", right.all(axis=1), dict(zip(data.classes, data.holds.T, strict=True)))]
    return [
        _mean_recall(name, of, {name: holds, f"not {name}": ~holds})
        for name, of, holds in zip(data.classes, right.T, data.holds.T, strict=True)
    ]


def _mean_recall(group: str, right: NDArray[np.bool_], members: dict[str, NDArray[np.bool_]]) -> Result:
    missing = {name: "no case has the class" for name, of in members.items() if not of.any()}
    recalls = [(int(of.sum()), float(right[of].mean())) for of in members.values() if of.any()]
    draws = np.random.default_rng(0)
    drawn = np.mean([draws.binomial(n, share, RESAMPLES) / n for n, share in recalls], axis=0)
    low, high = np.percentile(drawn, _LEVEL)
    value = float(np.mean([share for _, share in recalls]))
    return Result(
        "balanced_accuracy", group, value, len(right), math.nan, float(low), float(high), "bootstrap of each class",
        _by_reason(missing),
    )  # fmt: skip


def _froc(data: ClassTables) -> list[Result]:
    """Of the second of two classes, or the single one."""
    scans = {name: number for number, name in enumerate(dict.fromkeys(data.scans))}
    scan = np.array([scans[name] for name in data.scans])
    positive, probability = data.holds[:, -1], data.probability[:, -1]
    best: dict[tuple[int, str], float] = {}
    for number in np.flatnonzero(positive):
        key = int(scan[number]), data.findings[number] or f"\0{number}"  # without a name it is one of its own
        best[key] = max(best.get(key, -math.inf), float(probability[number]))
    return froc(
        Detections(
            false_probability=probability[~positive],
            false_scan=scan[~positive],
            probability=np.array(list(best.values()), dtype=np.float64),
            scan=np.array([of for of, _ in best], dtype=np.int64),
            scans=len(scans),
        )
    )


def _confusions(data: ClassTables) -> tuple[str, Table]:
    matrix = require("sklearn.metrics", "evaluate", "for tables of confusions").confusion_matrix
    holds, predicted = data.holds, data.predicted
    if data.exclusive:
        counts = matrix(holds.argmax(axis=1), predicted.argmax(axis=1), labels=range(len(data.classes)))
        rows = tuple((name, *row.tolist()) for name, row in zip(data.classes, counts, strict=True))
        return "Cases by class and by what is predicted", Table(("class", *data.classes), rows)
    lines = []
    for name, truth, answer in zip(data.classes, holds.T, predicted.T, strict=True):
        (rightly_not, falsely), (missed, found) = matrix(truth, answer, labels=[False, True]).tolist()
        lines.append((name, found, missed, falsely, rightly_not))
    columns = ("class", "found", "missed", "falsely found", "rightly not found")
    return "Cases by class", Table(columns, tuple(lines))


def _rows(data: ClassTables) -> Table:
    def text(holds: NDArray[np.bool_]) -> str:
        return "|".join(name for name, one in zip(data.classes, holds, strict=True) if one) or NONE

    rows = [
        (case, text(holds), text(predicted), *probability.tolist())
        for case, holds, predicted, probability in zip(
            data.cases, data.holds, data.predicted, data.probability, strict=True
        )
    ]
    return Table(("case", "class", "predicted", *data.classes), tuple(rows))


def _by_reason(reasons: dict[str, str]) -> dict[str, tuple[str, ...]]:
    return {
        reason: tuple(name for name, why in reasons.items() if why == reason)
        for reason in dict.fromkeys(reasons.values())
    }
