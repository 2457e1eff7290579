# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Charts: where points and names lie, read from the SVG."""

import math
import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest

from genesis_ext.training.report.chart import Line, line_chart


def places(chart: str) -> list[list[tuple[float, float]]]:
    return [
        [(float(x), float(y)) for x, y in (pair.split(",") for pair in points.split())]
        for points in re.findall(r'<polyline [^>]*points="([^"]*)"', chart)
    ]


def test_equal_ratios_are_equally_far_apart_on_a_logarithmic_axis() -> None:
    chart = line_chart("loss", [Line("a", [(0, 100.0), (10, 10.0), (20, 1.0)], "training")], logarithmic=True)
    (x0, y0), (x1, y1), (x2, y2) = places(chart)[0]
    assert y1 - y0 == pytest.approx(y2 - y1, abs=0.11)
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.11)
    assert y0 < y1  # greater values are higher up


def test_a_linear_axis_has_the_zero() -> None:
    chart = line_chart("rate", [Line("a", [(1, 5.0), (2, 6.0)], "series-0")])
    assert 'text-anchor="end">0</text>' in chart
    ((_, low), (_, high)) = places(chart)[0]
    assert high == pytest.approx(12.0)
    assert low - high == pytest.approx(188 / 6, abs=0.1)


def test_values_that_cannot_be_drawn_are_left_out() -> None:
    points = [(0, 1.0), (1, math.nan), (2, math.inf), (3, 0.0), (4, 2.0)]
    assert [len(line) for line in places(line_chart("a", [Line("a", points, "training")]))] == [3]
    assert [len(line) for line in places(line_chart("a", [Line("a", points, "training")], logarithmic=True))] == [2]
    assert line_chart("a", [Line("a", [(0, math.nan)], "training"), Line("b", [], "training")]) == ""


def test_constant_values_and_single_points_are_drawn() -> None:
    for value in (0.0, 3.0):
        for logarithmic in (False, value > 0):
            chart = line_chart("a", [Line("a", [(5, value)], "training")], logarithmic)
            (place,) = re.findall(r'<circle [^>]*cx="([\d.]+)" cy="([\d.]+)"', chart)
            assert all(0 <= float(at) <= 760 for at in place)


def test_long_lines_are_averaged() -> None:
    points = [(i, float(i % 2)) for i in range(100_000)]
    (line,) = places(line_chart("a", [Line("a", points, "training")]))
    assert 300 < len(line) <= 600
    heights = [y for _, y in line]
    assert max(heights) - min(heights) < 5  # of 188: each point is near the mean


def test_names_of_lines_that_end_together_do_not_overlap() -> None:
    lines = [Line(f"line {i}", [(0, 1.0), (10, 1.0 + i / 1e4)], "training") for i in range(6)]
    heights = sorted(
        float(y) for y in re.findall(r'<text class="name [^"]*" x="\d+" y="([\d.]+)"', line_chart("a", lines))
    )
    assert len(heights) == 6
    assert min(b - a for a, b in pairwise(heights)) >= 14.9
    assert 0 < heights[0] < heights[-1] < 240


def test_it_is_xml_whatever_the_names() -> None:
    chart = line_chart('a "<b>" & c', [Line("<i>'\"&", [(0, 1.0), (1, 2.0)], "training")])
    root = ElementTree.fromstring(chart)
    assert root.attrib["aria-label"] == 'a "<b>" & c'
    assert "<i>'\"&" in [element.text for element in root.iter("text")]
    assert "2 at the end" in str(next(root.iter("desc")).text)
