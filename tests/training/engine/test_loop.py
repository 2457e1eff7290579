# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from genesis_ext.data.loader import Batch
from genesis_ext.training import PretrainConfig, TrainingDivergedError, ValidationReport, Validator, train
from genesis_ext.training.engine.checkpoint import DataMark, Origin, read_checkpoint
from genesis_ext.training.engine.loop import Run
from genesis_ext.training.engine.optimizers import LearningRates, make_optimizer
from genesis_ext.training.engine.processes import make_fabric
from genesis_ext.training.engine.run_folder import RunFolder
from genesis_ext.training.engine.run_log import RunLog
from genesis_ext.training.engine.signals import StopRequest
from genesis_ext.training.engine.state import Progress, TrainingState
from genesis_ext.training.pretraining.methods.genesis import Restoration
from tests.training.doubles import Constant, endless_ramps, fixed_ramps

pytest.importorskip("matplotlib")
pytest.importorskip("tensorboard")

SETTINGS: dict[str, Any] = {
    "steps": 6,
    "batch_size": 2,
    "validate_every": 3,
    "checkpoint_every": 2,
    "validation_patches": 4,
    "log_every": 1,
}


def small_network() -> nn.Module:
    return nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv3d(4, 1, 1))


def run(
    out: Path,
    network: nn.Module,
    batches: Callable[[int], Iterator[Batch]] = endless_ramps,
    time_limit_s: float = math.inf,
    **settings: Any,
) -> ValidationReport:
    config = PretrainConfig.of(**{**SETTINGS, **settings})
    fabric = make_fabric("cpu", config.run)
    objective = Restoration(network, config.method.loss, config.optim.lr)
    optimizer = make_optimizer(network, config.optim.lr, config.optim)
    rates = {"network": LearningRates(optimizer, config.optim, config.run)}
    objective.modules["network"], wrapped = fabric.setup(network, optimizer)
    state = TrainingState(objective, {"network": wrapped}, rates, Progress())
    samples = fixed_ramps(config.run.validation_patches, config.optim.batch_size)
    validator = Validator(samples, objective, config.method.loss)
    origin = Origin(config.as_dict(), DataMark("0", ("ramps",)))
    with RunLog(out, config.run.steps, config.optim.batch_size) as log, StopRequest() as stop:
        endless, deadline = batches(config.optim.batch_size), time.monotonic() + time_limit_s
        return train(Run(fabric, state, endless, validator, config, origin, RunFolder(out), stop, deadline), log)


def poisoned(batch_size: int, first_bad: int = 0) -> Iterator[Batch]:
    """Targets that are not finite from some step on."""
    for step, batch in enumerate(endless_ramps(batch_size)):
        yield {**batch, "target": batch["target"] * math.nan} if step >= first_bad else batch


def entries(out: Path, kind: str) -> list[dict[str, Any]]:
    return [e for e in map(json.loads, (out / "log.jsonl").read_text().splitlines()) if e["kind"] == kind]


def test_a_run_leaves_checkpoints_pictures_curve_and_logs(tmp_path: Path) -> None:
    report = run(tmp_path, small_network(), steps=7)
    assert [e["step"] for e in entries(tmp_path, "training")] == [1, 2, 3, 4, 5, 6, 7]
    validations = entries(tmp_path, "validation")
    assert [e["step"] for e in validations] == [3, 6, 7]  # the last one is off the grid
    assert validations[-1]["loss"] == report.loss
    assert {"identity", "constant", "blur"} <= validations[0].keys()
    assert sorted(p.name for p in (tmp_path / "pictures").iterdir()) == [f"step_{n:06d}.png" for n in (3, 6, 7)]
    assert (tmp_path / "loss_curve.png").stat().st_size > 1000
    assert list((tmp_path / "tensorboard").iterdir())
    assert read_checkpoint(tmp_path / "last.pt")["progress"]["step"] == 7
    best = read_checkpoint(tmp_path / "best.pt")
    assert best["validation_loss"] == min(e["loss"] for e in validations)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    torch.manual_seed(0)
    run(tmp_path, small_network(), steps=40, lr=0.02, validate_every=20)
    losses = [e["loss"] for e in entries(tmp_path, "validation")]
    assert losses[-1] < losses[0]


def test_a_network_that_gives_a_constant_is_warned_of_and_does_not_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = run(tmp_path, Constant(0.9), steps=60, lr=0.05, validate_every=60)
    assert report.loss < report.baselines["identity"]
    assert not report.works
    assert entries(tmp_path, "validation")[-1]["note"].endswith("does not beat them all")
    said = capsys.readouterr().out
    assert "warning: the outputs are nearly constant" in said
    assert "lower --lr (now 0.05)" in said
    assert "does not beat them all" in said


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_old_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(TrainingDivergedError, match="the loss is nan at step 4: lower --lr"):
        run(tmp_path, small_network(), lambda size: poisoned(size, first_bad=3), log_every=100)
    last = read_checkpoint(tmp_path / "last.pt")
    assert last["progress"]["step"] == 2
    assert all(bool(value.isfinite().all()) for value in last["state_dict"].values())


def test_training_stops_early_when_validation_does_not_improve(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, Constant(0.4), steps=100, lr=1e-9, validate_every=2, early_stop=3)
    assert "stopped at step 8 of 100: 3 validations without progress" in capsys.readouterr().out
    # The first validation is the best; AdamW at 1e-9 changes a float32 of .4 by less than its spacing.
    assert [e["step"] for e in entries(tmp_path, "validation")] == [2, 4, 6, 8]
    assert read_checkpoint(tmp_path / "last.pt")["progress"] == {
        "rollbacks": 0,
        "step": 8,
        "best_loss": entries(tmp_path, "validation")[0]["loss"],
        "stale_validations": 3,
    }
    assert read_checkpoint(tmp_path / "best.pt")["progress"]["step"] == 2


def test_a_run_stops_at_its_time_limit_with_a_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, small_network(), time_limit_s=0.0, steps=100)
    assert "stopped at step 1 of 100: time is up" in capsys.readouterr().out
    assert [e["step"] for e in entries(tmp_path, "validation")] == [1]
    assert read_checkpoint(tmp_path / "last.pt")["progress"]["step"] == 1
    assert not (tmp_path / "best.pt").exists()  # a run that was not stopped has no validation there


def test_a_run_out_of_time_saves_no_weights_of_a_loss_that_is_not_finite(tmp_path: Path) -> None:
    with pytest.raises(TrainingDivergedError, match="at step 1"):
        run(tmp_path, small_network(), poisoned, time_limit_s=0.0, log_every=5)
    assert not (tmp_path / "last.pt").exists()
