# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What ``prepare`` would do, told from headers: which files, which sizes, how much room."""

import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genesis_ext._types import Shape3, Spacing3
from genesis_ext.data.prepare.outcome import fingerprint
from genesis_ext.data.prepare.preprocess import Grid, PrepareSettings, stored_shape
from genesis_ext.data.readers import describe
from genesis_ext.data.sources.source import Source
from genesis_ext.data.store.writer import read_record
from genesis_ext.data.volume import Header, VolumeError


@dataclass(frozen=True)
class Forecast:
    """What would become of a source.

    Attributes:
        source: which.
        reason: why it would be skipped, "" if it would not.
        kept: an earlier run has done it.
        before: (frames, shape, spacing in mm) of each volume it holds.
        after: shape of each volume that would be stored; of frames it is one entry a frame.
        bytes: of the stored voxels.
    """

    source: Source
    reason: str = ""
    kept: bool = False
    before: tuple[tuple[int, Shape3, Spacing3], ...] = ()
    after: tuple[Shape3, ...] = ()
    bytes: int = 0


def forecast(source: Source, store: Path, settings: PrepareSettings) -> Forecast:
    """Look at the headers of one source; damage in the voxels shows only when they are read."""
    try:
        record = read_record(store, source.name)
        kept = record is not None and record.fingerprint == fingerprint(source, settings)
        headers = describe(source.path)
    except VolumeError as error:
        return Forecast(source, str(error))
    except OSError as error:
        return Forecast(source, f"{error.filename or source.path}: unreadable: {error.strerror or error}")
    usable = [header for header in headers if header.frames == 1 or settings.frames]
    before = tuple((header.frames, header.shape, header.spacing_mm) for header in headers)
    if not usable:
        reason = f"{source.path}: 4D, {headers[0].frames} frames of {headers[0].shape}: --frames takes each as a volume"
        return Forecast(source, reason, before=before)
    after = tuple(shape for header in usable for shape in _stored(header, source, settings))
    voxels = [math.prod(shape) for shape in after]
    if max(voxels) > settings.max_voxels:
        reason = f"{source.path}: would become {max(voxels)} voxels, more than {settings.max_voxels}"
        return Forecast(source, reason, before=before)
    return Forecast(source, "", kept, before, after, sum(voxels) * np.dtype(settings.dtype).itemsize)


def free_bytes(store: Path) -> int:
    """Room on the disk where a store would lie."""
    place = store.absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def _stored(header: Header, source: Source, settings: PrepareSettings) -> Iterator[Shape3]:
    modality = source.modality or header.modality or ("xray" if header.picture else None)
    shape = stored_shape(Grid(header.shape, header.spacing_mm, header.affine), modality, settings)
    yield from [shape] * header.frames
