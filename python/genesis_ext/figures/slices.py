# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Slices of volumes as a radiologist looks at them.

A volume is (X, Y, Z), with x to the patient's right, y to the front and z to the head. It is drawn in millimetres, with
the patient's right on the left, and the front (axial) or the head (coronal, sagittal) up. A picture (X-ray, ultrasound)
is (X, Y, 1), with x to the right and y down, and is drawn so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from genesis_ext._types import Shape3, Spacing3
from genesis_ext.figures.page import AMBER, SHEET_DPI, describe, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TINTS = ("#2a6fdb", "#f03e3e", "#37b24d", "#f59f00", "#ae3ec9", "#1098ad", "#e8590c")  # of labels, by their number
_LEAST_LETTERED = 0.25  # height of a slice that has room for letters, of its width
_PANEL_PIXELS = 256
_GAP = 0.04  # between the slices of a panel, of its width
_BAR_MM = (200, 100, 50, 20, 10, 5, 2, 1)  # lengths of a scale bar
_BAR_SHARE = 0.35  # of a slice's width that it takes at most


@dataclass(frozen=True)
class Plane:
    """A section: the axis perpendicular to it, and the axes that run across and up.

    as_seen: across runs to the right and up runs down, as in a picture.
    """

    name: str
    normal: int
    across: int
    up: int
    as_seen: bool = False


# The patient's right is on the left, as if seen from the feet; in sagittal slices the face looks to the left.
AXIAL = Plane("axial", normal=2, across=0, up=1)
CORONAL = Plane("coronal", normal=1, across=0, up=2)
SAGITTAL = Plane("sagittal", normal=0, across=1, up=2)
PICTURE = Plane("the picture", normal=2, across=0, up=1, as_seen=True)
BOTH = (AXIAL, CORONAL)
THREE = (AXIAL, CORONAL, SAGITTAL)
_SIDES = {0: ("R", "L"), 1: ("A", "P"), 2: ("S", "I")}  # where an axis ends, where it begins

Box = Sequence[float]  # x0, y0, z0, x1, y1, z1 in voxels, half-open


def planes_of(flat: bool, planes: tuple[Plane, ...] = BOTH) -> tuple[Plane, ...]:
    """The planes to show; a picture (``flat``) has only one."""
    return (PICTURE,) if flat else planes


def slice_text(plane: Plane, at: Shape3, shape: Sequence[int]) -> str:
    """Position of a slice; empty for a picture, which has only one."""
    return "" if plane.as_seen else f"{'xyz'[plane.normal]} = {at[plane.normal]} of {shape[plane.normal]}"


def panel_width(voxels: int) -> float:
    """Width in inches, about 256 pixels, at which every voxel is the same whole number of pixels wide."""
    return voxels * max(1, round(_PANEL_PIXELS / voxels)) / SHEET_DPI


def panel_height(shape: Shape3, spacing_mm: Spacing3, width: float, planes: Sequence[Plane] = BOTH) -> float:
    """Height of what ``show_slices`` draws in a panel of this width."""
    across = shape[planes[0].across] * spacing_mm[planes[0].across]
    return width * (sum(shape[plane.up] * spacing_mm[plane.up] / across for plane in planes) + _GAP * (len(planes) - 1))


def show_slices(
    ax: "Axes",
    voxels: Tensor,
    spacing_mm: Spacing3,
    at: Shape3,
    title: str = "",
    note: str = "",
    planes: Sequence[Plane] = BOTH,
    boxes: Sequence[tuple[Box, str]] = (),
    letters: bool = False,
    smooth: bool = False,
    grey: tuple[float, float] = (0.0, 1.0),
    marks: Tensor | None = None,
    outlined: bool = False,
) -> None:
    """Draw slices of (X, Y, Z) ``voxels`` through ``at``, the first plane on top; ``planes`` share the axis across.

    title, note: above and below. boxes: (box, colour) to outline; dashed where the box misses the slice.
    letters: mark the patient's sides. smooth: interpolate between voxels, for slices finer than the pixels.
    grey: the values that are black and white. marks: a label of the same shape to tint, zeros left out; or, outlined,
    to draw a line around each of its values.
    """
    across = planes[0].across
    width = voxels.shape[across] * spacing_mm[across]
    bottom = 0.0
    for plane in reversed(planes):
        height = voxels.shape[plane.up] * spacing_mm[plane.up]
        image = voxels.select(plane.normal, at[plane.normal])  # (across, up), since no plane has them swapped
        ends = (bottom + height, bottom) if plane.as_seen else (bottom, bottom + height)
        ax.imshow(
            image.T.cpu().float().numpy(), cmap="gray", vmin=grey[0], vmax=grey[1], origin="lower",
            extent=(0.0, width, *ends), interpolation="antialiased" if smooth else "nearest",
        )  # fmt: skip
        if marks is not None and outlined:
            _outline_marks(ax, marks.select(plane.normal, at[plane.normal]).T.cpu(), width, ends)
        elif marks is not None:
            tint = _tinted(marks.select(plane.normal, at[plane.normal]).T.cpu())
            ax.imshow(tint, origin="lower", extent=(0.0, width, *ends), interpolation="nearest")
        for box, colour in boxes:
            _outline(ax, box, colour, plane, at[plane.normal], spacing_mm, bottom, height)
        if letters and not plane.as_seen:
            _letters(ax, plane, width, bottom, height)
        bottom += height + _GAP * width
    ax.set_axis_on()
    sides = (0.0, width) if planes[0].as_seen else (width, 0.0)  # across runs to the left
    ax.set(xlim=sides, ylim=(0.0, bottom - _GAP * width), xticks=(), yticks=())
    for spine in ax.spines.values():
        spine.set_visible(False)
    describe(ax, title, note)


