# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What the log of a run measures, writes and shows."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from genesis_ext.training.engine import run_log
from genesis_ext.training.engine.run_log import Log, NullLog, RunLog

pytest.importorskip("rich")
pytest.importorskip("tensorboard")


class Clock:
    """Stands for the module ``time``: it goes on only when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(run_log, "time", self)

    def perf_counter(self) -> float:
        return self.now

    monotonic = perf_counter


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def steps(log: Log, clock: Clock, count: int, data_s: float = 1.0, rest_s: float = 3.0) -> None:
    for _ in range(count):
        with log.data():
            clock.now += data_s
        clock.now += rest_s


def test_rates_are_of_the_last_window_without_the_first_step(tmp_path: Path, clock: Clock) -> None:
    with RunLog(tmp_path, 100, samples_a_step=8) as log:
        steps(log, clock, 1, data_s=500.0)
        steps(log, clock, 9)
        log.training(10, {"loss": 0.5})
        steps(log, clock, 10, data_s=0.5, rest_s=0.5)
        log.training(20, {"loss": 0.5})
        first, second = log.entries()
    assert first["steps_per_s"] == pytest.approx(0.25)
    assert first["samples_per_s"] == pytest.approx(2.0)
    assert first["data_share"] == pytest.approx(0.25)
    assert (second["steps_per_s"], second["data_share"]) == (pytest.approx(1.0), pytest.approx(0.5))
    assert first["elapsed_s"] == pytest.approx(503.0 + 9 * 4.0)


def test_something_is_said_after_the_first_step_and_every_ten_seconds_without_entries(
    tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with RunLog(tmp_path, 100, samples_a_step=8) as log:
        clock.now += 7.0  # before the first batch
        for step in range(1, 8):
            steps(log, clock, 1, rest_s=49.0 if step == 1 else 3.0)
            log.step(step, torch.tensor(0.25))
    assert capsys.readouterr().out.splitlines() == [
        "step 1/100  loss 0.25000  first step 50 s",
        "step 4/100  0.25 steps/s  6:24 left",
        "step 7/100  0.25 steps/s  6:12 left",
    ]
    assert not list(log.entries())


def test_a_first_step_alone_has_no_rate(tmp_path: Path, clock: Clock) -> None:
    with RunLog(tmp_path, 100, 1) as log:
        steps(log, clock, 1)
        log.training(1, {"loss": 0.5})
        steps(log, clock, 1)
        log.training(2, {"loss": 0.5})
        first, second = log.entries()
    assert "steps_per_s" not in first
    assert second["steps_per_s"] == pytest.approx(0.25)


def test_what_lies_between_an_entry_and_the_next_batch_is_no_training_but_counts_for_the_time_left(
    tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with RunLog(tmp_path, 111, 1) as log:
        steps(log, clock, 11)
        log.training(11, {"loss": 0.5})
        clock.now += 60.0  # a validation
        steps(log, clock, 10)
        log.training(21, {"loss": 0.5})
        assert [entry["steps_per_s"] for entry in log.entries()] == [pytest.approx(0.25)] * 2
    # 20 steps in 140 s, and 90 are left.
    assert "10:30 left" in capsys.readouterr().out


def test_a_resumed_run_has_rates_of_its_own_and_goes_on_with_the_time(tmp_path: Path, clock: Clock) -> None:
    with RunLog(tmp_path, 10, 1) as log:
        steps(log, clock, 5)
        log.training(5, {"loss": 0.5})
    clock.now += 1e6
    with RunLog(tmp_path, 10, 1, first_step=5) as log:
        steps(log, clock, 5, data_s=0.0, rest_s=1.0)
        log.training(10, {"loss": 0.5})
        before, after = log.entries()
    assert after["steps_per_s"] == pytest.approx(1.0)
    assert after["elapsed_s"] - before["elapsed_s"] == pytest.approx(5.0)


def test_a_resumed_log_drops_what_comes_again(tmp_path: Path) -> None:
    with RunLog(tmp_path, 10, 1) as log:
        for step in (1, 2, 3):
            log.training(step, {"loss": 0.5})
            log.message(f"at {step}")
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"kind": "train')  # cut short by a kill
    with RunLog(tmp_path, 10, 1, first_step=2) as log:
        log.training(3, {"loss": 0.25})
        kept = [(e["step"], e.get("loss"), e.get("text")) for e in log.entries()]
    assert kept == [(1, 0.5, None), (1, None, "at 1"), (2, 0.5, None), (2, None, "at 2"), (3, 0.25, None)]


def test_any_figures_reach_the_file_and_tensorboard(tmp_path: Path) -> None:
    with RunLog(tmp_path, 2, 1) as log:
        log.training(1, {"loss": 0.5, "accuracy_discriminator": 0.75})
        log.validation(1, {"loss": 0.25, "blur": math.inf, "works": True}, "fine")
        log.picture("restorations", 1, np.zeros((4, 6, 3), np.uint8))
        training, validation = log.entries()
    assert (training["kind"], training["step"], training["accuracy_discriminator"]) == ("training", 1, 0.75)
    assert training["memory_gib"] > 0.01  # this process has torch in it
    assert validation == {
        "kind": "validation", "step": 1, "loss": 0.25, "blur": None, "works": True, "note": "fine"
    }  # fmt: skip
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    assert {"loss/training", "loss/validation", "accuracy_discriminator/training"} <= set(tags["scalars"])
    assert tags["images"] == ["restorations"]


def test_every_line_is_strict_json(tmp_path: Path) -> None:
    with RunLog(tmp_path, 2, 1) as log:
        log.training(1, {"loss": math.nan, "lr": -math.inf})

    def refuse(name: str) -> float:
        raise AssertionError(name)

    (line,) = (tmp_path / "log.jsonl").read_text().splitlines()
    assert json.loads(line, parse_constant=refuse)["loss"] is None


def test_a_loss_is_needed(tmp_path: Path) -> None:
    with RunLog(tmp_path, 2, 1) as log, pytest.raises(KeyError, match="loss"):
        log.training(1, {"lr": 0.1})


def test_without_a_console_nothing_is_printed_and_all_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with RunLog(tmp_path, 1, 1, console=False) as log:
        log.message("warning: something")
        log.training(1, {"loss": 0.5})
        log.validation(1, {"loss": 0.5}, "fine")
        assert [entry["kind"] for entry in log.entries()] == ["message", "training", "validation"]
    assert capsys.readouterr().out == ""


def test_the_other_ranks_write_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with NullLog() as null:
        log: Log = null
        with log.data():
            pass
        log.training(1, {"loss": 0.5})
        log.validation(1, {"loss": 0.5}, "fine")
        log.message("fine")
        log.picture("a", 1, np.zeros((2, 2, 3), np.uint8))
        assert list(log.entries()) == []
    assert capsys.readouterr().out == ""
    assert not list(tmp_path.iterdir())


def test_a_bar_shows_the_rates_on_a_terminal(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes standard output for a terminal
    monkeypatch.setenv("COLUMNS", "160")
    with RunLog(tmp_path, 6, samples_a_step=4) as log:
        steps(log, clock, 5)
        log.training(5, {"loss": 0.5})
    said = capsys.readouterr().out
    for text in ("5/6", "loss 0.50000", "0.25 steps/s", "1 samples/s", "data 25%", "GiB", "0:04 left"):
        assert text in said
