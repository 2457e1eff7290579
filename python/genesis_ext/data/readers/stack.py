# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""DICOM slices in the order in which they lie in the body, refused where some are missing or stand unevenly.

The place of a slice is its position along the normal of the slices; its number and its file name count for nothing.
Slices are even when each lies within 5 % of a step of its place on the line from the first to the last. Nothing is
filled in or resampled for slices that do not.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genesis_ext.data.readers.dicom_file import Frame
from genesis_ext.data.readers.itk import LPS_TO_RAS
from genesis_ext.data.volume import VolumeError

_SAME_PLACE_MM = 0.01
_UNEVEN = 0.05  # of a step


@dataclass(frozen=True, eq=False)
class Stack:
    """Slices of one series in order.

    Attributes:
        places: for each place from the first to the last its slices, one a frame.
        affine: (4, 4) column, row, place to RAS mm.
        notes: duplicates that were dropped.
    """

    places: list[list[Frame]]
    affine: NDArray[np.float64]
    notes: tuple[str, ...]


def stack(folder: Path, name: str, members: list[Frame]) -> Stack:
    """Order the slices of one series.

    Raises:
        VolumeError: a slice without position, orientation or pixel spacing, less than two places, missing or uneven
            slices, or places with different numbers of slices.
    """
    what = f"{folder}: series {name}"
    axes, spacing = _plane(what, members[0])
    normal = np.cross(axes[0], axes[1])
    positions = [_position(what, one) for one in members]
    order = np.argsort([position @ normal for position in positions], kind="stable")
    places: list[list[Frame]] = []
    points: list[NDArray[np.float64]] = []
    for i in order:
        if points and (positions[i] - points[-1]) @ normal < _SAME_PLACE_MM:
            places[-1].append(members[i])
        else:
            places.append([members[i]])
            points.append(positions[i])
    places, dropped = _without_duplicates(places)
    _check_counts(what, places)
    if len(places) < 2:
        raise VolumeError(f"{what}: a volume needs at least 2 slices at different places, got 1")
    step = _even_step(what, np.array(points), normal)
    affine = np.eye(4)
    affine[:3, 0] = axes[0] * spacing[1]  # along a row the column changes
    affine[:3, 1] = axes[1] * spacing[0]
    affine[:3, 2] = step
    affine[:3, 3] = points[0]
    notes = (f"{dropped} files that hold a slice a second time were left out",) if dropped else ()
    return Stack([sorted(place, key=lambda one: one.time) for place in places], LPS_TO_RAS @ affine, notes)


def _plane(what: str, one: Frame) -> tuple[NDArray[np.float64], tuple[float, ...]]:
    """Directions of a row and of a column (2, 3), and the spacing between rows and between columns."""
    if one.axes is None:
        raise VolumeError(
            f"{what}: {one} must give its orientation, Image Orientation (Patient) is missing or no six numbers"
        )
    if one.spacing is None:
        raise VolumeError(f"{what}: {one} must give its spacing, Pixel Spacing is missing or no two numbers")
    if min(one.spacing) <= 0:
        raise VolumeError(f"{what}: Pixel Spacing of {one} must be above 0, got {one.spacing}")
    axes = np.array(one.axes).reshape(2, 3)
    if np.abs(axes @ axes.T - np.eye(2)).max() > 0.01:
        raise VolumeError(f"{what}: the orientation must be two unit vectors at right angles, got {one.axes}")
    return axes, one.spacing


def _position(what: str, one: Frame) -> NDArray[np.float64]:
    if one.position is None:
        raise VolumeError(f"{what}: {one} must give its place, Image Position (Patient) is missing or no three numbers")
    return np.array(one.position)


def _without_duplicates(places: list[list[Frame]]) -> tuple[list[list[Frame]], int]:
    """Frames at one place of files with the same SOP Instance UID count once."""
    kept: list[list[Frame]] = []
    for place in places:
        unique: dict[tuple[str, int], Frame] = {}
        for one in place:
            unique.setdefault((one.file.instance or str(one.file.path), one.number), one)
        kept.append(list(unique.values()))
    return kept, sum(map(len, places)) - sum(map(len, kept))


def _check_counts(what: str, places: list[list[Frame]]) -> None:
    counts = Counter(len(place) for place in places)
    if len(counts) > 1:
        found = ", ".join(f"{slices} at {number} places" for slices, number in sorted(counts.items()))
        raise VolumeError(f"{what}: every place must have the same number of slices, got {found}: slices are missing")


def _even_step(what: str, points: NDArray[np.float64], normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """The step from slice to slice, in DICOM's axes. points: (n, 3) in order."""
    n = len(points)
    step = (points[-1] - points[0]) / (n - 1)
    line = points[0] + np.arange(n)[:, None] * step
    off = np.sqrt(((points - line) ** 2).sum(axis=1)).max()
    if off <= max(_UNEVEN * np.sqrt(step @ step), _SAME_PLACE_MM):
        return np.asarray(step)
    gaps = np.diff(points @ normal)
    usual = float(np.median(gaps))
    wide = [i for i, gap in enumerate(gaps) if gap > 1.5 * usual]
    if wide and np.allclose(gaps / usual, np.round(gaps / usual), atol=_UNEVEN):
        missing = int(np.round(gaps / usual).sum()) - len(gaps)
        raise VolumeError(
            f"{what}: {missing} of {n + missing} slices are missing, the first behind slice {wide[0] + 1}: "
            f"{gaps[wide[0]]:.4g} mm to the next where {usual:.4g} mm is usual"
        )
    raise VolumeError(
        f"{what}: slices must stand evenly within {_UNEVEN:.0%} of a step, got steps of {gaps.min():.4g} to "
        f"{gaps.max():.4g} mm, the farthest slice {off:.3g} mm off"
    )
