# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A fine-tuning run."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from genesis_ext._files import sha256_of
from genesis_ext.data.batch import LabelTransform, Transform
from genesis_ext.data.steps import StepLoader
from genesis_ext.models import ModelRecord, NetworkSpec, check_fit, check_overlap, initialize_from
from genesis_ext.models.record import trained_parts
from genesis_ext.models.starting_point import SCRATCH
from genesis_ext.training.engine.handed_in import check_patch, checked, described
from genesis_ext.training.engine.optimizers import ParameterGroup
from genesis_ext.training.engine.processes import add_up
from genesis_ext.training.engine.run import (
    Client,
    Report,
    RunResult,
    Start,
    carry_out,
    parameters_of,
)
from genesis_ext.training.engine.run_data import RunData
from genesis_ext.training.engine.run_folder import Stored
from genesis_ext.training.finetuning.config import FinetuneConfig
from genesis_ext.training.finetuning.criterion import Sharing
from genesis_ext.training.finetuning.data import TaskData, choose_sides
from genesis_ext.training.finetuning.samples import fixed_samples, make_loader
from genesis_ext.training.finetuning.start import freeze, groups_of, source_of
from genesis_ext.training.finetuning.tasks import TASKS
from genesis_ext.training.finetuning.tasks.task import TaskObjective
from genesis_ext.training.finetuning.validation import TaskValidator
from genesis_ext.training.report import write_report

if TYPE_CHECKING:
    from lightning_fabric import Fabric

MakeTaskObjective = Callable[[nn.Module, FinetuneConfig, TaskData], TaskObjective]
"""(network, config, data) -> objective, such as a class; weights that it adds come from torch's generator."""


def finetune(
    config: FinetuneConfig,
    data: str | PathLike[str],
    out: str | PathLike[str],
    source: str | PathLike[str] | None = None,
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
    transform: Transform | LabelTransform | None = None,
    objective: MakeTaskObjective | None = None,
) -> RunResult:
    """Train a network on labels or classes; under `torchrun`, one process of several.

    data: a store, or a file or folder of scans, which are prepared into a store of a cache.
    out: folder of the run, made if needed.
    source: what the network starts from: "scratch", the folder of a run, or a file of weights. None is that of the run
        that is resumed, else "scratch".
    validation_data: as `data`, for validation alone; None divides `data` by patient, as ``config.data`` says.
    cache, device, resume, fall_back, overwrite, time_limit_s, report: as for ``pretrain``.
    network: of your own, in place of that of the config; trained in place. (N, C, X, Y[, Z]) to logits of the classes,
        or for a classification an encoder-decoder whose encoder is taken.
    transform: augments training samples: (patches, sample ids) to input and target, of a segmentation
        (patches, sample ids, label) to input, target and label. A module is moved to the device.
    objective: of your own: (network, config, data) to a ``TaskObjective``, such as a class. A run that is resumed must
        be given objects of the same kind again.

    While it runs, no other process can train in `out`, and SIGTERM and Ctrl-C end it after a step, with a checkpoint.

    Raises:
        ValueError: data, config, source, folder, processes or checkpoint do not fit.
        FileNotFoundError: the source is not there.
        TypeError: network, transform or objective is something else.
        TrainingDivergedError: the loss is not finite, or gradients explode.
        MemoryError: the device's memory does not hold a step; the text says what to lower.
    """
    start = Start(
        data, out, validation_data, cache, device, resume, fall_back, overwrite, time_limit_s, report
    )  # fmt: skip
    return carry_out(_Finetuning(config, source, network, transform, objective), start)