def scale_bar(ax: "Axes", width_mm: float, colour: str = AMBER) -> None:
    """Add a bar of round length, and that length, at the lower left of a slice drawn by ``show_slices``."""
    length = next((mm for mm in _BAR_MM if mm <= _BAR_SHARE * width_mm), None)
    if length is None:
        return
    start, y = 0.96 * width_mm, 0.04 * width_mm  # across runs to the left
    ax.plot((start, start - length), (y, y), color=colour, linewidth=1.6, solid_capstyle="butt")
    text = f"{length // 10} cm" if length >= 10 else f"{length} mm"
    ax.text(start, y + 0.02 * width_mm, text, color=colour, fontsize=6, ha="left", va="bottom")


def _outline_marks(ax: "Axes", marks: Tensor, width: float, ends: tuple[float, float]) -> None:
    """Lines along the edges of the voxels (rows, columns) at which a value ends, in its colour."""
    values = marks.numpy().astype(np.int64)
    rows, columns = values.shape
    for value in np.unique(values[values != 0]).tolist():
        inside = np.pad(values == value, 1)
        sides = np.argwhere(inside[1:-1, 1:] != inside[1:-1, :-1])  # (row, column) of an edge that runs along a column
        tops = np.argwhere(inside[1:, 1:-1] != inside[:-1, 1:-1])
        lines = [((column, row), (column, row + 1)) for row, column in sides.tolist()]
        lines += [((column, row), (column + 1, row)) for row, column in tops.tolist()]
        places = np.array(lines, np.float64) / (columns, rows)
        places = np.stack((places[..., 0] * width, ends[0] + places[..., 1] * (ends[1] - ends[0])), axis=-1)
        edges = drawing("matplotlib.collections").LineCollection(
            list(places), colors=TINTS[value % len(TINTS)], linewidths=1.0, capstyle="projecting"
        )
        ax.add_collection(edges, autolim=False)


def _tinted(marks: Tensor) -> NDArray[np.float64]:
    """Labels (rows, columns) to red, green, blue and opacity; consecutive labels differ in colour."""
    colours = np.array([[int(tint[at : at + 2], 16) / 255 for at in (1, 3, 5)] for tint in TINTS])
    numbers = marks.numpy().astype(np.int64)
    opacity = np.where(numbers != 0, 0.45, 0.0)[..., None]
    return np.concatenate((colours[numbers % len(TINTS)], opacity), axis=-1)


def _outline(
    ax: "Axes", box: Box, colour: str, plane: Plane, slice_at: int, spacing_mm: Spacing3, bottom: float, height: float
) -> None:
    """height: of the slice; all lengths in millimetres."""
    across, up, normal = plane.across, plane.up, plane.normal
    crossed = box[normal] <= slice_at < box[normal + 3]
    low, high = box[up] * spacing_mm[up], box[up + 3] * spacing_mm[up]
    rectangle = drawing("matplotlib.patches").Rectangle(
        (box[across] * spacing_mm[across], bottom + (height - high if plane.as_seen else low)),
        (box[across + 3] - box[across]) * spacing_mm[across], high - low,
        fill=False, edgecolor=colour, linewidth=1.2, linestyle="-" if crossed else (0, (2, 2)),
    )  # fmt: skip
    ax.add_patch(rectangle)


def _letters(ax: "Axes", plane: Plane, width: float, bottom: float, height: float) -> None:
    if height < _LEAST_LETTERED * width:
        return
    end, begin = _SIDES[plane.across]
    top, _ = _SIDES[plane.up]
    for text, x, y, side in (
        (end, 0.96 * width, bottom + height / 2, "center"),
        (begin, 0.04 * width, bottom + height / 2, "center"),
        (top, width / 2, bottom + height - 0.02 * width, "top"),
    ):
        ax.text(x, y, text, color=AMBER, fontsize=6.5, fontweight="bold", ha="center", va=side)
