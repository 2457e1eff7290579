# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What came out of an evaluation: numbers with their intervals, cases, and who was left out and why."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from genesis_ext._files import write_aside
from genesis_ext.data.store.writer import write_json
from genesis_ext.evaluation.statistics import bootstrap_interval

CASES, SUMMARY, PAGE = "cases.csv", "summary.json", "summary.md"


class EvaluationError(ValueError):
    """What cannot be evaluated; the text names files or cases, and the rules that they break."""


def refuse(problems: Sequence[str]) -> None:
    """Raise one EvaluationError for all problems, if there are any."""
    if problems:
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise EvaluationError("; ".join(problems[:5]) + more)


def unused(cases: Sequence[str], what: str) -> tuple[str, ...]:
    """A note on cases that do not count, if there are any."""
    more = f" and {len(cases) - 10} more" if len(cases) > 10 else ""
    return (f"{what} ({len(cases)}): {', '.join(cases[:10])}{more}.",) if cases else ()


def check_metrics(metrics: Sequence[str], known: Sequence[str]) -> None:
    """Raise ValueError unless there are metrics, each once, and all are known."""
    if wrong := [name for name in metrics if name not in known]:
        raise ValueError(f"metrics must be of {', '.join(known)}, got {wrong[0]!r}")
    if len(set(metrics)) < len(metrics):
        raise ValueError(f"metrics must be named once each, got {', '.join(metrics)}")
    if not metrics:
        raise ValueError(f"metrics must name one of {', '.join(known)} at least, got none")


@dataclass(frozen=True)
class Result:
    """One number of a summary; NaN where it is not defined.

    Attributes:
        metric, group: what was measured, and of what: a class, or "" of all.
        value: a mean over cases, or a number of all cases.
        n: cases that count.
        sd: standard deviation over cases; NaN where the number is none of single cases.
        low, high: ends of the 95 % interval, got by the method `interval`.
        left_out: reason -> cases that do not count.
    """

    metric: str
    group: str
    value: float
    n: int
    sd: float = math.nan
    low: float = math.nan
    high: float = math.nan
    interval: str = ""
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def mean_result(metric: str, group: str, values: Mapping[str, float], reasons: Mapping[str, str]) -> Result:
    """Mean over cases; those that are NaN are left out by name.

    The interval is that of a bootstrap: metrics have bounds, beyond which the interval of t would lead.

    values: by case.   reasons: why those that are NaN are.
    """
    left_out: dict[str, tuple[str, ...]] = {}
    for case, value in values.items():
        if math.isnan(value):
            left_out[reasons[case]] = (*left_out.get(reasons[case], ()), case)
    mean = bootstrap_interval([value for value in values.values() if not math.isnan(value)])
    return Result(metric, group, mean.mean, mean.n, mean.sd, mean.low, mean.high, mean.method, left_out)


@dataclass(frozen=True)
class Table:
    """Columns and rows, of numbers and texts."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class EvaluationReport:
    """What came out.

    Attributes:
        kind: "segmentation", "classification" or "detection".
        settings: what was compared, and how.
        results: the summary.
        cases: a row a case, or a case and class.
        tables: others by title, such as that of confusions.
        notes: what a reader must know, a sentence each.
    """

    kind: str
    settings: Mapping[str, Any]
    results: tuple[Result, ...]
    cases: Table
    tables: Mapping[str, Table] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def result(self, metric: str, group: str = "") -> Result:
        """One of the results.

        Raises:
            KeyError: there is none of that name.
        """
        for found in self.results:
            if (found.metric, found.group) == (metric, group):
                return found
        raise KeyError(f"no result {metric!r} of {group!r}")

    def write(self, folder: str | PathLike[str]) -> tuple[Path, ...]:
        """Write ``cases.csv``, ``summary.json`` (NaN as null) and ``summary.md``; returns their paths.

        Raises:
            OSError: the disk is full, or forbids it.
        """
        content = {
            "kind": self.kind,
            "settings": dict(self.settings),
            "results": [asdict(result) for result in self.results],
            "tables": {title: asdict(table) for title, table in self.tables.items()},
            "notes": self.notes,
        }
        folder = Path(folder)
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(self.cases.columns)
        table.writerows([_cell(value) for value in row] for row in self.cases.rows)
        write_aside(folder / CASES, lambda stream: stream.write(text.getvalue().encode()))
        write_json(folder / SUMMARY, _without_nan(content))
        write_aside(folder / PAGE, lambda stream: stream.write(self.markdown().encode()))
        return folder / CASES, folder / SUMMARY, folder / PAGE

    def markdown(self) -> str:
        """The summary for readers."""
        grouped = any(result.group for result in self.results)
        columns = (*(("class",) if grouped else ()), "metric", "value", "sd", "95 % interval", "cases")
        rows = [
            (*((r.group,) if grouped else ()), r.metric, _short(r.value), _short(r.sd), _interval(r), r.n)
            for r in self.results
        ]
        parts = [f"# Evaluation: {self.kind}"]
        parts.append("\n".join(f"- {name}: {_said(value)}" for name, value in self.settings.items()))
        parts.append(_markdown(columns, rows))
        if lines := list(self._left_out()):
            parts.append("Left out:\n\n" + "\n".join(f"- {line}" for line in lines))
        for title, table in self.tables.items():
            parts.append(f"## {title}\n\n" + _markdown(table.columns, table.rows))
        parts += self.notes
        return "\n\n".join(parts) + "\n"

    def _left_out(self) -> Iterable[str]:
        """A line for each reason; metrics that leave out the same cases share it."""
        metrics: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
        for result in self.results:
            for reason, cases in result.left_out.items():
                metrics.setdefault((result.group, reason, cases), []).append(result.metric)
        for (group, reason, cases), names in metrics.items():
            of = f" of {group}" if group else ""
            yield f"{', '.join(names)}{of}: {reason}" + (f" ({len(cases)}): {', '.join(cases)}" if cases else "")


def case_values(path: str | PathLike[str], metric: str, group: str = "") -> dict[str, float]:
    """Values by case of a ``cases.csv``, to be compared with those of another; NaN where a cell is empty.

    group: the class, where the table has one.

    Raises:
        EvaluationError: no such column or class, or a cell is no number.
        OSError: unreadable.
    """
    with open(path, encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    if not rows or metric not in rows[0] or metric in ("case", "class", "remark"):
        raise EvaluationError(f"{path}: must have a column {metric}, got {', '.join(rows[0]) if rows else 'no rows'}")
    if group:
        rows = [row for row in rows if row.get("class") == group]
    if not rows or len({row["case"] for row in rows}) < len(rows):
        raise EvaluationError(f"{path}: must have one row a case of class {group!r}, got {len(rows)}: choose a class")
    try:
        return {row["case"]: float(row[metric] or math.nan) for row in rows}
    except ValueError as error:
        raise EvaluationError(f"{path}: {metric} must be numbers: {error}") from error


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.9g}"
    return str(value)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4g}"
    return str(value).replace("|", "\\|")


def _interval(result: Result) -> str:
    if math.isnan(result.low):
        return ""
    return f"{_short(result.low)} to {_short(result.high)} ({result.interval})"


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {_said(inner)}" for name, inner in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _markdown(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(_short(cell) for cell in line)} |" for line in lines)
