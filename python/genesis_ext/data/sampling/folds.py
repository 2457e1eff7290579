# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Cross-validation: k folds by patient, the same on every machine and in any order of the store."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from genesis_ext._types import Shape3
from genesis_ext.data.sampling.split import Region, marks_of, usable_volumes
from genesis_ext.data.store.entry import StoredVolume


def folds_of(entries: Sequence[StoredVolume], folds: int = 5, seed: int = 0) -> tuple[int | None, ...]:
    """The fold in which each volume validates; None for volumes that test, which are in no fold.

    A patient is in one fold with all volumes. What the store tells goes before: volumes marked "test" are left out, and
    a patient with a stored fold stays there. The others come in an order that only seed and name decide; each goes to
    the fold with the fewest patients of its rarest class (where classes are told), of these to the smallest. Marks
    "train" and "validation" do not count: every patient validates once.

    folds: how many, at least 2.

    Raises:
        ValueError: a patient is marked for two sides or two folds, a stored fold is not below `folds`, or a fold is
            left without patients.
    """
    if folds < 2:
        raise ValueError(f"folds must be at least 2, got {folds}")
    marks = marks_of(entries)
    taken = [entry for entry, mark in zip(entries, marks, strict=True) if mark != "test"]
    fold = _told(taken, folds)
    classes: dict[str, set[str]] = defaultdict(set)
    for entry in taken:
        classes[entry.patient] |= set(entry.classes or ())
    patients_with = Counter(name for names in classes.values() for name in names)
    rarest = {
        patient: min(((patients_with[name], name) for name in names), default=(len(classes) + 1, ""))
        for patient, names in classes.items()
    }
    held = [Counter(name for patient in fold if fold[patient] == k for name in classes[patient]) for k in range(folds)]
    size = Counter(fold.values())
    for patient in sorted(classes.keys() - fold.keys(), key=lambda p: (rarest[p], _order(seed, p), p)):
        name = rarest[patient][1]
        chosen = min(range(folds), key=lambda k: (held[k][name], size[k], k))
        fold[patient] = chosen
        held[chosen].update(classes[patient])
        size[chosen] += 1
    if empty := [k for k in range(folds) if not size[k]]:
        raise ValueError(f"every fold must have a patient, and fold {empty[0]} of {folds} has none of the {len(fold)}")
    return tuple(None if mark == "test" else fold[e.patient] for e, mark in zip(entries, marks, strict=True))


def fold_regions(
    entries: Sequence[StoredVolume],
    fold: int,
    folds: int = 5,
    smallest: Shape3 = (1, 1, 1),
    seed: int = 0,
    report: Callable[[str], object] = print,
) -> tuple[list[Region], list[Region]]:
    """Regions for training and for validation where one fold of ``folds_of`` validates and the others train.

    smallest: voxels along x, y, z that a volume must hold; smaller ones are left out and named through `report`.

    Raises:
        ValueError: as ``folds_of``, or nothing is left on one side.
    """
    if not 0 <= fold < folds:
        raise ValueError(f"fold must be in [0, {folds}), got {fold}")
    of = folds_of(entries, folds, seed)
    train: list[Region] = []
    validation: list[Region] = []
    for i in usable_volumes(entries, [i for i, k in enumerate(of) if k is not None], smallest, report):
        (validation if of[i] == fold else train).append(Region(i, (0, 0, 0), entries[i].shape))
    if not train or not validation:
        side = "validation" if train else "training"
        raise ValueError(
            f"fold {fold} of {folds} leaves nothing for {side}: no volume there holds a box of {smallest} voxels"
        )
    return train, validation


def _told(entries: Sequence[StoredVolume], folds: int) -> dict[str, int]:
    """The stored folds by patient."""
    told: dict[str, tuple[int, str]] = {}
    for entry in entries:
        if entry.fold is not None:
            if entry.fold >= folds:
                raise ValueError(f"{entry.name}: its fold must be below the number of folds, {folds}, got {entry.fold}")
            other, name = told.setdefault(entry.patient, (entry.fold, entry.name))
            if other != entry.fold:
                raise ValueError(
                    f"patient {entry.patient} is in two folds: {name} in {other}, {entry.name} in {entry.fold}: give "
                    "all volumes of a patient one fold, or tell patients apart, by a CSV of the sources"
                )
    return {patient: fold for patient, (fold, _) in told.items()}


def _order(seed: int, patient: str) -> str:
    return hashlib.sha256(f"{seed} {patient}".encode()).hexdigest()
