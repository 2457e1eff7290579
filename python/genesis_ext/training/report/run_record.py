# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a run recorded in its folder, as far as it is there."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genesis_ext._extras import require
from genesis_ext.models import ModelRecord, read_record
from genesis_ext.training.engine.run_folder import RunFolder
from genesis_ext.training.engine.run_log import read_log

Entry = dict[str, Any]

MEASURED = ("steps_per_s", "samples_per_s", "data_share", "memory_gib", "elapsed_s")
BASELINES = ("identity", "constant", "blur", "chance")
_NO_METRICS = {"kind", "step", "loss", "lr", "note", "text", "works", *MEASURED, *BASELINES}


@dataclass
class RunRecord:
    """All that a report is made of.

    Attributes:
        path: the folder.
        config: settings by name, of config.yaml; environment: of environment.json; empty if they are missing.
        training, validation, messages: entries of log.jsonl, by their kind.
        record: of best.pt, or None.
        restorations, grids, cases: pictures by the steps after which they were drawn, in order.
        missing: what is not there, in sentences.
    """

    path: Path
    config: Entry = field(default_factory=dict)
    environment: Entry = field(default_factory=dict)
    training: list[Entry] = field(default_factory=list)
    validation: list[Entry] = field(default_factory=list)
    messages: list[Entry] = field(default_factory=list)
    record: ModelRecord | None = None
    restorations: dict[int, Path] = field(default_factory=dict)
    grids: dict[int, Path] = field(default_factory=dict)
    cases: dict[int, Path] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> "RunRecord":
        """Read a folder; what is missing or damaged is left empty and noted."""
        run, folder = cls(path), RunFolder(path)
        yaml = require("yaml", "train", "to read a config")
        settings = run._object(folder.config, yaml.safe_load, yaml.YAMLError, "the settings are not known")
        for name, value in settings.items():
            run.config |= value if isinstance(value, dict) else {name: value}
        run.environment = run._object(
            folder.environment, json.loads, ValueError, "versions, commit, device and data are not known"
        )
        by_kind = {"training": run.training, "validation": run.validation, "message": run.messages}
        try:
            for entry in read_log(folder.log):
                by_kind[entry["kind"]].append(entry)
        except (ValueError, KeyError, TypeError) as error:
            run.missing.append(f"log.jsonl is damaged ({type(error).__name__}): its later entries are left out.")
        if not run.training:
            run.missing.append("log.jsonl has no training steps: there are no curves and no times.")
        if not run.validation:
            run.missing.append("log.jsonl has no validation: nothing tells whether the network works.")
        try:
            run.record = read_record(folder.best) if folder.best.exists() else None
        except ValueError as error:
            run.missing.append(f"{folder.best.name} cannot be read: {error}.")
        run.restorations, run.grids = folder.drawn("step"), folder.drawn("combinations")
        run.cases = folder.drawn("cases")
        if not (run.restorations or run.grids or run.cases):
            shown = "answer" if run.is_tuning else "restoration"
            run.missing.append(f"pictures/ is empty: no {shown} can be shown.")
        if not any(isinstance(entry.get("elapsed_s"), float) for entry in run.training):
            run.missing.append("log.jsonl has no times.")
        return run

    @property
    def is_tuning(self) -> bool:
        """Whether it is a fine-tuning, which has a task; else a pre-training."""
        return "task" in self.config

    @property
    def steps(self) -> int:
        """Training steps done, as far as the log tells."""
        return max((entry["step"] for entry in (*self.training, *self.validation)), default=0)

    def other_metrics(self) -> list[str]:
        """Names of the metrics beyond loss, learning rate, baselines and times, in the order of their appearance."""
        names = {
            name: None
            for entry in (*self.training, *self.validation)
            for name, value in entry.items()
            if name not in _NO_METRICS and isinstance(value, int | float)
        }
        return list(names)

    def _object(self, path: Path, parse: Callable[[str], Any], wrong: type[Exception], consequence: str) -> Entry:
        try:
            content = parse(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            self.missing.append(f"{path.name} is missing: {consequence}.")
            return {}
        except (OSError, UnicodeDecodeError, wrong) as error:
            self.missing.append(f"{path.name} cannot be read ({type(error).__name__}): {consequence}.")
            return {}
        if not isinstance(content, dict):
            self.missing.append(f"{path.name} holds no object: {consequence}.")
            return {}
        return content


def points(entries: list[Entry], name: str) -> list[tuple[float, float]]:
    """Step and value of a metric, of the entries that have it."""
    return [(entry["step"], entry[name]) for entry in entries if isinstance(entry.get(name), int | float)]
