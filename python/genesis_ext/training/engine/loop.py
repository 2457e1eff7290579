# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The training loop: one function, read from top to bottom. What it works with is made elsewhere and handed in."""

import math
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch

from genesis_ext.figures import save_loss_curve
from genesis_ext.training.engine.capture import CapturedStep
from genesis_ext.training.engine.checkpoint import Origin, best_loss_on_disk, save_checkpoint
from genesis_ext.training.engine.health import Health
from genesis_ext.training.engine.objective import Batch, Metrics
from genesis_ext.training.engine.options import Options
from genesis_ext.training.engine.processes import add_up, share_buffers
from genesis_ext.training.engine.run_folder import RunFolder
from genesis_ext.training.engine.run_log import Log
from genesis_ext.training.engine.signals import StopRequest
from genesis_ext.training.engine.state import TrainingState
from genesis_ext.training.engine.step import gradient_norm, take_step
from genesis_ext.training.engine.validation import Evaluator, ValidationReport

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class Run:
    """What a run is made of.

    Attributes:
        fabric: the device and the processes.
        state: networks, optimisers and progress.
        batches: without end, from the step of ``state.progress`` on.
        evaluator: validates.
        options: of the optimisers and of the run.
        origin: what the weights follow from, for the checkpoints.
        folder: gets last.pt, best.pt, loss_curve.png and, at each validation, the evaluator's pictures.
        stop: asked for by a signal: the run writes last.pt and ends, as if the steps were done.
        deadline: on the clock of ``time.monotonic``: the run ends after the step in which it passes, in the same way.
    """

    fabric: "Fabric"
    state: TrainingState
    batches: Iterator[Batch]
    evaluator: Evaluator
    options: Options
    origin: Origin
    folder: RunFolder
    stop: StopRequest
    deadline: float = math.inf


def train(of: Run, log: Log) -> ValidationReport:
    """Train from ``state.progress`` to ``options.run.steps``, or until validation has not improved for long.

    Every ``validate_every`` the schedule and the early stop take note of the validation. One more at the very end
    only reports, and last.pt is written before it: so a run that was stopped and resumed gives the weights of one that
    was not. Returns the last validation.

    Raises:
        TrainingDivergedError: the loss is not finite, or the gradients explode.
    """
    fabric, state, folder, stop = of.fabric, of.state, of.folder, of.stop
    progress, optim, run = state.progress, of.options.optim, of.options.run
    health = Health(of.options)
    best_saved = best_loss_on_disk(folder.best)
    report: ValidationReport | None = None
    finished = progress.finished(run)
    sums: Metrics = {}
    steps_summed = 0
    for module in state.objective.modules.values():
        module.train()

    def update(batch: Batch) -> Metrics:
        return take_step(fabric, state, batch, optim.accumulate, optim.clip)

    captured = CapturedStep(of.batches, update) if run.cuda_graph else None

    def validate() -> ValidationReport:
        share_buffers(fabric, [*state.objective.modules.values(), *([] if state.ema is None else [state.ema])])
        return of.evaluator(state.evaluated)

    while not finished:
        with log.data():
            take = captured or partial(update, next(of.batches))
        metrics = take()
        for rates in state.rates.values():
            rates.after_step()
        if state.ema is not None:
            state.ema.update_parameters(state.objective.network)
        progress.step += 1
        log.step(progress.step, metrics["loss"])
        sums = {name: value + sums.get(name, 0.0) for name, value in metrics.items()}
        steps_summed += 1

        validates = progress.step % run.validate_every == 0
        keeps = bool(run.keep_every) and progress.step % run.keep_every == 0
        writes = progress.step % run.checkpoint_every == 0 or progress.step == run.steps
        logs = progress.step % run.log_every == 0
        ends = False
        if validates or writes or keeps or logs or fabric.world_size == 1:
            # Processes may see a signal at different steps, so they agree on it where they wait for each other anyway.
            asked, late = _any(fabric, stop.signal is not None, time.monotonic() >= of.deadline)
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
        finished = progress.finished(run) or ends
        if fabric.is_global_zero and (writes or finished):
            save_checkpoint(folder.last, state, run, of.origin, previous=folder.previous)
        if fabric.is_global_zero and keeps:
            save_checkpoint(folder.kept(progress.step), state, run, of.origin)
        if report is None and finished:
            report = validate()
        if report is not None and fabric.is_global_zero:
            log.validation(progress.step, {**report.metrics, **report.baselines}, str(report))
            of.evaluator.draw(state.evaluated, progress.step, folder, log)
            save_loss_curve(folder.curve, log.entries())
            # A run that was stopped has a validation more than one that was not: that must not decide what is best.
            if report.loss < best_saved and (validates or progress.step == run.steps):
                save_checkpoint(folder.best, state, run, of.origin, report.loss)
                best_saved = report.loss
            for warning in health.remarks_on(report):
                log.message(warning)

    if progress.step < run.steps:
        early = progress.finished(run)
        why = f"{progress.stale_validations} validations without progress" if early else stop.reason or "time is up"
        log.message(f"stopped at step {progress.step} of {run.steps}: {why}")
    return report or validate()


def _any(fabric: "Fabric", *wishes: bool) -> tuple[bool, ...]:
    """For each wish whether any process has it."""
    if fabric.world_size == 1:
        return wishes
    return tuple((add_up(fabric, torch.tensor(wishes, dtype=torch.float32, device=fabric.device)) > 0).tolist())
