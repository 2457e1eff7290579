# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""ADNI in NIfTI as the archive packs it: ``ADNI/SUBJECT/SERIES/DATE/IMAGE/*.nii``, brain MRI.

A subject is named as in 002_S_0295; its scans of all dates are one patient. Of the sorted subjects the third of every
five tests: 82 train and 21 test of 103, the numbers of the Universal Model, which does not name them. Files that say by
their name that they are PET are left out.
"""

import re
from pathlib import Path

from genesis_ext.data.sources.recipes._recipe import Recipe, files_named
from genesis_ext.data.sources.source import Found, Source
from genesis_ext.data.store.entry import SplitName

_ONE_IN, _TESTED = 5, 2


def _collect(root: Path, found: Found) -> None:
    images: list[tuple[Path, str]] = []
    for path, _ in files_named(root, r".+\.nii(\.gz)?", found):
        # The last folder of such a name: the path to the dataset may hold one by chance.
        subject = next((part for part in path.parts[-2::-1] if re.fullmatch(r"\d{3}_S_\d{4,5}", part)), None)
        if subject is None:
            found.ignored.append((path, "lies in no folder of a subject, as 002_S_0295"))
        elif re.search(r"_(PT|PET)_", path.name):
            found.ignored.append((path, "PET by its name"))
        else:
            images.append((path, subject))
    subjects = sorted({subject for _, subject in images})
    tested = {subject for number, subject in enumerate(subjects) if number % _ONE_IN == _TESTED}
    for path, subject in images:
        image = path.parent.name if re.fullmatch(r"[IS]?\d+", path.parent.name) else path.name.partition(".")[0]
        split: SplitName = "test" if subject in tested else "train"
        found.sources.append(Source(path, f"{subject}_{image}", subject, "mri", split, patient_known=True))


RECIPE = Recipe(
    "adni",
    "SUBJECT/SERIES/DATE/IMAGE/*.nii with subjects as 002_S_0295",
    "the third of every five subjects test, the others train",
    _collect,
)
