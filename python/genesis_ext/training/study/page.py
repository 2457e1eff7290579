# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a study leaves for readers: study.html and study.md, and for programs results.csv and cases.csv."""

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from genesis_ext._files import write_aside
from genesis_ext.evaluation.statistics import Comparison, stars
from genesis_ext.training.report.details import plain
from genesis_ext.training.report.html import Html, bullets, document, paragraph, picture, section, table
from genesis_ext.training.study.config import spoken
from genesis_ext.training.study.pictures import draw_pictures
from genesis_ext.training.study.results import Result, Row, StudyResults, mean_of

PAGE, MARKDOWN, RESULTS, CASES = "study.html", "study.md", "results.csv", "cases.csv"

_HEAD = (
    *("source", "mean", "sd", "95 %", "seeds", "difference", "95 % of cases", "p"),
    *("t-test", "Wilcoxon", "seeds' t-test"),
)
_EXPLAINED = (
    "Mean, sd and 95 %: of the seeds' means over the patients that test. Difference: to the baseline, patient by "
    "patient, each averaged over the seeds, with the interval of a bootstrap of the patients. p: the larger one of the "
    "paired t-test over patients and the t-test over seeds, corrected by Holm over all comparisons of the study: a "
    "gain counts if it holds for other patients and is beyond what repeated runs differ by. Then, uncorrected, p of "
    "the paired t-test and of Wilcoxon's signed-rank test over patients, and of the independent t-test over seeds, "
    "which the papers report."
)


def write_study(out: Path, results: StudyResults) -> None:
    """Write all files, and the pictures they show."""
    rows = results.rows()
    _write_csv(out / RESULTS, _runs(results))
    _write_csv(out / CASES, _cases(results))
    groups = list(_groups(rows))
    tables = [(_title(group), [_cells(row) for row in group]) for group in groups]
    markdown = [f"# Study: {_summary(results)}", *_verdicts(rows), _EXPLAINED, *(_markdown(*each) for each in tables)]
    write_aside(out / MARKDOWN, lambda stream: stream.write("\n\n".join([*markdown, ""]).encode()))
    pictures = draw_pictures(out / "pictures", results, rows)
    compared = [table(name, _HEAD, cells, numbers=range(1, len(_HEAD))) for name, cells in tables]
    parts = [
        section("Result", bullets(_verdicts(rows))),
        section("Comparison", paragraph(_EXPLAINED, "quiet"), *compared),
    ]
    if pictures:
        parts.append(section("Figures", *(picture(path, caption, caption) for path, caption in pictures)))
    parts.append(section("Settings", _choices(results, rows)))
    if results.failed:
        reasons = [f"{name}: {why}" for name, why in results.failed.items()]
        parts.append(section("Runs without a result", bullets(reasons)))
    page = document(f"Study {out.resolve().name}", _summary(results), parts)
    write_aside(out / PAGE, lambda stream: stream.write(page.encode()))


def _summary(results: StudyResults) -> str:
    total = len(list(results.config.cells()))
    done = f"{len(results.results)} of {total} runs" + ("" if results.finished else ", not finished")
    return f"{results.config.task}, {results.config.metric}; {done}"


def _verdicts(rows: Sequence[Row]) -> list[str]:
    """A sentence for each comparison."""
    return [_verdict(row) for row in rows if row.by_seed is not None]


def _verdict(row: Row) -> str:
    test = row.by_case or row.by_seed
    assert test is not None
    if math.isnan(row.p):
        found = "too few values to tell"
    elif row.p < 0.05:
        found = "better" if test.difference > 0 else "worse"
    else:
        found = "no difference found"
    numbers = f"{test.difference:+.4f}, p {_p(row.p)} after Holm"
    return f"{row.source}, {spoken(row.patients)}{_corrupted(row)}: {found} ({numbers})"


def _groups(rows: Sequence[Row]) -> Iterator[list[Row]]:
    for key in dict.fromkeys((row.corruption, row.patients) for row in rows):
        yield [row for row in rows if (row.corruption, row.patients) == key]


def _title(group: Sequence[Row]) -> str:
    return f"{spoken(group[0].patients)} train{_corrupted(group[0])}"


def _corrupted(row: Row) -> str:
    return f", {row.corruption:.0%} of their labels corrupted" if row.corruption else ""


def _cells(row: Row) -> list[str]:
    mean, test = row.estimate, row.by_case or row.by_seed
    cells = [row.source, f"{mean.mean:.4f}", f"{mean.sd:.4f}", f"{mean.low:.4f} to {mean.high:.4f}", str(mean.n)]
    if test is None:
        return cells + [""] * (len(_HEAD) - len(cells))
    interval = row.by_resampling or test
    cells += [f"{test.difference:+.4f}", f"{interval.low:+.4f} to {interval.high:+.4f}", f"{_p(row.p)} {stars(row.p)}"]
    return [*cells, _p_of(row.by_case), _p_of(row.by_rank), _p_of(row.by_seed)]


def _p_of(test: Comparison | None) -> str:
    return "" if test is None else _p(test.p)


def _p(p: float) -> str:
    return "not defined" if math.isnan(p) else f"{p:.4f}" if p >= 1e-4 else f"{p:.1e}"


def _choices(results: StudyResults, rows: Sequence[Row]) -> Html:
    """The candidate that counts in each row, and what the others gave."""
    lines = []
    target = results.config.target
    for row in rows:
        candidates: dict[str, list[Result]] = {}
        for result in (*row.results, *row.others):
            candidates.setdefault(plain(result.cell.chosen), []).append(result)
        for number, (name, several) in enumerate(candidates.items()):
            score = mean_of(result.score for result in several)
            means = mean_of(result.mean(results.config.metric) for result in several)
            steps = [] if target is None else [result.steps_to(target) for result in several]
            lines.append(
                (
                    row.source, spoken(row.patients) + _corrupted(row), name or "none", "" if number else "chosen",
                    f"{score:.4f}", f"{means:.4f}", ", ".join("never" if step is None else str(step) for step in steps),
                )
            )  # fmt: skip
    steps_to = "steps to a target" if target is None else f"steps to {target:g}"
    head = ("source", "training", "settings", "", "validation", "test", steps_to)
    return table("By their mean score in validation", head, lines, numbers=(4, 5))


def _runs(results: StudyResults) -> Iterator[dict[str, Any]]:
    for result in results.results:
        cell = result.cell
        yield {
            "source": cell.source, "patients": cell.patients, "corruption": cell.corruption, "seed": cell.seed,
            **cell.chosen, "validation": result.score, **{metric: result.mean(metric) for metric in result.test},
            "steps_to_target": "" if results.config.target is None else result.steps_to(results.config.target),
            "seconds": round(result.seconds, 1),
        }  # fmt: skip


def _cases(results: StudyResults) -> Iterator[dict[str, Any]]:
    for result in results.results:
        cell = result.cell
        own = {"source": cell.source, "patients": cell.patients, "corruption": cell.corruption, "seed": cell.seed}
        for metric, values in result.test.items():
            for case, value in values.items():
                yield {**own, **cell.chosen, "case": case, "metric": metric, "value": value}


def _write_csv(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    rows = list(rows)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    writer.writerows(rows)
    write_aside(path, lambda stream: stream.write(text.getvalue().encode()))


def _markdown(title: str, rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (_HEAD, ["---"] * len(_HEAD), *rows)]
    return "\n".join([f"## {title}", "", *lines])
