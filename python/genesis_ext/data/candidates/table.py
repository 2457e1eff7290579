# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A table of candidates: points in volumes of a store, each of a class, read from a CSV."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genesis_ext.data.classes import check_classes
from genesis_ext.data.sources.source import SourceError
from genesis_ext.data.sources.table import delimiter_of
from genesis_ext.data.store.entry import StoredVolume
from genesis_ext.data.store.volume_store import VolumeStore

Axes = Literal["LPS", "RAS"]

_ROWS = 1 << 14  # read or placed at once
_UNKNOWN, _SEVERAL = -1, -2  # in place of a volume
_VOLUME, _POINT = ("seriesuid", "volume"), ("coordX", "coordY", "coordZ")


@dataclass(frozen=True)
class Candidates:
    """N points, in the order of the table they come from.

    Attributes:
        volume: (N,) int32, number of the volume in the store.
        center: (N, 3) float64, along x, y, z in voxel edges of the volume: the center of voxel i is i + .5.
        target: (N,) int64, place of the class in `classes`.
        row: (N,) int64, number in the table, from 0.
        classes: their names.
        left_out: (M,) int64, rows that lie in no volume of the store.
        notes: a sentence for each reason why rows are left out, with their number and the first of them.
    """

    volume: NDArray[np.int32]
    center: NDArray[np.float64]
    target: NDArray[np.int64]
    row: NDArray[np.int64]
    classes: tuple[str, ...]
    left_out: NDArray[np.int64]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.volume)

    @classmethod
    def read_csv(
        cls,
        path: str | PathLike[str],
        store: VolumeStore,
        classes: Sequence[str] = ("0", "1"),
        axes: Axes = "LPS",
        told: bool = True,
    ) -> Self:
        """Candidates of a CSV with the columns seriesuid (or volume), coordX, coordY, coordZ, class, as LUNA16 has it.

        store: its volumes are found by their name, else by case or patient where that has one volume only.
        classes: what the column class may hold; the place here becomes the target.
        axes: of the millimetres: LPS as in ITK and DICOM, or RAS as in NIfTI.
        told: False: the column class is not read, and all are of the first class.

        Raises:
            SourceError: unreadable, a column is missing, or a cell breaks its rule; the text names the line.
            ValueError: a name that could be that of several volumes, or no candidate lies in a volume.
        """
        path = Path(path)
        check_classes(classes, exclusive=True)
        places = {name: place for place, name in enumerate(classes)}
        names, unknown = _by_name(store.entries), dict[str, int]()
        parts: list[tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.int64]]] = []
        for line, (of, *cells, kind) in _columns(path, told):
            volume = np.array([names.get(name, _UNKNOWN) for name in of], np.int32)
            if _several(volume):
                several = of[int(volume.argmin())]
                raise ValueError(f"{path}: {several} must name one volume of the store, and is that of several")
            for at in np.flatnonzero(volume == _UNKNOWN).tolist():
                unknown[of[at]] = unknown.get(of[at], 0) + 1
            parts.append((volume, _numbers(path, line, cells), _targets(path, line, kind, places if told else {})))
        if not parts:
            raise SourceError(f"{path}: holds no candidates")
        volume, point, target = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        notes: tuple[str, ...] = ()
        if unknown:
            notes = (
                f"{sum(unknown.values())} of {len(volume)} candidates are of {len(unknown)} scans that are not in the "
                f"store, the first is {next(iter(unknown))}",
            )
        if axes == "LPS":
            point[:, :2] *= -1
        return cls._placed(store, volume, point, target, classes, notes, str(path))

    @classmethod
    def of_points(
        cls, store: VolumeStore, volume: ArrayLike, point_mm: ArrayLike, target: ArrayLike, classes: Sequence[str]
    ) -> Self:
        """Candidates at points that are known otherwise.

        volume: (N,) numbers in the store.   point_mm: (N, 3) RAS.   target: (N,) places in `classes`.

        Raises:
            ValueError: shapes that do not fit, a number out of range, or no point lies in its volume.
        """
        check_classes(classes, exclusive=True)
        numbers, targets = np.asarray(volume, np.int32), np.asarray(target, np.int64)
        points = np.array(point_mm, np.float64)
        if numbers.ndim != 1 or points.shape != (len(numbers), 3) or targets.shape != numbers.shape:
            raise ValueError(
                f"Candidates: volume, point_mm and target must be (N,), (N, 3) and (N,), got {numbers.shape}, "
                f"{points.shape} and {targets.shape}"
            )
        for name, values, end in (("volume", numbers, len(store.entries)), ("target", targets, len(classes))):
            if len(values) and not (values.min() >= 0 and values.max() < end):
                raise ValueError(f"Candidates: {name} must be in [0, {end}), got {values.min()} .. {values.max()}")
        return cls._placed(store, numbers, points, targets, classes, (), "Candidates")

    def of(self, volumes: Iterable[int]) -> Self:
        """Those of some volumes, such as the ones that train."""
        return self.at(np.isin(self.volume, list(volumes)))

    def count(self) -> dict[str, int]:
        """How many there are of each class."""
        return dict(zip(self.classes, np.bincount(self.target, minlength=len(self.classes)).tolist(), strict=True))

    @classmethod
    def _placed(
        cls,
        store: VolumeStore,
        volume: NDArray[np.int32],
        point_mm: NDArray[np.float64],
        target: NDArray[np.int64],
        classes: Sequence[str],
        notes: tuple[str, ...],
        where: str,
    ) -> Self:
        """Points in voxel edges, without those that lie in no volume; `point_mm` is written over."""
        inverse = np.array([np.linalg.inv(np.array(entry.affine))[:3] for entry in store.entries])
        shape = np.array([entry.shape for entry in store.entries])
        inside = volume != _UNKNOWN
        first: tuple[int, list[float]] | None = None
        for begin in range(0, len(volume), _ROWS):
            part = slice(begin, begin + _ROWS)
            mm, known = point_mm[part], inside[part]
            center = np.einsum("nij,nj->ni", inverse[volume[part]][:, :, :3], mm) + inverse[volume[part]][:, :, 3] + 0.5
            within = ((center >= 0) & (center <= shape[volume[part]])).all(axis=1)
            if first is None and (known & ~within).any():
                at = int((known & ~within).argmax())
                first = begin + at, mm[at].tolist()
            point_mm[part], inside[part] = center, known & within
        if first is not None:
            row, mm_of = first
            outside = int((~inside & (volume != _UNKNOWN)).sum())
            entry = store.entries[volume[row]]
            at_mm = ", ".join(f"{value:.6g}" for value in mm_of)
            notes = (
                *notes,
                f"{outside} of {len(volume)} candidates lie outside their scan, the first is row {row} at ({at_mm}) mm "
                f"RAS in {entry.name}",
            )
        rows = np.arange(len(volume))
        found = cls(volume, point_mm, target, rows, tuple(classes), rows[~inside], notes).at(inside)
        if not len(found):
            raise ValueError(
                f"{where}: no candidate lies in a volume of the store{''.join(f'; {note}' for note in notes)}"
            )
        return found

    def at(self, which: NDArray[np.bool_]) -> Self:
        """Those at some places, (N,) bool."""
        parts = {name: getattr(self, name)[which] for name in ("volume", "center", "target", "row")}
        return replace(self, **parts)


