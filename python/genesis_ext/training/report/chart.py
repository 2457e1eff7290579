# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Line charts as SVG, to be put into a page of HTML whose style sheet has their colours (template.html)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from genesis_ext.training.report.html import Html, heading

Point = tuple[float, float]

_WIDTH, _HEIGHT = 760, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 150, 12, 40  # margins
_MOST_POINTS = 600  # of a line; more are averaged
_LINE_OF_TEXT = 15
_LOG_STEPS = (1, 2, 5)
_LOG_ROOM = 1.1  # above and below the values


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    points: (step, value); those with values that are not finite are left out.
    style: class of the style sheet: "training", "validation", "level", or "series-0" to "series-5".
    marked: draw a dot at each point.
    """

    name: str
    points: Sequence[Point]
    style: str
    marked: bool = False


def line_chart(title: str, lines: Sequence[Line], logarithmic: bool = False) -> str:
    """An SVG element: lines over the training steps, each named at its end.

    title: for readers who cannot see it.
    logarithmic: of the values; those that are not positive are left out. A linear axis has the zero.
    Returns "" if there is no point to show.
    """
    kept = [(line, _shown(line.points, logarithmic)) for line in lines]
    kept = [(line, points) for line, points in kept if points]
    if not kept:
        return ""
    steps = [x for _, points in kept for x, _ in points]
    values = [y for _, points in kept for _, y in points]
    low, high = (min(values) / _LOG_ROOM, max(values) * _LOG_ROOM) if logarithmic else (min(0.0, *values), max(values))
    x_axis = _Axis(min(0.0, *steps), max(steps), _LEFT, _WIDTH - _RIGHT, False)
    y_axis = _Axis(low, high, _HEIGHT - _BOTTOM, _TOP, logarithmic)
    parts = [_grid(x_axis, y_axis)]
    parts += [_drawn(line, points, x_axis, y_axis) for line, points in kept]
    ends = [y_axis.at(points[-1][1]) for _, points in kept]
    for (line, _), y in zip(kept, _apart(ends), strict=True):
        parts.append(
            f'<text class="name {line.style}" x="{_WIDTH - _RIGHT + 8}" y="{y + 4:.1f}">{escape(line.name)}</text>'
        )
    told = "; ".join(
        f"{line.name}: {_number(points[0][1])} at step {points[0][0]:,.0f}, {_number(points[-1][1])} at the end"
        for line, points in kept
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(title)}">'
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">'
        f"<title>{escape(title)}</title><desc>{escape(told)}</desc>{''.join(parts)}</svg></div>"
    )


def panel(title: str, lines: Sequence[Line], logarithmic: bool = False) -> Html | None:
    """A chart below its heading; None if there is nothing to show."""
    chart = line_chart(title, lines, logarithmic)
    return Html(heading(title) + chart) if chart else None


class _Axis:
    """From values to pixels."""

    def __init__(self, low: float, high: float, begin: float, end: float, logarithmic: bool) -> None:
        self._log = logarithmic
        self.low, self.high = low, high if high > low else low + 1.0  # all zeros
        self._begin, self._end = begin, end

    def at(self, value: float) -> float:
        low, high, value = (math.log(v) if self._log else v for v in (self.low, self.high, value))
        return self._begin + (value - low) / (high - low) * (self._end - self._begin)

    def ticks(self) -> list[float]:
        if self._log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            found = [step * 10.0**decade for decade in decades for step in _LOG_STEPS]
            found = [tick for tick in found if self.low <= tick <= self.high]
            if 3 <= len(found) <= 9:
                return found
            if len(found) > 9:
                return [10.0**decade for decade in decades if self.low <= 10.0**decade <= self.high]
        step = _round_step((self.high - self.low) / 5)
        first = math.ceil(self.low / step)
        return [i * step for i in range(first, math.floor(self.high / step) + 1)]


def _round_step(least: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least * (1 - 1e-9))


def _grid(x_axis: _Axis, y_axis: _Axis) -> str:
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    parts = []
    for tick in y_axis.ticks():
        y = y_axis.at(tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_number(tick)}</text>')
    for tick in x_axis.ticks():
        parts.append(
            f'<text class="tick" x="{x_axis.at(tick):.1f}" y="{bottom + 18}" text-anchor="middle">{tick:,.0f}</text>'
        )
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>')
    parts.append(f'<text class="tick" x="{(_LEFT + right) / 2}" y="{_HEIGHT - 5}" text-anchor="middle">step</text>')
    return "".join(parts)


def _drawn(line: Line, points: Sequence[Point], x_axis: _Axis, y_axis: _Axis) -> str:
    places = [(x_axis.at(x), y_axis.at(y)) for x, y in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    drawn = f'<polyline class="line {line.style}" points="{path}"/>' if len(places) > 1 else ""
    if line.marked or len(places) == 1:
        drawn += "".join(f'<circle class="dot {line.style}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in places)
    return drawn


def _shown(points: Sequence[Point], logarithmic: bool) -> list[Point]:
    """Finite, positive if need be, and few enough: means of neighbours."""
    kept = [(x, y) for x, y in points if math.isfinite(y) and (y > 0 or not logarithmic)]
    size = math.ceil(len(kept) / _MOST_POINTS)
    if size < 2:
        return kept
    parts = [kept[i : i + size] for i in range(0, len(kept), size)]
    return [(part[-1][0], sum(y for _, y in part) / len(part)) for part in parts]


def _apart(heights: Sequence[float]) -> list[float]:
    """Heights for lines of text near those given, that do not overlap and stay in the chart."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    placed = list(heights)
    lowest = _TOP + 4.0
    for i in order:
        placed[i] = lowest = max(placed[i], lowest)
        lowest += _LINE_OF_TEXT
    highest = _HEIGHT - _BOTTOM + 8.0
    for i in reversed(order):
        placed[i] = highest = min(placed[i], highest)
        highest -= _LINE_OF_TEXT
    return placed


def _number(value: float) -> str:
    """At most four digits."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
