# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a study compares: a grid of fine-tuning runs that differ in where they start, and in one other thing."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from os import PathLike
from pathlib import Path
from typing import Any

from genesis_ext._settings import check_kinds
from genesis_ext.data.prepare.preprocess import PrepareSettings
from genesis_ext.models.record import TaskKind
from genesis_ext.training.engine.config_file import read_yaml
from genesis_ext.training.finetuning.config import FinetuneConfig
from genesis_ext.training.finetuning.presets import PRESETS as FINETUNING
from genesis_ext.training.pretraining.config import PretrainConfig
from genesis_ext.training.pretraining.presets import PRESETS as PRETRAINING

SCRATCH = "scratch"
ALL = 0
"""In ``train_patients``: all patients that train."""

_OF_CELLS = ("seed", "split_seed", "train_patients", "label_fraction", "label_corruption")


@dataclass(frozen=True)
class Cell:
    """One run of a study's grid.

    Attributes:
        source: what its weights start from.
        patients: how many train; below 1, what share of those that could.
        corruption: share of the training labels that are eroded or dilated.
        chosen: settings of which the validation chooses.
        seed: of weights, boxes, augmentation, and of which patients train.
    """

    source: str
    patients: float
    corruption: float
    chosen: Mapping[str, Any]
    seed: int

    @property
    def name(self) -> str:
        """Of its folder, below that of the study."""
        parts = [
            re.sub(r"[^\w.-]+", "-", self.source).strip("-."),
            spoken(self.patients).replace(" ", "-").replace("%", "percent"),
        ]
        parts += [f"corrupted-{self.corruption:g}"] if self.corruption else []
        for name, value in self.chosen.items():
            parts.append(f"{name}-{value:g}" if isinstance(value, float) else f"{name}-{value}")
        return "/".join([*parts, f"seed-{self.seed}"])


