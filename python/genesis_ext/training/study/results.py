# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a study found: a row for each source, number of patients and share of corruption, compared with the baseline."""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from genesis_ext._files import write_aside
from genesis_ext.evaluation.statistics import (
    Comparison,
    Estimate,
    holm,
    paired_bootstrap,
    paired_t_test,
    t_interval,
    t_test,
    wilcoxon,
)
from genesis_ext.training.study.config import Cell, StudyConfig

ALL_CASES = "all"


@dataclass(frozen=True)
class Result:
    """What came of one run.

    Attributes:
        cell: which.
        settings: of the run, whole.
        score: of the validation that chose the weights; higher is better.
        curve: (step, score) of all validations.
        test: metric -> case -> value, on the patients that test; one of all cases together has the case ``ALL_CASES``.
        seconds: of training and testing.
    """

    cell: Cell
    settings: Mapping[str, Any]
    score: float
    curve: tuple[tuple[int, float], ...]
    test: Mapping[str, Mapping[str, float]]
    seconds: float

    def mean(self, metric: str) -> float:
        """Of the cases that have a value; NaN if none has."""
        return mean_of(self.test.get(metric, {}).values())

    def steps_to(self, score: float) -> int | None:
        """Steps after which a validation first reached a score; None if none did."""
        return next((step for step, reached in self.curve if reached >= score), None)

    def write(self, path: Path) -> None:
        """As JSON."""
        write_aside(path, lambda stream: stream.write(json.dumps(asdict(self), indent=1).encode()))

    @classmethod
    def read(cls, path: Path) -> "Result":
        """Read what ``write`` wrote.

        Raises:
            ValueError: it is damaged.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            curve = tuple((int(step), float(score)) for step, score in values.pop("curve"))
            return cls(cell=Cell(**values.pop("cell")), curve=curve, **values)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is no result of a study ({error})") from error


@dataclass(frozen=True)
class Row:
    """A source at one number of patients and share of corruption, over the seeds.

    Attributes:
        source, patients, corruption: which.
        chosen: the settings that validated best.
        results: of these settings, a seed each.
        others: of the settings that validated worse.
        estimate: of the metric's mean over the cases; the seeds are its values.
        cases: case -> mean over the seeds; empty where the metric has no cases.
        by_case, by_rank, by_resampling: paired tests of the cases against the baseline; None of the baseline itself,
            and where the metric has no cases.
        by_seed: independent t-test of the seeds, as in the papers.
        p: the larger one of `by_case` and `by_seed`, corrected by Holm over all rows. A gain counts if it holds for
            other patients, and is beyond what repeated runs differ by.
    """

    source: str
    patients: float
    corruption: float
    chosen: Mapping[str, Any]
    results: tuple[Result, ...]
    others: tuple[Result, ...]
    estimate: Estimate
    cases: Mapping[str, float]
    by_case: Comparison | None = None
    by_rank: Comparison | None = None
    by_resampling: Comparison | None = None
    by_seed: Comparison | None = None
    p: float = math.nan


@dataclass(frozen=True)
class StudyResults:
    """All that a study has so far.

    Attributes:
        config: the study.
        results: of the runs that are done, in the order of the grid.
        failed: name of a run -> why it gave nothing.
    """

    config: StudyConfig
    results: tuple[Result, ...]
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether all runs are done."""
        return len(self.results) == len(list(self.config.cells()))

    def rows(self, metric: str = "") -> list[Row]:
        """Compare the sources; metric: default that of the study."""
        metric = metric or self.config.metric
        grouped: defaultdict[tuple[float, float, str], list[Result]] = defaultdict(list)
        for result in self.results:
            grouped[result.cell.corruption, result.cell.patients, result.cell.source].append(result)
        rows = [_row(*_best(results), metric) for results in grouped.values()]
        baselines = {(row.corruption, row.patients): row for row in rows if row.source == self.config.baseline}
        return _corrected([_compared(row, baselines.get((row.corruption, row.patients)), metric) for row in rows])


def _best(results: Sequence[Result]) -> tuple[list[Result], list[Result]]:
    """The results of the settings that validate best on average, and the others."""
    candidates: dict[str, list[Result]] = {}
    for result in results:
        candidates.setdefault(json.dumps(result.cell.chosen, sort_keys=True), []).append(result)
    # A candidate whose seeds are not all done yet must not win by its luckiest ones.
    most = max(map(len, candidates.values()))
    whole = [several for several in candidates.values() if len(several) == most]
    best = max(whole, key=lambda several: sum(result.score for result in several))
    return best, [result for several in candidates.values() if several is not best for result in several]


def _row(results: Sequence[Result], others: Sequence[Result], metric: str) -> Row:
    cell = results[0].cell
    means = [mean for result in results if math.isfinite(mean := result.mean(metric))]
    return Row(
        cell.source,
        cell.patients,
        cell.corruption,
        cell.chosen,
        tuple(results),
        tuple(others),
        t_interval(means),
        _cases(result.test.get(metric, {}) for result in results),
    )


def _cases(tables: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Case -> mean over the seeds; NaN where a seed has none."""
    several = [table for table in tables if list(table) != [ALL_CASES]]
    return {case: sum(table[case] for table in several) / len(several) for case in (several[0] if several else ())}


def _compared(row: Row, baseline: Row | None, metric: str) -> Row:
    if baseline is None or row is baseline:
        return row
    own, others = ([result.mean(metric) for result in side.results] for side in (row, baseline))
    row = replace(row, by_seed=t_test(own, others))
    if not row.cases:
        return row
    return replace(
        row,
        by_case=paired_t_test(row.cases, baseline.cases),
        by_rank=wilcoxon(row.cases, baseline.cases),
        by_resampling=paired_bootstrap(row.cases, baseline.cases),
    )


def _corrected(rows: list[Row]) -> list[Row]:
    both = {str(at): [test.p for test in (row.by_case, row.by_seed) if test is not None] for at, row in enumerate(rows)}
    corrected = holm({at: float(np.max(several)) for at, several in both.items() if several})  # NaN stays NaN
    return [replace(row, p=corrected.get(str(at), math.nan)) for at, row in enumerate(rows)]


def mean_of(values: Iterable[float]) -> float:
    """Of those that are numbers; NaN if none is."""
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan
