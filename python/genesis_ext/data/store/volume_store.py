# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A store of prepared volumes, read: one memory-mapped ``.npy`` file a volume, described by ``index.json``.

``writer`` writes it. Stored numbers are small integers or halves; ``slope`` and ``intercept`` of an entry lead
back to the units of the scan, ``window`` to [0, 1].
"""

import json
from collections.abc import Sequence
from itertools import accumulate
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genesis_ext import ops
from genesis_ext._files import sha256_of
from genesis_ext._types import Shape3
from genesis_ext.data.store.entry import LABEL_DTYPES, TORCH_DTYPES, StoredVolume, checksum_of, seal_of

__all__ = ["FORMAT", "INDEX", "StoreError", "StoredItem", "StoredVolume", "VolumeStore", "is_store"]

FORMAT = 2  # of index.json and of what prepare computes; raised when either changes
INDEX = "index.json"
_UNSEALED = 1  # a format that is still read: its index and records have no checksum, its volumes no original grid


class StoreError(ValueError):
    """A folder that cannot be used as a store; the text names the file and the rule that it breaks."""


class StoredItem(NamedTuple):
    """One volume: its entry, its voxels and its label, both (X, Y, Z), memory-mapped and read-only."""

    entry: StoredVolume
    voxels: NDArray[Any]
    label: NDArray[Any] | None


class VolumeStore:
    """Prepared volumes in a folder; opening it reads ``index.json`` and the sizes of the files, no voxels.

    Args:
        path: the folder that ``genesis prepare`` made.

    Attributes:
        path: the folder.
        entries: what is known of each volume, in a fixed order.
        settings: with which they were prepared.
        dtype: of all stored voxels.
        checksum: SHA-256 over the entries, so over every voxel: equal stores give equal batches.

    Raises:
        StoreError: no store, not finished, damaged, or of another version of the format.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)
        index = _read_index(self.path)
        try:
            self.entries = tuple(StoredVolume.from_dict(values) for values in index["volumes"])
            self.settings: dict[str, Any] = dict(index["settings"])
            self.dtype = TORCH_DTYPES[index["dtype"]]
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(f"{self.path / INDEX}: damaged: {error}") from error
        self._check(index["dtype"])
        self.checksum = checksum_of(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, i: int) -> StoredItem:
        """Volume `i` and its label, without reading a voxel until it is looked at."""
        entry = self.entries[i]
        return StoredItem(entry, self.array(i), None if entry.label is None else self.array(i, label=True))

    def __repr__(self) -> str:
        return f"VolumeStore({str(self.path)!r}: {len(self)} volumes of {self.dtype}, {self.bytes() / 1e9:.2f} GB)"

    def bytes(self, indices: Sequence[int] | None = None) -> int:
        """Size of the voxels of these volumes (default: of all), without labels."""
        chosen = self.entries if indices is None else [self.entries[i] for i in indices]
        return sum(entry.voxels for entry in chosen) * self.dtype.itemsize

    def verify(self) -> None:
        """Read every file and compare it with its checksum.

        Raises:
            StoreError: a file is missing or has changed.
        """
        for entry in self.entries:
            pairs = [(entry.file, entry.checksum)]
            if entry.label is not None and entry.label_checksum is not None:
                pairs.append((entry.label, entry.label_checksum))
            for file, checksum in pairs:
                path = self.path / file
                try:
                    found = sha256_of(path)
                except OSError as error:
                    raise StoreError(f"{path}: unreadable: {error.strerror or error}") from error
                if found != checksum:
                    raise StoreError(f"{path}: changed since it was prepared: SHA-256 is {found}, must be {checksum}")

    def packed(
        self, indices: Sequence[int] | None = None, device: torch.device | str = "cpu", labels: bool = False
    ) -> ops.PackedVolumes:
        """Volumes end to end in one buffer on a device, for ``ops.crop_resize``.

        indices: which, in this order (default: all).
        labels: their labels instead, uint8, or int16 if one of them is; their windows are empty, so values are kept.

        Raises:
            StoreError: a file is missing or damaged, or a volume has no label.
        """
        chosen = range(len(self)) if indices is None else indices
        dtype = self.label_dtype(chosen) if labels else self.dtype
        entries, device = [self.entries[i] for i in chosen], torch.device(device)
        places = packed_places(entries, device, windows=not labels)
        voxels = torch.empty(sum(entry.voxels for entry in entries), dtype=dtype, device=device)
        begin = 0
        for i in chosen:
            array = self.array(i, labels)
            part = voxels[begin : begin + array.size]
            begin += array.size
            if device.type == "cpu":
                part.numpy()[:] = array.reshape(-1)
            else:
                part.copy_(torch.from_numpy(array.reshape(-1).astype(_numpy_name(dtype))))
        return ops.PackedVolumes(voxels, *places)

    def array(self, i: int, label: bool = False) -> NDArray[Any]:
        """The voxels of volume `i`, or its label alone, (X, Y, Z), as in the item.

        Raises:
            StoreError: it has no label; or its file is missing or damaged.
        """
        entry = self.entries[i]
        if not label:
            return self._map(entry.file, entry.shape, (entry.dtype,))
        if entry.label is None:
            raise StoreError(f"{self.path}: volume {entry.name!r} has no label: leave it out, in a loader by weight 0")
        return self._map(entry.label, entry.shape, LABEL_DTYPES)

    def label_dtype(self, indices: Sequence[int]) -> torch.dtype:
        """That of the labels of some volumes together: uint8, or int16 if one of them is.

        Raises:
            StoreError: a volume has no label.
        """
        return torch.int16 if any([self.array(i, label=True).dtype == np.int16 for i in indices]) else torch.uint8

    def _check(self, dtype: str) -> None:
        """Names are unique, dtypes agree, files are there and large enough."""
        seen = set()
        for entry in self.entries:
            if entry.name in seen:
                raise StoreError(f"{self.path / INDEX}: damaged: two volumes are called {entry.name!r}")
            seen.add(entry.name)
            if entry.dtype != dtype:
                raise StoreError(f"{self.path / INDEX}: damaged: {entry.name!r} is {entry.dtype}, the store {dtype}")
            for file, sizes in entry.files():
                path = self.path / file
                try:
                    size = path.stat().st_size
                except OSError as error:
                    raise StoreError(f"{path}: missing: {error.strerror or error}") from error
                if size not in sizes:
                    raise StoreError(
                        f"{path}: truncated or changed: must have {' or '.join(map(str, sizes))} bytes, got {size}"
                    )

    def _map(self, file: str, shape: Shape3, dtypes: Sequence[str]) -> NDArray[Any]:
        path = self.path / file
        try:
            array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise StoreError(f"{path}: unreadable: {error}") from error
        if array.shape != shape or array.dtype.name not in dtypes or not array.flags.c_contiguous:
            raise StoreError(
                f"{path}: must hold {shape} voxels of {' or '.join(dtypes)} in C order, "
                f"got {array.shape} of {array.dtype}"
            )
        return array


