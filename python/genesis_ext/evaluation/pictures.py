# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Slices as a radiologist looks at them, on sheets that know nothing of a screen.

Patches are (X, Y, Z) with x to the patient's right, y to the front and z to the head. They are drawn in millimetres,
the patient's right on the left side, the front (axial) or the head (coronal, sagittal) up, with the grey window [0, 1].
"""

import os
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from genesis_ext._extras import require
from genesis_ext.evaluation.subject import Shape3, Spacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AMBER = "#f08c00"
BLUE = "#2a6fdb"
QUIET = "#5f6b76"

DPI = 150
_PANEL_PIXELS = 256
_GAP = 0.04  # between the slices of a panel, of its width
_MARGIN = 0.12  # inches, as all below
_SPACE = 0.1  # between columns
_TITLE_LINE, _CAPTION_LINE, _NOTE_LINE, _PANEL_TITLE = 0.24, 0.155, 0.145, 0.2
_TITLE_LETTERS, _CAPTION_LETTERS = 9.5, 17.5  # an inch holds


@dataclass(frozen=True)
class Plane:
    """A section: the axis it is perpendicular to, and the axes that run across and up."""

    name: str
    normal: int
    across: int
    up: int


# The patient's right is on the left, as if seen from the feet; in sagittal slices the face looks to the left.
AXIAL = Plane("axial", normal=2, across=0, up=1)
CORONAL = Plane("coronal", normal=1, across=0, up=2)
SAGITTAL = Plane("sagittal", normal=0, across=1, up=2)
BOTH = (AXIAL, CORONAL)
_SIDES = {0: ("R", "L"), 1: ("A", "P"), 2: ("S", "I")}  # where an axis ends, where it begins

Box = Sequence[int]  # x0, y0, z0, x1, y1, z1 in voxels, half-open


@dataclass(frozen=True)
class Row:
    """A row of panels of a sheet: height in inches, whether panels have titles, lines below them, label beside them."""

    height: float
    titled: bool = True
    notes: int = 1
    label: str = ""

    @property
    def above(self) -> float:
        """Inches above the panels."""
        return _PANEL_TITLE if self.titled else 0.0

    @property
    def below(self) -> float:
        """Inches below the panels."""
        return _NOTE_LINE * self.notes + 0.1


class Sheet:
    """A page of panels on a grid: title above, caption below, sizes in inches and free of any layout engine.

    ``panels[row][column]`` are the axes; those on which nothing is shown stay blank.
    """

    def __init__(self, title: str, caption: str, widths: Sequence[float], rows: Sequence[Row]) -> None:
        left = _MARGIN + (0.2 if any(row.label for row in rows) else 0.0)
        width = left + sum(widths) + _SPACE * (len(widths) - 1) + _MARGIN
        title_lines = textwrap.wrap(title, int(_TITLE_LETTERS * width))
        caption_lines = textwrap.wrap(caption, int(_CAPTION_LETTERS * (width - 2 * _MARGIN)))
        above = _MARGIN + _TITLE_LINE * len(title_lines)
        below = _MARGIN + _CAPTION_LINE * len(caption_lines) + 0.06
        height = above + sum(row.above + row.height + row.below for row in rows) + below
        self.figure: Figure = require("matplotlib.figure", "train", "to draw pictures").Figure(
            figsize=(width, height), dpi=DPI, facecolor="white"
        )

        def write(x: float, y: float, text: str, **style: Any) -> None:
            self.figure.text(x / width, y / height, text, **style)

        write(_MARGIN, height - _MARGIN, "\n".join(title_lines), va="top", fontsize=11, fontweight="bold")
        write(_MARGIN, _MARGIN, "\n".join(caption_lines), va="bottom", fontsize=7.5, color=QUIET, linespacing=1.4)
        self.panels: list[list[Axes]] = []
        bottom = height - above
        for row in rows:
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


def panel_width(voxels: int) -> float:
    """Width in inches at which each of so many voxels has the same whole number of pixels, about 256 in all."""
    return voxels * max(1, round(_PANEL_PIXELS / voxels)) / DPI


def panel_height(shape: Shape3, spacing_mm: Spacing, width: float, planes: Sequence[Plane] = BOTH) -> float:
    """Height of what ``show_slices`` puts into a panel of that width."""
    across = shape[planes[0].across] * spacing_mm[planes[0].across]
    return width * (sum(shape[plane.up] * spacing_mm[plane.up] / across for plane in planes) + _GAP * (len(planes) - 1))


def show_slices(
    ax: "Axes",
    voxels: Tensor,
    spacing_mm: Spacing,
    at: Shape3,
    title: str = "",
    note: str = "",
    planes: Sequence[Plane] = BOTH,
    boxes: Sequence[tuple[Box, str]] = (),
    letters: bool = False,
) -> None:
    """Slices of (X, Y, Z) ``voxels`` through ``at``, the first plane on top; ``planes`` share the axis across.

    title, note: above and below. boxes: (box, colour) to outline; dashed where the box misses the slice.
    letters: mark the patient's sides.
    """
    across = planes[0].across
    width = voxels.shape[across] * spacing_mm[across]
    bottom = 0.0
    for plane in reversed(planes):
        height = voxels.shape[plane.up] * spacing_mm[plane.up]
        image = voxels.select(plane.normal, at[plane.normal])  # (across, up), since no plane has them swapped
        ax.imshow(
            image.T.cpu().float().numpy(), cmap="gray", vmin=0.0, vmax=1.0, origin="lower", interpolation="nearest",
            extent=(0.0, width, bottom, bottom + height),
        )  # fmt: skip
        for box, colour in boxes:
            _outline(ax, box, colour, plane, at[plane.normal], spacing_mm, bottom)
        if letters:
            _letters(ax, plane, width, bottom, height)
        bottom += height + _GAP * width
    ax.set_axis_on()
    ax.set(xlim=(width, 0.0), ylim=(0.0, bottom - _GAP * width), xticks=(), yticks=())  # across runs to the left
    for spine in ax.spines.values():
        spine.set_visible(False)
    describe(ax, title, note)


def describe(ax: "Axes", title: str, note: str, colour: str = "black") -> None:
    """Title above, note below, both from the left edge."""
    ax.set_title(title, fontsize=8.5, fontweight="bold", loc="left", pad=3, color=colour)
    ax.set_xlabel(note, fontsize=7, color=QUIET, loc="left", labelpad=3)


def _outline(
    ax: "Axes", box: Box, colour: str, plane: Plane, slice_at: int, spacing_mm: Spacing, bottom: float
) -> None:
    across, up, normal = plane.across, plane.up, plane.normal
    crossed = box[normal] <= slice_at < box[normal + 3]
    rectangle = require("matplotlib.patches", "train", "to draw pictures").Rectangle(
        (box[across] * spacing_mm[across], bottom + box[up] * spacing_mm[up]),
        (box[across + 3] - box[across]) * spacing_mm[across],
        (box[up + 3] - box[up]) * spacing_mm[up],
        fill=False, edgecolor=colour, linewidth=1.2, linestyle="-" if crossed else (0, (2, 2)),
    )  # fmt: skip
    ax.add_patch(rectangle)


def _letters(ax: "Axes", plane: Plane, width: float, bottom: float, height: float) -> None:
    end, begin = _SIDES[plane.across]
    top, _ = _SIDES[plane.up]
    for text, x, y, side in (
        (end, 0.96 * width, bottom + height / 2, "center"),
        (begin, 0.04 * width, bottom + height / 2, "center"),
        (top, width / 2, bottom + height - 0.02 * width, "top"),
    ):
        ax.text(x, y, text, color=AMBER, fontsize=6.5, fontweight="bold", ha="center", va=side)
