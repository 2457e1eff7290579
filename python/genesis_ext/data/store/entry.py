# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a store knows of one volume: an entry of ``index.json``, checked field by field when it is read."""

import hashlib
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import PurePosixPath
from typing import Any, Literal, get_args

import numpy as np
import torch

from genesis_ext._types import Shape3, Spacing3
from genesis_ext.data.volume import Modality

SplitName = Literal["train", "validation", "test"]
StoreDtype = Literal["int16", "uint8", "float16"]
TORCH_DTYPES: dict[StoreDtype, torch.dtype] = {"int16": torch.int16, "uint8": torch.uint8, "float16": torch.float16}
LABEL_DTYPES = ("uint8", "int16")

GREYS = 255
"""Voxels differ where they lie at least one of so many parts of the window apart; else they have one grey."""


@dataclass(frozen=True)
class StoredVolume:
    """What is known of one volume of a store.

    Attributes:
        name: unique in the store.
        file: ``.npy`` file relative to the store, (X, Y, Z) in C order: z runs fastest. Axes in RAS order.
        label: the same for the label, uint8 or int16 on the same grid; None if there is none.
        shape: voxels along x, y, z.
        dtype: "int16", "uint8" or "float16", the same in the whole store.
        spacing_mm: exact voxel size along x, y, z.
        affine: 4 by 4, voxel indices to RAS millimetres.
        modality: "ct", "mri", "xray" or "us".
        slope, intercept: value in the units of the scan (HU for CT) = stored * slope + intercept.
        window: stored numbers that become 0 and 1.
        patient: volumes of one patient never lie on both sides of a split.
        split: "train", "validation", "test", or None where nothing tells.
        source: path of the file or DICOM folder it was made from.
        checksum: SHA-256 of the ``.npy`` file.
        label_checksum: the same of the label's file.
        statistics: min, max, mean and percentiles before and after, the share clipped at each end, and more.
        notes: what was said about the volume when it was read and prepared.
    """

    name: str
    file: str
    label: str | None
    shape: Shape3
    dtype: str
    spacing_mm: Spacing3
    affine: tuple[tuple[float, ...], ...]
    modality: Modality
    slope: float
    intercept: float
    window: tuple[float, float]
    patient: str
    split: SplitName | None
    source: str
    checksum: str
    label_checksum: str | None
    statistics: dict[str, Any]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for rule, holds in (
            ("name must be a text that is not empty", isinstance(self.name, str) and self.name != ""),
            ("file must lie in the store", _within(self.file)),
            ("label must lie in the store", self.label is None or _within(self.label)),
            (
                "shape must hold three sizes of at least 1",
                len(self.shape) == 3 and all(isinstance(n, int) and n >= 1 for n in self.shape),
            ),
            (f"dtype must be one of {', '.join(get_args(StoreDtype))}", self.dtype in get_args(StoreDtype)),
            (
                "spacing_mm must hold three sizes above 0",
                len(self.spacing_mm) == 3 and all(math.isfinite(mm) and mm > 0 for mm in self.spacing_mm),
            ),
            ("affine must be 4 by 4", len(self.affine) == 4 and all(len(row) == 4 for row in self.affine)),
            (f"modality must be one of {', '.join(get_args(Modality))}", self.modality in get_args(Modality)),
            ("window must be (lo, hi) with lo < hi", len(self.window) == 2 and self.window[0] < self.window[1]),
            (
                f"split must be one of {', '.join(get_args(SplitName))} or none",
                self.split is None or self.split in get_args(SplitName),
            ),
        ):
            if not holds:
                raise ValueError(f"volume {self.name!r}: {rule}, got {getattr(self, rule.split()[0])!r}")

    @property
    def voxels(self) -> int:
        """How many voxels it has."""
        return math.prod(self.shape)

    def files(self) -> list[tuple[str, tuple[int, ...]]]:
        """Its files, relative to the store, and the sizes in bytes that each may have."""
        files: list[tuple[str, tuple[int, ...]]] = [(self.file, (_npy_bytes(self.shape, self.dtype),))]
        if self.label is not None:
            files.append((self.label, tuple(_npy_bytes(self.shape, dtype) for dtype in LABEL_DTYPES)))
        return files

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "StoredVolume":
        """The inverse of ``to_dict``, also after a way through JSON, which knows no tuples.

        Raises:
            ValueError: a field is missing or breaks its rule.
        """
        names = [field.name for field in fields(cls)]
        if missing := [name for name in names if name not in values]:
            raise ValueError(f"volume {values.get('name', '?')!r}: {missing[0]} is missing")
        known: dict[str, Any] = {name: values[name] for name in names}
        try:
            for name in ("shape", "spacing_mm", "window", "notes"):
                known[name] = tuple(known[name])
            known["affine"] = tuple(tuple(row) for row in known["affine"])
            return cls(**known)
        except TypeError as error:
            raise ValueError(f"volume {values['name']!r}: a field has the wrong type: {error}") from error


def checksum_of(entries: Sequence[StoredVolume]) -> str:
    """SHA-256 over all that makes batches: order, voxels, labels, geometry, windows, modalities and splits."""
    left_out = ("source", "statistics", "notes", "file", "label")
    kept = [{name: value for name, value in entry.to_dict().items() if name not in left_out} for entry in entries]
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def npy_header(shape: tuple[int, ...], dtype: str) -> bytes:
    """What an ``.npy`` file of an array in C order begins with."""
    stream = io.BytesIO()
    description = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, description)
    return stream.getvalue()


def _npy_bytes(shape: tuple[int, ...], dtype: str) -> int:
    return len(npy_header(shape, dtype)) + math.prod(shape) * np.dtype(dtype).itemsize


def _within(file: object) -> bool:
    """Whether a file name is relative and does not leave the store."""
    if not isinstance(file, str) or not file:
        return False
    path = PurePosixPath(file)
    return not path.is_absolute() and ".." not in path.parts
