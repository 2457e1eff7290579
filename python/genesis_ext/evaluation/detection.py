# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Candidates in world coordinates against findings, from two tables: LUNA16's FROC."""

import math
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from genesis_ext.data.sources.table import Row, read_rows
from genesis_ext.evaluation.froc import Detections, froc
from genesis_ext.evaluation.report import EvaluationError, EvaluationReport, Table, refuse

_NAMES = {"seriesuid": "scan", "coordx": "x", "coordy": "y", "coordz": "z"}  # those of LUNA16
_EXCLUDED_MM = 10.0  # diameter of what is excluded without one
_PLACE = ("scan", "x", "y", "z")


def evaluate_detections(
    predictions: str | PathLike[str],
    labels: str | PathLike[str],
    excluded: str | PathLike[str] | None = None,
    predicted_scans: bool = False,
) -> EvaluationReport:
    """Sensitivity at false positives a scan. A candidate nearer to a finding than its radius belongs to it.

    predictions: a CSV with the columns scan, x, y, z (mm) and probability.
    labels: a CSV with scan, x, y, z and diameter_mm; a row with nothing but a scan is a scan without findings.
        LUNA16's names seriesuid, coordX, coordY, coordZ are known. A scan counts that is in either table.
    excluded: a CSV as `labels` of what is neither right nor wrong to find, such as LUNA16's annotations_excluded.csv.
        A diameter below 0 is one of 10 mm, as there.
    predicted_scans: only the scans of `predictions` count, where `labels` is of more.

    Raises:
        EvaluationError: before anything is computed, for all rows at once: a cell that is no number, a probability
            outside [0, 1], a diameter that is not above 0; or there is no finding.
    """
    candidates, _ = _read(Path(predictions), "probability", lambda value: 0 <= value <= 1, "in [0, 1]")
    findings, empty = _read(Path(labels), "diameter_mm", lambda value: value > 0, "above 0")
    others: list[tuple[Any, ...]] = []
    if excluded is not None:
        others, _ = _read(Path(excluded), "diameter_mm", lambda value: value != 0, "other than 0")
    if predicted_scans:
        predicted = {row[0] for row in candidates}
        findings, empty = [row for row in findings if row[0] in predicted], empty & predicted
    if not findings:
        raise EvaluationError(f"{labels}: must hold one finding at least, got none")
    names = sorted({row[0] for row in (*candidates, *findings)} | empty)
    number = {name: i for i, name in enumerate(names)}
    scan, of = (np.array([number[row[0]] for row in rows], dtype=np.int64) for rows in (candidates, findings))
    place = np.array([row[1:4] for row in candidates]).reshape(-1, 3)
    probability = np.array([row[4] for row in candidates], dtype=np.float64)
    false = np.ones(len(candidates), dtype=bool)
    best = np.full(len(findings), -math.inf)
    for i, (name, *centre, diameter) in enumerate((*findings, *others)):
        same = np.flatnonzero(scan == number.get(name, -1))
        radius = (diameter if diameter > 0 else _EXCLUDED_MM) / 2
        near = same[((place[same] - centre) ** 2).sum(axis=1) < radius**2]
        false[near] = False
        if len(near) and i < len(findings):
            best[i] = probability[near].max()
    results = froc(Detections(probability[false], scan[false], best, of, len(names)))
    rows = tuple((*row, value if math.isfinite(value) else math.nan) for row, value in zip(findings, best, strict=True))
    notes = (
        f"{len(names)} scans, {len(findings)} findings, {np.isfinite(best).sum()} of them with a candidate, "
        f"{false.sum()} of {len(candidates)} candidates false.",
    )
    settings = {"predictions": str(predictions), "labels": str(labels), "predicted_scans": predicted_scans}
    if excluded is not None:
        settings["excluded"] = str(excluded)
    columns = ("case", "x", "y", "z", "diameter_mm", "probability")
    return EvaluationReport("detection", settings, tuple(results), Table(columns, rows), notes=notes)


def has_places(labels: Path) -> bool:
    """Whether a table of labels is one of findings in world coordinates, and not of candidates with their classes."""
    columns, _ = read_rows(labels, EvaluationError, _name)
    return set(_PLACE) <= set(columns) and "class" not in columns


def _name(column: str) -> str:
    return _NAMES.get(column.lower(), column.lower())


def _read(path: Path, last: str, fits: Callable[[float], bool], rule: str) -> tuple[list[tuple[Any, ...]], set[str]]:
    """(scan, x, y, z, last) of each row, and the scans of rows that name nothing else."""
    columns, rows = read_rows(path, EvaluationError, _name)
    wanted = (*_PLACE, last)
    if missing := [name for name in wanted if name not in columns]:
        raise EvaluationError(f"{path}: must have the columns {', '.join(wanted)}, got no {missing[0]}")
    problems: list[str] = []
    found: list[tuple[Any, ...]] = []
    empty = set()
    for row in rows:
        if not row.cells["scan"]:
            problems.append(f"{row.place}: scan must not be empty")
        elif not any(row.cells[name] for name in wanted[1:]):
            empty.add(row.cells["scan"])
        else:
            values = [_number(row, name, problems) for name in wanted[1:]]
            if not math.isnan(values[-1]) and not fits(values[-1]):
                problems.append(f"{row.place}: {last} must be {rule}, got {row.cells[last]}")
            found.append((row.cells["scan"], *values))
    refuse(problems)
    return found, empty


def _number(row: Row, name: str, problems: list[str]) -> float:
    try:
        value = float(row.cells[name])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        problems.append(f"{row.place}: {name} must be a number, got {row.cells[name]!r}")
        return math.nan
    return value
