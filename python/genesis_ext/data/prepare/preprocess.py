# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A volume as it is read to a volume as it is stored: resampled by splines, cut and scaled by modality.

Source: Universal Model, section 3 (1 mm by third-order splines; CT cut at [-1000, 1000] HU); Models Genesis for the
fixed scale of CT. MRI by percentiles is our choice; the paper's [0, 4000] is a setting.
"""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genesis_ext import ops
from genesis_ext._settings import check_kinds
from genesis_ext._types import Shape3, Spacing3
from genesis_ext.data.prepare.intensity import (
    IntensityWindow,
    Scale,
    outside_mri_window,
    refuse_constant,
    scale_of,
    stored_numbers,
)
from genesis_ext.data.prepare.statistics import Distribution
from genesis_ext.data.prepare.stopwatch import Stopwatch
from genesis_ext.data.store.entry import StoreDtype
from genesis_ext.data.volume import Volume, VolumeError, is_picture

__all__ = [
    "Grid",
    "IntensityWindow",
    "PrepareSettings",
    "Prepared",
    "prepare_volume",
    "stored_shape",
    "target_grid",
]


@dataclass(frozen=True)
class PrepareSettings:
    """How volumes are prepared; a store holds volumes of one setting.

    Attributes:
        spacing_mm: of the result, along x, y, z; None keeps that of every scan. Pictures (X-ray, ultrasound) keep
            theirs always.
        dtype: of the stored numbers: "int16" keeps whole HU and 32,768 steps of MRI, "uint8" takes half the memory,
            "float16" holds [0, 1] itself.
        window: where intensities are cut.
        pad_to: volumes that are smaller are widened at both ends to so many voxels along x, y, z, with what becomes 0.
        antialias: smooth before making a grid coarser, so that detail finer than the new grid leaves no pattern.
        frames: take 4D files, one volume a frame; else they are skipped.
        max_voxels: of a result; a larger one is skipped rather than filling the memory.
    """

    spacing_mm: Spacing3 | None = (1.0, 1.0, 1.0)
    dtype: StoreDtype = "int16"
    window: IntensityWindow = field(default_factory=IntensityWindow)
    pad_to: Shape3 | None = None
    antialias: bool = False
    frames: bool = False
    max_voxels: int = 2**31

    def __post_init__(self) -> None:
        check_kinds(self)
        if self.spacing_mm is not None and not all(0.01 <= mm <= 100 for mm in self.spacing_mm):
            raise ValueError(f"spacing_mm must lie in [0.01, 100] mm, got {self.spacing_mm}")
        if self.pad_to is not None and not all(side >= 1 for side in self.pad_to):
            raise ValueError(f"pad_to must hold sides of at least 1 voxel, got {self.pad_to}")
        if self.max_voxels < 1:
            raise ValueError(f"max_voxels must be at least 1, got {self.max_voxels}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `ct_own_range` where it is set, so that older stores have the same settings."""
        values = asdict(self)
        if not self.window.ct_own_range:
            del values["window"]["ct_own_range"]
        return values


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the voxels of a volume lie: sizes, spacing along x, y, z in mm, and (4, 4) affine, index to RAS mm."""

    shape: Shape3
    spacing_mm: Spacing3
    affine: NDArray[np.float64]

    def resampled(self, spacing_mm: Spacing3) -> "Grid":
        """The grid with the whole number of voxels that comes nearest to a spacing; its outer edges stay in place."""
        x, y, z = (
            max(1, round(n * mm / to)) for n, mm, to in zip(self.shape, self.spacing_mm, spacing_mm, strict=True)
        )
        step = np.array(self.shape) / (x, y, z)  # old voxels a new one
        scaling = np.diag((*step, 1.0))
        scaling[:3, 3] = (step - 1) / 2
        sx, sy, sz = (float(mm) for mm in np.array(self.spacing_mm) * step)
        return Grid((x, y, z), (sx, sy, sz), self.affine @ scaling)

    def padded(self, before: Shape3, shape: Shape3) -> "Grid":
        """The grid widened to `shape`, of which `before` voxels lie before the first."""
        shift = np.eye(4)
        shift[:3, 3] = [-n for n in before]
        return Grid(shape, self.spacing_mm, self.affine @ shift)

    @property
    def voxels(self) -> int:
        """How many."""
        return math.prod(self.shape)


@dataclass(frozen=True, eq=False)
class Prepared:
    """What is stored of a volume.

    Attributes:
        voxels: (X, Y, Z) in the dtype of the settings.
        label: (X, Y, Z) uint8 or int16 on the same grid, or None.
        grid: where they lie.
        scale: what the stored numbers mean.
        statistics: of the voxels before and after, in the units of the scan.
        notes: what is worth telling.
    """

    voxels: NDArray[Any]
    label: NDArray[Any] | None
    grid: Grid
    scale: Scale
    statistics: dict[str, Any]
    notes: tuple[str, ...]


def target_grid(grid: Grid, modality: str | None, settings: PrepareSettings) -> Grid:
    """The grid on which a volume will be stored, before padding."""
    if settings.spacing_mm is None or is_picture(modality):
        return grid
    return grid.resampled(settings.spacing_mm)


def stored_shape(grid: Grid, modality: str | None, settings: PrepareSettings) -> Shape3:
    """Voxels along x, y, z that will be stored of a volume."""
    x, y, z = target_grid(grid, modality, settings).shape
    px, py, pz = settings.pad_to or (1, 1, 1)
    return max(x, px), max(y, py), max(z, pz)


def prepare_volume(
    volume: Volume, label: Tensor | None, settings: PrepareSettings, clock: Stopwatch | None = None
) -> Prepared:
    """Resample, cut, scale and pad one volume and its label.

    label: (X, Y, Z) uint8 or int16 on the grid of the volume; it takes the value of the nearest voxel.
    clock: told how long resampling, scaling and statistics take.

    Raises:
        VolumeError: the result would be too large, all but a trace of it would have one value, or a quarter of an MRI
            lies above its window.
    """
    x, y, z = volume.voxels.shape
    grid = Grid((x, y, z), volume.spacing_mm, volume.affine)
    target = target_grid(grid, volume.modality, settings)
    shape = stored_shape(grid, volume.modality, settings)
    if math.prod(shape) > settings.max_voxels:
        raise VolumeError(
            f"{volume.path}: {_times(grid.shape)} voxels of {_mm(grid.spacing_mm)} become {_times(shape)} of "
            f"{_mm(target.spacing_mm)}, more than {settings.max_voxels}"
        )
    clock = clock or Stopwatch()
    with clock("statistics"):
        values = before = Distribution(volume.voxels)
    voxels = volume.voxels
    if target.shape != grid.shape:
        with clock("resample"):
            # Whole HU are all that is stored of a CT; everything else is scaled first and rounded once, at the end.
            whole = settings.dtype == "int16" and volume.modality == "ct"
            voxels = _resampled(voxels, target.shape, 3, torch.int16 if whole else torch.float32, settings.antialias)
            if label is not None:
                label = _resampled(label, target.shape, 0, label.dtype, False)
        with clock("statistics"):
            values = Distribution(voxels)
    with clock("scale"):
        scale = scale_of(before, values, volume, settings.window, settings.dtype)
        below, above = values.shares_outside(scale.lo, scale.hi)
        stored = stored_numbers(voxels, scale, owned=voxels is not volume.voxels)
    with clock("statistics"):
        after = Distribution(stored)
    refuse_constant(volume, after, scale)
    window = settings.window.mri if volume.modality == "mri" else None
    notes = [] if window is None else outside_mri_window(before, window)
    beyond = (scale.hi - scale.lo) / 2  # of the window: how far the histogram reaches
    least, greatest = max(before.least, scale.lo - beyond), min(before.greatest, scale.hi + beyond)
    statistics = {
        "before": before.describe(),
        "histogram_before": {"lo": least, "hi": greatest, "counts": before.histogram(least, greatest)},
        "after": after.describe(scale.slope, scale.intercept),
        "scaled": {"lo": scale.lo, "hi": scale.hi, "rule": scale.rule},
        "clipped_below": below,
        "clipped_above": above,
        "shape_before": list(grid.shape),
        "spacing_before_mm": list(grid.spacing_mm),
        "dtype_before": str(volume.voxels.dtype).removeprefix("torch."),
    }
    result, marks = stored.numpy(), None if label is None else label.numpy()
    if settings.pad_to is not None:
        sides = [max(0, side - n) for side, n in zip(settings.pad_to, target.shape, strict=True)]
        widths = [(missing // 2, missing - missing // 2) for missing in sides]
        result = np.pad(result, widths, constant_values=result.dtype.type(scale.window[0]))
        marks = None if marks is None else np.pad(marks, widths)
        px, py, pz = result.shape
        target = target.padded((widths[0][0], widths[1][0], widths[2][0]), (px, py, pz))
    return Prepared(result, marks, target, scale, statistics, tuple(notes))


def _resampled(voxels: Tensor, shape: Shape3, order: int, dtype: torch.dtype, antialias: bool) -> Tensor:
    """(X, Y, Z) on another grid with the same outer edges; beyond them the outermost voxels go on."""
    batch = voxels[None, None]
    return ops.resample(
        batch, out_shape=shape, order=order, boundary="nearest", grid_mode=True, antialias=antialias, dtype=dtype
    )[0, 0]


def _times(shape: Shape3) -> str:
    return "×".join(map(str, shape))


def _mm(spacing: Spacing3) -> str:
    return "×".join(f"{mm:.3g}" for mm in spacing) + " mm"
