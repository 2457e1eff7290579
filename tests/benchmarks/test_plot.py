# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a result: what is drawn, and that the same result gives the same picture."""

import re

import pytest

from benchmarks.plot import write_plots
from tests.benchmarks.results import contender, entry, result, series

pytest.importorskip("matplotlib")


@pytest.fixture
def made():
    lonely = entry("draw_plan", [contender("genesis_ext", 1e-6)])
    return result(
        entry(),
        entry(setting="order 3"),
        lonely,
        *series("threads", "threads", {1: 1000.0, 2: 1800.0}),
        *series("ranks", "ranks", {1: 10.0}, unit="samples"),
    )


def test_there_is_a_picture_of_what_has_others_beside_it_and_one_of_all_series(made, tmp_path):
    paths = write_plots(made, tmp_path / "new", "png")
    assert [path.name for path in paths] == ["bezier_map.png", "scaling.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


def test_the_same_result_gives_the_same_bytes(made, tmp_path):
    first, second = (write_plots(made, tmp_path / name) for name in "ab")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_bars_are_as_many_as_contenders_and_ours_are_of_another_colour(made, tmp_path):
    picture = write_plots(made, tmp_path)[0].read_text()
    fills = re.findall(r"fill: (#\w{6})", picture)
    assert fills.count("#0072b2") == 2
    assert fills.count("#b8b8b8") == 2
