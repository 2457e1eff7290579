# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A pre-training run, step by step."""

import math
import signal
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from genesis_ext.data.loader import FixedSamples, GenesisLoader
from genesis_ext.figures import RestorationGrid
from genesis_ext.training.engine.checkpoint import Origin, check_same_run, restore
from genesis_ext.training.engine.environment import write_environment
from genesis_ext.training.engine.framework_faults import refusing_faults
from genesis_ext.training.engine.loop import Run
from genesis_ext.training.engine.options import check_batch
from genesis_ext.training.engine.processes import add_up, make_fabric
from genesis_ext.training.engine.recovery import train_with_rollbacks
from genesis_ext.training.engine.run_folder import RunFolder, Stored
from genesis_ext.training.engine.signals import StopRequest
from genesis_ext.training.engine.state import TrainingState, make_state
from genesis_ext.training.engine.validation import ValidationReport
from genesis_ext.training.pretraining.config import PretrainConfig
from genesis_ext.training.pretraining.config_file import read_config, write_config
from genesis_ext.training.pretraining.data import RunData, open_data
from genesis_ext.training.pretraining.methods import METHODS
from genesis_ext.training.pretraining.methods.method import Finished, PretextObjective, SampleTransform
from genesis_ext.training.pretraining.parts import MakeObjective, Parts
from genesis_ext.training.pretraining.record import describe
from genesis_ext.training.pretraining.validation import Validator
from genesis_ext.training.report import write_report
from genesis_ext.transforms import GenesisTransform

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Report = Callable[[str], object]

_VALIDATION_BATCH = 16  # samples at most: what validates must fit one device, whatever the batch of all of them


@dataclass(frozen=True)
class PretrainResult:
    """Where a run left what, and its last validation.

    finished: all steps are done, or validation has not improved for long; else the run can be resumed.
    stopped_by: the signal that ended a run before, SIGTERM or SIGINT.
    """

    out: Path
    validation: ValidationReport
    finished: bool
    stopped_by: signal.Signals | None

    @property
    def files(self) -> dict[str, Path]:
        """Name -> path of what the run wrote; there is no best checkpoint before the first validation."""
        folder = RunFolder(self.out)
        paths = {
            "report": folder.report,
            "pictures": folder.pictures,
            "curve": folder.curve,
            "best checkpoint": folder.best,
            "last checkpoint": folder.last,
        }
        return {name: path for name, path in paths.items() if path.exists()}


def pretrain(
    config: PretrainConfig,
    data: str | PathLike[str],
    out: str | PathLike[str],
    validation_data: str | PathLike[str] | None = None,
    cache: str | PathLike[str] | None = None,
    device: str | torch.device = "auto",
    resume: bool = False,
    fall_back: bool = False,
    overwrite: bool = False,
    time_limit_s: float = math.inf,
    report: Callable[[str], object] = print,
    *,
    network: nn.Module | None = None,
    transform: SampleTransform | None = None,
    objective: MakeObjective | None = None,
) -> PretrainResult:
    """Train a network on sub-volumes that the project's operators make; under `torchrun`, one process of several.

    data: a store, or a file or folder of scans, which are prepared into a store of a cache.
    validation_data: the same, for validation alone; None splits `data` by ``config.data.split``.
    cache: folder for the stores of scans (default: that of ``prepare_cached``).
    out: folder of the run, made if needed.
    device: "auto" is CUDA where there is one, else the CPU.
    resume: continue from out/last.pt, or start (reported) where nothing was saved.
    fall_back: continue from out/previous.pt if last.pt is damaged or missing.
    overwrite: clear a run that `out` already holds; with neither, such a folder is refused.
    time_limit_s: stop after the step in which this time has passed since the call, preparation included. At least one
        step is taken, so a run that is resumed again and again makes progress.
    network: your own, instead of the config's; trained in place. It must be ``UNetLike`` unless the method is genesis
        or the objective is your own.
    transform: your own: (patches (N, 1, X, Y[, Z]), sample ids (N,)) to input and target. A module is moved to the
        device.
    objective: your own: (network, config) to a ``PretextObjective``, such as a class. A run that is resumed must be
        given objects of the same kind again; docs/extending.md has an example.

    While it runs, no other process can train in `out`, and SIGTERM and Ctrl-C end it after a step, with a checkpoint.

    Raises:
        ValueError: data, config, folder, processes or checkpoint do not fit; ``StoreError``, ``PlacementError`` and
            others of the data layer are kinds of it.
        TypeError: network, transform or objective is something else.
        TrainingDivergedError: the loss is not finite, or gradients explode.
        MemoryError: the device's memory does not hold a step; the text says what to lower.
    """
    if resume and overwrite:
        raise ValueError("resume and overwrite must not both be set")
    if not time_limit_s > 0:
        raise ValueError(f"time_limit_s must be above 0, got {time_limit_s}")
    deadline = time.monotonic() + time_limit_s
    folder, parts = RunFolder(out), Parts(network, transform, objective)
    fabric = make_fabric(device, config.run)
    check_batch(config.optim, fabric.world_size)
    if not fabric.is_global_zero:
        report = _say_nothing
    if device == "auto" and fabric.device.type == "cpu":
        report("no GPU is used: device cpu")
    alone = folder.taken(resume, overwrite, read_config, report) if fabric.is_global_zero else nullcontext()
    with alone:
        fabric.barrier()
        stored = folder.stored(fall_back) if resume else None
        inputs = open_data(fabric, config, data, validation_data, cache, report)
        origin = Origin(config.as_dict(), inputs.mark, parts.described())
        if stored is not None:
            before = PretrainConfig.from_dict(stored.content["config"])
            check_same_run(stored.content, origin, config.difference(before))
        inputs = inputs.chosen(config, parts.needs(config), report)
        learnt = parts.make_objective(config)
        origin = replace(origin, record=describe(config, inputs, learnt.network, parts))
        state = make_state(learnt, config, fabric, config.network.sync_batch_norm)
        if stored is not None:
            _go_on(fabric, folder, stored, state, report)
        elif resume:
            report(f"nothing to resume in {folder.path}: starting at step 0")
        samples_of = _on(fabric.device, parts.make_transform(config, report))
        with (
            _loader(fabric, config, inputs, samples_of, state.progress.step, report) as loader,
            StopRequest(says=fabric.is_global_zero) as stop,
        ):
            validator = _validator(fabric, config, inputs, samples_of, learnt, report)
            _try_out(fabric, validator, state)
            if fabric.is_global_zero:
                if stored is None:
                    folder.clear()
                write_config(folder.config, config)
                write_environment(folder, inputs.stores, fabric.device, fabric.world_size, origin.objects)
            report(_summary(config, learnt, inputs))
            if unused := config.network.unused:
                report(f"not used by {config.network.network}, which takes network_arguments: {', '.join(unused)}")
            run = Run(fabric, state, loader, validator, config, origin, folder, stop, deadline)
            conclude = partial(_conclude, fabric, config, inputs, state, parts)
            try:
                validation = train_with_rollbacks(run, loader, partial(write_report, folder.path), conclude)
            except torch.OutOfMemoryError as error:
                raise MemoryError(_out_of_memory(config)) from error
    finished = state.progress.finished(config.run)
    return PretrainResult(folder.path, validation, finished, None if finished else stop.signal)


