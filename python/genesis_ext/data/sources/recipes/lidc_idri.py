# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""LIDC-IDRI: chest CT as the archive packs it, ``LIDC-IDRI-0001/STUDY/SERIES/*.dcm``, and masks of the nodules.

The archive has the contours of four readers in XML, which is not read: masks come from a tool that draws them, such as
pylidc, on the grid of the scan, as images ``LIDC-IDRI-0001*.nii.gz`` in a folder ``masks``. They are labels of their
patient's scans; of a series with another grid, an X-ray say, they are refused by name.

Of every ten sorted patients the first five train, the sixth validates, the others test: near the 510, 100 and 408 cases
of Models Genesis, which does not name them. Labels: 1 nodule.
"""

import re
from pathlib import Path

from genesis_ext.data.sources.recipes._recipe import Recipe, files_named
from genesis_ext.data.sources.source import Found, Source, SourceError
from genesis_ext.data.sources.walk import stem
from genesis_ext.data.store.entry import LabelNames, SplitName

_PATIENT = re.compile(r"LIDC-IDRI-\d{4}")
_TRAIN, _VALIDATION = 5, 6  # of ten, those before
_NAMES: LabelNames = {"nodule": 1}


def _collect(root: Path, found: Found) -> None:
    masks: dict[str, Path] = {}
    images: list[tuple[Path, str]] = []
    for path, _ in files_named(root, r".+", found):
        parts = path.relative_to(root.parent).parts
        patient = next((match[0] for part in parts[::-1] if (match := _PATIENT.match(part))), None)
        if patient is None:
            found.ignored.append((path, "lies in no folder of a patient, as LIDC-IDRI-0001"))
        elif "masks" in parts:
            other = masks.setdefault(patient, path)
            if other != path:
                raise SourceError(f"{patient}: must have one mask, which holds all nodules, got {other} and {path}")
        else:
            images.append((path, patient))
    patients = sorted({patient for _, patient in images})
    split = {patient: _split(number % 10) for number, patient in enumerate(patients)}
    scans = {patient: sum(other == patient for _, other in images) for patient in patients}
    for path, patient in images:
        name = patient if scans[patient] == 1 else f"{patient}_{stem(path)}"
        label = masks.get(patient)
        names = _NAMES if label else None
        found.sources.append(
            Source(path, name, patient, None, split[patient], label, patient_known=True, label_names=names)
        )
    if without := [patient for patient in patients if patient not in masks]:
        found.notes.append(f"{len(without)} patients have no mask, the first is {without[0]}")


def _split(of_ten: int) -> SplitName:
    return "train" if of_ten < _TRAIN else "validation" if of_ten < _VALIDATION else "test"


RECIPE = Recipe(
    "lidc-idri",
    "LIDC-IDRI-0001/STUDY/SERIES/*.dcm and, of the nodules, masks/LIDC-IDRI-0001*.nii.gz",
    "of every ten patients five train, one validation, four test",
    _collect,
)
