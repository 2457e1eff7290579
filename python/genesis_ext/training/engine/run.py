# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A run of any kind, step by step: what is its own it asks of a ``Client``."""

import math
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import torch
from torch import nn

from genesis_ext.data.steps import StepLoader
from genesis_ext.models import ModelRecord
from genesis_ext.training.engine.checkpoint import Origin, check_same_run, restore
from genesis_ext.training.engine.environment import write_environment
from genesis_ext.training.engine.framework_faults import refusing_faults
from genesis_ext.training.engine.loop import Run
from genesis_ext.training.engine.objective import Objective
from genesis_ext.training.engine.optimizers import ParameterGroup
from genesis_ext.training.engine.options import Options, check_batch
from genesis_ext.training.engine.processes import make_fabric
from genesis_ext.training.engine.recovery import train_with_rollbacks
from genesis_ext.training.engine.run_data import RunData, open_data
from genesis_ext.training.engine.run_folder import RunFolder, Stored
from genesis_ext.training.engine.settings import Settings
from genesis_ext.training.engine.signals import StopRequest
from genesis_ext.training.engine.state import TrainingState, make_state
from genesis_ext.training.engine.validation import TriedEvaluator, ValidationReport

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Report = Callable[[str], object]
_Data = TypeVar("_Data", bound=RunData)
_Objective = TypeVar("_Objective", bound=Objective)

_VALIDATION_BATCH = 16  # samples at most: what validates must fit one device, whatever the batch of all of them


@dataclass(frozen=True)
class Start:
    """How a run is begun, whatever its settings are.

    Attributes:
        data: a store, or a file or folder of scans, which are prepared into a store of a cache.
        out: folder of the run, made if needed.
        validation_data: as `data`, for validation alone; None divides `data`.
        cache: folder for the stores of scans (default: that of ``prepare_cached``).
        device: "auto" is CUDA where there is one, else the CPU.
        resume: go on from out/last.pt; from the start, and saying so, where nothing was saved.
        fall_back: where last.pt is damaged or missing, from out/previous.pt.
        overwrite: clear a run that `out` already holds; without both, such a folder is refused.
        time_limit_s: from now on, preparing included: stop after the step in which they pass. At least one step is
            taken, so that a run that is resumed again and again gets on.
        report: told what happens.
    """

    data: str | PathLike[str]
    out: str | PathLike[str]
    validation_data: str | PathLike[str] | None = None
    cache: str | PathLike[str] | None = None
    device: str | torch.device = "auto"
    resume: bool = False
    fall_back: bool = False
    overwrite: bool = False
    time_limit_s: float = math.inf
    report: Report = print

    def __post_init__(self) -> None:
        if self.resume and self.overwrite:
            raise ValueError("resume and overwrite must not both be set")
        if not self.time_limit_s > 0:
            raise ValueError(f"time_limit_s must be above 0, got {self.time_limit_s}")


@dataclass(frozen=True)
class RunResult:
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


class Client(ABC, Generic[_Data, _Objective]):
    """A kind of run. Its methods are called once each, in the order in which they stand here.

    Attributes:
        settings: of the run.
        objects: what was handed in as an object: kind -> description.
    """

    settings: Settings
    objects: Mapping[str, str]

    def begun_with(self, stored: Stored | None) -> Mapping[str, str]:
        """What beside settings and data a resumed run must be given again: kind -> description."""
        return self.objects

    @abstractmethod
    def choose(self, data: RunData, report: Report) -> _Data:
        """The data with the regions that train and validate; what does not fit is refused here."""

    def options(self, data: _Data) -> Options:
        """The settings of optimiser and run; where they name an epoch, in steps on these data."""
        return self.settings

    @abstractmethod
    def make_objective(self, fabric: "Fabric", data: _Data, stored: Stored | None, report: Report) -> _Objective:
        """What is learnt. New weights are drawn from the run's seed, on the CPU: the same on every device.

        stored: what the run goes on from, which holds all weights.
        """

    @abstractmethod
    def describe(self, data: _Data, network: nn.Module) -> ModelRecord:
        """The record of the network that is kept, without the checksum of its weights."""

    def groups(self, module: nn.Module) -> Sequence[ParameterGroup] | None:
        """Parameters of the objective's network that have learning rates of their own; None if all have one."""
        return None

    @abstractmethod
    def make_loader(self, fabric: "Fabric", data: _Data, step: int, report: Report) -> StepLoader:
        """What trains, from a step on."""

    @abstractmethod
    def make_evaluator(self, fabric: "Fabric", data: _Data, objective: _Objective, report: Report) -> TriedEvaluator:
        """What validates: fixed samples, and their pictures in the first process."""

    def begun(self, data: _Data) -> Mapping[str, Any]:
        """What the report tells of the start; not asked when a run goes on."""
        return {}

    @abstractmethod
    def summary(self, data: _Data, objective: _Objective) -> str:
        """A line on what begins."""

    def conclude(self, fabric: "Fabric", data: _Data, state: TrainingState) -> str | None:
        """A last word on what was learnt, for log and report."""
        return None

    @abstractmethod
    def write_report(self, folder: Path) -> object:
        """Write the report of a run, finished or not."""


