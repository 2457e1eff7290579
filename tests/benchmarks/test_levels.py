# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Small batches, scaling and start-up: each is run as the command runs it, small."""

import pytest
import torch

from benchmarks import latency, ranks, runner, startup
from benchmarks.case import Setup
from benchmarks.registry import LATENCY, OPERATORS
from benchmarks.runner import Request
from benchmarks.scaling import SERIES, doubling

CPU = torch.device("cpu")
PATCH = runner.SMALL
FEW = {"batch_size": 3, "patch_size": 21, "windows": 40, "windows_in_sequence": 40, "threads": 1}


def measured(*names):
    return runner.run(Request(names, CPU, quick=True), lambda text: None)["results"]


@pytest.mark.parametrize("name", FEW)
def test_the_cases_of_a_series_do_what_they_should(name):
    case = SERIES[name].make(FEW[name], Setup(PATCH, 2, CPU))
    case.verify()
    assert case.contenders[0].name == "genesis_ext"


def test_a_series_changes_what_its_axis_says():
    batches = [SERIES["batch_size"].make(n, Setup(PATCH, 2, CPU)).contenders[0].samples for n in (1, 5)]
    sides = [SERIES["patch_size"].make(n, Setup(PATCH, 2, CPU)).size for n in (8, 16)]
    assert batches == [1, 5]
    assert sides == [(8, 8, 8), (16, 16, 16)]


def test_points_double_and_end_with_the_most():
    assert [doubling(most) for most in (1, 2, 6, 16)] == [[1], [1, 2], [1, 2, 4, 6], [1, 2, 4, 8, 16]]


def test_a_series_has_an_entry_for_each_point_and_no_others_beside():
    entries = measured("batch_size")
    assert [entry["point"] for entry in entries] == [{"axis": "batch size", "value": value} for value in (1, 8)]
    assert [entry["batch"] for entry in entries] == [1, 8]
    assert all(len(entry["contenders"]) == 1 for entry in entries)


def test_a_series_of_threads_runs_on_so_many_and_leaves_their_number_as_it_was(monkeypatch):
    before = torch.get_num_threads()
    seen = []

    def make(point, setup):
        case = SERIES["batch_size"].make(1, setup)
        run = case.contenders[0].run
        watched = lambda call: (seen.append(torch.get_num_threads()), run(call))  # noqa: E731
        return runner.replace(case, contenders=(runner.replace(case.contenders[0], run=watched),))

    series = runner.replace(SERIES["threads"], make=make, points=lambda device, quick: [1, 2])
    monkeypatch.setattr(runner, "SERIES", {"threads": series})
    entries = measured("threads")
    assert [entry["threads"] for entry in entries] == [1, 2]
    assert {*seen} == {1, 2}
    assert torch.get_num_threads() == before


def test_two_ranks_make_the_batch_together():
    measured = ranks.measure(2, CPU, (12, 12, 8), 2, runner.Request((), CPU, quick=True).effort)
    assert measured["samples"] == 4
    assert measured["median_s"] > 0


def test_a_rank_that_fails_is_named(monkeypatch):
    monkeypatch.setattr(ranks, "made_store", lambda folder, side: None)  # so there is no store to read
    with pytest.raises(ranks.RankError, match="rank 0 of 1 ended with status 1"):
        ranks.measure(1, CPU, (12, 12, 8), 2, runner.Request((), CPU, quick=True).effort)


@pytest.mark.parametrize("name", LATENCY)
def test_calls_with_little_to_do_give_what_they_should(name):
    runner.verify([name], CPU)


@pytest.mark.cuda
@pytest.mark.parametrize("make", [latency.transform, latency.plan])
def test_captured_calls_step_through_the_sample_ids(make):
    case = make(Setup(PATCH, 3, torch.device("cuda")))
    case.verify()
    assert [contender.name for contender in case.contenders] == [
        "genesis_ext",
        "genesis_ext, waited for",
        "genesis_ext, CUDA graph",
    ]


def test_start_up_tells_the_import_and_the_first_call_of_every_operator():
    imported, *calls = startup.measure(["import", "first_call"], CPU, 1)
    assert [contender["name"] for contender in imported["contenders"]] == ["genesis_ext", "torch"]
    assert {call["setting"] for call in calls} == {*OPERATORS}
    assert all(call["contenders"][0]["median_s"] > 0 for call in calls)
