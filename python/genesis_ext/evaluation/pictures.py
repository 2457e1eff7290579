# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Slices as a radiologist looks at them, on sheets that know nothing of a screen.

Volumes are (X, Y, Z) with x to the patient's right, y to the front and z to the head. They are drawn in millimetres,
the patient's right on the left side, the front (axial) or the head (coronal, sagittal) up, with the grey window [0, 1].
Pictures (X-ray, ultrasound) are (X, Y, 1) with x to the right and y down, and drawn so.
"""

import os
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from genesis_ext._extras import require
from genesis_ext._types import Shape3, Spacing3

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AMBER = "#f08c00"
BLUE = "#2a6fdb"
GREEN = "#2f9e44"
QUIET = "#5f6b76"
_LEAST_LETTERED = 0.25  # height of a slice that has room for letters, of its width
_TINTS = ("#2a6fdb", "#f03e3e", "#37b24d", "#f59f00", "#ae3ec9", "#1098ad", "#e8590c")  # of labels, by their number

DPI = 150
_PANEL_PIXELS = 256
_GAP = 0.04  # between the slices of a panel, of its width
_BAR_MM, _BAR_SHARE = (
    (200, 100, 50, 20, 10, 5, 2, 1),
    0.35,
)  # lengths of a scale bar; the most of a slice's width it takes
_MARGIN = 0.12  # inches, as all below
_SPACE = 0.1  # between columns
_TITLE_LINE, _CAPTION_LINE, _NOTE_LINE, _PANEL_TITLE, _HEADING = 0.24, 0.155, 0.145, 0.2, 0.3
_TITLE_LETTERS, _HEADING_LETTERS, _CAPTION_LETTERS = 9.5, 11.0, 17.5  # an inch holds


@dataclass(frozen=True)
class Plane:
    """A section: the axis it is perpendicular to, and the axes that run across and up.

    as_seen: the across axis runs to the right and the other one down, as in a picture.
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


@dataclass(frozen=True)
class Row:
    """A row of panels of a sheet.

    height: inches.   titled: whether panels have titles.   notes: lines below them.   label: beside them.
    heading, details: a line in bold above them, and quiet ones below it.
    """

    height: float
    titled: bool = True
    notes: int = 1
    label: str = ""
    heading: str = ""
    details: tuple[str, ...] = ()

    @property
    def above(self) -> float:
        """Inches above the panels."""
        heading = _HEADING + _CAPTION_LINE * len(self.details) + 0.06 if self.heading else 0.0
        return heading + (_PANEL_TITLE if self.titled else 0.0)

    @property
    def below(self) -> float:
        """Inches below the panels."""
        return _NOTE_LINE * self.notes + 0.1


