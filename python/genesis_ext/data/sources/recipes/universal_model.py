# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What the Universal Model pre-trains on: LUNA16, LiTS2017, BraTS2018 and the heart of MSD, in one store.

Each folder that is given holds one or more of them, as their own recipes know them. The train sets are the paper's: of
LUNA16 folds 0 to 6 (623 of 888 scans), of LiTS2017 volumes 0 to 110, of BraTS2018 190 cases of four sequences, of the
heart all 30 scans. What its target tasks test on (folds 7 to 9 of LUNA16, 95 cases of BraTS2018) tests. The paper names
nothing that validates: LiTS2017's volumes 111 to 130 do, and BraTS2018's own validation cases where they are given.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from genesis_ext.data.sources.recipes import brats2018, lits2017, luna16, msd_heart
from genesis_ext.data.sources.recipes._recipe import Recipe
from genesis_ext.data.sources.source import Found
from genesis_ext.data.store.entry import SplitName

_PARTS: tuple[tuple[Recipe, Mapping[SplitName, SplitName]], ...] = (
    (luna16.RECIPE, {"validation": "train"}),
    (lits2017.RECIPE, {}),
    (brats2018.RECIPE, {}),
    (msd_heart.RECIPE, {"test": "train"}),
)


def _collect(root: Path, found: Found) -> None:
    for part, other in _PARTS:
        own = Found()
        part.collect(root, own)
        own.sources = [replace(s, split=other.get(s.split, s.split) if s.split else None) for s in own.sources]
        found.extend(own)


RECIPE = Recipe(
    "universal-model",
    "folders with any of " + ", ".join(part.name for part, _ in _PARTS),
    "theirs, but LUNA16 folds 0-6 and all of msd-heart train",
    _collect,
)