@dataclass(frozen=True)
class StudyConfig:
    """A grid: sources x patients x corruption x chosen settings x seeds. Read from YAML by ``read_study``.

    Attributes:
        sources: "scratch", names of `pretraining` or `weights`, or files of weights.
        task: of all runs (default: that of the preset, else segmentation).
        pretraining: settings of the runs that make sources, by name; "preset" names those on which they go.
        finetuning: settings of all runs, by the names of ``FinetuneConfig``; "preset" names those on which they go.
        weights: of sources, by name: a file, the folder of a run, or "scratch".
        own: settings of the runs of one source, by its name, over those of all: another network, say.
        baseline: the source that the others are compared with.
        split: "test" and "validation" patients, drawn by "seed"; empty: the marks of the data.
        train_patients: how many patients train; below 1 a share of them, such as .1; 0 for all. Fewer are always among
            more.
        corruption: shares of the training labels that are eroded or dilated; the labels that test are never touched.
        choose: settings with their candidates. Of each source, number of patients and share of corruption, the
            candidate that validates best on average over the seeds counts; the others are reported beside it.
        seeds: repetitions.
        metric: by which sources are compared (default: dice of a segmentation, auc of a classification).
        target: a score of the validation; how many steps each run takes to it is reported.
        preparation: settings of ``PrepareSettings`` for scans.

    Raises:
        ValueError: a field breaks its rule, or a run of the grid has settings that contradict each other.
    """

    sources: tuple[str, ...]
    task: TaskKind | None = None
    pretraining: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    finetuning: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)
    own: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    baseline: str = SCRATCH
    split: Mapping[str, int] = field(default_factory=dict)
    train_patients: tuple[int | float, ...] = (ALL,)
    corruption: tuple[float, ...] = (0.0,)
    choose: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    seeds: int = 5
    metric: str = ""
    target: float | None = None
    preparation: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_kinds(self)
        if self.task is None:
            object.__setattr__(self, "task", _over(self.finetuning, FINETUNING).get("task", "segmentation"))
        if not self.metric:
            object.__setattr__(self, "metric", "dice" if self.task == "segmentation" else "auc")
        PrepareSettings(**self.preparation)
        for name in ("sources", "train_patients", "corruption"):
            values = getattr(self, name)
            if not values or len(set(values)) < len(values):
                raise ValueError(f"{name} must hold different values, got {values}")
        if self.baseline not in self.sources:
            raise ValueError(f"baseline must be one of {', '.join(self.sources)}, got {self.baseline}")
        if self.seeds < 1:
            raise ValueError(f"seeds must be at least 1, got {self.seeds}")
        if any(count < 0 or (count > 1 and count % 1) for count in self.train_patients):
            raise ValueError(f"train_patients must be whole numbers or shares below 1, got {self.train_patients}")
        if unknown := set(self.split) - {"validation", "test", "seed"}:
            raise ValueError(f"split must hold validation, test and seed, got {min(unknown)}")
        for settings in (self.finetuning, *self.own.values()):
            if given := [name for name in (*_OF_CELLS, "task", *self.choose) if name in settings]:
                raise ValueError(f"finetuning must leave out what the grid sets, got {given[0]}")
        for kind in ("pretraining", "weights", "own"):
            if unused := [name for name in getattr(self, kind) if name not in self.sources]:
                raise ValueError(f"{kind} must be of sources, {', '.join(self.sources)}, got {unused[0]}")
        if both := sorted(self.pretraining.keys() & self.weights.keys()):
            raise ValueError(f"weights must be given or made by pretraining, got both of {both[0]}")
        for name in self.pretraining:
            self.pretrain_config(name)
        for cell in self.cells():
            self.finetune_config(cell)

    def cells(self) -> Iterator[Cell]:
        """All runs, seed by seed: a study that is stopped has whole repetitions first."""
        candidates = [dict(zip(self.choose, values, strict=True)) for values in product(*self.choose.values())]
        for seed, corruption, patients in product(range(self.seeds), self.corruption, self.train_patients):
            for chosen, source in product(candidates, self.sources):
                yield Cell(source, patients, corruption, chosen, seed)

    def pretrain_config(self, name: str) -> PretrainConfig:
        """Of the run that makes a source."""
        return PretrainConfig.of(**_over(self.pretraining[name], PRETRAINING))

    def finetune_config(self, cell: Cell) -> FinetuneConfig:
        """Of a run of the grid."""
        settings: dict[str, Any] = {"seed": cell.seed, "split_seed": cell.seed, "label_corruption": cell.corruption}
        if cell.patients >= 1:
            settings["train_patients"] = int(cell.patients)
        elif cell.patients != ALL:
            settings["label_fraction"] = cell.patients
        common = _over({**self.finetuning, **self.own.get(cell.source, {})}, FINETUNING) | {"task": self.task}
        return FinetuneConfig.of(**{**common, **cell.chosen, **settings})


def _over(settings: Mapping[str, Any], presets: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Settings with those of the preset that they name."""
    own = dict(settings)
    name = own.pop("preset", "default")
    if name not in presets:
        raise ValueError(f"preset must be one of {', '.join(presets)}, got {name}")
    return {**presets[name], **own}


def spoken(patients: float) -> str:
    """A number or share of patients, as in "all", "5 patients", "10 % of the patients"."""
    if patients == ALL:
        return "all"
    return f"{patients:g} patients" if patients >= 1 else f"{100 * patients:g} %"


def read_study(path: str | PathLike[str], **finetuning: Any) -> StudyConfig:
    """Read a study from YAML.

    finetuning: settings that go over those of the study.

    Raises:
        ValueError: no YAML, or a setting that is unknown or wrong; the text names the file.
        OSError: it cannot be read.
    """
    try:
        values = read_yaml(path)
        values["finetuning"] = {**(values.get("finetuning") or {}), **finetuning}
        for name in ("sources", "train_patients", "corruption"):
            if name in values and not isinstance(values[name], list):
                values[name] = [values[name]]
        return StudyConfig(**values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{Path(path)} is no study: {' '.join(str(error).split())}") from error