def _by_name(entries: Sequence[StoredVolume]) -> dict[str, int]:
    """Numbers of volumes by what a table may call them; ``_SEVERAL`` where that is not one."""
    names: dict[str, int] = {}
    for number, entry in enumerate(entries):
        for name in {entry.case, entry.patient} - {None}:
            names[str(name)] = _SEVERAL if str(name) in names else number
    return names | {entry.name: number for number, entry in enumerate(entries)}


def _several(volume: NDArray[np.int32]) -> bool:
    return bool(len(volume)) and int(volume.min()) == _SEVERAL


def cells_of(path: str | PathLike[str], rows: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """Row -> its volume, x, y and z as a table has them; raises what ``Candidates.read_csv`` does."""
    wanted, cells, number = set(rows), dict[int, tuple[str, ...]](), 0
    for _, columns in _columns(Path(path), told=False):
        for row in zip(*columns[:4], strict=True):
            if number in wanted:
                cells[number] = row
            number += 1
    return cells


def _columns(path: Path, told: bool) -> Iterator[tuple[int, list[tuple[str, ...]]]]:
    """The columns volume, x, y, z and class of some rows at once, and the line of the first of them.

    told: whether class is asked for; else it is that of the volume again.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            first = stream.readline()
            mark = delimiter_of(first)
            header = [name.strip().lower() for name in next(csv.reader([first], delimiter=mark), [])]
            reader = csv.reader(stream, delimiter=mark)
            of = next((name for name in _VOLUME if name in header), None)
            wanted = [of or _VOLUME[0], *_POINT, "class" if told else of or _VOLUME[0]]
            if missing := [name for name in wanted if name.lower() not in header]:
                raise SourceError(
                    f"{path}: the first line must name the columns seriesuid (or volume), coordX, coordY, coordZ and "
                    f"class: {missing[0]} is missing"
                )
            places, line = [header.index(name.lower()) for name in wanted], 2
            while rows := list(islice(reader, _ROWS)):
                if (odd := next((i for i, row in enumerate(rows) if len(row) != len(header)), None)) is not None:
                    raise SourceError(f"{path}: line {line + odd}: must have {len(header)} cells as the first line has")
                columns = list(zip(*rows, strict=True))
                yield line, [columns[place] for place in places]
                line += len(rows)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path}: unreadable: {error}") from error


def _numbers(path: Path, line: int, point: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """(N, 3) of the cells of three columns."""
    try:
        values = np.array(point, np.float64)
    except ValueError:
        values = np.array([[_number(cell) for cell in column] for column in point])
    if not np.isfinite(values).all():
        row, axis = np.argwhere(~np.isfinite(values.T))[0].tolist()
        raise SourceError(
            f"{path}: line {line + row}: {_POINT[axis]} must be a finite number of mm, got {point[axis][row]!r}"
        )
    return np.ascontiguousarray(values.T)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return np.nan


def _targets(path: Path, line: int, kind: Sequence[str], places: Mapping[str, int]) -> NDArray[np.int64]:
    if not places:
        return np.zeros(len(kind), np.int64)
    targets = np.array([places.get(cell.strip(), -1) for cell in kind])
    if (targets < 0).any():
        row = int((targets < 0).argmax())
        raise SourceError(f"{path}: line {line + row}: class must be one of {', '.join(places)}, got {kind[row]!r}")
    return targets
