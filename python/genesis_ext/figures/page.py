# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The page that every picture is drawn on, and two layouts of it: panels to draw in, and tiles of pixels.

Nothing depends on a screen, on pyplot or on a layout engine, so equal input gives equal pixels. Needs matplotlib (extra
``train``).
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from genesis_ext._extras import require
from genesis_ext._files import write_aside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Image: TypeAlias = NDArray[np.uint8]
"""(H, W, 3)."""

AMBER = "#f08c00"
BLUE = "#2a6fdb"
GREEN = "#2f9e44"
QUIET = "#5f6b76"  # of text that explains
SERIES = ("#1f66c9", "#b8580a", "#23772f", "#9333a8", "#0b7285", "#a61e4d")  # those of the report

SHEET_DPI = 150
TILES_DPI = 120
_METADATA = {"Software": "genesis_ext"}

# Of a sheet, in inches.
_MARGIN = 0.12
_SPACE = 0.1  # between columns
_TITLE_LINE, _CAPTION_LINE, _NOTE_LINE, _PANEL_TITLE, _HEADING = 0.24, 0.155, 0.145, 0.2, 0.3
_TITLE_LETTERS, _HEADING_LETTERS, _CAPTION_LETTERS = 9.5, 11.0, 17.5  # an inch holds

# Of a page of tiles, in pixels.
_GAP, _GROUP_GAP = 4, 16  # between tiles, and between groups of columns
_FRAME = 150  # grey level of the line around a tile


def drawing(module: str) -> Any:
    """A module of matplotlib by its dotted name.

    Raises:
        ImportError: matplotlib is not installed; the text says how to install it.
    """
    return require(module, "train", "to draw pictures")


def save_picture(path: Path, image: Image) -> None:
    """Write a PNG aside and rename it, so that a picture under this name is always whole."""
    imsave = drawing("matplotlib.image").imsave
    write_aside(path, lambda stream: imsave(stream, image, format="png", metadata=_METADATA))


class Page:
    """A white page. Places are counted from its lower left corner, in units of which ``per_inch`` make an inch."""

    def __init__(self, width: float, height: float, dpi: int, per_inch: float = 1.0) -> None:
        self.width, self.height = width, height
        size = width / per_inch, height / per_inch
        self.figure: Figure = drawing("matplotlib.figure").Figure(figsize=size, dpi=dpi, facecolor="white")

    def write(self, x: float, y: float, text: str, **style: Any) -> None:
        """Write text from x on, standing on y, unless ``ha`` and ``va`` say otherwise."""
        self.figure.text(x / self.width, y / self.height, text, parse_math=False, **style)

    def panel(self, x: float, y: float, width: float, height: float) -> "Axes":
        """Blank axes; of fixed proportions, they fill the upper left of their place."""
        corners = x / self.width, y / self.height, width / self.width, height / self.height
        axes = self.figure.add_axes(corners, anchor="NW")
        axes.set_axis_off()
        return axes

    def pixels(self) -> Image:
        """The page as an array."""
        canvas = self._canvas()
        canvas.draw()
        return np.array(canvas.buffer_rgba())[..., :3].copy()

    def save(self, path: Path, tight: bool = False) -> Path:
        """Write a PNG, or SVG by its name, aside and rename it, so that a picture under this name is always whole.

        tight: cut or widen the page to what is drawn.
        """
        if path.suffix.lower() == ".svg":
            options: Any = {"format": "svg", "metadata": {"Creator": _METADATA["Software"], "Date": None}}
            box = "tight" if tight else self.figure.bbox_inches
            with drawing("matplotlib").rc_context({"svg.hashsalt": path.name}):  # else ids differ each time
                write_aside(path, lambda stream: self.figure.savefig(stream, bbox_inches=box, **options))
        elif tight:
            options = {"dpi": "figure", "bbox_inches": "tight", "metadata": _METADATA}
            write_aside(path, lambda stream: self.figure.savefig(stream, **options))
        else:  # savefig would follow the user's matplotlibrc here
            write_aside(path, lambda stream: self._canvas().print_png(stream, metadata=_METADATA))
        return path

    def _canvas(self) -> Any:
        return drawing("matplotlib.backends.backend_agg").FigureCanvasAgg(self.figure)


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


