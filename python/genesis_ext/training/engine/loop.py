# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The training loop: one function, read from top to bottom. What it works with is made elsewhere and handed in."""

import math
import signal
import time
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import torch

from genesis_ext.data.loader import Batch
from genesis_ext.training.engine.capture import CapturedStep
from genesis_ext.training.engine.checkpoint import DataMark, TrainingState, best_loss_on_disk, save_checkpoint
from genesis_ext.training.engine.health import Health
from genesis_ext.training.engine.objective import Figures
from genesis_ext.training.engine.processes import add_up, share_buffers
from genesis_ext.training.engine.run_folder import RunFolder
from genesis_ext.training.engine.run_log import Log
from genesis_ext.training.engine.signals import StopRequest
from genesis_ext.training.engine.step import gradient_norm, take_step
from genesis_ext.training.pictures import RestorationGrid, save_loss_curve, save_picture, save_restorations
from genesis_ext.training.pretraining.config import PretrainConfig
from genesis_ext.training.pretraining.validation import ValidationReport, Validator

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def train(
    fabric: "Fabric",
    state: TrainingState,
    batches: Iterator[Batch],
    validator: Validator,
    config: PretrainConfig,
    data: DataMark,
    folder: RunFolder,
    log: Log,
    stop: StopRequest,
    deadline: float = math.inf,
    grid: RestorationGrid | None = None,
) -> ValidationReport:
    """Train from ``state.progress`` to ``config.run.steps``, or until validation has not improved for long.

    Every ``validate_every`` the schedule and the early stop take note of the validation. One more at the very end
    only reports, and last.pt is written before it: so a run that was stopped and resumed gives the weights of one that
    was not.

    batches: without end, from the step of ``state.progress`` on.
    data: of what, for the checkpoints.
    stop: asked for by a signal: the run writes last.pt and ends, as if the steps were done.
    deadline: stop after the step in which ``time.monotonic`` comes to it, in the same way; the run can be resumed.
    folder: gets last.pt, best.pt, loss_curve.png and, at each validation, pictures/step_*.png.
    grid: patches that are drawn at each validation too, as pictures/combinations_*.png and in TensorBoard.
    Returns the last validation.

    Raises:
        TrainingDivergedError: the loss is not finite, or the gradients explode.
    """
    progress, options = state.progress, config.run
    health = Health(config)
    best_saved = best_loss_on_disk(folder.best)
    report: ValidationReport | None = None
    finished = progress.finished(config)
    sums: dict[str, torch.Tensor] = {}
    steps_summed = 0
    for module in state.objective.modules.values():
        module.train()

    def update(batch: Batch) -> Figures:
        return take_step(fabric, state, batch, config.optim.accumulate, config.optim.clip)

    captured = CapturedStep(batches, update) if config.run.cuda_graph else None

    def validate() -> ValidationReport:
        share_buffers(fabric, [*state.objective.modules.values(), *([] if state.mean is None else [state.mean])])
        return validator(state.judged)

    while not finished:
        with log.data():
            take = captured or partial(update, next(batches))
        figures = take()
        for rates in state.rates.values():
            rates.after_step()
        if state.mean is not None:
            state.mean.update_parameters(state.objective.network)
        progress.step += 1
        log.step(progress.step, figures["loss"])
        sums = {name: value + sums.get(name, 0.0) for name, value in figures.items()}
        steps_summed += 1

        validates = progress.step % options.validate_every == 0
        keeps = bool(options.keep_every) and progress.step % options.keep_every == 0
        writes = progress.step % options.checkpoint_every == 0 or progress.step == options.steps
        logs = progress.step % options.log_every == 0
        ends = False
        if validates or writes or keeps or logs or fabric.world_size == 1:
            # Processes may see a signal at different steps, so they agree on it where they wait for each other anyway.
            asked, late = _any(fabric, stop.signal is not None, time.monotonic() >= deadline)
            if asked and stop.signal is None:  # of another process
                stop.signal = signal.SIGTERM
            ends = asked or late
        if validates or writes or keeps or logs or ends:
            means = {name: value / steps_summed for name, value in sums.items()}
            if "gradient_norm" not in means:
                means["gradient_norm"] = gradient_norm(state)
            values = (
                add_up(fabric, torch.stack(list(means.values()))) / fabric.world_size
            ).tolist()  # waits for the device
            named = dict(zip(means, values, strict=True))
            sums, steps_summed = {}, 0
            warning = health.check_training(progress.step, named)
            if warning:
                log.message(f"warning: {warning}")
            log.training(progress.step, {**named, "lr": state.learning_rate})

        report = validate() if validates else None
        if report is not None:
            for rates in state.rates.values():
                rates.after_validation(report.loss)
            progress.note_validation(report.loss)
        finished = progress.finished(config) or ends
        if fabric.is_global_zero and (writes or finished):
            save_checkpoint(folder.last, state, config, data, previous=folder.previous)
        if fabric.is_global_zero and keeps:
            save_checkpoint(folder.kept(progress.step), state, config, data)
        if report is None and finished:
            report = validate()
        if report is not None and fabric.is_global_zero:
            _publish(report, state, validator, folder, log, grid)
            # A run that was stopped has a validation more than one that was not: that must not decide what is best.
            if report.loss < best_saved and (validates or progress.step == options.steps):
                save_checkpoint(folder.best, state, config, data, report.loss)
                best_saved = report.loss
            for warning in health.remarks_on(report):
                log.message(warning)

    if progress.step < options.steps:
        early = progress.finished(config)
        why = f"{progress.stale_validations} validations without progress" if early else stop.reason or "time is up"
        log.message(f"stopped at step {progress.step} of {options.steps}: {why}")
    return report or validate()


def _any(fabric: "Fabric", *wishes: bool) -> tuple[bool, ...]:
    """For each wish whether any process has it."""
    if fabric.world_size == 1:
        return wishes
    return tuple((add_up(fabric, torch.tensor(wishes, dtype=torch.float32, device=fabric.device)) > 0).tolist())


def _publish(
    report: ValidationReport,
    state: TrainingState,
    validator: Validator,
    folder: RunFolder,
    log: Log,
    grid: RestorationGrid | None,
) -> None:
    """Log and draw a validation."""
    step = state.progress.step
    log.validation(step, {**report.figures, **report.baselines}, str(report))
    if state.objective.restores:
        batch = next(iter(validator.samples))
        x, y = batch["input"], batch["target"]
        restore = partial(validator.restore, state.judged)
        save_restorations(folder.pictures / f"step_{step:06d}.png", x, restore(x), y, step)
        if grid is not None:
            image = grid.draw(restore, step)
            save_picture(folder.pictures / f"combinations_{step:06d}.png", image)
            log.picture("combinations", step, image)
    save_loss_curve(folder.curve, log.entries())
