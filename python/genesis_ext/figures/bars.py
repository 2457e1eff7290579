# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Bars with intervals, and stars where two of them differ: how methods do on tasks."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from genesis_ext.figures.chart import Chart
from genesis_ext.figures.page import QUIET, SERIES

_GROUP = 0.8  # of the distance between two groups is taken by the bars of one
_STEP = 0.045  # of the diagram's height from one bracket to the next


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        name: of the method, for the legend; those of one name share a colour.
        value: its height; one that is NaN is marked as not measured.
        low, high: ends of the interval; NaN draws none.
        points: single values, such as those of the seeds, drawn as dots.
    """

    name: str
    value: float
    low: float = math.nan
    high: float = math.nan
    points: Sequence[float] = ()


@dataclass(frozen=True)
class Mark:
    """A bracket over two bars of a group, with a text such as ``**``; an empty text draws none."""

    first: str
    second: str
    text: str


def save_bars(
    path: Path,
    groups: Mapping[str, Sequence[Bar]],
    value: str,
    marks: Mapping[str, Sequence[Mark]] | None = None,
    title: str = "",
    bottom: float = 0.0,
) -> Path:
    """Write a PNG, or SVG by its name, of groups of bars side by side; returns the path.

    groups: by task, in order.   value: what the height is.   marks: by task.
    bottom: where the axis begins; said in the picture where it is not 0.

    Raises:
        ValueError: there is no bar, a group has two of one name, or a mark names none of its group.
    """
    marks = marks or {}
    names = list(dict.fromkeys(bar.name for bars in groups.values() for bar in bars))
    if not names:
        raise ValueError("save_bars: groups must hold one bar at least, got none")
    chart = Chart("" if bottom == 0 else f"the axis begins at {bottom:g}", value, title)
    axes = chart.axes
    width = _GROUP / len(names)
    places: dict[tuple[str, str], float] = {}
    tops: defaultdict[tuple[str, str], float] = defaultdict(lambda: bottom)
    for number, (group, bars) in enumerate(groups.items()):
        for bar in bars:
            if (group, bar.name) in places:
                raise ValueError(f"save_bars: {group} must have one bar a name, got two of {bar.name}")
            x = places[group, bar.name] = number + width * (names.index(bar.name) - (len(names) - 1) / 2)
            if math.isnan(bar.value):
                axes.text(x, bottom, " not measured", rotation=90, ha="center", va="bottom", fontsize=8, color=QUIET)
                continue
            colour = SERIES[names.index(bar.name) % len(SERIES)]
            axes.bar(x, bar.value - bottom, 0.9 * width, bottom, color=colour, alpha=0.75, label=bar.name)
            if not math.isnan(bar.low):
                axes.vlines(x, bar.low, bar.high, color="black", linewidth=1.2)
                axes.hlines([bar.low, bar.high], x - 0.15 * width, x + 0.15 * width, color="black", linewidth=1.2)
            beside = [x + width * (0.2 + 0.02 * (i % 5)) for i in range(len(bar.points))]
            axes.plot(beside, bar.points, ".", color="black", markersize=3, alpha=0.6)
            tops[group, bar.name] = max(bar.value, *bar.points, -math.inf if math.isnan(bar.high) else bar.high)
    axes.set_xticks(range(len(groups)), list(groups), parse_math=False)
    axes.set_ylim(bottom, bottom + (max(tops.values(), default=bottom + 1.0) - bottom) * 1.05)
    _draw_marks(chart, groups, marks, places, tops)
    _name_each_once(chart)
    return chart.save_with_legend(path)


def _draw_marks(
    chart: Chart,
    groups: Mapping[str, Sequence[Bar]],
    marks: Mapping[str, Sequence[Mark]],
    places: Mapping[tuple[str, str], float],
    tops: Mapping[tuple[str, str], float],
) -> None:
    """Brackets above all bars of their group, the narrow ones below."""
    axes = chart.axes
    bottom, ceiling = axes.get_ylim()
    step = (ceiling - bottom) * _STEP
    highest = ceiling
    for group, own in marks.items():
        for mark in own:
            if missing := [name for name in (mark.first, mark.second) if (group, name) not in places]:
                raise ValueError(f"save_bars: a mark of {group} must name bars of it, got {missing[0]}")
        shown = [mark for mark in own if mark.text]
        ends = sorted((sorted((places[group, m.first], places[group, m.second])), m.text) for m in shown)
        y = max((top for (of, _), top in tops.items() if of == group), default=bottom)
        for (left, right), text in sorted(ends, key=lambda end: end[0][1] - end[0][0]):
            y += 1.6 * step
            axes.plot([left, left, right, right], [y - step / 3, y, y, y - step / 3], color="black", linewidth=0.9)
            axes.text((left + right) / 2, y, text, ha="center", va="bottom", fontsize=9, parse_math=False)
            highest = max(highest, y + 1.6 * step)
    axes.set_ylim(bottom, highest)


def _name_each_once(chart: Chart) -> None:
    """The legend names a method once, however many groups have it."""
    seen = set()
    for container in chart.axes.containers:
        if container.get_label() in seen:
            container.set_label("_")
        seen.add(container.get_label())
