# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Bars with intervals and stars, and curves with bands."""

import math
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")
from matplotlib.collections import LineCollection
from matplotlib.container import BarContainer

from genesis_ext.figures import Band, Bar, Mark, save_bands, save_bars
from genesis_ext.figures.chart import Chart

GROUPS = {
    "nodules $x_1$": [Bar("scratch", 0.7, 0.6, 0.75, (0.65, 0.78)), Bar("genesis", 0.8, 0.78, 0.82)],
    "liver": [Bar("scratch", 0.5), Bar("genesis", math.nan)],
}
MARKS = {"nodules $x_1$": [Mark("scratch", "genesis", "**")], "liver": [Mark("scratch", "genesis", "")]}
BANDS = [Band("scratch", [10, 30, 100], [0.5, math.nan, 0.7], [0.4, math.nan, 0.6], [0.6, math.nan, 0.8])]


@pytest.fixture
def charts(monkeypatch: pytest.MonkeyPatch) -> list[Chart]:
    """The charts in place of the files that would be written."""
    made: list[Chart] = []
    monkeypatch.setattr(Chart, "save_with_legend", lambda chart, path: made.append(chart) or path)
    return made


def test_bars_have_their_heights_intervals_and_colours(charts: list[Chart]) -> None:
    save_bars(Path("x.png"), GROUPS, "IoU", MARKS, bottom=0.2)
    axes = charts[0].axes
    bars = [bar for bar in axes.containers if isinstance(bar, BarContainer)]
    tops = [(bar[0].get_y(), bar[0].get_y() + bar[0].get_height()) for bar in bars]
    assert tops == [(0.2, pytest.approx(height)) for height in (0.7, 0.8, 0.5)]
    assert bars[0][0].get_facecolor() == bars[2][0].get_facecolor() != bars[1][0].get_facecolor()
    segments = [line.get_segments()[0] for line in axes.collections if isinstance(line, LineCollection)]
    upright = [[y for _, y in ends] for ends in segments if ends[0][0] == ends[1][0]]
    assert upright == [[0.6, 0.75], [0.78, 0.82]]
    assert axes.get_legend_handles_labels()[1] == ["scratch", "genesis"]
    assert axes.get_xlabel() == "the axis begins at 0.2"


def test_a_bracket_stands_above_all_that_its_group_has_and_an_empty_text_draws_none(charts: list[Chart]) -> None:
    save_bars(Path("x.png"), GROUPS, "IoU", MARKS)
    axes = charts[0].axes
    assert [text.get_text().strip() for text in axes.texts] == ["not measured", "**"]
    assert 0.82 < axes.texts[1].get_position()[1] < axes.get_ylim()[1]


def test_curves_are_broken_where_nothing_was_measured(charts: list[Chart]) -> None:
    long = Band("long", list(range(40)), [0.5] * 40)
    save_bands(Path("x.png"), [*BANDS, long], "labels, %", "Dice", logarithmic=True)
    axes = charts[0].axes
    first, second = axes.lines
    assert list(first.get_ydata()) == pytest.approx([0.5, math.nan, 0.7], nan_ok=True)
    assert (first.get_marker(), second.get_marker()) == ("o", "")
    assert len(axes.collections) == 1
    assert [label.get_text() for label in axes.get_xticklabels()] == ["10", "30", "100"]


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_equal_data_gives_equal_files(tmp_path: Path, suffix: str) -> None:
    begin = {"png": b"\x89PNG", "svg": b"<?xml"}[suffix]
    for number in range(2):
        save_bars(tmp_path / f"{number}" / f"bars.{suffix}", GROUPS, "IoU", MARKS, "title")
        save_bands(tmp_path / f"{number}" / f"bands.{suffix}", BANDS, "labels, %", "Dice")
    for name in ("bars", "bands"):
        first, second = ((tmp_path / f"{number}" / f"{name}.{suffix}").read_bytes() for number in range(2))
        assert first == second
        assert first.startswith(begin)
    assert save_bars(tmp_path / f"none.{suffix}", {"liver": [Bar("a", math.nan)]}, "IoU").exists()


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    for groups, marks, told in (
        ({}, {}, "groups must hold one bar at least"),
        ({"a": [Bar("x", 1.0), Bar("x", 2.0)]}, {}, "a must have one bar a name, got two of x"),
        ({"a": [Bar("x", 1.0)]}, {"a": [Mark("x", "y", "*")]}, "a mark of a must name bars of it, got y"),
        ({"a": [Bar("x", 1.0)]}, {"b": [Mark("x", "x", "*")]}, "a mark of b must name bars of it, got x"),
    ):
        with pytest.raises(ValueError, match=told):
            save_bars(tmp_path / "x.png", groups, "IoU", marks)
    with pytest.raises(ValueError, match="bands must hold one curve at least"):
        save_bands(tmp_path / "x.png", [], "x", "y")
    for band in (Band("a", [1, 2], [1.0]), Band("a", [1], [1.0], [0.5])):
        with pytest.raises(ValueError, match="x, y, low and high of a must have one length"):
            save_bands(tmp_path / "x.png", [band], "x", "y")
    assert list(tmp_path.iterdir()) == []
