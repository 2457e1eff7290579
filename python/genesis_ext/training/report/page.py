# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The page: its sections from top to bottom."""

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib.resources import files
from os import PathLike
from pathlib import Path
from string import Template
from typing import Any

from genesis_ext._files import write_aside
from genesis_ext.training.config import PretrainConfig
from genesis_ext.training.report.chart import Line, Point, line_chart
from genesis_ext.training.report.html import (
    Html,
    bar,
    bullets,
    folded,
    heading,
    html,
    listing,
    paragraph,
    picture,
    section,
    table,
)
from genesis_ext.training.report.run_folder import BASELINES, Entry, RunFolder
from genesis_ext.training.run_log import duration
from genesis_ext.training.validation import ValidationReport

REPORT = "report.html"

_ANSWERS = {"constant": "the best constant", "blur": "the input, blurred", "identity": "the input as it is"}
_SERIES = 6  # colours of the style sheet
_MOST_VOLUMES = 200  # in the table
_MOST_MESSAGES = 200


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
    run = RunFolder.read(out)
    sections = (_result, _curves, _restorations, _times, _data, _settings, _origin, _messages, _how_to_go_on, _missing)
    template = Template((files(__package__) / "template.html").read_text(encoding="utf-8"))
    page = template.substitute(
        title=html(f"Pre-training run {out.resolve().name}"),
        subtitle=html(_subtitle(run)),
        main="\n".join(filter(None, (part(run) for part in sections))),
    )
    write_aside(out / REPORT, lambda stream: stream.write(page.encode()))
    return out / REPORT


def _subtitle(run: RunFolder) -> str:
    parts = []
    if "profile" in run.config:
        parts.append(f"transformations: profile {run.config['profile']}, scheme {run.config.get('scheme', 'unified')}")
    planned = run.config.get("steps")
    if planned is None:
        parts.append(f"{run.steps:,} steps")
    else:
        parts.append(f"{run.steps:,} of {planned:,} steps" + ("" if run.steps >= planned else ", not finished"))
    if "date" in run.environment:
        parts.append(f"started {run.environment['date'].replace('T', ' ')}")
    return "; ".join(parts)


def _result(run: RunFolder) -> Html | None:
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
    if len(known) == len(BASELINES):
        works = ValidationReport({"loss": last["loss"]}, known).works
        verdict = f"The network {'beats' if works else 'does not beat'} all three baselines"
        nearest = min(known, key=lambda name: known[name])
        if known[nearest] > 0:
            change = last["loss"] / known[nearest] - 1
            side = "below" if change < 0 else "above"
            verdict += (
                f": its last validation loss is {abs(change):.1%} {side} that of the best of them, {_ANSWERS[nearest]}"
            )
        parts.append(paragraph(f"{verdict}.", f"verdict {'good' if works else 'bad'}"))
        explained = (
            "A baseline is an answer that needs no learning, on the same fixed patches; it is beaten by a loss that is "
            "at least 1 % lower."
        )
        parts.append(paragraph(explained, "quiet"))
        answers += [(_ANSWERS[name], "", known[name]) for name in sorted(known, key=lambda name: known[name])]
    worst = max(loss for _, _, loss in answers) or 1.0
    rows = [(name, step, f"{loss:.5f}", bar(loss / worst)) for name, step, loss in answers]
    name = {"mse": "mean squared error", "l1": "mean absolute error"}.get(str(run.config.get("loss")), "loss")
    parts.append(table(f"Validation loss ({name}), lower is better", ("answer", "step", "loss", ""), rows, own, (1, 2)))
    return section("Result", *parts)


