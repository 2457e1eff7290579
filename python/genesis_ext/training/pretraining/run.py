# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A pre-training run put together: data, transform, network, optimiser, loop."""

import math
import signal
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from genesis_ext.data.loader import FixedSamples, GenesisLoader
from genesis_ext.training.engine.checkpoint import Progress, TrainingState, check_same_run, read_checkpoint, restore
from genesis_ext.training.engine.environment import write_environment
from genesis_ext.training.engine.health import TrainingDivergedError
from genesis_ext.training.engine.loop import train
from genesis_ext.training.engine.optimizers import LearningRates, make_optimizer
from genesis_ext.training.engine.processes import add_up, make_fabric
from genesis_ext.training.engine.run_folder import RunFolder
from genesis_ext.training.engine.run_log import NullLog, RunLog
from genesis_ext.training.engine.signals import StopRequest
from genesis_ext.training.pictures import RestorationGrid
from genesis_ext.training.pretraining.config import PretrainConfig
from genesis_ext.training.pretraining.config_file import write_config
from genesis_ext.training.pretraining.data import choose_regions, mark_of, open_store
from genesis_ext.training.pretraining.registry import make_objective, make_transform
from genesis_ext.training.pretraining.validation import ValidationReport, Validator
from genesis_ext.training.probe import probe_stores
from genesis_ext.training.report import write_report
from genesis_ext.transforms import GenesisTransform

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_VALIDATION_BATCH = 16  # samples at most: what validates must fit one device, whatever the batch of all of them
_ROLLBACKS = 3  # at most


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
) -> PretrainResult:
    """Train a network on sub-volumes that the project's operators make; under `torchrun`, one process of several.

    data: a store, or a file or folder of scans, which are prepared into a store of a cache.
    validation_data: the same, for validation alone; None splits `data` by ``config.data.split``.
    cache: folder for the stores of scans (default: that of ``prepare_cached``).
    out: folder of the run, made if needed.
    device: "auto" is CUDA where there is one, else the CPU.
    resume: go on from out/last.pt; from the start, and saying so, where nothing was saved.
    fall_back: where last.pt is damaged or missing, from out/previous.pt.
    overwrite: clear a run that `out` already holds; without both, such a folder is refused.
    time_limit_s: from this call on, preparing included: stop after the step in which they pass. At least one step is
        taken, so that a run that is resumed again and again gets on.

    While it runs, no other process can train in `out`, and SIGTERM and Ctrl-C end it after a step, with a checkpoint.

    Raises:
        ValueError: data, config, folder, processes or checkpoint do not fit; ``StoreError``, ``ResidenceError`` and
            others of the data layer are kinds of it.
        TrainingDivergedError: the loss is not finite, or gradients explode.
        MemoryError: the device's memory does not hold a step; the text says what to lower.
    """
    if resume and overwrite:
        raise ValueError("resume and overwrite must not both be set")
    if not time_limit_s > 0:
        raise ValueError(f"time_limit_s must be above 0, got {time_limit_s}")
    deadline = time.monotonic() + time_limit_s
    folder = RunFolder(out)
    fabric = make_fabric(device, config.run)
    _check_batch(config, fabric.world_size)
    if not fabric.is_global_zero:
        report = _say_nothing
    if device == "auto" and fabric.device.type == "cpu":
        report("no GPU is used: device cpu")
    with folder.taken(resume, overwrite, report) if fabric.is_global_zero else nullcontext():
        fabric.barrier()
        return _pretrain(fabric, config, data, folder, validation_data, cache, resume, fall_back, deadline, report)


