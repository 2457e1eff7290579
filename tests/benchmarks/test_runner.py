# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The runner measures what it says: in turn, in the right units, with the memory of a call."""

import json

import pytest
import torch

from benchmarks import registry, runner, timing
from benchmarks.case import Benchmark, Case, Contender
from benchmarks.memory import peak_extra_bytes
from benchmarks.runner import Request
from benchmarks.sizes import parse_size, shrunk

CPU = torch.device("cpu")
MIB = 2**20


EFFORT = timing.Effort(rounds=4, least_rounds=2, seconds=0.04, budget=1.0, copy_bytes=0)


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still but for what is added to its only element."""
    seconds = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: seconds[0])
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
    timing.measure(case_of(*contenders), CPU, 1.0, EFFORT)
    turns = calls[4:-2]  # two calls of each warm up, and one of each at the end shows its memory
    assert [name for name, _ in turns] == ["a", "a", "a", "b", "b", "b"] * 4  # one before the clock starts, and two
    assert [call for name, call in turns if name == "a"] == [0, 0, 1, 2, 2, 3, 4, 4, 5, 6, 6, 7]


def test_times_rates_and_shares_are_those_of_a_sample(clock):
    slow, slower = contender("slow", clock, 0.02, samples=2), contender("slower", clock, 0.08, samples=4)
    first, second = timing.measure(case_of(slow, slower), CPU, 1e6, EFFORT)
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


def test_a_slow_contender_has_fewer_turns_once_its_budget_is_spent(clock):
    calls = []
    slow, slower = contender("slow", clock, 0.2), contender("slower", clock, 2.0, calls=calls)
    first, second = timing.measure(case_of(slow, slower), CPU, 1.0, EFFORT)
    assert (first["rounds"], second["rounds"]) == (4, 2)
    assert len(calls) == 1 + 2 + 1  # once to warm up, then only timed; at the end its memory is looked at


def test_a_trial_measures_a_slow_contender_by_its_warm_up(clock):
    calls = []
    quick = timing.Effort(rounds=3, least_rounds=0, seconds=0.04, budget=1.0, copy_bytes=0, memory_of_others=False)
    contenders = contender("ours", clock, 0.02), contender("slow", clock, 2.0, samples=2, calls=calls)
    ours, slow = timing.measure(case_of(*contenders), CPU, 1.0, quick)
    assert (ours["rounds"], slow["rounds"], len(calls)) == (3, 1, 1)
    assert slow["median_s"] == pytest.approx(1.0)
    assert slow["peak_extra_bytes"] is None


def test_the_spread_is_that_of_the_middle_half():
    assert timing.times([1.0, 2.0, 3.0, 4.0, 100.0]) == {"rounds": 5, "median_s": 3.0, "iqr_s": 2.0, "least_s": 1.0}
    assert timing.times([2.0])["iqr_s"] == 0.0


def test_a_quick_run_gives_a_result_that_json_can_hold():
    messages = []
    result = runner.run(Request(["paint_boxes"], CPU, sizes=((20, 12, 10),), quick=True), messages.append)
    (entry,) = json.loads(json.dumps(result))["results"]
    assert (entry["level"], entry["name"], entry["size"]) == ("operators", "paint_boxes", [20, 12, 10])
    assert (entry["unit"], entry["items"], entry["threads"]) == ("voxels", 2400, torch.get_num_threads())
    assert all(contender["median_s"] > 0 for contender in entry["contenders"])
    assert set(result["machine"]) >= {"date", "commit", "cpu", "cores", "instruction_set", "threads", "versions"}
    assert result["copy_bytes_per_s"] > 1e8
    assert [message.split()[0] for message in messages] == ["verifying", "[1/1]", "paint_boxes:"]


@pytest.fixture
def registered(monkeypatch):
    """Two benchmarks alone: one of any dtype, one of a dtype of its own; the dtypes that each was made for."""
    made = {"any": [], "own": []}

    def make(name, dtype=None):
        def case(setup):
            made[name].append(setup.dtype)
            run = Contender("genesis_ext", lambda call: None, setup.batch)
            used = dtype or str(setup.dtype).removeprefix("torch.")
            return Case(setup.size, 1, 1, (run,), lambda: None, dtype=used)

        return Benchmark(case, ((64, 64, 64), (8, 8, 8)), lambda size, device, quick: 2)

    monkeypatch.setattr(runner, "CASES", {"any": make("any"), "own": make("own", "int16")})
    monkeypatch.setattr(runner, "LEVELS", {"operators": ("any", "own")})
    return made


def test_every_dtype_is_measured_and_a_case_with_its_own_only_once(registered):
    dtypes = (torch.float32, torch.bfloat16)
    result = runner.run(Request(["any", "own"], CPU, dtypes, ((8, 8, 8),), True), lambda text: None)
    assert [(entry["name"], entry["dtype"]) for entry in result["results"]] == [
        ("any", "float32"),
        ("any", "bfloat16"),
        ("own", "int16"),
    ]


def test_a_trial_takes_the_first_size_made_small(registered):
    result = runner.run(Request(["any"], CPU, quick=True), lambda text: None)
    assert [entry["size"] for entry in result["results"]] == [[64, 64, 64]]
    assert shrunk((64, 64, 64)) == (64, 64, 64)
    assert shrunk((256, 256, 120)) == (64, 64, 30)
    assert shrunk((2**20, 1, 1)) == (2**18, 1, 1)


def test_verification_covers_every_dtype_that_a_case_can_have(registered):
    runner.verify(["any", "own"], CPU, (torch.float32, torch.float16))
    assert registered == {"any": [torch.float32, torch.float16], "own": [torch.float32]}


def test_a_contender_that_fails_its_check_stops_the_run_before_anything_is_timed(monkeypatch):
    def fails():
        raise AssertionError("wrong")

    def times_nothing(*args):
        pytest.fail("timed before it was verified")

    case = case_of(Contender("genesis_ext", times_nothing, 1, check=fails))
    bad = Benchmark(lambda setup: case, ((4, 4, 4),), lambda *of: 1)
    monkeypatch.setattr(runner, "CASES", {"bad": bad})
    with pytest.raises(AssertionError, match="wrong"):
        runner.run(Request(["bad"], CPU, quick=True), lambda text: None)


def test_levels_hold_every_name_once():
    assert len({*registry.NAMES}) == len(registry.NAMES)
    assert {*registry.CASES} < {*registry.NAMES}


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
