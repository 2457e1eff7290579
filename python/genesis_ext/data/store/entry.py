# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a store knows of one volume: an entry of ``index.json``, checked field by field when it is read."""

import hashlib
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import PurePosixPath
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from genesis_ext._types import Shape3, Spacing3
from genesis_ext.data.volume import Modality, OriginalGrid

SplitName = Literal["train", "validation", "test"]
StoreDtype = Literal["int16", "uint8", "float16"]
TORCH_DTYPES: dict[StoreDtype, torch.dtype] = {"int16": torch.int16, "uint8": torch.uint8, "float16": torch.float16}
LABEL_DTYPES = ("uint8", "int16")
LabelNames = dict[str, int | list[int]]
"""Values of a label by the name of the class, of a region of several classes a list; 0 is always the background."""

TOLD_LATER = ("classes", "fold", "case", "channel")
"""Fields that older stores lack, and that a list may change without preparing anew."""

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
        original: the grid of the file, to which ``to_original_grid`` leads back.
        source_checksum: SHA-256 of the source's file; of several, of the lines that ``sha256sum`` prints of them.
        label_source: path of the file that the label was made from.
        label_names: what the values of the label mean, None where nothing tells.
        classes: names of all classes that hold for the volume, () if none does; None where nothing tells.
        fold: in which it validates, counted from 0; None where nothing tells.
        case: volumes of one case lie on one grid and are the channels of one input; None where nothing tells.
        channel: which of them it is, as "T1".

    What a store of an older version does not know is None.
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
    original: OriginalGrid | None = None
    source_checksum: str | None = None
    label_source: str | None = None
    label_names: LabelNames | None = None
    classes: tuple[str, ...] | None = None
    fold: int | None = None
    case: str | None = None
    channel: str | None = None

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
            ("classes must be different names, none of them empty", self.classes is None or _are_names(self.classes)),
            (
                "fold must be a whole number of at least 0",
                self.fold is None or (type(self.fold) is int and self.fold >= 0),
            ),
            ("case must be a text that is not empty", self.case is None or _are_names((self.case,))),
            ("channel must be a text that is not empty", self.channel is None or _are_names((self.channel,))),
        ):
            if not holds:
                raise ValueError(f"volume {self.name!r}: {rule}, got {getattr(self, rule.split()[0])!r}")

    @property
    def voxels(self) -> int:
        """How many voxels it has."""
        return math.prod(self.shape)

    @property
    def ignore_label(self) -> int | None:
        """The value of the label that neither loss nor metric counts, named "ignore"; None if there is none."""
        value = (self.label_names or {}).get("ignore")
        return value if isinstance(value, int) else None

    def patch_affine(self, box: Sequence[float], shape: Sequence[int]) -> NDArray[np.float64]:
        """(4, 4) affine of a sub-volume, its voxel indices to RAS millimetres.

        box: x0, y0, z0, x1, y1, z1 in voxel edges, as in a batch.   shape: to which it was resized; two sides are one
        slice.
        """
        low, high = np.array(box, np.float64).reshape(2, 3)
        step = (high - low) / (*shape, 1)[:3]
        within = np.diag((*step, 1.0))
        within[:3, 3] = low + step / 2 - 0.5
        return np.array(self.affine) @ within

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
        if missing := [f.name for f in fields(cls) if f.default is MISSING and f.name not in values]:
            raise ValueError(f"volume {values.get('name', '?')!r}: {missing[0]} is missing")
        known: dict[str, Any] = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        try:
            for name in {"shape", "spacing_mm", "window", "notes"} & known.keys():
                known[name] = tuple(known[name])
            if known.get("classes") is not None:
                known["classes"] = tuple(known["classes"])
            known["affine"] = _rows(known["affine"])
            if (original := known.get("original")) is not None:
                known["original"] = OriginalGrid(tuple(original["shape"]), _rows(original["affine"]))
            return cls(**known)
        except (KeyError, TypeError) as error:
            raise ValueError(f"volume {values['name']!r}: a field has the wrong type: {error}") from error


def checksum_of(entries: Sequence[StoredVolume]) -> str:
    """SHA-256 over all that makes batches: order, voxels, labels, geometry, windows, modalities and splits.

    Classes, folds, cases and channels count where they are told. What format 2 added does not, so that a run goes on
    with a store that was prepared anew; but an ignore value.
    """
    left_out = {"source", "statistics", "notes", "file", "label"}
    left_out |= {"original", "source_checksum", "label_source", "label_names"}  # since format 2
    kept = [{name: value for name, value in entry.to_dict().items() if name not in left_out} for entry in entries]
    for values, entry in zip(kept, entries, strict=True):
        if entry.ignore_label is not None:
            values["ignore_label"] = entry.ignore_label
        for name in TOLD_LATER:
            if values[name] is None:
                del values[name]
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def seal_of(content: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON object without its entry of that name, ``sha256``."""
    plain = json.loads(json.dumps({name: value for name, value in content.items() if name != "sha256"}))
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def npy_header(shape: tuple[int, ...], dtype: str) -> bytes:
    """What an ``.npy`` file of an array in C order begins with."""
    stream = io.BytesIO()
    description = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, description)
    return stream.getvalue()


def _npy_bytes(shape: tuple[int, ...], dtype: str) -> int:
    return len(npy_header(shape, dtype)) + math.prod(shape) * np.dtype(dtype).itemsize


def _rows(matrix: Sequence[Sequence[float]]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in matrix)


def _are_names(values: Sequence[object]) -> bool:
    return all(isinstance(value, str) and value for value in values) and len(set(values)) == len(values)


def _within(file: object) -> bool:
    """Whether a file name is relative and does not leave the store."""
    if not isinstance(file, str) or not file:
        return False
    path = PurePosixPath(file)
    return not path.is_absolute() and ".." not in path.parts