def _pretrain(
    fabric: "Fabric",
    config: PretrainConfig,
    data: str | PathLike[str],
    folder: RunFolder,
    validation_data: str | PathLike[str] | None,
    cache: str | PathLike[str] | None,
    resume: bool,
    fall_back: bool,
    deadline: float,
    report: Callable[[str], object],
) -> PretrainResult:
    """What ``pretrain`` does in a folder that nobody else writes.

    deadline: on the clock of ``time.monotonic``.
    """
    stored = folder.stored(fall_back) if resume else None
    with fabric.rank_zero_first(local=True):  # prepares scans; the others find the store that it made
        store = open_store(config, data, cache, report)
        other = None if validation_data is None else open_store(config, validation_data, cache, report)
    mark = mark_of(store, other)
    if stored is not None:
        check_same_run(stored.content, config, mark)
    train_regions, validation_regions = choose_regions(config, store, other, report)

    state = make_state(config, fabric)
    if stored is not None:
        if stored.remark:
            report(stored.remark)
            fabric.barrier()  # all have read it
            if fabric.is_global_zero:
                folder.put_back()
        restore(stored.content, state)
        report(f"resumed {folder.path} at step {state.progress.step}")
    elif resume:
        report(f"nothing to resume in {folder.path}: starting at step 0")
    sampling = config.data.sampling()
    transform = make_transform(config, report).to(fabric.device)
    with (
        GenesisLoader(
            store,
            config.optim.batch_size,
            sampling,
            transform,
            regions=train_regions,
            seed=config.run.seed,
            rank=fabric.global_rank,
            world_size=fabric.world_size,
            start_step=state.progress.step,
            residence=config.data.residence,
            budget=int(config.data.budget_gib * 2**30),
            samples_a_volume=config.data.samples_a_volume,
            device=fabric.device,
            report=report,
        ) as loader,
        StopRequest(says=fabric.is_global_zero) as stop,
    ):
        fixed = FixedSamples(
            other or store,
            validation_regions,
            config.run.validation_patches,
            min(config.optim.batch_size, _VALIDATION_BATCH),
            sampling,
            transform,
            seed=config.run.seed,
            device=fabric.device,
            report=report,
        )
        samples = list(fixed)
        validator = Validator(
            samples,
            state.objective,
            config.method.loss,
            fabric.global_rank,
            fabric.world_size,
            partial(add_up, fabric),
        )
        validator.try_out(state.judged)
        if fabric.is_global_zero:
            if stored is None:
                folder.clear()
            write_config(folder.config, config)
            stores = [store] if other is None else [store, other]
            write_environment(folder.path, stores, fabric.device, fabric.world_size)
        report(
            f"{sum(p.numel() for p in state.objective.network.parameters()):,} parameters, "
            f"boxes of {'x'.join(map(str, config.data.patch))}, {len(validation_regions)} regions validate"
        )
        grid = None
        if fabric.is_global_zero and isinstance(transform, GenesisTransform):
            grid = RestorationGrid(torch.cat([batch["target"] for batch in samples]), transform)
        note = ""
        while True:
            first_step = state.progress.step
            said = (
                RunLog(folder.path, config.run.steps, config.optim.batch_size, first_step)
                if fabric.is_global_zero
                else nullcontext(NullLog())
            )
            try:
                with said as log:
                    if note:
                        log.message(note)
                    validation = train(
                        fabric, state, loader, validator, config, mark, folder, log, stop, deadline, grid
                    )
                    if (
                        config.method.method == "universal"
                        and fabric.is_global_zero
                        and state.progress.finished(config)
                    ):
                        sides = (store, train_regions), (other or store, validation_regions)
                        probed = probe_stores(
                            state.judged, *sides, sampling, fixed.batch_size, config.run.seed, fabric.device
                        )
                        if probed is not None:
                            log.message(str(probed))
                break
            except TrainingDivergedError as error:
                if config.run.on_trouble != "rollback" or not _roll_back(folder.last, state):
                    raise
                fabric.barrier()
                loader.step = state.progress.step
                note = f"warning: {error}; back to step {state.progress.step} with half the learning rates"
            except torch.OutOfMemoryError as error:
                raise MemoryError(_out_of_memory(config)) from error
            finally:
                if fabric.is_global_zero:
                    write_report(folder.path)
    finished = state.progress.finished(config)
    return PretrainResult(folder.path, validation, finished, None if finished else stop.signal)


def make_state(config: PretrainConfig, fabric: "Fabric") -> TrainingState:
    """Networks, optimisers and learning rates, on the device."""
    objective = make_objective(config)
    optimizers: dict[str, Any] = {}
    rates: dict[str, LearningRates] = {}
    for name, module in objective.modules.items():
        if config.network.sync_batch_norm:
            module = nn.SyncBatchNorm.convert_sync_batchnorm(module)
        _to_channels_last(module)
        if config.run.compile:
            module.compile()
        captured_on = fabric.device if config.run.cuda_graph else None
        optimizer = make_optimizer(module, objective.learning_rates[name], config.optim, captured_on)
        rates[name] = LearningRates(optimizer, config.optim, config.run)
        objective.modules[name], optimizers[name] = fabric.setup(module, optimizer)
    mean = None
    if config.optim.ema:
        mean = AveragedModel(objective.network, multi_avg_fn=get_ema_multi_avg_fn(config.optim.ema), use_buffers=True)
    return TrainingState(objective, optimizers, rates, Progress(), mean, fabric.strategy.precision)


def _to_channels_last(module: nn.Module) -> None:
    """Lay the weights out as the convolutions run fastest: .24 instead of .34 s a step of eight 32x32x16 on a CPU."""
    cubes = any(p.dim() == 5 for p in module.parameters())
    module.to(memory_format=torch.channels_last_3d if cubes else torch.channels_last)  # type: ignore[call-overload]


def _roll_back(last: Path, state: TrainingState) -> bool:
    """Put the state where the last checkpoint was, with half the learning rates; False where that cannot help."""
    rollbacks = state.progress.rollbacks + 1
    if rollbacks > _ROLLBACKS or not last.exists():
        return False
    restore(read_checkpoint(last), state)
    for rates in state.rates.values():  # the checkpoint may hold the rates after some of the rollbacks
        rates.scale(0.5 ** (rollbacks - state.progress.rollbacks))
    state.progress.rollbacks = rollbacks
    return True


def _check_batch(config: PretrainConfig, world_size: int) -> None:
    size, parts = config.optim.batch_size, config.optim.accumulate
    if size % world_size:
        raise ValueError(f"batch_size must be a multiple of the processes, got {size} for {world_size}")
    if size // world_size < parts:
        raise ValueError(
            f"accumulate must be at most the samples of a process, got {parts} parts of {size // world_size} samples"
        )


def _out_of_memory(config: PretrainConfig) -> str:
    optim = config.optim
    return (
        f"the device's memory does not hold a step: raise --accumulate (now {optim.accumulate}), lower --batch-size "
        f"(now {optim.batch_size}), --width (now {config.network.width}) or --patch, or choose --precision bf16"
    )


def _say_nothing(text: str) -> None:
    """Of a process that is not the first."""
