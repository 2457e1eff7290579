# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Scans in which scale and modality can be seen: one anatomy of balls, by two maps of intensities."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genesis_ext.data.store.volume_store import VolumeStore
from tests.data_layer.stores import entry_of, write_store

_SIDE, _SPACING, _RADIUS = 64, 12, 3.5  # voxels: balls seem larger the smaller the box


def toy_store(path: Path, patients: int = 8) -> VolumeStore:
    """As many CT as MRI; the last two patients of each validate."""
    entries, voxels = [], []
    for number in range(patients):
        modality = ("ct", "mri")[number % 2]
        split = "validation" if number >= patients - 4 else "train"
        entries.append(entry_of(f"p{number}", (_SIDE,) * 3, modality, split=split))
        tissue = _balls(number)
        # MRI shows the balls dark where CT shows them bright.
        share = 0.25 + 0.5 * tissue if modality == "ct" else 0.9 - 0.6 * tissue
        lo, hi = entries[-1].window
        voxels.append((lo + (hi - lo) * share).astype(np.int16))
    return write_store(path, entries, voxels)


def _balls(seed: int) -> NDArray[np.float64]:
    """Smooth balls in [0, 1] on a shaken grid, with a little noise: (64, 64, 64)."""
    random = np.random.default_rng(seed)
    tissue = np.zeros((_SIDE,) * 3)
    centres = np.stack(np.meshgrid(*[np.arange(_SPACING // 2, _SIDE, _SPACING)] * 3, indexing="ij"), -1).reshape(-1, 3)
    axis = np.arange(_SIDE)
    for centre in centres + random.uniform(-2, 2, centres.shape):
        x, y, z = (np.exp(-(((axis - c) / _RADIUS) ** 2)) for c in centre)
        tissue = np.maximum(tissue, x[:, None, None] * y[None, :, None] * z[None, None, :])
    return np.clip(tissue + random.normal(0, 0.02, tissue.shape), 0, 1)
