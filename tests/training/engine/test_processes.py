# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Runs that are killed, that are asked to stop, and that several processes share."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from genesis_ext.training.engine.checkpoint import read_checkpoint
from tests.data_layer.images import write_ct, write_mri
from tests.training.runs import command, environment, run, same

pytest.importorskip("lightning_fabric")
pytest.importorskip("tensorboard")

UNIVERSAL = ("--method", "universal", "--boxes", "scales")
GENTLE = ("--optimizer", "sgd", "--lr", "0.02")
"""Under which rounding stays as small as it is. AdamW divides by gradients that may be little else."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("processes")
    for number in range(2):
        write_ct(folder / f"scans/ct{number}.nii.gz", (40, 24, 20), seed=number)
        write_mri(folder / f"scans/mri{number}.nii.gz", (24, 40, 20), seed=number)
    run(folder / "scans", folder / "warm", folder / "cache", "--steps", "1")  # prepares the scans once
    return folder


def start(folder: Path, out: Path, *options: str, processes: int = 1) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command(folder / "scans", out, *options, processes=processes),
        env=environment(folder / "cache"),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def losses(out: Path) -> list[float]:
    entries = map(json.loads, (out / "log.jsonl").read_text().splitlines())
    return [entry["loss"] for entry in entries if entry["kind"] == "training"]


def wait_for_step(out: Path, step: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if read_checkpoint(out / "last.pt")["progress"]["step"] >= step:
                return
        except (OSError, ValueError):
            pass
        time.sleep(0.02)
    raise AssertionError(f"{out} did not come to step {step}")


@pytest.mark.parametrize("processes", [1, 2])
def test_twenty_steps_a_kill_and_twenty_more_are_forty_to_the_last_bit(
    folder: Path, tmp_path: Path, processes: int
) -> None:
    options = ("--steps", "40", *UNIVERSAL)
    run(folder / "scans", tmp_path / "whole", folder / "cache", *options, processes=processes)
    killed = start(folder, tmp_path / "parts", *options, processes=processes)
    wait_for_step(tmp_path / "parts", 20)
    subprocess.run(["pkill", "-KILL", "-s", str(killed.pid)], check=False)
    killed.wait(60)
    stopped_at = read_checkpoint(tmp_path / "parts/last.pt")["progress"]["step"]
    assert stopped_at < 40, "the run was over before it was killed"
    run(folder / "scans", tmp_path / "parts", folder / "cache", "--resume", processes=processes)
    whole, parts = (read_checkpoint(tmp_path / name / "last.pt") for name in ("whole", "parts"))
    assert whole["progress"]["step"] == 40
    assert same(whole, parts)
    assert losses(tmp_path / "whole") == losses(tmp_path / "parts")


def test_two_processes_train_as_one_does(folder: Path, tmp_path: Path) -> None:
    options = ("--steps", "10", *UNIVERSAL, *GENTLE, "--lr-scales", "0.01")
    for processes in (1, 2):
        run(folder / "scans", tmp_path / str(processes), folder / "cache", *options, processes=processes)
    one, two = (losses(tmp_path / name) for name in "12")
    assert two == pytest.approx(one, rel=1e-5)  # sums over the batch in another order


def test_a_run_goes_on_with_another_number_of_processes(folder: Path, tmp_path: Path) -> None:
    for name, first, then in (("ones", 1, 1), ("mixed", 2, 1)):
        run(folder / "scans", tmp_path / name, folder / "cache", "--steps", "5", *GENTLE, processes=first)
        run(folder / "scans", tmp_path / name, folder / "cache", "--resume", "--steps", "10", processes=then)
    ones, mixed = (losses(tmp_path / name) for name in ("ones", "mixed"))
    assert len(ones) == 10
    assert mixed == pytest.approx(ones, rel=1e-5)


def test_what_validates_is_what_the_checkpoint_holds(folder: Path, tmp_path: Path) -> None:
    """Each process has its own running means until they are shared."""
    options = ("--norm", "batch", "--bn-mode", "running", "--ema", "0.5", "--steps", "5")
    said = [
        run(folder / "scans", tmp_path / "run", folder / "cache", *more, processes=2)
        for more in (options, ("--resume", *options))
    ]
    losses = [re.findall(r"validation loss (\S+)", text)[-1] for text in said]
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    ("processes", "asked"), [(1, signal.SIGTERM), (2, signal.SIGTERM), (2, signal.SIGINT)], ids=str
)
def test_a_signal_writes_a_checkpoint_and_ends(
    folder: Path, tmp_path: Path, processes: int, asked: signal.Signals
) -> None:
    running = start(folder, tmp_path / "run", "--steps", "100000", processes=processes)
    wait_for_step(tmp_path / "run", 5)
    # Ctrl-C is for all of a terminal's processes, and torchrun passes it on once more.
    os.killpg(running.pid, asked) if asked is signal.SIGINT else running.send_signal(asked)
    status = running.wait(60)
    assert status == 143 if processes == 1 else status != 0
    step = read_checkpoint(tmp_path / "run/last.pt")["progress"]["step"]
    assert 5 <= step < 100000
    assert f"asked to by {asked.name}" in (tmp_path / "run/log.jsonl").read_text()
    run(folder / "scans", tmp_path / "run", folder / "cache", "--resume", "--steps", str(step + 1))


def test_processes_that_do_not_divide_the_batch_are_refused(folder: Path, tmp_path: Path) -> None:
    words = command(folder / "scans", tmp_path / "run", "--batch-size", "3", processes=2)
    done: Any = subprocess.run(words, env=environment(folder / "cache"), capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert "batch_size must be a multiple of the processes, got 3 for 2" in done.stderr
