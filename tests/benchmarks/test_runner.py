# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The runner measures what it says: in turn, in the right units, with the memory of a call."""

import json

import pytest
import torch

from benchmarks import runner
from benchmarks.__main__ import parse_size
from benchmarks.case import Case, Contender
from benchmarks.memory import peak_extra_bytes

CPU = torch.device("cpu")
MIB = 2**20


EFFORT = runner.Effort(rounds=4, seconds=0.04, copy_bytes=0)


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still but for what is added to its only element."""
    seconds = [0.0]
    monkeypatch.setattr(runner.time, "perf_counter", lambda: seconds[0])
    return seconds


def contender(name, clock, seconds, samples=1, calls=None):
    def run(call):
        clock[0] += seconds
        if calls is not None:
            calls.append((name, call))

    return Contender(name, run, samples)


def case_of(*contenders):
    return Case((1, 1, 1), 1000, 8000, contenders, lambda: None)


def test_contenders_are_measured_in_turn_on_new_draws(clock):
    calls = []
    contenders = [contender(name, clock, 0.02, calls=calls) for name in "ab"]
    runner.measure(case_of(*contenders), CPU, 1.0, EFFORT)
    turns = calls[4:-2]  # two calls of each warm up, and one of each at the end shows its memory
    assert [name for name, _ in turns] == ["a", "a", "a", "b", "b", "b"] * 4  # one before the clock starts, and two
    assert [call for name, call in turns if name == "a"] == [0, 0, 1, 2, 2, 3, 4, 4, 5, 6, 6, 7]


def test_times_rates_and_shares_are_those_of_a_sample(clock):
    slow, slower = contender("slow", clock, 0.02, samples=2), contender("slower", clock, 0.08, samples=4)
    first, second = runner.measure(case_of(slow, slower), CPU, 1e6, EFFORT)
    assert (first["calls"], second["calls"]) == (2, 1)
    assert first["median_s"] == pytest.approx(0.01)
    assert first["iqr_s"] == pytest.approx(0.0, abs=1e-9)
    assert first["items_per_s"] == pytest.approx(1e5)
    assert first["share_of_copy_bandwidth"] == pytest.approx(0.8)
    assert (first["times_ours"], second["times_ours"]) == pytest.approx((1.0, 2.0))


def test_memory_of_one_buffer_counts_again_although_the_allocator_may_have_kept_it():
    for _ in range(2):
        peak = peak_extra_bytes(lambda: torch.ones(8 * MIB // 4), CPU)
        assert peak is not None
        assert 0.95 * 8 < peak / MIB < 8 + 4


def test_memory_is_what_a_call_held_at_its_peak_and_not_what_it_gave_back_before():
    def run() -> None:
        for held in (128, 64):  # both of a size that goes back to the system when it is freed
            torch.ones(held * MIB // 4)

    for _ in range(2):
        peak = peak_extra_bytes(run, CPU)
        assert peak is not None
        assert 0.95 * 128 < peak / MIB < 128 + 4


def test_a_quick_run_gives_a_result_that_json_can_hold():
    messages = []
    result = runner.run(["paint_boxes"], [(20, 12, 10)], CPU, True, messages.append)
    (entry,) = json.loads(json.dumps(result))["results"]
    assert (entry["operator"], entry["size"], entry["unit"]) == ("paint_boxes", [20, 12, 10], "voxels")
    assert entry["items"] == 2400
    assert all(contender["median_s"] > 0 for contender in entry["contenders"])
    assert set(result["machine"]) >= {"date", "commit", "cpu", "cores", "instruction_set", "threads", "versions"}
    assert result["copy_bytes_per_s"] > 1e8
    assert len(messages) == 1


@pytest.mark.parametrize(
    ("text", "size"),
    [("64x64x32", (64, 64, 32)), ("64x48", (64, 48, 1)), ("160^3", (160, 160, 160)), ("9^2", (9, 9, 1))],
)
def test_sizes_are_read_as_people_write_them(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["64", "64x0x2", "1x2x3x4", "2^4", "x", "a^3"])
def test_other_sizes_are_refused(text):
    with pytest.raises(ValueError):
        parse_size(text)
