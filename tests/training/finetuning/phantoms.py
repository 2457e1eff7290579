# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Stores of bright balls and cubes with labels and classes, for tests of fine-tuning."""

from pathlib import Path
from typing import Any

import numpy as np

from genesis_ext.data.prepare.preprocess import PrepareSettings
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.training import FinetuneConfig
from tests.data_layer.stores import change_index, entry_of, write_store

SIDE = 20
CONFIG = FinetuneConfig.of(
    patch=(16, 16, 16),
    width=2,
    norm="instance",
    batch_size=4,
    lr=1e-2,
    steps=10,
    validate_every=5,
    checkpoint_every=5,
    log_every=1,
    validation_patches=8,
    folds=4,
)


def write_phantoms(path: Path, count: int = 8, prefix: str = "p", **changes: Any) -> VolumeStore:
    """Volumes of noise, with a ball in every other one and a brighter cube in the others, of the label 1."""
    generator = np.random.default_rng(sum(prefix.encode()))
    at = np.stack(np.meshgrid(*[np.arange(SIDE)] * 3, indexing="ij"))
    entries, voxels, labels = [], [], []
    for number in range(count):
        ball = number % 2 == 0
        middle = generator.uniform(7, 13, (3, 1, 1, 1))
        away = np.sqrt(((at - middle) ** 2).sum(0)) if ball else 1.2 * np.abs(at - middle).max(0)
        label = (away < generator.uniform(4, 6)).astype(np.uint8)
        told = {"classes": ("ball" if ball else "cube",), "label_names": {"body": 1}, **changes}
        entries.append(entry_of(f"{prefix}{number}", label.shape, **told))
        voxels.append((generator.normal(0, 100, label.shape) + (400.0 if ball else 800.0) * label).astype(np.int16))
        labels.append(label)
    write_store(path, entries, voxels, labels)
    change_index(path, lambda index: index["settings"].update(PrepareSettings(spacing_mm=None).to_dict()))
    return VolumeStore(path)


def quiet(text: str) -> None:
    """Say nothing."""
