# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Volumes of a store: slices in three planes, and histograms before and after normalisation."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from genesis_ext._types import Shape3
from genesis_ext.data.prepare.statistics import Distribution
from genesis_ext.data.store.entry import StoredVolume
from genesis_ext.data.store.volume_store import StoredItem, VolumeStore
from genesis_ext.data.volume import is_picture
from genesis_ext.figures.page import AMBER, BLUE, QUIET, Row, Sheet, describe
from genesis_ext.figures.slices import THREE, planes_of, scale_bar, show_slices, slice_text
from genesis_ext.figures.subject import times

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SLICE, _HISTOGRAM = 1.9, 2.3  # inches: width of a panel
_LEAST_HEIGHT, _MOST_HEIGHT = 1.0, 2.4
_FLOOR = 1e-5  # share of the voxels at which a logarithmic histogram begins
MODALITY_NAMES = {"ct": "CT", "mri": "MRI", "xray": "X-ray", "us": "ultrasound"}


def size_text(entry: StoredVolume) -> str:
    """Modality, voxels, spacing and size."""
    axes = 2 if is_picture(entry.modality) else 3
    spacing = " × ".join(f"{mm:.4g}" for mm in entry.spacing_mm[:axes])
    size = " × ".join(f"{n * mm:.0f}" for n, mm in zip(entry.shape, entry.spacing_mm, strict=True))
    text = f"{MODALITY_NAMES[entry.modality]}, {times(entry.shape[:axes])} voxels of {spacing} mm"
    return text if is_picture(entry.modality) else f"{text}, {size} mm in all"


def volumes_sheet(store: VolumeStore, indices: Sequence[int], title: str, about: str) -> Sheet:
    """One row per volume: axial, coronal and sagittal slice at one scale, and two histograms."""
    items = [store[i] for i in indices]
    labelled = any(item.label is not None for item in items)
    sheet = Sheet(
        title,
        f"{about} Slices through the middle of the volume; the patient's right is on the left; black is 0 and white 1, "
        "as training gets it. "
        + ("Labels are tinted; their slices are those that hold most of them. " if labelled else "")
        + "Histograms are logarithmic, from a hundred thousandth of the voxels to all. Blue: the scan as it was read, "
        "up to half a window beyond the window's ends, with what lies further out in the outermost bars; amber: what "
        "becomes 0 and 1; dotted: percentiles 1, 50 and 99. Grey: the stored voxels on the scale of the window.",
        [_SLICE] * 3 + [_HISTOGRAM] * 2,
        [Row(_height(item.entry), notes=2, heading=item.entry.name, details=_details(item)) for item in items],
    )
    for i, item, row in zip(indices, items, sheet.panels, strict=True):
        voxels = store.packed([i]).voxels.view(item.entry.shape)
        _show_planes(row[:3], voxels, item)
        _show_before(row[3], item.entry, voxels)
        _show_after(row[4], item.entry, voxels)
    return sheet


def _details(item: StoredItem) -> tuple[str, ...]:
    """How the volume was read, and what it is now."""
    entry = item.entry
    first = [size_text(entry)]
    if entry.statistics.get("shape_before"):
        old, mm = entry.statistics["shape_before"], entry.statistics["spacing_before_mm"]
        if tuple(old) != entry.shape:
            first.append(f"made from {times(old)} of {' × '.join(f'{size:.4g}' for size in mm)} mm")
    first.append(f"patient {entry.patient}" + (f", {entry.split}" if entry.split else ""))
    if entry.classes is not None:
        first.append(f"classes {', '.join(entry.classes) or 'none'}")
    if entry.channel is not None:
        first.append(f"channel {entry.channel} of {entry.case}" if entry.case else f"channel {entry.channel}")
    second = list(entry.notes)
    if item.label is not None:
        values, share = np.count_nonzero(np.unique(item.label)), np.count_nonzero(item.label) / entry.voxels
        second.insert(0, f"label of {values} values on {share:.2%} of the voxels")
    return ("; ".join(first), *(["; ".join(second)] if second else []))


def _height(entry: StoredVolume) -> float:
    """Of a row, in inches."""
    return max(_LEAST_HEIGHT, _inches_a_mm(entry) * _frame(entry)[1])


def _frame(entry: StoredVolume) -> tuple[float, float]:
    """Width and height, mm, of the smallest frame that fits a slice in each plane."""
    size = [n * mm for n, mm in zip(entry.shape, entry.spacing_mm, strict=True)]
    planes = planes_of(is_picture(entry.modality), THREE)
    return max(size[plane.across] for plane in planes), max(size[plane.up] for plane in planes)