def _go_on(fabric: "Fabric", folder: RunFolder, stored: Stored, state: TrainingState, report: Report) -> None:
    """Set the state to what was stored."""
    if stored.remark:
        report(stored.remark)
        fabric.barrier()  # all have read it
        if fabric.is_global_zero:
            folder.put_back()
    restore(stored.content, state)
    report(f"resumed {folder.path} at step {state.progress.step}")


def _loader(
    fabric: "Fabric", config: PretrainConfig, data: RunData, transform: SampleTransform, step: int, report: Report
) -> GenesisLoader:
    """What trains, from a step on."""
    return GenesisLoader(
        data.store,
        config.optim.batch_size,
        config.data.sampling(),
        transform,
        regions=data.trains,
        seed=config.run.seed,
        rank=fabric.global_rank,
        world_size=fabric.world_size,
        start_step=step,
        placement=config.data.placement,
        budget=int(config.data.budget_gib * 2**30),
        samples_a_volume=config.data.samples_a_volume,
        device=fabric.device,
        report=report,
    )


def _validator(
    fabric: "Fabric",
    config: PretrainConfig,
    data: RunData,
    transform: SampleTransform,
    objective: PretextObjective,
    report: Report,
) -> Validator:
    """What validates: fixed samples, and their pictures in the first process."""
    samples = list(
        FixedSamples(
            data.validation_store,
            data.validates,
            config.run.validation_patches,
            _validation_batch(config),
            config.data.sampling(),
            transform,
            seed=config.run.seed,
            device=fabric.device,
            report=report,
        )
    )
    grid = None
    if fabric.is_global_zero and objective.restores and isinstance(transform, GenesisTransform):
        grid = RestorationGrid(torch.cat([batch["target"] for batch in samples]), transform)
    return Validator(
        samples,
        objective,
        config.method.loss,
        fabric.global_rank,
        fabric.world_size,
        partial(add_up, fabric),
        grid,
    )


def _try_out(fabric: "Fabric", validator: Validator, state: TrainingState) -> None:
    """Evaluate one batch, so that what cannot be trained is refused before anything is cleared or written."""
    if fabric.device.type == "cpu":
        with refusing_faults(), fabric.autocast():  # as it trains
            validator.try_out(state.evaluated)
    else:
        validator.try_out(state.evaluated)


def _conclude(
    fabric: "Fabric", config: PretrainConfig, data: RunData, state: TrainingState, parts: Parts
) -> str | None:
    """The last word of the method, if what is learnt is its own."""
    if parts.objective is not None:
        return None
    finished = Finished(
        state.evaluated,
        (data.store, data.trains),
        (data.validation_store, data.validates),
        config.data.sampling(),
        _validation_batch(config),
        config.run.seed,
        fabric.device,
    )
    return METHODS[config.method.method].conclude(finished)


def _validation_batch(config: PretrainConfig) -> int:
    return min(config.optim.batch_size, _VALIDATION_BATCH)


def _on(device: torch.device, transform: SampleTransform) -> SampleTransform:
    return transform.to(device) if isinstance(transform, nn.Module) else transform


def _summary(config: PretrainConfig, objective: PretextObjective, data: RunData) -> str:
    parameters = sum(p.numel() for p in objective.network.parameters())
    boxes = "x".join(map(str, config.data.patch))
    return f"{parameters:,} parameters, boxes of {boxes}, {len(data.validates)} regions validate"


def _out_of_memory(config: PretrainConfig) -> str:
    optim = config.optim
    return (
        f"the device's memory does not hold a step: raise --accumulate (now {optim.accumulate}), lower --batch-size "
        f"(now {optim.batch_size}), --width (now {config.network.width}) or --patch, or choose --precision bf16"
    )


def _say_nothing(text: str) -> None:
    """Of a process that is not the first."""