def _shortened(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


class Sheet:
    """A page of panels on a grid: title above, caption below, sizes in inches and free of any layout engine.

    ``panels[row][column]`` are the axes; those on which nothing is shown stay blank.
    """

    def __init__(self, title: str, caption: str, widths: Sequence[float], rows: Sequence[Row]) -> None:
        left = _MARGIN + (0.2 if any(row.label for row in rows) else 0.0)
        width = left + sum(widths) + _SPACE * (len(widths) - 1) + _MARGIN
        title_lines = textwrap.wrap(title, int(_TITLE_LETTERS * width))
        caption_letters = int(_CAPTION_LETTERS * (width - 2 * _MARGIN))
        caption_lines = textwrap.wrap(caption, caption_letters)
        above = _MARGIN + _TITLE_LINE * len(title_lines)
        below = _MARGIN + _CAPTION_LINE * len(caption_lines) + 0.06
        height = above + sum(row.above + row.height + row.below for row in rows) + below
        self.figure: Figure = require("matplotlib.figure", "train", "to draw pictures").Figure(
            figsize=(width, height), dpi=DPI, facecolor="white"
        )

        def write(x: float, y: float, text: str, **style: Any) -> None:
            self.figure.text(x / width, y / height, text, parse_math=False, **style)

        write(_MARGIN, height - _MARGIN, "\n".join(title_lines), va="top", fontsize=11, fontweight="bold")
        write(_MARGIN, _MARGIN, "\n".join(caption_lines), va="bottom", fontsize=7.5, color=QUIET, linespacing=1.4)
        self.panels: list[list[Axes]] = []
        bottom = height - above
        for row in rows:
            if row.heading:
                line, y = _shortened(row.heading, int(_HEADING_LETTERS * (width - 2 * _MARGIN))), bottom - _HEADING
                write(left, y, line, va="baseline", fontsize=9.5, fontweight="bold")
                for number, text in enumerate(row.details):
                    line, y = _shortened(text, caption_letters), bottom - _HEADING - _CAPTION_LINE * (number + 1)
                    write(left, y, line, va="baseline", fontsize=7.5, color=QUIET)
            bottom -= row.above + row.height
            if row.label:
                place = left - 0.08, bottom + row.height
                write(*place, row.label, rotation=90, fontsize=8, color=QUIET, ha="right", va="top")
            self.panels.append([])
            at = left
            for panel_wide in widths:
                corners = (at / width, bottom / height, panel_wide / width, row.height / height)
                ax = self.figure.add_axes(corners, anchor="NW")
                ax.set_axis_off()
                self.panels[-1].append(ax)
                at += panel_wide + _SPACE
            bottom -= row.below

    def save(self, path: Path) -> Path:
        """Write a PNG aside and rename it, so that a picture under this name is always whole."""
        canvas = require("matplotlib.backends.backend_agg", "train", "to draw pictures").FigureCanvasAgg(self.figure)
        aside = path.with_name(f".{path.name}.part")
        try:
            canvas.print_png(aside, metadata={"Software": "genesis_ext"})
            os.replace(aside, path)
        finally:
            aside.unlink(missing_ok=True)
        return path


def planes_of(flat: bool, planes: tuple[Plane, ...] = BOTH) -> tuple[Plane, ...]:
    """The planes to show, which is one for a picture."""
    return (PICTURE,) if flat else planes


def slice_text(plane: Plane, at: Shape3, shape: Sequence[int]) -> str:
    """Where a slice lies; nothing for a picture, which has but one."""
    return "" if plane.as_seen else f"{'xyz'[plane.normal]} = {at[plane.normal]} of {shape[plane.normal]}"


def panel_width(voxels: int) -> float:
    """Width in inches at which each of so many voxels has the same whole number of pixels, about 256 in all."""
    return voxels * max(1, round(_PANEL_PIXELS / voxels)) / DPI


def panel_height(shape: Shape3, spacing_mm: Spacing3, width: float, planes: Sequence[Plane] = BOTH) -> float:
    """Height of what ``show_slices`` puts into a panel of that width."""
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
) -> None:
    """Slices of (X, Y, Z) ``voxels`` through ``at``, the first plane on top; ``planes`` share the axis across.

    title, note: above and below. boxes: (box, colour) to outline; dashed where the box misses the slice.
    letters: mark the patient's sides. smooth: interpolate between voxels, for slices finer than the pixels.
    grey: the values that are black and white. marks: a label of the same shape to tint, zeros left out.
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
        if marks is not None:
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


def describe(ax: "Axes", title: str, note: str, colour: str = "black") -> None:
    """Title above, note below, both from the left edge."""
    ax.set_title(title, fontsize=8.5, fontweight="bold", loc="left", pad=3, color=colour, parse_math=False)
    ax.set_xlabel(note, fontsize=7, color=QUIET, loc="left", labelpad=3, parse_math=False)


def scale_bar(ax: "Axes", width_mm: float, colour: str = AMBER) -> None:
    """A bar of a round length at the lower left of a slice that ``show_slices`` has drawn, and its length."""
    length = next((mm for mm in _BAR_MM if mm <= _BAR_SHARE * width_mm), None)
    if length is None:
        return
    start, y = 0.96 * width_mm, 0.04 * width_mm  # across runs to the left
    ax.plot((start, start - length), (y, y), color=colour, linewidth=1.6, solid_capstyle="butt")
    text = f"{length // 10} cm" if length >= 10 else f"{length} mm"
    ax.text(start, y + 0.02 * width_mm, text, color=colour, fontsize=6, ha="left", va="bottom")


def _tinted(marks: Tensor) -> NDArray[np.float64]:
    """(rows, columns) integers to red, green, blue and opacity; neighbouring numbers differ in colour."""
    colours = np.array([[int(tint[at : at + 2], 16) / 255 for at in (1, 3, 5)] for tint in _TINTS])
    numbers = marks.numpy().astype(np.int64)
    opacity = np.where(numbers != 0, 0.45, 0.0)[..., None]
    return np.concatenate((colours[numbers % len(_TINTS)], opacity), axis=-1)


def _outline(
    ax: "Axes", box: Box, colour: str, plane: Plane, slice_at: int, spacing_mm: Spacing3, bottom: float, height: float
) -> None:
    """height: of the slice; all lengths in millimetres."""
    across, up, normal = plane.across, plane.up, plane.normal
    crossed = box[normal] <= slice_at < box[normal + 3]
    low, high = box[up] * spacing_mm[up], box[up + 3] * spacing_mm[up]
    rectangle = require("matplotlib.patches", "train", "to draw pictures").Rectangle(
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
