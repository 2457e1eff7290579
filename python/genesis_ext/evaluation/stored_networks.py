# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Networks of runs, and how their records say that an image is prepared for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from genesis_ext._types import Spacing3
from genesis_ext.data.prepare.intensity import IntensityWindow
from genesis_ext.data.prepare.preprocess import Grid, PrepareSettings, prepare_volume
from genesis_ext.data.readers import describe, read_volume, read_volumes
from genesis_ext.data.readers.values import GRID_TOLERANCE
from genesis_ext.data.volume import Modality, Volume, VolumeError, is_picture
from genesis_ext.evaluation.cases import Case
from genesis_ext.models import ModelRecord, load_network
from genesis_ext.models.record import TaskRecord
from genesis_ext.models.unet import Activation

BEST = "best.pt"
"""The weights of a run that count."""


@dataclass(frozen=True, eq=False)
class StoredNetwork:
    """A network of a checkpoint, in evaluation mode on its device.

    Attributes:
        path: of the checkpoint.   network, record: what it holds.   settings: how images are prepared for it.
    """

    path: Path
    network: nn.Module
    record: ModelRecord
    settings: PrepareSettings

    @property
    def task(self) -> TaskRecord:
        """What it answers."""
        if self.record.task is None:
            method = f"pre-trained by method {self.record.method}" if self.record.method else "not fine-tuned"
            raise ValueError(f"{self.path}: must hold a fine-tuned network, which answers a task; this one is {method}")
        return self.record.task

    @classmethod
    def load(
        cls, run: str | PathLike[str], device: torch.device, activation: Activation | Literal["as stored"] = None
    ) -> "StoredNetwork":
        """Load the best weights of a run, or a checkpoint or exported file.

        activation: of the output; None gives logits.

        Raises:
            FileNotFoundError, ValueError, ImportError: as ``load_network``; or the record does not say how images are
                prepared.
        """
        path = Path(run)
        if path.is_dir():
            path = path / BEST
            if not path.is_file():
                raise FileNotFoundError(f"{run}: must be a checkpoint or the folder of a run, which has a {BEST}")
        network, record = load_network(path, activation=activation, report=None)
        if not record.normalization or not record.patch:
            raise ValueError(f"{path}: its record must say how scans were prepared and cut, and tells neither")
        if record.axes != "RAS"[: len(record.patch)] or record.value_range != (0.0, 1.0):
            raise ValueError(
                f"{path}: must take patches with the axes RAS and values in [0, 1], as `genesis prepare` makes them, "
                f"got {record.axes} and {list(record.value_range)}"
            )
        settings = PrepareSettings(
            spacing_mm=record.spacing_mm, window=IntensityWindow(**record.normalization), antialias=record.antialias
        )
        return cls(path, network.to(device).eval(), record, settings)


def read_channels(case: Case, trained: Sequence[str]) -> list[Volume]:
    """Read the channels of a case, which must lie on one grid.

    trained: modalities of the volumes that trained; a file that does not tell its own is taken for the only one.

    Raises:
        VolumeError: unreadable, another modality than those that trained, missing frames, or grids that differ.
    """
    if case.frames:
        (path,) = case.paths
        held = read_volumes(path, case.modality or _modality(path, trained), frames=True)
        if len(held) <= max(case.frames):
            raise VolumeError(
                f"{path}: must hold the {len(case.frames)} channels of the network as frames, or each as a file of its "
                f"own, named as {case.name}_0000, got {len(held)}"
            )
        return [held[frame] for frame in case.frames]
    volumes = [read_volume(path, case.modality or _modality(path, trained)) for path in case.paths]
    first = volumes[0]
    for other in volumes[1:]:
        same_shape = other.voxels.shape == first.voxels.shape
        if not same_shape or _apart(first, other) > GRID_TOLERANCE * min(first.spacing_mm):
            raise VolumeError(
                f"{other.path}: the channels of an image must lie on one grid, got {_grid(other)}, and in {first.path} "
                f"{_grid(first)}"
            )
    return volumes


def prepare_channels(volumes: Sequence[Volume], settings: PrepareSettings) -> tuple[Tensor, Grid]:
    """Channels as a network gets them, (C, X, Y, Z) float32 in [0, 1], and the grid on which they lie.

    Raises:
        VolumeError: as ``prepare_volume``.
    """
    channels, grid = [], None
    for volume in volumes:
        prepared = prepare_volume(volume, None, settings)
        lo, hi = prepared.scale.window
        values = torch.from_numpy(prepared.voxels).to(torch.float32)
        channels.append(values.sub_(lo).div_(hi - lo).clamp_(0.0, 1.0))
        grid = grid or prepared.grid
    if grid is None:
        raise ValueError("prepare_channels: volumes must hold at least one")
    return torch.stack(channels), grid


def _modality(path: Path, trained: Sequence[str]) -> Modality | None:
    """What a file is to be read as; None: as it says itself, or its values."""
    if not trained:
        return None
    for header in describe(path):
        if header.modality not in (None, *trained) or header.picture > any(map(is_picture, trained)):
            found = header.modality or "a picture"
            raise VolumeError(
                f"{path}: must be {' or '.join(trained)}, which trained the network, got {found}: give the modality "
                "if it should be predicted all the same"
            )
    return trained[0] if len(set(trained)) == 1 else None  # type: ignore[return-value]


def _apart(a: Volume, b: Volume) -> float:
    """How far the corners of two volumes of one shape are apart at most, in mm."""
    corners = np.stack(np.meshgrid(*((0, n - 1) for n in a.voxels.shape), [1], indexing="ij"), axis=-1).reshape(-1, 4)
    return float(np.linalg.norm(corners @ (a.affine - b.affine).T, axis=1).max())


def _grid(volume: Volume) -> str:
    shape, spacing = tuple(volume.voxels.shape), volume.spacing_mm
    at = [float(f"{mm:.4g}") for mm in volume.affine[:3, 3]]
    return f"{'×'.join(map(str, shape))} voxels of {_mm(spacing)} from {at} mm"


def _mm(spacing: Spacing3) -> str:
    return "×".join(f"{mm:.4g}" for mm in spacing) + " mm"
