# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of networks that answer what a test can foretell."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genesis_ext.models import ClassificationHead, EncoderClassifier, ModelRecord, NetworkSpec, TaskRecord, as_unet
from genesis_ext.models.record import trained_parts


class Levels(nn.Module):
    """Each voxel by its own value: of K classes that exclude each other the one whose place in [0, 1] is nearest.

    regions: class k of K holds above (k + .5) / K instead.   by: channel of the input.
    """

    def __init__(self, in_channels: int = 1, out_channels: int = 2, regions: bool = False, by: int = 0) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(1000.0))
        self.classes, self.regions, self.by = out_channels, regions, by

    def forward(self, x: Tensor) -> Tensor:
        number = torch.arange(self.classes, device=x.device).view(-1, *[1] * (x.ndim - 2))
        value = x[:, self.by : self.by + 1]
        if self.regions:
            return self.sharpness * (value - (number + 0.5) / self.classes)
        return -self.sharpness * (value - number / (self.classes - 1)).square()


class Scaled(nn.Module):
    """What it sees, times a number."""

    def __init__(self, by: float = 1.0) -> None:
        super().__init__()
        self.by = nn.Parameter(torch.tensor(by))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.by


def restoration(folder: Path, by: float = 1.0, **changes: Any) -> Path:
    """A pre-training of ``Scaled``."""
    fields = {"patch": (24, 16, 8), "method": "genesis"} | changes
    spec = NetworkSpec(f"{__name__}.{Scaled.__name__}", len(fields["patch"]), activation=None, arguments={"by": by})
    return _write(folder, spec, spec.build(), None, fields)


def segmentation(folder: Path, **changes: Any) -> Path:
    """A run of ``Levels``; changes go over the record, the task and the arguments of the network, by their names."""
    task = {"classes": ("background", "organ"), "values": ((0,), (1,))} | _taken(changes, TaskRecord)
    record = TaskRecord("segmentation", **task)  # type: ignore[arg-type]
    arguments = {name: changes.pop(name) for name in ("regions", "by") if name in changes}
    dims = len(changes.get("patch", (8, 8, 8)))
    name = f"{__name__}.{Levels.__name__}"
    spec = NetworkSpec(name, dims, len(record.channels), len(record.classes), None, arguments)
    return _write(folder, spec, spec.build(), record, changes)


def classification(folder: Path, seed: int = 0, **changes: Any) -> Path:
    """A run of a small classifier with drawn weights."""
    task = TaskRecord(
        "classification", **({"classes": ("benign", "malignant"), "hidden": 4} | _taken(changes, TaskRecord))
    )
    torch.manual_seed(seed)
    changes = {"patch": (16, 8, 8)} | changes
    flat = len(changes["patch"]) == 2
    spec = NetworkSpec(spatial_dims=3 - flat, arguments={"width": 4} if flat else {"width": 2, "norm": "instance"})
    unet = as_unet(spec.build(), "a test")
    network = EncoderClassifier(unet, ClassificationHead(unet.feature_channels[-1], len(task.classes), task.hidden))
    with torch.no_grad():
        network.head.out.bias.add_(torch.linspace(-1.0, 1.0, len(task.classes)))
    return _write(folder, spec, network, task, changes)


def _taken(changes: dict[str, Any], kind: type) -> dict[str, Any]:
    return {name: changes.pop(name) for name in kind.__dataclass_fields__ if name in changes}  # type: ignore[attr-defined]


def _write(
    folder: Path, spec: NetworkSpec, network: nn.Module, task: TaskRecord | None, changes: dict[str, Any]
) -> Path:
    fields: dict[str, Any] = {"patch": (8, 8, 8), "modalities": ("ct",), "task": task}
    fields |= {"normalization": {"ct_hu": (0.0, 100.0)}} | changes
    fields.setdefault("axes", "RAS"[: len(fields["patch"])])
    trained, untrained = trained_parts(network)
    record = ModelRecord(spec, **({"trained": trained, "untrained": untrained} | fields)).of(network.state_dict())
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": network.state_dict(), "record": record.to_dict()}, folder / "best.pt")
    return folder
