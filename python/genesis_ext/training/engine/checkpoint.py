# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: a file that holds a run. It is written aside and renamed, so a kill leaves the old or the new one whole.

``epoch``, ``state_dict`` and ``optimizer_state_dict`` are named as in the released checkpoints, so what reads those
reads these; an epoch is what lies between two validations. ``record`` says what the network is, and is all that other
runs and tools need. A file holds tensors and plain values only, and is read with ``weights_only=True``.
"""

import math
import os
import pickle
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genesis_ext._files import write_aside
from genesis_ext.models.record import RECORD, ModelRecord
from genesis_ext.training.engine.objective import Objective, bare
from genesis_ext.training.engine.options import RunConfig
from genesis_ext.training.engine.state import Progress, TrainingState

_FORMAT = 3
_KEPT = "network."  # prefix of the kept network's weights, where another module holds it
_ROLLBACKS = 3  # at most


@dataclass(frozen=True)
class DataMark:
    """What a run trains and validates on.

    checksum: of the store, or of both joined by "+".   volumes: a line for each, to name what differs.
    """

    checksum: str
    volumes: tuple[str, ...]


@dataclass(frozen=True)
class Origin:
    """What the weights of a run follow from. It is kept in the checkpoints: a run resumes only from its own.

    Attributes:
        config: the configuration, in plain values.
        data: what it trains and validates on.
        objects: what was handed in as an object, such as a "network", in place of what the configuration says: kind ->
            description.
        record: of the network that is kept, without a checksum; None until it is known.
    """

    config: Mapping[str, Any]
    data: DataMark
    objects: Mapping[str, str] = field(default_factory=dict)
    record: ModelRecord | None = None


def save_checkpoint(
    path: Path,
    state: TrainingState,
    run: RunConfig,
    origin: Origin,
    validation_loss: float | None = None,
    previous: Path | None = None,
) -> None:
    """Write everything that a run needs to go on.

    validation_loss: of the weights under "state_dict", if it was measured: those that validate then.
    previous: gets what `path` holds before.
    """
    last = validation_loss is None or state.ema is None
    weights = (state.objective.network if last else state.evaluated).state_dict()
    content = {
        "format": _FORMAT,
        "epoch": state.progress.step // run.validate_every,
        "state_dict": weights,
        RECORD: None if origin.record is None else origin.record.of(weights).to_dict(),
        "heads": _heads(state.objective),
        "mean": None if state.ema is None else state.ema.state_dict(),
        "optimizer_state_dict": {name: optimizer.state_dict() for name, optimizer in state.optimizers.items()},
        "rates": {name: rates.state_dict() for name, rates in state.rates.items()},
        "precision": {} if state.precision is None else state.precision.state_dict(),
        "progress": asdict(state.progress),
        "config": origin.config,
        "data": asdict(origin.data),
        "objects": dict(origin.objects),
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
    """The validation loss of a best checkpoint; infinity if there is none yet."""
    loss = read_checkpoint(path)["validation_loss"] if path.exists() else None
    return math.inf if loss is None else float(loss)


def restore(content: dict[str, Any], state: TrainingState) -> None:
    """Set the state to that of a checkpoint; its tensors go to the devices of what they belong to."""
    state.objective.network.load_state_dict(content["state_dict"])
    for name, head in content["heads"].items():
        module = bare(state.objective.modules[name])
        kept = {entry: value for entry, value in module.state_dict().items() if entry.startswith(_KEPT)}
        module.load_state_dict(kept | head)
    if state.ema is not None:
        state.ema.load_state_dict(content["mean"])
    for name, optimizer in state.optimizers.items():
        optimizer.load_state_dict(content["optimizer_state_dict"][name])
        state.rates[name].load_state_dict(content["rates"][name])
    if state.precision is not None:
        state.precision.load_state_dict(content["precision"])
    state.progress = Progress(**content["progress"])


def roll_back(last: Path, state: TrainingState) -> bool:
    """Set the state to that of the last checkpoint, with half the learning rates; False where that cannot help."""
    rollbacks = state.progress.rollbacks + 1
    if rollbacks > _ROLLBACKS or not last.exists():
        return False
    restore(read_checkpoint(last), state)
    for rates in state.rates.values():  # the checkpoint may hold the rates after some of the rollbacks
        rates.scale(0.5 ** (rollbacks - state.progress.rollbacks))
    state.progress.rollbacks = rollbacks
    return True


def check_same_run(content: dict[str, Any], origin: Origin, differences: Sequence[str]) -> None:
    """Refuse to resume a run with settings, objects or data that would have given other weights.

    differences: the settings that differ, in words.

    Raises:
        ValueError: naming what differs.
    """
    if differences:
        raise ValueError(f"a resumed run must keep its settings, got {'; '.join(differences)}")
    objects = content.get("objects", {})  # older checkpoints have none
    for kind in sorted(objects.keys() | origin.objects.keys()):
        own, before = (given.get(kind, "none of one's own") for given in (origin.objects, objects))
        if own != before:
            raise ValueError(f"a resumed run must keep its {kind}, got {own}, not {before}")
    data, before = origin.data, DataMark(**content["data"])
    if data.checksum != before.checksum:
        changed = sorted(set(data.volumes) ^ set(before.volumes)) or ["none by name, shape and voxels"]
        raise ValueError(
            f"a resumed run must keep its data, and the checksum of the store is {data.checksum[:12]}, not "
            f"{before.checksum[:12]}; volumes that differ ({len(changed)}), the first: {changed[0]}"
        )


def keep_as(path: Path, other: Path) -> None:
    """Make `other` the same file as `path`, replacing what it was; no kill leaves either incomplete."""
    aside = other.with_name(f".{other.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    try:
        os.link(path, aside)
    except OSError:  # a file system without links
        shutil.copyfile(path, aside)
    os.replace(aside, other)


def _heads(objective: Objective) -> dict[str, dict[str, Tensor]]:
    """Module -> its weights that are not those of the network that is kept."""
    modules = {name: bare(module) for name, module in objective.modules.items()}
    return {
        name: {entry: value for entry, value in module.state_dict().items() if not entry.startswith(_KEPT)}
        for name, module in modules.items()
        if module is not objective.network
    }