def _curves(run: RunFolder) -> Html | None:
    baselines = [
        Line(name, _points(run.validation, name), f"level series-{i}") for i, name in enumerate(BASELINES, start=1)
    ]
    losses = [
        Line("training", _points(run.training, "loss"), "training"),
        Line("validation", _points(run.validation, "loss"), "validation", marked=len(run.validation) < 60),
        *baselines,
    ]
    parts = [_panel("Loss, logarithmic", losses, logarithmic=True)]
    groups: dict[str, list[str]] = {}
    for figure in run.other_figures():
        groups.setdefault(figure.partition("_")[0], []).append(figure)
    for group, names in groups.items():
        lines = []
        for i, name in enumerate(names):
            style, shown = f"series-{i % _SERIES}", name.replace("_", " ")
            lines.append(Line(shown, _points(run.training, name), style))
            lines.append(Line(f"{shown}, val.", _points(run.validation, name), f"level {style}", marked=True))
        parts.append(_panel(group.capitalize(), lines))
    parts.append(_panel("Learning rate", [Line("learning rate", _points(run.training, "lr"), "series-0")]))
    if not any(parts):
        return None
    figures = [name for name in ("loss", *BASELINES, *run.other_figures()) if _points(run.validation, name)]
    rows = [(f"{e['step']:,}", *(_figure(e.get(name)) for name in figures)) for e in run.validation]
    if rows:
        numbers = table("All validations", ("step", *figures), rows, numbers=range(1 + len(figures)))
        parts.append(folded(f"The {len(rows)} validations in numbers", numbers))
    return section("Curves", *filter(None, parts))


def _restorations(run: RunFolder) -> Html | None:
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


def _times(run: RunFolder) -> Html | None:
    rows: list[tuple[str, str]] = [("steps", f"{run.steps:,}")]
    elapsed = [value for _, value in _points(run.training, "elapsed_s")]
    if elapsed:
        rows.append(("time of training, validations included", f"{duration(max(elapsed))} (h:mm:ss or m:ss)"))
    for name, title, form in (
        ("samples_per_s", "samples a second, median", "{:,.4g}"),
        ("steps_per_s", "steps a second, median", "{:,.4g}"),
        ("data_share", "share of the time in which the host made batches, median", "{:.1%}"),
    ):
        values = [value for _, value in _points(run.training, name)]
        if values:
            rows.append((title, form.format(statistics.median(values))))
    memory = [value for _, value in _points(run.training, "memory_gib")]
    device: Mapping[str, Any] = run.environment.get("device", {})
    if memory:
        of_gpu = device.get("type") == "cuda"
        rows.append(("most device memory allocated" if of_gpu else "most resident memory", f"{max(memory):.2f} GiB"))
    if device:
        threads = "" if device.get("type") == "cuda" else f", {device.get('threads')} threads"
        ranks = device.get("ranks", 1)
        rows.append(("device", f"{device.get('name')}{threads}" + (f", {ranks} ranks" if ranks > 1 else "")))
    if len(rows) == 1:
        return None
    chart = _panel("Samples a second", [Line("samples/s", _points(run.training, "samples_per_s"), "series-0")])
    return section("Time and memory", table("Over the whole run", ("what", "value"), rows), *filter(None, [chart]))


def _data(run: RunFolder) -> Html | None:
    parts = []
    stores = run.environment.get("data", [])
    for number, store in enumerate(stores):
        volumes = store["volumes"]
        role = "Training and validation" if len(stores) == 1 else ("Training", "Validation")[number]
        kinds = Counter(volume["modality"] for volume in volumes)
        counted = ", ".join(f"{count:,} {modality.upper()}" for modality, count in sorted(kinds.items()))
        parts.append(paragraph(f"{role}: {len(volumes):,} volumes ({counted})."))
        parts.append(paragraph(f"Checksum of the store: {store['checksum']}", "quiet"))
        rows = [
            (
                volume["name"],
                volume["modality"].upper(),
                " × ".join(map(str, volume["shape"])),
                " × ".join(f"{mm:.3g}" for mm in volume["spacing_mm"]),
                volume["checksum"][:12],
            )
            for volume in volumes[:_MOST_VOLUMES]
        ]
        caption = "Volumes" if len(volumes) <= _MOST_VOLUMES else f"The first {_MOST_VOLUMES} volumes"
        head = ("name", "modality", "voxels", "spacing, mm", "checksum")
        parts.append(folded(f"{caption} one by one", table(caption, head, rows)))
    return section("Data", *parts) if parts else None


