# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A file of weights, read: the layouts of this package, of the released weights, of nnU-Net, and bare state dicts.

Files are unpickled with ``weights_only=True``: a file can hold tensors and numbers, never code.
"""

import json
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genesis_ext._extras import require
from genesis_ext.models.record import ModelRecord, bare_name, checksum_of, record_of

SAFETENSORS = ".safetensors"
METADATA_KEY = "genesis_ext"
"""Of the header of a safetensors file, which holds texts only: the metadata as JSON."""


@dataclass(frozen=True)
class WeightFile:
    """What a file holds.

    Attributes:
        path: of the file.
        tensors: by their bare names.
        epoch: that it states, if any.
        metadata: what ``export_weights`` wrote of the origin; empty for other files.
        record: of checkpoints and exported files.
    """

    path: Path
    tensors: dict[str, Tensor]
    epoch: int | None
    metadata: Mapping[str, Any]
    record: ModelRecord | None

    @classmethod
    def read(cls, path: str | PathLike[str], under: str = "") -> "WeightFile":
        """Read a file, and compare its tensors with the checksum in its record.

        under: the entry that holds the weights, ``a.b`` for one inside another; else it is looked for.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is damaged, holds no weights, or other weights than its record says.
            ImportError: it is of safetensors, and that library is not installed.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"load_weights: {path} not found")
        content = _read_safetensors(path) if path.suffix == SAFETENSORS else _read_torch(path)
        if not isinstance(content, Mapping):
            raise ValueError(f"load_weights: {path} must hold a dict of tensors, got {type(content).__name__}")
        epoch, metadata = content.get("epoch"), content.get("metadata")
        entries = next((content[key] for key in ("state_dict", "network_weights") if key in content), content)
        if under:
            entries = content
            for key in under.split("."):
                entries = entries.get(key) if isinstance(entries, Mapping) else None
        tensors: dict[str, Tensor] = {}
        if isinstance(entries, Mapping):
            tensors = {bare_name(str(name)): value for name, value in entries.items() if isinstance(value, Tensor)}
        if not tensors:
            place = f"under {under!r}" if under else "at top level or under 'state_dict' or 'network_weights'"
            names = ", ".join(map(str, list(content)[:6])) or "nothing"
            raise ValueError(f"load_weights: {path} must hold tensors, {place}, got none; it has {names}")
        try:
            record = record_of(content, tensors)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"load_weights: {path}: {error}") from error
        if record is not None and record.checksum not in ("", checksum_of(tensors)):
            raise ValueError(f"load_weights: {path}: the weights must be those of its record, whose checksum differs")
        return cls(
            path,
            tensors,
            epoch if isinstance(epoch, int) else None,
            metadata if isinstance(metadata, Mapping) else {},
            record,
        )


def _read_torch(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, zipfile.BadZipFile, RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise _damaged(path, error) from error


def _read_safetensors(path: Path) -> dict[str, object]:
    safetensors = require("safetensors", "train", f"to read {path.name}")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no dict
            described = (file.metadata() or {}).get(METADATA_KEY, "{}")
        return {"state_dict": tensors, "metadata": json.loads(described)}
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> ValueError:
    first_line = str(error).strip().split("\n")[0] or type(error).__name__
    return ValueError(f"load_weights: {path} is not a file of weights, or is damaged ({first_line})")