class Sheet(Page):
    """A page of panels on a grid: title above, caption below.

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
        super().__init__(width, height, SHEET_DPI)
        quiet = {"fontsize": 7.5, "color": QUIET}
        self.write(_MARGIN, height - _MARGIN, "\n".join(title_lines), va="top", fontsize=11, fontweight="bold")
        self.write(_MARGIN, _MARGIN, "\n".join(caption_lines), va="bottom", linespacing=1.4, **quiet)
        self.panels: list[list[Axes]] = []
        bottom = height - above
        for row in rows:
            if row.heading:
                heading = _shortened(row.heading, int(_HEADING_LETTERS * (width - 2 * _MARGIN)))
                self.write(left, bottom - _HEADING, heading, fontsize=9.5, fontweight="bold")
                for number, text in enumerate(row.details, start=1):
                    y = bottom - _HEADING - _CAPTION_LINE * number
                    self.write(left, y, _shortened(text, caption_letters), **quiet)
            bottom -= row.above + row.height
            if row.label:
                place = left - 0.08, bottom + row.height
                self.write(*place, row.label, rotation=90, fontsize=8, color=QUIET, ha="right", va="top")
            self.panels.append([])
            at = left
            for wide in widths:
                self.panels[-1].append(self.panel(at, bottom, wide, row.height))
                at += wide + _SPACE
            bottom -= row.below


def describe(ax: "Axes", title: str, note: str, colour: str = "black") -> None:
    """Give a panel a title above and a note below, both from its left edge."""
    ax.set_title(title, fontsize=8.5, fontweight="bold", loc="left", pad=3, color=colour, parse_math=False)
    ax.set_xlabel(note, fontsize=7, color=QUIET, loc="left", labelpad=3, parse_math=False)


def tiled(
    tiles: Image,
    title: str,
    rows: Sequence[str],
    columns: Sequence[str] = (),
    numbers: Sequence[Sequence[str]] = (),
    tile_pixels: int = 128,
    group: int | None = None,
) -> Page:
    """A page of small pictures, each of whose pixels becomes a square of whole pixels.

    tiles: (R, C, H, W, 3).   rows, columns: their names.   numbers: (R, C) texts on the tiles.
    tile_pixels: longer side of a tile, about.   group: so many columns belong together.
    """
    factor = max(1, round(tile_pixels / max(tiles.shape[2:4])))
    tiles = tiles.repeat(factor, axis=2).repeat(factor, axis=3)
    high, wide = tiles.shape[2:4]
    left, top = 16 + 9 * max(map(len, rows), default=0), 34 + (18 if columns else 0)
    group = group or tiles.shape[1]
    across = [left + j * (wide + _GAP) + j // group * (_GROUP_GAP - _GAP) for j in range(tiles.shape[1])]
    down = [top + i * (high + _GAP) for i in range(tiles.shape[0])]
    image = np.full((down[-1] + high + 8, max(across[-1] + wide + 8, 7 * len(title)), 3), 255, dtype=np.uint8)
    for i, y in enumerate(down):
        for j, x in enumerate(across):
            image[y - 1 : y + high + 1, x - 1 : x + wide + 1] = _FRAME
            image[y : y + high, x : x + wide] = tiles[i, j]
    height, width = image.shape[:2]
    page = Page(width, height, TILES_DPI, per_inch=TILES_DPI)
    page.figure.figimage(image)
    small = {"fontsize": 7.5}
    page.write(left, height - 18, title, fontweight="bold", **small)
    for x, name in zip(across, columns, strict=False):
        page.write(x, height - top + 6, name, **small)
    for y, name in zip(down, rows, strict=True):
        page.write(left - 8, height - y - high / 2, name, ha="right", va="center", **small)
    box = {"facecolor": "black", "alpha": 0.6, "edgecolor": "none", "pad": 1.5}
    for y, line in zip(down, numbers, strict=False):
        for x, number in zip(across, line, strict=True):
            if number:
                page.write(x + 4, height - y - high + 5, number, color="white", bbox=box, **small)
    return page


def _shortened(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"
