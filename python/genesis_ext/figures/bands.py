# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Curves with bands: how methods converge, or do with fewer labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from genesis_ext.figures.chart import Chart
from genesis_ext.figures.page import SERIES

_MOST_DOTS = 30  # of a curve; longer ones are lines alone


@dataclass(frozen=True)
class Band:
    """One curve.

    Attributes:
        name: for the legend.
        x, y: its points; where y is NaN, it is broken.
        low, high: edges of the band; none draws none.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


def save_bands(
    path: Path, bands: Sequence[Band], across: str, up: str, title: str = "", logarithmic: bool = False
) -> Path:
    """Write a PNG, or SVG by its name, of curves with their bands; returns the path.

    across, up: what the axes are.   logarithmic: the axis across, with ticks at the points of the first curve.

    Raises:
        ValueError: there is no curve, or one has columns of different lengths.
    """
    if not bands:
        raise ValueError("save_bands: bands must hold one curve at least, got none")
    for band in bands:
        sizes = {len(column) for column in (band.x, band.y, band.low or band.y, band.high or band.y)}
        if len(sizes) > 1 or bool(band.low) != bool(band.high):
            got = [len(column) for column in (band.x, band.y, band.low, band.high)]
            raise ValueError(f"save_bands: x, y, low and high of {band.name} must have one length, got {got}")
    chart = Chart(across, up, title)
    for number, band in enumerate(bands):
        colour = SERIES[number % len(SERIES)]
        marker = "o" if len(band.x) <= _MOST_DOTS else ""
        chart.axes.plot(band.x, band.y, color=colour, marker=marker, markersize=3.5, linewidth=1.5, label=band.name)
        if band.low:
            chart.axes.fill_between(band.x, band.low, band.high, color=colour, alpha=0.18, linewidth=0)
    if logarithmic:
        chart.axes.set_xscale("log")
        chart.axes.set_xticks(list(bands[0].x), [f"{x:g}" for x in bands[0].x])
        chart.axes.minorticks_off()
    return chart.save_with_legend(path)
