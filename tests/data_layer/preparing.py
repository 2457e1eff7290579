# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Scans to prepare, and short ways to do so."""

from pathlib import Path
from typing import Any

import numpy as np

from genesis_ext.data.prepare.preprocess import PrepareSettings
from genesis_ext.data.prepare.report import Report
from genesis_ext.data.prepare.run import prepare
from genesis_ext.data.sources.find import find_sources
from tests.data_layer.images import random_voxels, write_ct, write_mri, write_nifti

THIN = np.diag((1.0, 1.0, 2.0, 1.0))


def run(sources: Any, store: Path, settings: PrepareSettings | None = None, **more: Any) -> Report:
    choice = {name: more.pop(name) for name in ("recipe", "modality", "splits") if name in more}
    return prepare(find_sources(sources, **choice), store, settings, workers=more.pop("workers", 0), **more)


def reasons(report: Report) -> dict[str, str]:
    """Of what was not used, by the name of the file."""
    return {Path(row["source"]).name: row["text"] for row in report.rows() if row["status"] in ("skipped", "failed")}


def table(folder: Path, lines: str) -> Path:
    path = folder / "list.csv"
    path.write_text(lines)
    return path


def write_scans(folder: Path) -> Path:
    """Three: CT, MRI, and CT with thick slices."""
    write_ct(folder / "a.nii.gz", (12, 10, 8))
    write_mri(folder / "b.nii", (9, 8, 7))
    write_nifti(folder / "c.nii.gz", random_voxels((6, 6, 6), -900, 900).astype(np.int16), THIN)
    return folder