def _inches_a_mm(entry: StoredVolume) -> float:
    width, height = _frame(entry)
    return min(_SLICE / width, _MOST_HEIGHT / height)


def _show_planes(axes: "Sequence[Axes]", voxels: Tensor, item: StoredItem) -> None:
    """Draw the slices at one scale, each at the upper left of its panel."""
    entry = item.entry
    marks = None if item.label is None else torch.from_numpy(np.array(item.label))
    at = fullest(entry.shape, marks)
    scale, height = _inches_a_mm(entry), _height(entry)
    for ax, plane in zip(axes, planes_of(is_picture(entry.modality), THREE), strict=False):
        show_slices(
            ax, voxels, entry.spacing_mm, at, plane.name, slice_text(plane, at, entry.shape), (plane,), letters=True,
            smooth=True, grey=entry.window, marks=marks,
        )  # fmt: skip
        wide = entry.shape[plane.across] * entry.spacing_mm[plane.across]
        high = entry.shape[plane.up] * entry.spacing_mm[plane.up]
        if plane is THREE[0]:
            scale_bar(ax, wide)
        reach = _SLICE / scale
        ax.set(xlim=(0.0, reach) if plane.as_seen else (wide, wide - reach), ylim=(high - height / scale, high))


def fullest(shape: Sequence[int], marks: Tensor | None) -> Shape3:
    """The middle voxel; with a label, along each axis the slice that holds most of it."""
    x, y, z = (n // 2 for n in shape)
    if marks is not None and bool(marks.any()):
        there = marks != 0
        x, y, z = (int(there.sum(dim=[a for a in range(3) if a != axis]).argmax()) for axis in range(3))
    return x, y, z


def _show_before(ax: "Axes", entry: StoredVolume, voxels: Tensor) -> None:
    """Histogram of the scan as it was read, or of the stored voxels if the store has no record of that."""
    unit = " HU" if entry.modality == "ct" else ""
    low, high = (value * entry.slope + entry.intercept for value in entry.window)
    recorded = entry.statistics.get("histogram_before")
    if recorded is None:
        _bars(ax, Distribution(voxels).histogram(*entry.window), low, high, BLUE)
        describe(ax, f"stored: {low:.5g} .. {high:.5g}{unit}", "")
        return
    lo, hi = recorded["lo"], recorded["hi"]
    _bars(ax, recorded["counts"], lo, hi, BLUE)
    for end in (low, high):
        ax.axvline(end, color=AMBER, linewidth=1.4)
    before = entry.statistics["before"]
    for name in ("p1", "p50", "p99"):
        ax.axvline(before[name], color="black", linewidth=0.8, linestyle=":")
    left, right = min(lo, low), max(hi, high)
    margin = 0.03 * (right - left)
    ax.set(xlim=(left - margin, right + margin))
    below, above = entry.statistics["clipped_below"], entry.statistics["clipped_above"]
    describe(
        ax, f"before: {before['min']:.5g} .. {before['max']:.5g}{unit}", f"cut: {below:.2%} below, {above:.2%} above"
    )


def _show_after(ax: "Axes", entry: StoredVolume, voxels: Tensor) -> None:
    """Histogram of the stored voxels, scaled by the window."""
    lo, hi = entry.window
    values = Distribution(voxels)
    _bars(ax, values.histogram(lo, hi), 0.0, 1.0, QUIET)
    told = values.describe(1.0 / (hi - lo), -lo / (hi - lo))
    ax.set(xlim=(-0.03, 1.03))
    describe(ax, "after: 0 .. 1", f"mean {told['mean']:.3f}, median {told['p50']:.3f}")


def _bars(ax: "Axes", counts: Sequence[int], lo: float, hi: float, colour: str) -> None:
    """A logarithmic histogram over an axis of values."""
    shares = np.maximum(np.asarray(counts, np.float64) / max(sum(counts), 1), _FLOOR)
    plain_axes(ax)
    ax.stairs(np.log10(shares / _FLOOR), np.linspace(lo, hi, len(counts) + 1), fill=True, color=colour, alpha=0.75)
    ax.set(ylim=(0.0, -np.log10(_FLOOR) * 1.02), yticks=())
    ax.locator_params(axis="x", nbins=5)
    ax.spines["left"].set_visible(False)


def plain_axes(ax: "Axes") -> None:
    """Axes of a diagram in a panel, with small ticks and no frame."""
    ax.set_axis_on()
    ax.tick_params(labelsize=6, length=2, pad=1.5, colors=QUIET)
    for side in ("right", "top"):
        ax.spines[side].set_visible(False)
