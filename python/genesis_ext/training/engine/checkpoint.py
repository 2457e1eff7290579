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
import shutil
import zipfile
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from genesis_ext._files import write_aside
from genesis_ext.training.engine.objective import Objective, bare
from genesis_ext.training.engine.optimizers import LearningRates
from genesis_ext.training.pretraining.config import PretrainConfig

if TYPE_CHECKING:
    from lightning_fabric.plugins import Precision

_FORMAT = 3
_KEPT = "network."  # in front of the names of the model that is kept, where another module holds it


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
        rollbacks: how often the run went back to a checkpoint.
    """

    step: int = 0
    best_loss: float = math.inf
    stale_validations: int = 0
    rollbacks: int = 0

    def note_validation(self, loss: float) -> None:
        """Compare with the best so far; NaN is never better."""
        better = loss < self.best_loss
        self.best_loss = loss if better else self.best_loss
        self.stale_validations = 0 if better else self.stale_validations + 1

    def finished(self, config: PretrainConfig) -> bool:
        """Whether all steps are done or validation has not improved for long."""
        return self.step >= config.run.steps or self.stale_validations >= config.run.early_stop


@dataclass
class TrainingState:
    """All that changes while a run trains.

    Attributes:
        objective: with the networks.
        optimizers, rates: of each of the objective's modules, by name.
        progress: how far it is.
        mean: the mean of the weights over the last steps, or None.
        precision: scales the loss in fp16.
    """

    objective: Objective
    optimizers: dict[str, torch.optim.Optimizer]
    rates: dict[str, LearningRates]
    progress: Progress
    mean: AveragedModel | None = None
    precision: "Precision | None" = None

    @property
    def learning_rate(self) -> float:
        """Of the network, at the next step."""
        return self.rates["network"].now

    @property
    def judged(self) -> nn.Module:
        """The network that validates and is kept as the best."""
        return self.objective.network if self.mean is None else self.mean.module


def save_checkpoint(
    path: Path,
    state: TrainingState,
    config: PretrainConfig,
    data: DataMark,
    validation_loss: float | None = None,
    previous: Path | None = None,
) -> None:
    """Write everything that a run needs to go on.

    data: so that a run is not resumed on other volumes.
    validation_loss: of the weights under "state_dict", if it was measured: those that validate then.
    previous: gets what `path` holds before.
    """
    last = validation_loss is None or state.mean is None
    content = {
        "format": _FORMAT,
        "epoch": state.progress.step // config.run.validate_every,
        "state_dict": (state.objective.network if last else state.judged).state_dict(),
        "heads": _heads(state.objective),
        "mean": None if state.mean is None else state.mean.state_dict(),
        "optimizer_state_dict": {name: optimizer.state_dict() for name, optimizer in state.optimizers.items()},
        "rates": {name: rates.state_dict() for name, rates in state.rates.items()},
        "precision": {} if state.precision is None else state.precision.state_dict(),
        "progress": asdict(state.progress),
        "config": config.as_dict(),
        "data": asdict(data),
        "validation_loss": validation_loss,
    }
    if previous is not None and path.exists():
        keep_as(path, previous)
    write_aside(path, lambda stream: torch.save(content, stream))


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
    """Put everything where the checkpoint was; tensors go to the devices of what they belong to."""
    state.objective.network.load_state_dict(content["state_dict"])
    for name, head in content["heads"].items():
        module = bare(state.objective.modules[name])
        kept = {entry: value for entry, value in module.state_dict().items() if entry.startswith(_KEPT)}
        module.load_state_dict(kept | head)
    if state.mean is not None:
        state.mean.load_state_dict(content["mean"])
    for name, optimizer in state.optimizers.items():
        optimizer.load_state_dict(content["optimizer_state_dict"][name])
        state.rates[name].load_state_dict(content["rates"][name])
    if state.precision is not None:
        state.precision.load_state_dict(content["precision"])
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


def _heads(objective: Objective) -> dict[str, dict[str, Tensor]]:
    """Module -> its weights that are not of the model that is kept."""
    modules = {name: bare(module) for name, module in objective.modules.items()}
    return {
        name: {entry: value for entry, value in module.state_dict().items() if not entry.startswith(_KEPT)}
        for name, module in modules.items()
        if module is not objective.network
    }


def keep_as(path: Path, other: Path) -> None:
    """Give a file a second name, in place of what had it; the first one goes on to be there."""
    aside = other.with_name(f".{other.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    try:
        os.link(path, aside)
    except OSError:  # a file system without links
        shutil.copyfile(path, aside)
    os.replace(aside, other)
