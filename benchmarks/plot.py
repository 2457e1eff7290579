# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a result: times beside other libraries, and curves of scaling. Needs matplotlib."""

import math
import warnings
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from genesis_ext._extras import require

from .case import OURS
from .numerals import significant, time

OURS_COLOUR, OTHER_COLOUR, SECOND_COLOUR = "#0072B2", "#B8B8B8", "#D55E00"  # told apart whatever the colour vision
_STYLE = {"font.size": 8, "svg.fonttype": "path", "svg.hashsalt": "genesis_ext", "axes.titlesize": 8.5}
_WIDTH = 6.4  # inches
_BAR = 0.17


def write_plots(result: Mapping[str, Any], folder: Path, suffix: str = "svg") -> list[Path]:
    """Draw a picture for each operator and pipeline that has others beside it, and one of all series.

    Raises:
        ImportError: matplotlib is missing; the text names the extra.
    """
    matplotlib = require("matplotlib", "bench", "to draw results")
    folder.mkdir(parents=True, exist_ok=True)
    note = _note(result)
    written = []
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of glyphs and layout: the pictures are looked at
        compared = [entry for entry in result["results"] if entry["level"] in ("operators", "pipelines")]
        for name, members in groupby(compared, key=lambda entry: entry["name"]):
            entries = [entry for entry in members if entry["contenders"][1:]]
            if entries:
                written.append(_save(_bars(name, entries, note), folder / f"{name}.{suffix}"))
        series = [entry for entry in result["results"] if entry["level"] == "scaling"]
        if series:
            written.append(_save(_curves(series, note), folder / f"scaling.{suffix}"))
    return written


def _bars(name: str, entries: Sequence[Mapping[str, Any]], note: str) -> Any:
    """A panel for each case, a bar for each contender: time of a sample on a logarithmic axis they all share."""
    heights = [len(entry["contenders"]) * _BAR + 0.42 for entry in entries]
    figure = _figure(sum(heights) + 0.55)
    panels = figure.subplots(len(entries), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    times = [contender["median_s"] for entry in entries for contender in entry["contenders"]]
    for panel, entry in zip(panels, entries, strict=True):
        contenders = entry["contenders"]
        ours = [contender["name"].startswith(OURS) for contender in contenders]
        panel.barh(
            range(len(contenders)),
            [contender["median_s"] for contender in contenders],
            xerr=[contender["iqr_s"] / 2 for contender in contenders],
            color=[OURS_COLOUR if own else OTHER_COLOUR for own in ours],
            error_kw={"elinewidth": 0.8, "ecolor": "black"},
        )
        for row, contender in enumerate(contenders):
            ratio = "" if row == 0 else f"  (x {significant(contender['times_ours'], 2)})"
            label = f" {time(contender['median_s'])}{ratio}"
            panel.text(contender["median_s"] + contender["iqr_s"] / 2, row, label, va="center")
        panel.set_yticks(range(len(contenders)), [contender["name"] for contender in contenders])
        panel.invert_yaxis()
        panel.set_xscale("log")
        panel.set_xlim(min(times) / 2, max(times) * 12)
        panel.set_title(_case(entry), loc="left")
        panel.spines[["top", "right"]].set_visible(False)
    panels[-1].set_xlabel(f"seconds a sample, {name}\n{note}")
    return figure


def _curves(entries: Sequence[Mapping[str, Any]], note: str) -> Any:
    """A panel for each series: throughput over its axis, both logarithmic, with what proportion would be."""
    groups = [(name, [*members]) for name, members in groupby(entries, key=lambda entry: entry["name"])]
    rows = math.ceil(len(groups) / 2)
    figure = _figure(1.9 * rows + 0.3)
    panels = figure.subplots(rows, 2, squeeze=False).ravel()
    for panel, (name, members) in zip(panels, groups, strict=False):
        points = [entry["point"]["value"] for entry in members]
        rates = [entry["contenders"][0]["items_per_s"] for entry in members]
        panel.plot(points, rates, "o-", color=OURS_COLOUR, markersize=4)
        highest = max(rates)
        if members[0]["point"]["axis"] in ("threads", "ranks") and len(points) > 1:
            line = [rates[0] * point / points[0] for point in points]
            highest = max(highest, *line)
            panel.plot(points, line, "--", color=SECOND_COLOUR, linewidth=1)
            panel.annotate("in proportion", (points[-1], line[-1]), (-8, 0), textcoords="offset points",
                           color=SECOND_COLOUR, ha="right", va="center")  # fmt: skip
        panel.set_xscale("log", base=2 if max(points) <= 1024 else 10)
        panel.set_yscale("log")
        panel.set_ylim(min(rates) / 1.6, highest * 1.6)
        panel.set_xticks(points, [f"{point:,}" for point in points])
        panel.minorticks_off()
        ticks = _ticks(min(rates), highest)
        panel.set_yticks(ticks, [_count(tick) for tick in ticks])
        panel.set_title(name.replace("_", " "), loc="left")
        panel.set_xlabel(members[0]["point"]["axis"])
        panel.set_ylabel(f"{members[0]['unit']}/s")
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    for panel in panels[len(groups) :]:
        panel.set_visible(False)
    figure.supxlabel(note, fontsize=7)
    return figure


def _ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten around the values."""
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    return [f * 10.0**power for power in powers for f in (1, 2, 5) if low / 1.6 <= f * 10.0**power <= high * 1.6]


def _count(value: float) -> str:
    for scale, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= scale:
            return f"{value / scale:g}{letter}"
    return f"{value:g}"


def _case(entry: Mapping[str, Any]) -> str:
    size = " x ".join(map(str, entry["size"]))
    return ", ".join(filter(None, [entry["setting"], size, entry["dtype"]]))


def _note(result: Mapping[str, Any]) -> str:
    head = result["machine"]
    where = head.get("gpu") or f"{head['cpu']}, {head['threads']} thread{'s' * (head['threads'] > 1)}"
    return f"{'quick trial, no measurement; ' * result['quick']}{where}; {head['date'][:10]}, {head['commit']}"


def _figure(height: float) -> Any:
    figure = require("matplotlib.figure", "bench", "to draw results")
    return figure.Figure(figsize=(_WIDTH, height), dpi=150, layout="constrained")


def _save(figure: Any, path: Path) -> Path:
    metadata: Mapping[str, Any] = {"Date": None} if path.suffix == ".svg" else {"Software": "genesis_ext"}
    figure.savefig(path, metadata=metadata)
    return path