def _settings(run: RunFolder) -> Html | None:
    if not run.config:
        return None
    usual = dict(_flat(asdict(PretrainConfig())))
    rows: list[tuple[str, str, str]] = []
    changed: list[int] = []
    for name, value in _flat(run.config):
        other = name in usual and _plain(usual[name]) != _plain(value)
        changed += [len(rows)] if other else []
        rows.append((name, _plain(value), _plain(usual[name]) if other else ""))
    caption = "Bold: other than the default"
    return section("Settings", table(caption, ("setting", "value", "default"), rows, changed))


def _origin(run: RunFolder) -> Html | None:
    rows: list[tuple[str, str]] = list(run.environment.get("versions", {}).items())
    device = run.environment.get("device", {})
    if device.get("cuda"):
        rows.append(("CUDA", device["cuda"]))
    if run.environment:
        rows.append(("commit of the sources", run.environment.get("commit") or "not a checkout"))
    return section("Versions", table("At the last start", ("what", "version"), rows)) if rows else None


def _messages(run: RunFolder) -> Html | None:
    if not run.messages:
        return None
    said = [f"step {entry['step']:,}: {entry['text']}" for entry in run.messages]
    warnings = [text for text, entry in zip(said, run.messages, strict=True) if entry["text"].startswith("warning")]
    parts = [bullets(warnings[-_MOST_MESSAGES:])] if warnings else [paragraph("No warnings.")]
    if len(warnings) < len(said):
        parts.append(folded(f"All {len(said)} messages", bullets(said[-_MOST_MESSAGES:])))
    return section("Warnings", *parts)


def _how_to_go_on(run: RunFolder) -> Html:
    """Checkpoints, and what to do with them."""
    rows = []
    purposes = {"best.pt": "weights of the lowest validation loss", "last.pt": "all that a resumed run needs"}
    for name, what in purposes.items():
        path = run.path / name
        if path.exists():
            rows.append((str(path), what, f"{path.stat().st_size / 2**20:.1f} MiB"))
        else:
            run.missing.append(f"{name} is missing.")
    parts = [table("Checkpoints", ("file", "what", "size"), rows, numbers=(2,))] if rows else []
    if (run.path / "best.pt").exists():
        width = run.config.get("width", 32)
        code = (
            "from genesis_ext.models import UNet3D, load_weights\n\n"
            f"network = UNet3D(width={width})\nload_weights(network, {str(run.path / 'best.pt')!r})"
        )
        parts += [heading("Fine-tune: load the weights into a network"), listing(code)]
    if (run.path / "last.pt").exists():
        command = f"genesis pretrain --data DATA --out {run.path} --resume --steps N"
        parts += [heading("Go on training, with the same data, to N steps in all"), listing(command)]
    return section("Checkpoints, and how to go on", *(parts or [paragraph("There is no checkpoint.")]))


def _missing(run: RunFolder) -> Html | None:
    return section("Not in this report", bullets(run.missing)) if run.missing else None


def _panel(title: str, lines: list[Line], logarithmic: bool = False) -> Html | None:
    chart = line_chart(title, lines, logarithmic)
    return Html(heading(title) + chart) if chart else None


def _points(entries: list[Entry], name: str) -> list[Point]:
    return [(entry["step"], entry[name]) for entry in entries if isinstance(entry.get(name), int | float)]


def _first_middle_last(steps: list[int]) -> Iterator[tuple[str, int]]:
    yield from zip(("First",), steps[:1], strict=False)
    if len(steps) > 2:
        yield "Middle", steps[len(steps) // 2]
    if len(steps) > 1:
        yield "Last", steps[-1]


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Settings of settings by dotted names."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _plain(value: Any) -> str:
    """As a reader writes it; tuples and the lists of JSON alike."""
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def _figure(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, int | float) else ""
