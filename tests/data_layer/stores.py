# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Small stores for tests, made without `prepare`."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_ext._types import Shape3
from genesis_ext.data.store.entry import StoredVolume, seal_of
from genesis_ext.data.store.volume_store import INDEX, VolumeStore
from genesis_ext.data.store.writer import volume_files, write_index, write_volume
from genesis_ext.reference.philox import words


def entry_of(name: str, shape: Shape3, modality: str = "ct", **changes: Any) -> StoredVolume:
    """CT stored in HU, anything else over its window 0 .. 32767."""
    values: dict[str, Any] = {
        "name": name,
        "file": volume_files(name)[0],
        "label": None,
        "shape": shape,
        "dtype": "int16",
        "spacing_mm": (1.0, 1.0, 1.0),
        "affine": tuple(tuple(row) for row in np.eye(4).tolist()),
        "modality": modality,
        "slope": 1.0,
        "intercept": 0.0,
        "window": (-1000.0, 1000.0) if modality == "ct" else (0.0, 32767.0),
        "patient": name,
        "split": None,
        "source": f"{name}.nii",
        "checksum": "",
        "label_checksum": None,
        "statistics": {},
    }
    return StoredVolume(**{**values, **changes})


def noise(entry: StoredVolume, seed: int = 0) -> NDArray[Any]:
    """Numbers over the window of a volume, of its dtype, every one drawn alone."""
    lo, hi = entry.window
    share = words(seed, sum(entry.name.encode()), 0, np.arange(entry.voxels))[:, 0] / 2.0**32
    return (lo + (hi - lo) * share).reshape(entry.shape).astype(entry.dtype)


def write_store(
    path: Path,
    entries: Sequence[StoredVolume],
    voxels: Sequence[NDArray[Any]] | None = None,
    labels: Sequence[NDArray[Any] | None] | None = None,
) -> VolumeStore:
    """A store of these volumes; noise where no voxels are given."""
    arrays = [noise(entry) for entry in entries] if voxels is None else voxels
    marks = [None] * len(entries) if labels is None else labels
    written = [
        write_volume(path, replace(entry, label=None if mark is None else volume_files(entry.name)[1]), array, mark)
        for entry, array, mark in zip(entries, arrays, marks, strict=True)
    ]
    write_index(path, {}, entries[0].dtype, written)
    return VolumeStore(path)


def change_index(store: Path, change: Callable[[dict[str, Any]], object], sealed: bool = True) -> None:
    """Change the index of a store; sealed: with its checksum, as if it had been written so."""
    content = json.loads((store / INDEX).read_text())
    change(content)
    if sealed:
        content["sha256"] = seal_of(content)
    (store / INDEX).write_text(json.dumps(content))


def make_old(index: dict[str, Any]) -> None:
    """Turn an index into one of format 1."""
    del index["sha256"]
    index["format"] = 1
    for volume in index["volumes"]:
        for name in ("original", "source_checksum", "label_source", "label_names"):
            del volume[name]
