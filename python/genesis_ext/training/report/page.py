# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The page: its sections from top to bottom."""

from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any

from genesis_ext._files import write_aside
from genesis_ext.training.engine.run_folder import RunFolder
from genesis_ext.training.engine.validation import ValidationReport
from genesis_ext.training.report import details, going_on, target
from genesis_ext.training.report.chart import Line, panel
from genesis_ext.training.report.html import (
    Html,
    bar,
    bullets,
    document,
    folded,
    heading,
    paragraph,
    percent,
    picture,
    section,
    table,
)
from genesis_ext.training.report.run_record import BASELINES, RunRecord, points

REPORT = RunFolder("").report.name

_ANSWERS = {
    "constant": "the best constant",
    "blur": "the input, blurred",
    "identity": "the input as it is",
    "chance": "one who guesses",
}
_SERIES = 6  # colours of the style sheet


def write_report(out: str | PathLike[str]) -> Path:
    """Write report.html into the folder of a run, finished or not; returns its path.

    It shows the result beside the baselines, curves, restorations, times, settings, versions, data, warnings and how to
    go on, all read from the folder. What is missing there is left out and named.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    out = Path(out)
    if not out.is_dir():
        raise FileNotFoundError(f"{out} is no folder of a run")
    run = RunRecord.read(out)
    sections: tuple[Callable[[RunRecord], Html | None], ...] = (
        _result,
        _curves,
        _restorations,
        target.cases,
        target.start,
        details.times,
        going_on.network,
        details.data,
        details.settings,
        details.versions,
        details.messages,
        going_on.how_to_go_on,
        _missing,
    )
    title = f"{'Fine-tuning' if run.is_tuning else 'Pre-training'} run {out.resolve().name}"
    page = document(title, _subtitle(run), list(filter(None, (part(run) for part in sections))))
    path = RunFolder(out).report
    write_aside(path, lambda stream: stream.write(page.encode()))
    return path


def _subtitle(run: RunRecord) -> str:
    parts = []
    if "profile" in run.config:
        profile = run.config["profile"]
        named = "rates of one's own" if isinstance(profile, dict) else f"profile {profile}"
        parts.append(f"transformations: {named}, scheme {run.config.get('scheme', 'unified')}")
    if run.is_tuning:
        known = run.record.task if run.record else None
        named = f" of {', '.join(known.classes)}" if known else ""
        parts.append(f"{run.config['task']}{named}")
    planned = run.config.get("steps")
    if planned is None:
        parts.append(f"{run.steps:,} steps")
    else:
        parts.append(f"{run.steps:,} of {planned:,} steps" + ("" if run.steps >= planned else ", not finished"))
    if "date" in run.environment:
        parts.append(f"started {run.environment['date'].replace('T', ' ').replace('+00:00', ' UTC')}")
    return "; ".join(parts)


def _result(run: RunRecord) -> Html | None:
    losses = [entry for entry in run.validation if entry.get("loss") is not None]
    if not losses:
        return None
    last, best = losses[-1], min(losses, key=lambda entry: entry["loss"])
    answers = [("the network, last", f"{last['step']:,}", last["loss"])]
    if best is not last:
        answers.insert(0, ("the network, best", f"{best['step']:,}", best["loss"]))
    own = range(len(answers))
    parts: list[Html] = []
    known = {name: last[name] for name in BASELINES if last.get(name) is not None}
    if known:
        works = ValidationReport({"loss": last["loss"]}, known).works
        beaten = "all three baselines" if len(known) > 1 else _ANSWERS[next(iter(known))]
        verdict = f"The network {'beats' if works else 'does not beat'} {beaten}"
        nearest = min(known, key=lambda name: known[name])
        if known[nearest] > 0:
            change = last["loss"] / known[nearest] - 1
            side = "below" if change < 0 else "above"
            beside = f"that of {'the best of them, ' if len(known) > 1 else ''}{_ANSWERS[nearest]}"
            verdict += f": its last validation loss is {percent(abs(change))} {side} {beside}"
        parts.append(paragraph(f"{verdict}.", f"verdict {'good' if works else 'bad'}"))
        explained = (
            "A baseline is an answer that needs no learning, on the same fixed patches; it is beaten by a loss that is "
            "at least 1 % lower."
        )
        parts.append(paragraph(explained, "quiet"))
        answers += [(_ANSWERS[name], "", known[name]) for name in sorted(known, key=lambda name: known[name])]
    worst = max(loss for _, _, loss in answers) or 1.0
    rows = [(name, step, f"{loss:.5f}", bar(loss / worst)) for name, step, loss in answers]
    names = {} if "chance" in known else {"mse": " (mean squared error)", "l1": " (mean absolute error)"}
    name = names.get(str(run.config.get("loss")), "")
    parts.append(table(f"Validation loss{name}, lower is better", ("answer", "step", "loss", ""), rows, own, (1, 2)))
    return section("Result", *parts, *filter(None, [target.metrics(run)]))


def _curves(run: RunRecord) -> Html | None:
    baselines = [
        Line(name, [(0, found[-1][1]), (run.steps, found[-1][1])], f"level series-{i}")
        for i, name in enumerate(BASELINES, start=1)
        if (found := points(run.validation, name))
    ]
    losses = [
        Line("training", points(run.training, "loss"), "training"),
        Line("validation", points(run.validation, "loss"), "validation", marked=len(run.validation) < 60),
        *baselines,
    ]
    parts = [panel("Loss, logarithmic", losses, logarithmic=True)]
    groups: dict[str, list[str]] = {}
    for metric in run.other_metrics():
        groups.setdefault(metric.partition("_")[0], []).append(metric)
    for group, names in groups.items():
        lines = []
        for i, name in enumerate(names):
            style, shown = f"series-{i % _SERIES}", name.replace("_", " ")
            lines.append(Line(shown, points(run.training, name), style))
            lines.append(Line(f"{shown}, val.", points(run.validation, name), f"level {style}", marked=True))
        parts.append(panel(group.capitalize(), lines))
    parts.append(panel("Learning rate", [Line("learning rate", points(run.training, "lr"), "series-0")]))
    if not any(parts):
        return None
    metrics = [name for name in ("loss", *BASELINES, *run.other_metrics()) if points(run.validation, name)]
    rows = [(f"{e['step']:,}", *(_number(e.get(name)) for name in metrics)) for e in run.validation]
    if rows:
        numbers = table("All validations", ("step", *metrics), rows, numbers=range(1 + len(metrics)))
        parts.append(folded("All validations in numbers", numbers))
    return section("Curves", *filter(None, parts))


def _restorations(run: RunRecord) -> Html | None:
    parts = []
    for when, step in _first_middle_last(list(run.restorations)):
        parts.append(
            picture(
                run.restorations[step],
                f"{when}: after {step:,} steps",
                f"Slices of validation patches after {step:,} steps: a row of inputs, below it the restorations, below "
                "it the targets",
            )
        )
    if run.grids:
        parts.append(heading("Under each combination of transformations"))
        parts.append(
            paragraph(
                "LS: local shuffling, NL: non-linear intensity curve, IN and OUT: in- and out-painting. Numbers are "
                "means of |difference| over the whole patch; the brightest colour is a difference of 0.5 or more."
            )
        )
        step = max(run.grids)
        parts.append(
            picture(
                run.grids[step],
                f"After {step:,} steps",
                f"Slices of validation patches after {step:,} steps: a row for each of the twelve combinations, with "
                "input, restoration, target and their absolute difference",
            )
        )
    return section("Restorations of validation patches", *parts) if parts else None


def _missing(run: RunRecord) -> Html | None:
    return section("Not in this report", bullets(run.missing)) if run.missing else None


def _first_middle_last(steps: list[int]) -> Iterator[tuple[str, int]]:
    yield from zip(("First",), steps[:1], strict=False)
    if len(steps) > 2:
        yield "Middle", steps[len(steps) // 2]
    if len(steps) > 1:
        yield "Last", steps[-1]


def _number(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, int | float) else ""