def packed_places(
    entries: Sequence[StoredVolume], device: torch.device, windows: bool = True
) -> tuple[Tensor, Tensor, Tensor]:
    """Offset, shape and window of volumes that lie end to end, as ``ops.PackedVolumes`` has them.

    windows: else all are empty, so that values are kept.
    """
    offset = [0, *accumulate(entry.voxels for entry in entries)][:-1]
    window = [entry.window if windows else (0.0, 0.0) for entry in entries]
    return (
        torch.tensor(offset, dtype=torch.int64, device=device),
        torch.tensor([entry.shape for entry in entries], dtype=torch.int32, device=device).reshape(-1, 3),
        torch.tensor(window, dtype=torch.float32, device=device).reshape(-1, 2),
    )


def is_store(path: str | PathLike[str]) -> bool:
    """Whether a finished store lies in this folder: it has an index of the right form."""
    try:
        _read_index(Path(path))
    except StoreError:
        return False
    return True


def _read_index(path: Path) -> dict[str, Any]:
    file = path / INDEX
    if not path.is_dir():
        raise StoreError(f"{path}: no such folder: make a store with `genesis prepare SOURCES --out {path}`")
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise StoreError(
            f"{path}: not a store, or one that is not finished: {INDEX} is missing; run `genesis prepare` (again)"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{file}: unreadable: {error}") from error
    try:
        index = json.loads(text)
    except json.JSONDecodeError as error:
        raise StoreError(f"{file}: damaged: {error}") from error
    if not isinstance(index, dict) or not {"format", "dtype", "settings", "volumes"} <= index.keys():
        raise StoreError(f"{file}: not the index of a store")
    if index["format"] not in (_UNSEALED, FORMAT):
        known = f"{_UNSEALED} and {FORMAT}"
        raise StoreError(f"{file}: format {index['format']} is not read by this version, which reads {known}")
    if index["format"] != _UNSEALED and index.get("sha256") != seal_of(index):
        raise StoreError(
            f"{file}: damaged, or changed by hand: its sha256 must be that of its content, got {index.get('sha256')}; "
            "run `genesis prepare` again, which keeps what is done (a CSV tells patients and splits)"
        )
    return index


def _numpy_name(dtype: torch.dtype) -> str:
    return next(name for name, value in TORCH_DTYPES.items() if value == dtype)
