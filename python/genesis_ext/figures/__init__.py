# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures: of what the transformations do to a scan, of what a store holds, of how a network restores, of studies."""

from genesis_ext.figures.bands import Band, save_bands
from genesis_ext.figures.bars import Bar, Mark, save_bars
from genesis_ext.figures.cases import Case, save_cases
from genesis_ext.figures.content import richest_patch
from genesis_ext.figures.loss_curve import save_loss_curve
from genesis_ext.figures.page import save_picture
from genesis_ext.figures.preview import write_preview
from genesis_ext.figures.restorations import RestorationGrid, save_restorations
from genesis_ext.figures.store_sheets import write_store_preview
from genesis_ext.figures.subject import Subject

__all__ = [
    "Band",
    "Bar",
    "Case",
    "Mark",
    "RestorationGrid",
    "Subject",
    "richest_patch",
    "save_bands",
    "save_bars",
    "save_cases",
    "save_loss_curve",
    "save_picture",
    "save_restorations",
    "write_preview",
    "write_store_preview",
]