def carry_out(client: Client[Any, Any], start: Start) -> RunResult:
    """Train; under `torchrun`, one process of several.

    While it runs, no other process can train in `out`, and SIGTERM and Ctrl-C end it after a step, with a checkpoint.

    Raises:
        ValueError: data, config, folder, processes or checkpoint do not fit; ``StoreError``, ``PlacementError`` and
            others of the data layer are kinds of it.
        TypeError: an object that was handed in is something else.
        TrainingDivergedError: the loss is not finite, or gradients explode.
        MemoryError: the device's memory does not hold a step; the text says what to lower.
    """
    deadline = time.monotonic() + start.time_limit_s
    settings, folder, report = client.settings, RunFolder(start.out), start.report
    fabric = make_fabric(start.device, settings.run)
    check_batch(settings.optim, fabric.world_size)
    if not fabric.is_global_zero:
        report = _say_nothing
    if start.device == "auto" and fabric.device.type == "cpu":
        report("no GPU is used: device cpu")
    if fabric.device.type == "cpu" and settings.run.precision == "bf16":
        report("precision bf16 may be several times as slow as fp32 on a CPU (2.6 times, measured): --precision fp32")
    alone = (
        folder.taken(start.resume, start.overwrite, type(settings).read, report)
        if fabric.is_global_zero
        else nullcontext()
    )
    with alone:
        fabric.barrier()
        stored = folder.stored(start.fall_back) if start.resume else None
        inputs = open_data(fabric, settings.files, start.data, start.validation_data, start.cache, report)
        origin = Origin(settings.as_dict(), inputs.mark, client.begun_with(stored))
        if stored is not None:
            before = type(settings).from_dict(stored.content["config"])
            check_same_run(stored.content, origin, settings.difference(before))
        inputs = client.choose(inputs, report)
        learnt = client.make_objective(fabric, inputs, stored, report)
        origin = replace(origin, record=client.describe(inputs, learnt.network))
        state = make_state(learnt, settings, fabric, settings.network.sync_batch_norm, client.groups)
        if stored is not None:
            _go_on(fabric, folder, stored, state, report)
        elif start.resume:
            report(f"nothing to resume in {folder.path}: starting at step 0")
        with (
            client.make_loader(fabric, inputs, state.progress.step, report) as loader,
            StopRequest(says=fabric.is_global_zero) as stop,
        ):
            evaluator = client.make_evaluator(fabric, inputs, learnt, report)
            _try_out(fabric, evaluator, state)
            if fabric.is_global_zero:
                if stored is None:
                    folder.clear()
                settings.write(folder.config)
                begun = client.begun(inputs) if stored is None else None
                write_environment(folder, inputs.stores, fabric.device, fabric.world_size, client.objects, begun)
            report(client.summary(inputs, learnt))
            if unused := settings.network.unused:
                named = ", ".join(unused)
                report(f"not used by {settings.network.network}, which takes network_arguments: {named}")
            run = Run(fabric, state, loader, evaluator, client.options(inputs), origin, folder, stop, deadline)
            write_report = partial(client.write_report, folder.path)
            conclude = partial(client.conclude, fabric, inputs, state)
            try:
                validation = train_with_rollbacks(run, loader, write_report, conclude)
            except torch.OutOfMemoryError as error:
                raise MemoryError(_out_of_memory(settings)) from error
    finished = state.progress.finished(settings.run)
    return RunResult(folder.path, validation, finished, None if finished else stop.signal)


def loading(fabric: "Fabric", settings: Settings, step: int, report: Report) -> dict[str, Any]:
    """What every ``StepLoader`` of a run is given."""
    return {
        "seed": settings.run.seed,
        "rank": fabric.global_rank,
        "world_size": fabric.world_size,
        "start_step": step,
        "placement": settings.data.placement,
        "budget": int(settings.data.budget_gib * 2**30),
        "samples_a_volume": settings.data.samples_a_volume,
        "device": fabric.device,
        "report": report,
    }


def validation_batch(settings: Settings) -> int:
    """Samples of a batch that validates."""
    return min(settings.optim.batch_size, _VALIDATION_BATCH)


def parameters_of(network: nn.Module) -> str:
    """How many weights it has, in words."""
    return f"{sum(p.numel() for p in network.parameters()):,} parameters"


def _go_on(fabric: "Fabric", folder: RunFolder, stored: Stored, state: TrainingState, report: Report) -> None:
    """Set the state to what was stored."""
    if stored.remark:
        report(stored.remark)
        fabric.barrier()  # all have read it
        if fabric.is_global_zero:
            folder.put_back()
    restore(stored.content, state)
    report(f"resumed {folder.path} at step {state.progress.step}")


def _try_out(fabric: "Fabric", evaluator: TriedEvaluator, state: TrainingState) -> None:
    """Evaluate a batch in vain, so that what cannot be trained is refused before anything is cleared or written."""
    if fabric.device.type == "cpu":
        with refusing_faults(), fabric.autocast():  # as it trains
            evaluator.try_out(state.evaluated)
    else:
        evaluator.try_out(state.evaluated)


def _out_of_memory(settings: Settings) -> str:
    optim = settings.optim
    return (
        f"the device's memory does not hold a step: raise --accumulate (now {optim.accumulate}), lower --batch-size "
        f"(now {optim.batch_size}), --width (now {settings.network.width}) or --patch, or choose --precision bf16"
    )


def _say_nothing(text: str) -> None:
    """Of a process that is not the first."""
