# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Scans to prepare, and short ways to do so."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from genesis_ext.data.prepare.intensity import PAPER_MRI_WINDOW, IntensityWindow
from genesis_ext.data.prepare.preprocess import Prepared, PrepareSettings
from genesis_ext.data.prepare.report import Report
from genesis_ext.data.prepare.run import prepare
from genesis_ext.data.sources.find import find_sources
from genesis_ext.data.volume import Modality, Volume
from tests.data_layer.images import random_voxels, write_ct, write_mri, write_nifti

THIN = np.diag((1.0, 1.0, 2.0, 1.0))
NATIVE = PrepareSettings(spacing_mm=None)
PAPER = PrepareSettings(spacing_mm=None, window=IntensityWindow(mri=PAPER_MRI_WINDOW))


def run(sources: Any, store: Path, settings: PrepareSettings | None = None, **more: Any) -> Report:
    choice = {
        name: more.pop(name) for name in ("recipe", "modality", "splits", "labels", "classes_from") if name in more
    }
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


def volume_of(voxels: Any, modality: Modality, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Volume:
    tensor = torch.as_tensor(voxels)
    tensor = tensor.reshape(-1, 1, 1) if tensor.ndim == 1 else tensor
    affine = np.diag((*spacing, 1.0))
    affine[:3, 3] = (-31.0, 7.0, 105.5)
    return Volume(tensor, spacing, affine, modality, Path("scan.nii"), "scan")


def scan_units(prepared: Prepared) -> NDArray[np.float64]:
    return prepared.voxels.astype(np.float64) * prepared.scale.slope + prepared.scale.intercept


def unit_values(prepared: Prepared) -> NDArray[np.float64]:
    """As training sees them."""
    lo, hi = prepared.scale.window
    return ((prepared.voxels.astype(np.float64) - lo) / (hi - lo)).clip(0, 1)
