# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""One file that holds a run: written aside and renamed, so a kill leaves the old or the new one whole.

The names ``epoch``, ``state_dict`` and ``optimizer_state_dict`` are those of the released checkpoints, so what reads
those reads these; an epoch is what lies between two validations. A file holds tensors and plain values only and is read
with ``weights_only=True``.
"""

import math
import os
import pickle
import zipfile
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import nn

from genesis_ext.training.config import PretrainConfig
from genesis_ext.training.objectives import LearningRateSchedule

_FORMAT = 2


@dataclass(frozen=True)
class DataMark:
    """What a run trains and validates on.

    checksum: of the store, or of both joined by "+".   volumes: a line for each, to name what differs.
    """

    checksum: str
    volumes: tuple[str, ...]


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        step: training steps done.
        best_loss: the lowest validation loss so far.
        stale_validations: validations since then.
    """

    step: int = 0
    best_loss: float = math.inf
    stale_validations: int = 0

    def note_validation(self, loss: float) -> None:
        """Compare with the best so far; NaN is never better."""
        better = loss < self.best_loss
        self.best_loss = loss if better else self.best_loss
        self.stale_validations = 0 if better else self.stale_validations + 1

    def finished(self, config: PretrainConfig) -> bool:
        """Whether all steps are done or validation has not improved for long."""
        return self.step >= config.steps or self.stale_validations >= config.early_stop_validations


@dataclass
class TrainingState:
    """All that changes while a run trains."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: LearningRateSchedule
    progress: Progress

    @property
    def learning_rate(self) -> float:
        """Of the next step."""
        return float(self.optimizer.param_groups[0]["lr"])


def save_checkpoint(
    path: Path, state: TrainingState, config: PretrainConfig, data: DataMark, validation_loss: float | None = None
) -> None:
    """Write everything that a run needs to go on.

    data: so that a run is not resumed on other volumes.
    validation_loss: of these very weights, if it was measured.
    """
    content = {
        "format": _FORMAT,
        "epoch": state.progress.step // config.validate_every_steps,
        "state_dict": state.network.state_dict(),
        "optimizer_state_dict": state.optimizer.state_dict(),
        "schedule_state_dict": state.schedule.state_dict(),
        "progress": asdict(state.progress),
        "config": config.as_dict(),
        "data": asdict(data),
        "validation_loss": validation_loss,
    }
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def read_checkpoint(path: str | PathLike[str]) -> dict[str, Any]:
    """The content of a checkpoint, its tensors on the CPU.

    Raises:
        ValueError: the file is damaged or no checkpoint of a pre-training run.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, zipfile.BadZipFile, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise ValueError(f"{path} is damaged or no checkpoint ({type(error).__name__})") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ValueError(f"{path} must be a checkpoint of format {_FORMAT} of a pre-training run")
    return content


def best_loss_on_disk(path: Path) -> float:
    """The validation loss of a best checkpoint; infinity where there is none yet."""
    loss = read_checkpoint(path)["validation_loss"] if path.exists() else None
    return math.inf if loss is None else float(loss)


def restore(content: dict[str, Any], state: TrainingState) -> None:
    """Put network, optimiser, schedule and progress where the checkpoint was; tensors go to the network's device."""
    state.network.load_state_dict(content["state_dict"])
    state.optimizer.load_state_dict(content["optimizer_state_dict"])
    state.schedule.load_state_dict(content["schedule_state_dict"])
    state.progress = Progress(**content["progress"])


def check_same_run(content: dict[str, Any], config: PretrainConfig, data: DataMark) -> None:
    """Refuse to resume a run with settings or data that would have given other weights.

    Raises:
        ValueError: naming what differs.
    """
    differences = config.difference(PretrainConfig.from_dict(content["config"]))
    if differences:
        raise ValueError(f"a resumed run must keep its settings, got {'; '.join(differences)}")
    before = DataMark(**content["data"])
    if data.checksum != before.checksum:
        changed = sorted(set(data.volumes) ^ set(before.volumes)) or ["none by name, shape and voxels"]
        raise ValueError(
            f"a resumed run must keep its data, and the checksum of the store is {data.checksum[:12]}, not "
            f"{before.checksum[:12]}; volumes that differ ({len(changed)}), the first: {changed[0]}"
        )
