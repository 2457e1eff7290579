# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The pictures of a study: bars with intervals and stars, curves over the labels, and curves of convergence."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from genesis_ext.evaluation.statistics import stars, t_interval
from genesis_ext.figures import Band, Bar, Mark, save_bands, save_bars
from genesis_ext.training.study.config import ALL, spoken
from genesis_ext.training.study.results import Row, StudyResults


def draw_pictures(folder: Path, results: StudyResults, rows: Sequence[Row]) -> list[tuple[Path, str]]:
    """Write them; returns each path with its caption."""
    if not rows:
        return []
    metric = results.config.metric
    said = f"Mean {metric} of the patients that test, with 95 % intervals; dots are seeds, stars the corrected p"
    drawn = [(_bars(folder / "comparison.png", results, rows), said)]
    for corruption in dict.fromkeys(row.corruption for row in rows):
        own = [row for row in rows if row.corruption == corruption and row.patients != ALL]
        if len({row.patients for row in own}) > 1:
            name, said = "", ""
            if corruption:
                name, said = f"_corrupted_{corruption:g}", f", {corruption:.0%} of the labels corrupted"
            path = folder / f"labels{name}.png"
            save_bands(path, list(_over_patients(own)), "training patients", metric, logarithmic=True)
            drawn.append((path, f"Mean {metric} over the number of training patients, with 95 % intervals{said}"))
    for key in dict.fromkeys((row.patients, row.corruption) for row in rows):
        own = [row for row in rows if (row.patients, row.corruption) == key]
        patients, corruption = key
        who = spoken(patients)
        parts = ["convergence", *who.replace("%", "percent").split()]
        parts += [f"corrupted_{corruption:g}"] if corruption else []
        path = folder / f"{'_'.join(parts)}.png"
        save_bands(path, list(_over_steps(own)), "step", f"{metric} in validation")
        drawn.append((path, f"Convergence with {who} for training: mean over the seeds, and the range they span"))
    return drawn


def _bars(path: Path, results: StudyResults, rows: Sequence[Row]) -> Path:
    groups: dict[str, list[Bar]] = {}
    marks: dict[str, list[Mark]] = {}
    for row in rows:
        group = f"{spoken(row.patients)}{f', corrupted {row.corruption:.0%}' if row.corruption else ''}"
        means = [result.mean(results.config.metric) for result in row.results]
        mean = row.estimate
        groups.setdefault(group, []).append(Bar(row.source, mean.mean, mean.low, mean.high, means))
        text = stars(row.p)
        if text not in ("", "n.s."):
            marks.setdefault(group, []).append(Mark(results.config.baseline, row.source, text))
    return save_bars(path, groups, results.config.metric, marks)


def _over_patients(rows: Sequence[Row]) -> Iterator[Band]:
    for source in dict.fromkeys(row.source for row in rows):
        own = sorted((row for row in rows if row.source == source), key=lambda row: row.patients)
        x, y = [row.patients for row in own], [row.estimate.mean for row in own]
        ends = [(row.estimate.low, row.estimate.high) for row in own]
        known = not any(math.isnan(low) for low, _ in ends)
        low, high = ([end[0] for end in ends], [end[1] for end in ends]) if known else ([], [])
        yield Band(source, x, y, low, high)


def _over_steps(rows: Sequence[Row]) -> Iterator[Band]:
    for row in rows:
        # Runs may stop early: a mean is drawn as far as all seeds went.
        curves = [dict(result.curve) for result in row.results]
        steps = [step for step in curves[0] if all(step in curve for curve in curves)]
        scores = [[curve[step] for curve in curves] for step in steps]
        means = [t_interval(several).mean for several in scores]
        yield Band(row.source, steps, means, [min(several) for several in scores], [max(several) for several in scores])
