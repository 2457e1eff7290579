# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Tables of predicted probabilities and of the classes that hold, read and matched by case."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genesis_ext.data.sources.table import Row, read_rows
from genesis_ext.evaluation.candidates import PLACE, PROBABILITY
from genesis_ext.evaluation.report import EvaluationError, refuse, unused

_SCANS = {PLACE[0]: "scan", "volume": "scan"}

NONE = "-"
"""What a table says of a case to which no class applies."""

THRESHOLD = 0.5
"""Above which a class holds that excludes no other."""


@dataclass(frozen=True)
class ClassTables:
    """The cases of both tables, sorted.

    Attributes:
        cases, classes: names, of the second axis below too.
        probability, holds: (N, classes).
        exclusive: exactly one class holds of each case.
        scans: of each case; empty where the table has none.
        findings: of each case, "" where none is named.
        notes: what a reader must know.
    """

    cases: tuple[str, ...]
    classes: tuple[str, ...]
    probability: NDArray[np.float64]
    holds: NDArray[np.bool_]
    exclusive: bool
    scans: tuple[str, ...]
    findings: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def predicted(self) -> NDArray[np.bool_]:
        """(N, classes): the most probable class, or those above the threshold."""
        holds = self.probability > THRESHOLD
        if self.exclusive:
            holds[:] = np.eye(len(self.classes), dtype=bool)[self.probability.argmax(axis=1)]
        return holds

    @property
    def ranked(self) -> range:
        """The classes whose AUC is reported: of two that exclude each other it is the same."""
        return range(1, 2) if self.exclusive and len(self.classes) == 2 else range(len(self.classes))


def read_class_tables(predictions: Path, labels: Path) -> ClassTables:
    """Read both tables; see ``evaluate_classifications``, which tells what is raised, too."""
    columns, ours = _by_case(predictions, {})
    places = (*PLACE, PROBABILITY) if PLACE[0] in columns else ()
    classes = tuple(name for name in columns if name not in ("case", "predicted", *places))
    if not classes:
        raise EvaluationError(f"{predictions}: must have a column of probabilities a class beside case, got none")
    known = {"class": "class", "scan": "scan", "finding": "finding"}
    others, theirs = _by_case(labels, known | _SCANS if places else known, number_rows=bool(places))
    if "class" not in others:
        raise EvaluationError(f"{labels}: must have the columns case and class, got {', '.join(others)}")
    labelled = {case: row for case, row in theirs.items() if row.cells["class"]}
    labelled, left_out = _predicted_scans(labelled, ours) if places else (labelled, ())
    problems = [f"{row.place}: {case} has no prediction" for case, row in labelled.items() if case not in ours]
    cases = tuple(sorted(labelled.keys() & ours.keys()))
    probability = np.array([_probabilities(ours[case], classes, problems) for case in cases], dtype=np.float64)
    names = [_names(labelled[case], classes, problems) for case in cases]
    if "scan" in others:
        problems += [f"{labelled[case].place}: scan must not be empty" for case in cases if not _scan(labelled[case])]
    refuse(problems)
    if not cases:
        raise EvaluationError(f"{labels}: must name the class of one case at least, got none")
    exclusive = len(classes) > 1 and all(len(own) == 1 for own in names)
    notes = (*left_out, *unused(sorted(ours.keys() - labelled.keys()), "Predictions without a class"))
    return ClassTables(
        cases=cases,
        classes=classes,
        probability=probability.reshape(len(cases), len(classes)),
        holds=np.array([[name in own for name in classes] for own in names], dtype=bool),
        exclusive=exclusive,
        scans=tuple(_scan(labelled[case]) for case in cases) if "scan" in others else (),
        findings=tuple(labelled[case].cells.get("finding", "") for case in cases),
        notes=notes,
    )


def _predicted_scans(
    labelled: dict[str, Row], ours: dict[str, Row]
) -> tuple[dict[str, Row], tuple[str, ...]]:  # fmt: skip
    """The candidates that have a prediction, and sentences on the others."""
    scans = {row.cells[PLACE[0]] for row in ours.values()}
    here = {case: row for case, row in labelled.items() if row.cells["scan"] in scans}
    refuse(
        [
            f"{row.place}: must be the candidate of {ours[case].place}, which lies in {ours[case].cells[PLACE[0]]}"
            for case, row in labelled.items()
            if case in ours and row.cells["scan"] != ours[case].cells[PLACE[0]]
        ]
    )
    notes = []
    if other := len(labelled) - len(here):
        notes.append(f"{other} of {len(labelled)} candidates are of scans that were not predicted.")
    if without := [row for case, row in here.items() if case not in ours]:
        notes.append(
            f"{len(without)} candidates of predicted scans have no prediction and do not count, since they lie outside "
            f"their scan; the first is that of {without[0].place}."
        )
    return {case: row for case, row in here.items() if case in ours}, tuple(notes)


def _by_case(
    path: Path, known: dict[str, str], number_rows: bool = False
) -> tuple[Sequence[str], dict[str, Row]]:  # fmt: skip
    """Columns, and rows by case; names of the columns `known` are read in any case of letters, as that of case is.

    number_rows: where no column is called case, it is the number of the row, from 0.
    """
    known = {"case": "case", **known}
    columns, rows = read_rows(path, EvaluationError, lambda name: known.get(name.lower(), name))
    if number_rows and "case" not in columns:
        columns = ["case", *columns]
        for number, row in enumerate(rows):
            row.cells["case"] = str(number)
    if "case" not in columns:
        raise EvaluationError(f"{path}: must have a column case, got {', '.join(columns) or 'none'}")
    by_case: dict[str, Row] = {}
    problems = []
    for row in rows:
        case = row.cells["case"]
        if not case or case in by_case:
            problems.append(f"{row.place}: case must be there once, got {case!r}{' again' if case else ''}")
        by_case[case] = row
    refuse(problems)
    return columns, by_case


def _probabilities(row: Row, classes: tuple[str, ...], problems: list[str]) -> list[float]:
    values = []
    for name in classes:
        try:
            value = float(row.cells[name])
        except ValueError:
            value = math.nan
        if not 0 <= value <= 1:
            problems.append(f"{row.place}: {name} must be a probability in [0, 1], got {row.cells[name]!r}")
        values.append(value)
    return values


def _names(row: Row, classes: tuple[str, ...], problems: list[str]) -> tuple[str, ...]:
    cell = row.cells["class"]
    if len(classes) == 1 and cell in ("0", "1") and cell not in classes:
        return classes if cell == "1" else ()
    names = () if cell == NONE else tuple(name.strip() for name in cell.split("|"))
    if wrong := [name for name in names if name not in classes]:
        problems.append(f"{row.place}: class must be of the predictions' {', '.join(classes)}, got {wrong[0]!r}")
    return names


def _scan(row: Row) -> str:
    return row.cells["scan"]
