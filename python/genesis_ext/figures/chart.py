# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A page with one diagram and its legend."""

from pathlib import Path
from typing import TYPE_CHECKING

from genesis_ext.figures.page import TILES_DPI, Page

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Chart(Page):
    """A page of one diagram.

    Attributes:
        axes: to draw in; what has a label is in the legend.
    """

    def __init__(self, across: str, up: str, title: str = "") -> None:
        super().__init__(840, 500, TILES_DPI, per_inch=TILES_DPI)
        self.axes: Axes = self.figure.subplots()
        self.axes.set_xlabel(across, parse_math=False)
        self.axes.set_ylabel(up, parse_math=False)
        self.axes.set_title(title, loc="left", fontsize=11, parse_math=False)
        self.axes.spines[["top", "right"]].set_visible(False)

    def save_with_legend(self, path: Path) -> Path:
        """Write the page, cut to what is drawn, with the legend beside the diagram."""
        if self.axes.get_legend_handles_labels()[0]:
            legend = self.axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
            for text in legend.get_texts():
                text.set_parse_math(False)
        return self.save(path, tight=True)