class _Finetuning(Client[TaskData, TaskObjective]):
    """What is learnt from labels and classes."""

    settings: FinetuneConfig

    def __init__(
        self,
        config: FinetuneConfig,
        source: str | PathLike[str] | None,
        network: nn.Module | None,
        transform: Transform | LabelTransform | None,
        objective: MakeTaskObjective | None,
    ) -> None:
        self.settings, self._task = config, TASKS[config.task.task]
        self._network, self._transform, self._objective = network, transform, objective
        self._source = None if source is None else source_of(source)
        self._seen: frozenset[str] = frozenset()
        self._begun: Mapping[str, Any] = {}
        self._remarks: list[str] = []
        self.objects = described(network, transform, objective)

    def begun_with(self, stored: Stored | None) -> Mapping[str, str]:
        if self._source is None:
            self._source = SCRATCH if stored is None else stored.content["objects"]["source"]
        table = self.settings.data.candidates
        content = {} if table is None else {"candidates": sha256_of(Path(table))}
        return {**self.objects, **content, "source": self._source}

    def choose(self, data: RunData, report: Report) -> TaskData:
        return choose_sides(self.settings, data, report)

    def make_objective(self, fabric: "Fabric", data: TaskData, stored: Stored | None, report: Report) -> TaskObjective:
        config, answer = self.settings, data.answer
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.run.seed)
            network = self._spec(data).build() if self._network is None else self._network
            check_patch(network, config.data)
            if stored is None:
                assert self._source is not None, "it is asked for first"
                start = initialize_from(
                    network, self._source, config.start.parts, mapping=config.start.mapping, report=report
                )
                self._begun = start.to_dict()
                self._remarks = self._check_source(start.record, data)
                for remark in self._remarks:
                    report(f"warning: {remark}")
                seen = start.record
                self._seen = frozenset(() if seen is None else (*seen.patients, *seen.validation_patients))
            else:
                self._seen = frozenset(stored.content["record"]["patients"])
            network = self._task.head(config, network, answer)
            freeze(network, config.start)
            if self._objective is not None:
                return checked(self._objective(network, config, data), "row", "metrics", "scores", "case", "baselines")
            sharing = Sharing(partial(add_up, fabric), fabric.world_size)
            return self._task.objective(config, network, answer, sharing, fabric.device)

    def describe(self, data: TaskData, network: nn.Module) -> ModelRecord:
        trained, _ = trained_parts(network)
        return replace(self._record(data), trained=trained, patients=tuple(sorted(self._seen.union(data.patients))))

    def _record(self, data: TaskData) -> ModelRecord:
        """Of a network whose parts and source are not known yet."""
        return ModelRecord(
            network=self._spec(data) if self._network is None else None,
            trained=(),
            method=self._task.name,
            task=data.answer,
            **data.facts(self.settings.data.patch_shape),
        )

    def _check_source(self, record: ModelRecord | None, data: TaskData) -> list[str]:
        """Refuse a source that has seen patients who are held back; sentences on that, and on how its input differs."""
        if self._source == SCRATCH:
            return []
        # Who chose the weights of a source by its own loss may choose those of the target task, too.
        chose = set() if record is None else {*record.validation_patients} - {*record.patients}
        held_back = {"validation": {*data.validation_patients} - chose, "test": data.test_patients}
        said = check_overlap(record, held_back, allow_overlap=self.settings.start.allow_overlap)
        return [*filter(None, [said]), *check_fit(record, self._record(data))]

    def groups(self, module: nn.Module) -> Sequence[ParameterGroup] | None:
        return groups_of(module, self.settings.start)

    def make_loader(self, fabric: "Fabric", data: TaskData, step: int, report: Report) -> StepLoader:
        return make_loader(fabric, self.settings, data, self._transform, step, report)

    def make_evaluator(
        self, fabric: "Fabric", data: TaskData, objective: TaskObjective, report: Report
    ) -> TaskValidator:
        samples = fixed_samples(self.settings, data, fabric.device, report)
        names = [entry.name for entry in data.validation_store.entries]
        ranks = fabric.global_rank, fabric.world_size
        return TaskValidator(samples, objective, names, *ranks, partial(add_up, fabric))

    def summary(self, data: TaskData, objective: TaskObjective) -> str:
        return (
            f"{parameters_of(objective.network)}, {self._task.name} of {', '.join(data.answer.classes)}, from "
            f"{self._source}; {len(data.patients)} patients train, {len(data.validation_patients)} validate"
        )

    def begun(self, data: TaskData) -> Mapping[str, Any]:
        sides = {"training": data.patients, "validation": data.validation_patients, "test": data.test_patients}
        return {
            "source": self._begun,
            "remarks": self._remarks,
            "patients": {side: len(patients) for side, patients in sides.items()},
        }

    def write_report(self, folder: Path) -> Path:
        return write_report(folder)

    def _spec(self, data: TaskData) -> NetworkSpec:
        config, answer = self.settings, data.answer
        spec = config.network.spec(len(config.data.patch_shape))
        outputs = self._task.outputs(answer)
        return replace(spec, in_channels=len(answer.channels), out_channels=outputs, activation=None)
