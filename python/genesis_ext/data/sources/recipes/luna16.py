# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""LUNA16: chest CT in ten folds, ``subset0`` .. ``subset9``, with lung masks beside them.

Folds 0 to 4 train, 5 and 6 validate, 7 to 9 test, as Models Genesis has them (445, 178 and 265 of 888 scans). A scan is
named by its series, and the dataset holds one series a patient. Fold and number agree. The candidates, a table of the
same names, are read by ``Candidates.read_csv``. Source: luna16.grand-challenge.org/Data.
"""

import re
from pathlib import Path

from genesis_ext.data.sources.recipes._recipe import Recipe, files_named
from genesis_ext.data.sources.source import Found, Source
from genesis_ext.data.store.entry import SplitName

_MASKS = "seg-lungs-LUNA16"


def split_of(fold: int) -> SplitName:
    """Of a fold, 0 .. 9."""
    return "train" if fold <= 4 else "validation" if fold <= 6 else "test"


def _collect(root: Path, found: Found) -> None:
    masks = {path.name: path for path, _ in files_named(root, r".+\.mhd", found) if _MASKS in path.parts}
    for path, match in files_named(root, r"(.+)\.mhd", found):
        folds = [re.fullmatch(r"subset(\d)", part) for part in path.relative_to(root.parent).parts]
        fold = next((int(fold[1]) for fold in folds if fold), None)
        if fold is not None:
            uid = match[1]
            mask = masks.get(path.name)
            found.sources.append(Source(path, uid, uid, "ct", split_of(fold), mask, patient_known=True, fold=fold))


RECIPE = Recipe("luna16", "subset0 .. subset9 with .mhd files", "folds 0-4 train, 5-6 validation, 7-9 test", _collect)
