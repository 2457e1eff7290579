# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The jobs of a study: each leaves a folder, goes on where it was, and knows nothing of the others."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.training.engine.run_folder import RunFolder
from genesis_ext.training.engine.run_log import read_log
from genesis_ext.training.finetuning.run import finetune
from genesis_ext.training.pretraining.run import pretrain
from genesis_ext.training.study.config import Cell, StudyConfig
from genesis_ext.training.study.results import Result
from genesis_ext.training.study.testing import test_run

RESULT = "result.json"


@dataclass(frozen=True)
class Place:
    """Where a study works.

    Attributes:
        out: its folder.   store: the data.   device: of all runs.
    """

    out: Path
    store: Path
    device: str = "auto"

    def pretraining(self, name: str) -> RunFolder:
        """The run that makes a source."""
        return RunFolder(self.out / "pretraining" / name)

    def run(self, cell: Cell) -> RunFolder:
        """A run of the grid."""
        return RunFolder(self.out / "runs" / cell.name)


def make_source(study: StudyConfig, place: Place, name: str) -> str:
    """Pre-train a source; returns its file of weights."""
    folder = place.pretraining(name)
    with _saying(folder):
        pretrain(study.pretrain_config(name), place.store, folder.path, device=place.device, resume=True)
    return str(folder.best)


def run_cell(study: StudyConfig, cell: Cell, weights: str, place: Place) -> Result:
    """Fine-tune, then test on the patients that nothing has seen.

    weights: of the source.

    Raises:
        ValueError: the folder holds a run of other settings.
    """
    config, folder = study.finetune_config(cell), place.run(cell)
    settings: dict[str, Any] = config.as_dict()
    path = folder.path / RESULT
    if path.exists():
        result = Result.read(path)
        if result.settings != json.loads(json.dumps(settings)):
            raise ValueError(f"{folder.path} holds a run of other settings: clear it, or choose another folder")
        return result
    begun = time.monotonic()
    with _saying(folder):
        finetune(config, place.store, folder.path, weights, device=place.device, resume=True)
    validations = [entry for entry in read_log(folder.log) if entry["kind"] == "validation"]
    best = min(validations, key=lambda entry: entry["loss"])
    result = Result(
        cell,
        settings,
        score=best[study.metric],
        curve=tuple((entry["step"], entry[study.metric]) for entry in validations),
        test=test_run(folder, VolumeStore(place.store), place.device, config.data.candidates),
        seconds=time.monotonic() - begun,
    )
    result.write(path)
    return result


@contextmanager
def _saying(folder: RunFolder) -> Iterator[None]:
    """A block whose output goes to a file of the run: several run at once."""
    folder.path.mkdir(parents=True, exist_ok=True)
    with (folder.path / "output.txt").open("a", encoding="utf-8") as stream, redirect_stdout(stream):
        yield
