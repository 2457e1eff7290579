# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Which parts of which volumes train and which validate: by patient, or by regions inside a scan."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from genesis_ext._types import Shape3
from genesis_ext.data.store.entry import SplitName, StoredVolume
from genesis_ext.data.volume import Modality

Split = Literal["auto", "patients", "fifth"]

MODALITIES: tuple[Modality, ...] = get_args(Modality)
"""The number of a modality in a batch is its place here."""

_ONE_IN = 5  # patients, or parts of a scan, of which the last validates


@dataclass(frozen=True)
class Region:
    """The part [lo, hi) of a volume, in voxels, from which sub-volumes may be cut.

    volume: its number in the store.
    """

    volume: int
    lo: Shape3
    hi: Shape3


def whole_regions(entries: Sequence[StoredVolume], smallest: Shape3 = (1, 1, 1)) -> list[Region]:
    """All of every volume that holds `smallest` voxels along x, y, z."""
    return [Region(i, (0, 0, 0), e.shape) for i, e in enumerate(entries) if _holds(e.shape, smallest)]


def split_regions(
    entries: Sequence[StoredVolume],
    smallest: Shape3 = (1, 1, 1),
    split: Split = "auto",
    grid: int = 1,
    report: Callable[[str], object] = print,
) -> tuple[list[Region], list[Region]]:
    """Regions for training and for validation; they never overlap, and volumes marked "test" are in neither.

    "patients": of each modality every fifth patient in the order of the store (at least one, the last) validates, with
        all volumes of that patient.
    "fifth": of every volume the last fifth along its longest axis validates, widened to `smallest` if need be. Where
        that leaves too little to train on, the next longest axis is cut; a volume too small on all axes only trains.
    "auto": the store's own split where one of its volumes is marked "validation"; by patients in a modality of which
        none is, but the volumes of a modality with a single patient are cut as by "fifth".

    A volume without a mark counts as the other volumes of its patient are marked.

    smallest: voxels along x, y, z that a region must hold; smaller volumes are left out and named through `report`.
    grid: regions are cut at multiples of so many voxels.

    Raises:
        ValueError: one of the two sides would be empty, or a patient is marked for both.
    """
    own = split == "auto" and any(entry.split == "validation" for entry in entries)
    marks = marks_of(entries, own)
    usable = usable_volumes(entries, [i for i, mark in enumerate(marks) if mark != "test"], smallest, report)
    if own:
        held = {i for i in usable if marks[i] == "validation"}
        more, cut = _by_patient(entries, _without_validation(entries, usable, held, report), cut_single=True)
        held |= more
    elif split == "fifth":
        held, cut = set[int](), set(usable)
    else:
        held, cut = _by_patient(entries, usable, cut_single=split == "auto")
    train: list[Region] = []
    validation: list[Region] = []
    for i in usable:
        if i in cut:
            first, last = _cut_last_fifth(i, entries[i].shape, smallest, grid)
            train.append(first)
            validation += [last] if last else []
        else:
            (validation if i in held else train).append(Region(i, (0, 0, 0), entries[i].shape))
    if not train or not validation:
        raise ValueError(
            f"the data leave nothing for {'validation' if train else 'training'} ({len(usable)} usable volumes, split "
            f"{split!r}): give more or larger volumes, smaller boxes, or volumes of their own for validation"
        )
    return train, validation


def usable_volumes(
    entries: Sequence[StoredVolume], volumes: Sequence[int], smallest: Shape3, report: Callable[[str], object]
) -> list[int]:
    """Of these volumes those that hold `smallest` voxels along x, y, z; the others are named through `report`."""
    for entry in (entries[i] for i in volumes if not _holds(entries[i].shape, smallest)):
        report(f"left out {entry.name}: its {_text(entry.shape)} voxels hold no box of {_text(smallest)}")
    return [i for i in volumes if _holds(entries[i].shape, smallest)]


def marks_of(entries: Sequence[StoredVolume], validation: bool = False) -> list[SplitName | None]:
    """The mark of every volume; one without it takes that of the other volumes of its patient.

    validation: tell "validation" from "train"; else both are "train".

    Raises:
        ValueError: volumes of one patient are marked for two sides.
    """
    told: dict[str, tuple[SplitName, str]] = {}
    for entry in entries:
        if entry.split is not None:
            mark: SplitName = "train" if entry.split == "validation" and not validation else entry.split
            other, name = told.setdefault(entry.patient, (mark, entry.name))
            if other != mark:
                raise ValueError(
                    f"patient {entry.patient} is on two sides of the split: {name} is marked {other}, {entry.name} "
                    f"{mark}: mark all volumes of a patient alike, or tell patients apart, by a CSV of the sources"
                )
    return [told[entry.patient][0] if entry.patient in told else None for entry in entries]


def _by_patient(entries: Sequence[StoredVolume], usable: Sequence[int], cut_single: bool) -> tuple[set[int], set[int]]:
    """Volumes that validate whole, and volumes to be cut.

    A patient whose volumes are cut in one modality trains in all others, so that nobody is on both sides by more than
    such a cut; a patient held back in one modality is held back in all.
    """
    groups = {m: _unique(entries[i].patient for i in usable if entries[i].modality == m) for m in MODALITIES}
    in_cut = {patients[0] for patients in groups.values() if cut_single and len(patients) == 1}
    held: set[str] = set()
    for patients in groups.values():
        free = [patient for patient in patients if patient not in in_cut]
        if free and held.isdisjoint(free):
            held.update(free[_ONE_IN - 1 :: _ONE_IN] or free[-1:])
    cut = {
        i
        for i in usable
        if cut_single and entries[i].patient in in_cut and held.isdisjoint(groups[entries[i].modality])
    }
    return {i for i in usable if entries[i].patient in held}, cut


def _without_validation(
    entries: Sequence[StoredVolume], usable: Sequence[int], held: set[int], report: Callable[[str], object]
) -> list[int]:
    """Volumes of modalities of which none validates, of patients who train in no other one."""
    validates = {entries[i].modality for i in held}
    elsewhere = {entries[i].patient for i in usable if entries[i].modality in validates}
    free = [i for i in usable if entries[i].modality not in validates and entries[i].patient not in elsewhere]
    for modality in _unique(entries[i].modality for i in free):
        report(f"no volume of {modality} is marked validation: some that are marked train validate")
    return free


def _cut_last_fifth(index: int, shape: Shape3, smallest: Shape3, grid: int) -> tuple[Region, Region | None]:
    for axis in sorted(range(3), key=lambda a: -shape[a]):
        size = shape[axis]
        cut = (size - max(size // _ONE_IN, smallest[axis])) // grid * grid
        if cut >= smallest[axis] and cut < size:
            lo, hi = [0, 0, 0], list(shape)
            lo[axis] = hi[axis] = cut
            return Region(index, (0, 0, 0), (hi[0], hi[1], hi[2])), Region(index, (lo[0], lo[1], lo[2]), shape)
    return Region(index, (0, 0, 0), shape), None


def _holds(shape: Shape3, smallest: Shape3) -> bool:
    return all(size >= side for size, side in zip(shape, smallest, strict=True))


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _text(shape: Shape3) -> str:
    return "x".join(map(str, shape))
