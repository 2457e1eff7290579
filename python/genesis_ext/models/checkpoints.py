# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Loads stored weights into a network, with an account of every entry.

Read are the layouts of the released Models Genesis weights (``{"epoch", "state_dict", "optimizer_state_dict"}``, names
behind ``module.`` or ``backbone.``), nnU-Net's (``{"network_weights"}``), bare state dicts, and safetensors.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from genesis_ext.models.classifier import EncoderClassifier
from genesis_ext.models.heads import ClassificationHead
from genesis_ext.models.interface import as_unet
from genesis_ext.models.record import ModelRecord, bare_name
from genesis_ext.models.unet import Activation
from genesis_ext.models.weight_file import WeightFile

_HEADS = ("out_tr.final_conv.", "decoder.seg_layers.", "head.out.")  # ours, nnU-Net's, and of classifiers


@dataclass(frozen=True)
class LoadAccount:
    """What happened to every entry; names are those of the model, without prefixes. ``str()`` gives the table.

    Attributes:
        path: the file.
        epoch: the epoch that the file states, if any.
        loaded: copied as they are.
        adapted: (name, what was done): copied after a change of shape.
        skipped: (name, why): in the file and in the model, but not copied.
        missing: in the model only; kept as they were.
        unused: in the file only.
        metadata: what ``export_weights`` wrote of the origin; empty for other files.
        record: of checkpoints and exported files.
    """

    path: Path
    epoch: int | None
    loaded: tuple[str, ...]
    adapted: tuple[tuple[str, str], ...]
    skipped: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    record: ModelRecord | None = None

    def __str__(self) -> str:
        source = f"weights from {self.path}" + ("" if self.epoch is None else f" (epoch {self.epoch})")
        if self.record is not None and self.record.method:
            source += f", pre-trained by method {self.record.method}"
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

    Skipped are a head for another number of classes, and what the record of the file says was never trained, such as
    the decoder after a rotation. A first convolution for another number of input channels is adapted: its mean over the
    stored channels is repeated for every new one and scaled by stored / new, so that an image copied to all channels
    gives the same response. Any other difference of shape is an error and leaves the model untouched.

    Args:
        model: ``UNet3D``, ``UNet2D``, any network of the file's own kind, or a module that has some of its names, as
            ``UNet2D().encoder``.
        path: a file written by ``torch.save``, or with the suffix ``.safetensors``.
        report: gets the account as text; ``None`` for silence.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is corrupt, or does not hold weights that fit; the message names the file.
        ImportError: the file is of safetensors, and that library is not installed.
    """
    return _copy(model, WeightFile.read(path), report)


def load_network(
    path: str | PathLike[str],
    *,
    in_channels: int | None = None,
    out_channels: int | None = None,
    activation: Activation | Literal["as stored"] = "as stored",
    report: Callable[[str], object] | None = print,
) -> tuple[nn.Module, ModelRecord]:
    """Build the network that a checkpoint or an exported file holds, and load what of it was trained.

    ``load_network(path, out_channels=3, activation=None)`` is a network for fine-tuning on three classes: its encoder
    and decoder are loaded, its head is new and gives logits. A file of a fine-tuned classification gives an
    ``EncoderClassifier``.

    Args:
        path: of the file.
        in_channels, out_channels: None for those of the file; else see ``load_weights``.
        activation: of the output.
        report: gets the account of ``load_weights``; ``None`` for silence.

    Returns:
        The network, on the CPU and in training mode, and the record of the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is corrupt or does not say which network it holds; or that is a class of another package,
            which you have not imported: a file alone makes nothing run.
        ImportError: the library of the network is not installed.
    """
    file = WeightFile.read(path)
    if file.record is None or file.record.network is None:
        why = "has no record" if file.record is None else "holds a network that was handed in as an object"
        raise ValueError(f"load_network: {file.path} {why}: build the network and use load_weights(network, path)")
    spec = file.record.network
    package = spec.name.rpartition(".")[0]
    if not spec.is_known and package not in sys.modules:
        raise ValueError(f"load_network: {file.path} holds a {spec.name}: import {package} first, if you trust it")
    spec = replace(
        spec,
        in_channels=spec.in_channels if in_channels is None else in_channels,
        out_channels=spec.out_channels if out_channels is None else out_channels,
        activation=spec.activation if activation == "as stored" else activation,
    )
    network = spec.build()
    task = file.record.task
    if task is not None and task.kind == "classification":
        unet = as_unet(network, "load_network: a classification")
        classes = len(task.classes) if out_channels is None else out_channels
        network = EncoderClassifier(unet, ClassificationHead(unet.feature_channels[-1], classes, task.hidden))
    _copy(network, file, report)
    return network, file.record


def read_record(path: str | PathLike[str]) -> ModelRecord | None:
    """The record of a checkpoint or an exported file, or None if it has none; raises what ``load_weights`` does."""
    return WeightFile.read(path).record


@dataclass(frozen=True)
class Match:
    """What of a file fits a model. Nothing is copied before ``apply``.

    Attributes:
        own: what the model has, by bare names, sharing its memory.
        copies: what it gets, in its shapes.
        account: of every entry.
    """

    own: Mapping[str, Tensor]
    copies: Mapping[str, Tensor]
    account: LoadAccount

    def apply(self) -> None:
        """Copy into the model."""
        with torch.no_grad():
            for name, tensor in self.copies.items():
                self.own[name].copy_(tensor)


def match_weights(model: nn.Module, file: WeightFile, left_out: Mapping[str, str] | None = None) -> Match:
    """Compare a file with a model by the rules of ``load_weights``, and raise its errors.

    left_out: names of entries that must not be copied, and why.
    """
    stored, path, record = file.tensors, file.path, file.record
    own = {bare_name(name): tensor for name, tensor in model.state_dict().items()}
    spec = None if record is None else record.network
    first_convs = _first_convolution(own)

    copies: dict[str, Tensor] = {}
    adapted: list[tuple[str, str]] = []
    skipped: list[tuple[str, str]] = []
    for name in (name for name in own if name in stored):
        want, have = tuple(own[name].shape), tuple(stored[name].shape)
        takes_input = name in first_convs or (spec is not None and have[1:2] == (spec.in_channels,))
        is_head = name.startswith(_HEADS) or (spec is not None and have[:1] == (spec.out_channels,))
        if left_out and name in left_out:
            skipped.append((name, left_out[name]))
        elif record is not None and not record.was_trained(name):
            skipped.append((name, f"never trained by method {record.method}" if record.method else "never trained"))
        elif want == have:
            copies[name] = stored[name]
        elif takes_input and len(have) == len(want) and have[:1] + have[2:] == want[:1] + want[2:]:
            copies[name] = _spread_channels(stored[name], want[1])
            adapted.append((name, f"{have[1]} input channel(s) averaged, repeated for {want[1]}, scaled by the ratio"))
        elif is_head and have[1:] == want[1:]:
            skipped.append((name, f"{have[0]} class(es) in the file, {want[0]} in the model"))
        else:
            raise ValueError(
                f"load_weights: {path}: {name} has shape {have}, the model has {want}; "
                "build the model as the file's was: of the same dimensions, width and depth"
            )
    if not copies and not skipped:
        raise ValueError(
            f"load_weights: {path} must hold weights of {type(model).__name__}, got entries such as "
            f"{', '.join(sorted(stored)[:3])}"
        )
    for name, tensor in copies.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise ValueError(f"load_weights: {path}: {name} must be finite, got NaN or infinite values")

    changed = {name for name, _ in adapted}
    account = LoadAccount(
        path=path,
        epoch=file.epoch,
        loaded=tuple(name for name in own if name in copies and name not in changed),
        adapted=tuple(adapted),
        skipped=tuple(sorted(skipped)),
        missing=tuple(name for name in own if name not in stored),
        unused=tuple(name for name in stored if name not in own),
        metadata=file.metadata,
        record=record,
    )
    return Match(own, copies, account)


def _copy(model: nn.Module, file: WeightFile, report: Callable[[str], object] | None) -> LoadAccount:
    """What ``load_weights`` does with the file."""
    match = match_weights(model, file)
    match.apply()
    if report is not None:
        report(str(match.account))
    return match.account


def _first_convolution(own: Mapping[str, Tensor]) -> list[str]:
    """The names of the weights that meet the input; libraries list a tensor under several names."""
    kernels = {name: tensor.data_ptr() for name, tensor in own.items() if tensor.ndim > 3}
    first = next(iter(kernels.values()), None)
    return [name for name, place in kernels.items() if place == first]


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
