# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The training loop: one function, read from top to bottom. What it works with is made elsewhere and handed in."""

import math
import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from genesis_ext.data.loader import Batch
from genesis_ext.training.checkpoint import DataMark, TrainingState, best_loss_on_disk, save_checkpoint
from genesis_ext.training.config import PretrainConfig
from genesis_ext.training.objectives import OBJECTIVES
from genesis_ext.training.pictures import RestorationGrid, save_loss_curve, save_picture, save_restorations
from genesis_ext.training.run_log import Log
from genesis_ext.training.validation import ValidationReport, Validator


class TrainingDivergedError(RuntimeError):
    """The loss is NaN or infinite; the checkpoints on disk are from before."""


def train(
    state: TrainingState,
    batches: Iterator[Batch],
    validator: Validator,
    config: PretrainConfig,
    data: DataMark,
    out: Path,
    log: Log,
    time_limit_s: float = math.inf,
    grid: RestorationGrid | None = None,
) -> ValidationReport:
    """Train from ``state.progress`` to ``config.steps``, or until validation has not improved for long.

    Every ``validate_every_steps`` the schedule and the early stop take note of the validation. One more at the very end
    only reports, and last.pt is written before it: so a run that was stopped and resumed gives the weights of one that
    was not.

    batches: without end, from the step of ``state.progress`` on.
    data: of what, for the checkpoints.
    time_limit_s: stop after so many seconds, as if the steps were done; the run can be resumed.
    out: gets last.pt, best.pt, loss_curve.png and, at each validation, pictures/step_*.png.
    grid: patches that are drawn at each validation too, as pictures/combinations_*.png and in TensorBoard.
    Returns the last validation.

    Raises:
        TrainingDivergedError: the loss is not finite.
    """
    network, progress = state.network, state.progress
    objective = OBJECTIVES[config.loss]
    best_saved = best_loss_on_disk(out / "best.pt")
    losses: list[Tensor] = []
    report: ValidationReport | None = None
    finished = progress.finished(config)
    deadline = time.monotonic() + time_limit_s
    network.train()

    while not finished:
        with log.data():
            batch = next(batches)
        state.optimizer.zero_grad()
        loss = objective(network(batch["input"]), batch["target"])
        loss.backward()
        state.optimizer.step()
        progress.step += 1
        losses.append(loss.detach())

        validates = progress.step % config.validate_every_steps == 0
        writes = progress.step % config.checkpoint_every_steps == 0 or progress.step == config.steps
        time_is_up = time.monotonic() >= deadline
        if validates or writes or time_is_up or progress.step % config.log_every_steps == 0:
            mean_loss = float(torch.stack(losses).mean())  # waits for the device
            losses.clear()
            if not math.isfinite(mean_loss):
                raise TrainingDivergedError(
                    f"the loss is {mean_loss} at step {progress.step}: lower --lr (now {config.lr:g})"
                )
            log.training(progress.step, {"loss": mean_loss, "lr": state.learning_rate})

        report = validator(network) if validates else None
        if report is not None:
            state.schedule.after_validation(report.loss)
            progress.note_validation(report.loss)
        finished = progress.finished(config) or time_is_up
        if writes or finished:
            save_checkpoint(out / "last.pt", state, config, data, report.loss if report else None)
        if report is None and finished:
            report = validator(network)
        if report is not None:
            best_saved = _publish(report, best_saved, state, validator, config, data, out, log, grid)

    if progress.step < config.steps:
        early = progress.finished(config)
        why = f"{progress.stale_validations} validations without progress" if early else "time is up"
        log.message(f"stopped at step {progress.step} of {config.steps}: {why}")
    return report or validator(network)


def _publish(
    report: ValidationReport,
    best_saved: float,
    state: TrainingState,
    validator: Validator,
    config: PretrainConfig,
    data: DataMark,
    out: Path,
    log: Log,
    grid: RestorationGrid | None,
) -> float:
    """Log and draw a validation, keep the weights if they are the best; returns the loss of the best on disk."""
    step = state.progress.step
    log.validation(step, {"loss": report.loss, **asdict(report.baselines), "works": report.works}, str(report))
    if report.collapsed:
        log.message(
            f"warning: the outputs are nearly constant (standard deviation {report.output_std:.4f}, targets "
            f"{report.target_std:.4f}): if this stays, training has collapsed; lower --lr (now {config.lr:g})"
        )
    batch = next(iter(validator.samples))
    x, y = batch["input"], batch["target"]
    save_restorations(out / "pictures" / f"step_{step:06d}.png", x, validator.restore(state.network, x), y, step)
    if grid is not None:
        image = grid.draw(partial(validator.restore, state.network), step)
        save_picture(out / "pictures" / f"combinations_{step:06d}.png", image)
        log.picture("combinations", step, image)
    save_loss_curve(out / "loss_curve.png", log.entries())
    if report.loss < best_saved:
        save_checkpoint(out / "best.pt", state, config, data, report.loss)
        return report.loss
    return best_saved
