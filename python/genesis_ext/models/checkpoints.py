# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Stored weights into a network, with an account of what became of every entry.

Read are the layouts of the released Models Genesis weights (``{"epoch", "state_dict", "optimizer_state_dict"}``, names
behind ``module.`` or ``backbone.``), nnU-Net's (``{"network_weights"}``), bare state dicts, and safetensors. Files are
unpickled with ``weights_only=True``: a file can hold tensors and numbers, never code.
"""

import json
import pickle
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genesis_ext._extras import require

_PREFIXES = ("module.", "backbone.", "_orig_mod.")  # DataParallel, the second release, torch.compile
_FIRST_CONVS = ("down_tr64.ops.0.conv1.weight", "encoder.conv1.weight", "conv1.weight")  # 3D; 2D, its encoder alone
_HEAD = "out_tr.final_conv."

SAFETENSORS = ".safetensors"
METADATA_KEY = "genesis_ext"
"""Of the header of a safetensors file, which holds texts only: the metadata as JSON."""


@dataclass(frozen=True)
class LoadAccount:
    """What became of every entry; names are those of the model, without prefixes. ``str()`` gives the table.

    Attributes:
        path: the file.
        epoch: the epoch that the file states, if any.
        loaded: copied as they are.
        adapted: (name, what was done): copied after a change of shape.
        skipped: (name, why): in the file and in the model, but not copied.
        missing: in the model only; kept as they were.
        unused: in the file only.
        metadata: what ``export_weights`` wrote of the origin; empty for other files.
    """

    path: Path
    epoch: int | None
    loaded: tuple[str, ...]
    adapted: tuple[tuple[str, str], ...]
    skipped: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        source = f"weights from {self.path}" + ("" if self.epoch is None else f" (epoch {self.epoch})")
        lines = [source, f"  loaded  {len(self.loaded):4d}"]
        lines += _rows("adapted", [f"{name}: {what}" for name, what in self.adapted])
        lines += _rows("skipped", [f"{name}: {why}" for name, why in self.skipped])
        lines += _rows("missing", [f"{name}: kept as it was" for name in self.missing])
        lines += _rows("unused", list(self.unused))
        return "\n".join(lines)


def load_weights(
    model: nn.Module, path: str | PathLike[str], report: Callable[[str], object] | None = print
) -> LoadAccount:
    """Copy the weights stored at ``path`` into ``model`` (in place, on the model's devices and in its dtypes).

    A head (``out_tr.final_conv``) for another number of classes is skipped. A first convolution for another number of
    input channels is adapted: its mean over the stored channels is repeated for every new one and scaled by
    stored / new, so that an image copied to all channels gives the response that it gave before. Every other
    difference of shape is an error, and then the model is left untouched.

    Args:
        model: ``UNet3D``, ``UNet2D``, or a module that has some of their names, as ``UNet2D().encoder``.
        path: a file written by ``torch.save``, or with the suffix ``.safetensors``.
        report: gets the account as text; ``None`` for silence.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is corrupt, or does not hold weights that fit; the message names the file.
        ImportError: the file is of safetensors, and that library is not installed.
    """
    path = Path(path)
    stored, epoch, metadata = _read(path)
    own = {bare_name(name): tensor for name, tensor in model.state_dict().items()}

    copies: dict[str, Tensor] = {}
    adapted: list[tuple[str, str]] = []
    skipped: list[tuple[str, str]] = []
    for name in (name for name in own if name in stored):
        want, have = tuple(own[name].shape), tuple(stored[name].shape)
        if want == have:
            copies[name] = stored[name]
        elif name in _FIRST_CONVS and len(have) == len(want) and have[:1] + have[2:] == want[:1] + want[2:]:
            copies[name] = _spread_channels(stored[name], want[1])
            adapted.append((name, f"{have[1]} input channel(s) averaged, repeated for {want[1]}, scaled by the ratio"))
        elif name.startswith(_HEAD) and have[1:] == want[1:]:
            skipped.append((name, f"{have[0]} class(es) in the file, {want[0]} in the model"))
        else:
            raise ValueError(
                f"load_weights: {path}: {name} has shape {have}, the model has {want}; "
                "give the model the width with which the file was written"
            )
    if not copies:
        raise ValueError(
            f"load_weights: {path} must hold weights of {type(model).__name__}, got entries such as "
            f"{', '.join(sorted(stored)[:3])}"
        )
    for name, tensor in copies.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise ValueError(f"load_weights: {path}: {name} must be finite, got NaN or infinite values")

    with torch.no_grad():
        for name, tensor in copies.items():
            own[name].copy_(tensor)

    changed = {name for name, _ in adapted}
    account = LoadAccount(
        path=path,
        epoch=epoch,
        loaded=tuple(name for name in own if name in copies and name not in changed),
        adapted=tuple(adapted),
        skipped=tuple(sorted(skipped)),
        missing=tuple(name for name in own if name not in stored),
        unused=tuple(name for name in stored if name not in own),
        metadata=metadata,
    )
    if report is not None:
        report(str(account))
    return account


def _read(path: Path) -> tuple[dict[str, Tensor], int | None, Mapping[str, Any]]:
    """The tensors of a file by bare name, the epoch that it states, and what it says of its origin."""
    if not path.is_file():
        raise FileNotFoundError(f"load_weights: {path} not found")
    content = _read_safetensors(path) if path.suffix == SAFETENSORS else _read_torch(path)
    if not isinstance(content, Mapping):
        raise ValueError(f"load_weights: {path} must hold a dict of tensors, got {type(content).__name__}")
    epoch, metadata = content.get("epoch"), content.get("metadata")
    entries = next((content[key] for key in ("state_dict", "network_weights") if key in content), content)
    tensors: dict[str, Tensor] = {}
    if isinstance(entries, Mapping):
        tensors = {bare_name(str(name)): value for name, value in entries.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ValueError(
            f"load_weights: {path} must hold tensors, at top level or under 'state_dict' or 'network_weights', got none"
        )
    return tensors, epoch if isinstance(epoch, int) else None, metadata if isinstance(metadata, Mapping) else {}


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


def bare_name(name: str) -> str:
    """The name without the prefixes that wrappers put before it."""
    while True:
        prefix = next((p for p in _PREFIXES if name.startswith(p)), None)
        if prefix is None:
            return name
        name = name[len(prefix) :]


def _spread_channels(weight: Tensor, channels: int) -> Tensor:
    """(out, stored, *kernel) -> (out, channels, *kernel) with the same sum over the channels."""
    mean = weight.mean(dim=1, keepdim=True)
    return mean.repeat_interleave(channels, dim=1) * (weight.shape[1] / channels)


def _rows(title: str, entries: list[str]) -> list[str]:
    """A count, then the entries; of long lists the first ones only."""
    if not entries:
        return []
    shown = entries[:6]
    rest = [f"... and {len(entries) - len(shown)} more"] if len(entries) > len(shown) else []
    return [f"  {title:8s}{len(entries):4d}", *(f"      {entry}" for entry in shown + rest)]
