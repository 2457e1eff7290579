# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Two folders of label maps: which belong together, whether they lie on one grid, and what values they hold."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from genesis_ext.data.readers import Header, VolumeError, label_header, read_label
from genesis_ext.data.readers.values import GRID_TOLERANCE, corner_distance_mm
from genesis_ext.data.sources.walk import sources_below
from genesis_ext.evaluation.probabilities import read_probabilities
from genesis_ext.evaluation.report import EvaluationError, refuse, unused

_MOST = 2**15 - 1  # label maps are read as int16

Classes = Mapping[str, tuple[int, ...]]
"""Name -> the values of the label map that belong to a class; 0 is the background."""


@dataclass(frozen=True)
class LabelPair:
    """A case whose two headers have been read, and lie on one grid."""

    case: str
    prediction: Path
    label: Path
    grid: Header

    def probabilities(self, classes: Classes) -> dict[str, Tensor]:
        """Of each class, on the grid of what ``read`` gives."""
        path = self.prediction.with_name(f"{self.case}.npz")
        return read_probabilities(path, self.prediction, classes)

    def read(self) -> tuple[Tensor, Tensor]:
        """Prediction and label, int16: compared with uint8, a number above 255 would be another one."""
        return read_label(self.prediction, self.grid).short(), read_label(self.label, self.grid).short()


def find_pairs(predictions: Path, labels: Path) -> tuple[list[LabelPair], tuple[str, ...]]:
    """All cases, sorted, and notes; raises EvaluationError for all that cannot be paired."""
    ours, theirs = _files(predictions), _files(labels)
    problems = [f"{labels / case}: has no prediction in {predictions}" for case in sorted(theirs.keys() - ours.keys())]
    found = []
    for case in sorted(theirs.keys() & ours.keys()):
        try:
            grid, other = label_header(theirs[case]), label_header(ours[case])
            _check_grids(other, grid)
            found.append(LabelPair(case, ours[case], theirs[case], grid))
        except (VolumeError, EvaluationError) as error:
            problems.append(str(error))
    refuse(problems)
    extra = sorted(ours.keys() - theirs.keys())
    return found, unused(extra, "Predictions without a label")


def _files(folder: Path) -> dict[str, Path]:
    """Label maps of a folder by case."""
    if not folder.is_dir():
        raise EvaluationError(f"{folder}: must be a folder of label maps, and there is none")
    below = sources_below(folder)
    problems = [f"{path}: {reason}" for path, reason in below.skipped]
    files: dict[str, Path] = {}
    for source in below.sources:
        if source.name in files:
            problems.append(f"{folder}: must have one file a case, got {files[source.name].name}, {source.path.name}")
        files[source.name] = source.path
    refuse(problems)
    if not files:
        raise EvaluationError(f"{folder}: must hold label maps, found none")
    return files


def _check_grids(prediction: Header, label: Header) -> None:
    off = math.inf
    if prediction.shape == label.shape:
        off = corner_distance_mm(prediction.affine, label.affine, label.shape)
    if not off <= GRID_TOLERANCE * min(label.spacing_mm):
        raise EvaluationError(
            f"{prediction.path}: must lie on the grid of its label, got {_grid(prediction)}, but {label.path} has "
            f"{_grid(label)}; resample it first"
        )


def _grid(header: Header) -> str:
    shape, mm, first = header.shape, header.spacing_mm, header.affine[:3, 3]
    return (
        f"{' x '.join(map(str, shape))} voxels of {' x '.join(f'{size:.4g}' for size in mm)} mm, the first at "
        f"({', '.join(f'{at:.4g}' for at in first)}) mm"
    )


def check_classes(classes: Classes) -> None:
    """Raise ValueError unless there are classes, each with a name and values that are none of the background."""
    owner: dict[int, str] = {}
    for name, values in classes.items():
        if not name or not values or any(type(value) is not int or abs(value) > _MOST for value in values):
            raise ValueError(
                f"classes must have a name and whole numbers of at most {_MOST} each, got {name!r}: {values}"
            )
        if 0 in values:
            raise ValueError(f"classes must not hold 0, the background, got it in {name}")
        owner |= dict.fromkeys(values, name)
    if not owner:
        raise ValueError("classes must name one class at least, got none")


def declared_classes(
    found: Sequence[LabelPair], classes: Classes | None, each: Callable[..., Iterable[Any]]
) -> Classes:
    """The classes, if need be those of the labels; raises EvaluationError for unreadable files and other values."""
    problems: list[str] = []
    values: list[tuple[Path, set[int]]] = []
    for pair, sides in zip(found, each(_values, found), strict=True):
        for path, side in zip((pair.prediction, pair.label), sides, strict=True):
            if isinstance(side, str):
                problems.append(side)
            else:
                values.append((path, side))
    refuse(problems)
    if classes is None:
        seen = sorted(set().union(*(side for _, side in values[1::2])))
        if not seen:
            raise EvaluationError(f"{found[0].label.parent}: all labels are empty: say which classes there are")
        classes = {str(value): (value,) for value in seen}
    known = {value for numbers in classes.values() for value in numbers}
    said = ", ".join(_named(classes))
    for path, side in values:
        if strange := sorted(side - known):
            problems.append(f"{path}: values must be 0 or of the classes {said}, got {', '.join(map(str, strange))}")
    refuse(problems)
    return classes


def _values(pair: LabelPair) -> list[set[int] | str]:
    """Those of prediction and label but 0, or what is wrong with the file."""
    sides: list[set[int] | str] = []
    for path in (pair.prediction, pair.label):
        try:
            sides.append(set(np.unique(read_label(path, pair.grid).numpy()).tolist()) - {0})
        except VolumeError as error:
            sides.append(str(error))
    return sides


def _named(classes: Classes) -> Iterator[str]:
    for name, values in classes.items():
        numbers = "+".join(map(str, values))
        yield name if name == numbers else f"{name} ({numbers})"
