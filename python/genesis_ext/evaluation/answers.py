# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""From probabilities to what is written: a label map on the grid of the scan, or a row of a table."""

import csv
import io
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genesis_ext._files import write_aside
from genesis_ext._lock import FolderLock, LockedError, NoLocksError
from genesis_ext.data.nifti_output import write_on_grid_of
from genesis_ext.data.volume import Volume
from genesis_ext.models import TaskRecord

TABLE = "predictions.csv"
HOLDS = 0.5
"""A class that excludes no other holds above this probability."""

_WRITE_EVERY_S = 5.0
_INT16 = np.iinfo(np.int16)


class Answers(Protocol):
    """What is written of cases; entered while it is."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def has(self, name: str) -> bool:
        """Whether the answer to a case is there, whole."""

    def add(self, name: str, volume: Volume, of_class: Callable[[int], Tensor]) -> Path:
        """Write the answer to a case, and return the file.

        volume: the first channel, as it was read.
        of_class: the probability of a class; of a segmentation (X, Y, Z) float32 in the axes of the file.
        """


class LabelMaps:
    """``CASE.nii.gz`` each, and ``CASE.npz`` with the probabilities where they are asked for.

    Args:
        folder: of the files.   task: classes and their values.   probabilities: whether they are kept.

    Raises:
        ValueError: a value does not fit in int16.
    """

    def __init__(self, folder: Path, task: TaskRecord, probabilities: bool) -> None:
        values = [value for several in task.values for value in several]
        if not (_INT16.min <= min(values, default=0) and max(values, default=0) <= _INT16.max):
            raise ValueError(f"values of a label map must lie in int16, got {min(values)} to {max(values)}")
        self.folder, self.task, self.probabilities = folder, task, probabilities

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Every file is whole already."""

    def has(self, name: str) -> bool:
        """Whether all files of a case are there."""
        return all(path.exists() for path in self._files(name))

    def add(self, name: str, volume: Volume, of_class: Callable[[int], Tensor]) -> Path:
        """Write the files of a case, and return that of the label map, which is written last."""
        *others, path = self._files(name)
        if others:
            kept = [of_class(number) for number in range(len(self.task.classes))]
            stacked, names = torch.stack(kept).numpy(), np.array(self.task.classes)
            write_aside(
                others[0],
                lambda stream: np.savez_compressed(stream, probabilities=stacked, classes=names),
            )
            write_on_grid_of(volume, label_map(kept.__getitem__, self.task), path)
        else:
            write_on_grid_of(volume, label_map(of_class, self.task), path)
        return path

    def _files(self, name: str) -> list[Path]:
        suffixes = (".npz", ".nii.gz") if self.probabilities else (".nii.gz",)
        return [self.folder / f"{name}{suffix}" for suffix in suffixes]


class Rows:
    """``predictions.csv``: a row a case, whose name is the first cell.

    While it is entered, no other process writes it; it is on the disk every few seconds, and when it is left.

    Args:
        folder: of the file.   header: names of the columns.

    Raises:
        ValueError: another process writes it.
    """

    def __init__(self, folder: Path, header: Sequence[str]) -> None:
        self.path, self._header = folder / TABLE, list(header)
        self._rows: dict[str, list[str]] = {}
        self._written = time.monotonic()
        self._lock = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._lock.enter_context(FolderLock(self.path.parent))
        except LockedError as error:
            raise ValueError(f"{self.path} is being written by {error}: give another folder") from error
        except NoLocksError:
            pass
        if self.path.exists():
            header, *rows = csv.reader(io.StringIO(self.path.read_text(encoding="utf-8"), newline=""))
            if header != self._header or any(len(row) != len(header) for row in rows):
                self._lock.close()
                raise ValueError(f"{self.path}: must have the columns {', '.join(self._header)}, got {header}")
            self._rows = {row[0]: row for row in rows}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._write()

    def has(self, name: str) -> bool:
        """Whether the table has a row of a case."""
        return name in self._rows

    def put(self, *rows: list[str]) -> None:
        """Add the rows of some cases."""
        self._rows |= {row[0]: row for row in rows}
        if time.monotonic() - self._written > _WRITE_EVERY_S:
            self._write()

    def _write(self) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows([self._header, *self._rows.values()])
        write_aside(self.path, lambda stream: stream.write(text.getvalue().encode()))
        self._written = time.monotonic()


class Table(Rows):
    """``predictions.csv`` of images: a row a case with its name, a probability a class, and what is predicted.

    Args:
        folder: of the file.   task: classes.
    """

    def __init__(self, folder: Path, task: TaskRecord) -> None:
        super().__init__(folder, ["case", *task.classes, "predicted"])
        self.task = task

    def add(self, name: str, volume: Volume, of_class: Callable[[int], Tensor]) -> Path:
        """Add the row of a case."""
        shares = [float(of_class(number)) for number in range(len(self.task.classes))]
        self.put([name, *cells_of(shares, self.task)])
        return self.path


def label_map(of_class: Callable[[int], Tensor], task: TaskRecord) -> NDArray[Any]:
    """Values of a label map: (X, Y, Z) uint8, or int16 where one does not fit.

    Of classes that exclude each other a voxel gets the first value of the most probable one, of equal ones the first.
    Others are regions, such as a tumour and its core: they are written from that of most values to that of fewest where
    they hold, each as the value that it shares with fewest others; so a part lies over its whole.

    of_class: the probability of a class, (X, Y, Z); asked class by class, so that memory holds few at a time.
    """
    values = [value for several in task.values for value in several]
    dtype = torch.uint8 if min(values) >= 0 and max(values) <= 255 else torch.int16
    if task.exclusive:
        best = of_class(0)
        labels = torch.full(best.shape, task.values[0][0], dtype=dtype)
        for number in range(1, len(task.classes)):
            share = of_class(number)
            labels[share > best] = task.values[number][0]
            best = torch.maximum(best, share)
        return labels.numpy()
    order = sorted(range(len(task.classes)), key=lambda number: -len(task.values[number]))  # equal ones as they come
    labels = torch.zeros((), dtype=dtype)
    for number in order:
        share = of_class(number)
        labels = labels.expand(share.shape).contiguous() if labels.ndim == 0 else labels
        labels[share > HOLDS] = min(task.values[number], key=values.count)
    return labels.numpy()


def cells_of(shares: Sequence[float], task: TaskRecord) -> list[str]:
    """The probabilities of the classes, and what is predicted, as a table has them."""
    return [*(f"{share:.6g}" for share in shares), answer(shares, task)]


def answer(shares: Sequence[float], task: TaskRecord) -> str:
    """The most probable class; of classes that exclude no other all that hold, joined by "|", or "-" for none."""
    if task.exclusive:
        return task.classes[int(np.argmax(shares))]
    held = [name for name, share in zip(task.classes, shares, strict=True) if share > HOLDS]
    return "|".join(held) or "-"
