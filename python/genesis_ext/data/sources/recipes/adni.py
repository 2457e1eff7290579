# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""ADNI in NIfTI as the archive packs it: ``ADNI/SUBJECT/SERIES/DATE/IMAGE/*.nii``, brain MRI.

A subject is named as in 002_S_0295; its scans of all dates are one patient. Of the sorted subjects the third of every
five tests: 82 train and 21 test of 103, the numbers of the Universal Model, which does not name them. Files that say by
their name that they are PET are left out.

The archive's table of a collection (``*.csv`` with the columns Image Data ID, Subject and Group), beside the folder
``ADNI``, tells the diagnosis of each image as its class: AD, CN, MCI. Then the second of every five subjects of each
diagnosis tests: of 47 AD and 56 CN these are 10 and 11, as in the Universal Model.
"""

import re
from collections import defaultdict
from pathlib import Path

from genesis_ext.data.sources.recipes._recipe import Recipe, files_named, read_rows
from genesis_ext.data.sources.source import Found, Source
from genesis_ext.data.store.entry import SplitName

_ONE_IN, _TESTED, _TESTED_OF_GROUP = 5, 2, 1


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
    groups = _groups(root)
    by_group: dict[str, set[str]] = defaultdict(set)
    for path, subject in images:
        by_group[groups.get(_image(path), groups.get(subject, ""))].add(subject)
    tested = {
        subject
        for group, subjects in by_group.items()
        for number, subject in enumerate(sorted(subjects))
        if number % _ONE_IN == (_TESTED_OF_GROUP if group else _TESTED)
    }
    if groups and (untold := sorted({s for p, s in images if _image(p) not in groups and s not in groups})):
        found.notes.append(f"{len(untold)} subjects are in no table of the archive, the first is {untold[0]}")
    for path, subject in images:
        image = _image(path)
        group = groups.get(image, groups.get(subject))
        split: SplitName = "test" if subject in tested else "train"
        found.sources.append(
            Source(
                path,
                f"{subject}_{image}",
                subject,
                "mri",
                split,
                patient_known=True,
                classes=(group,) if group else None,
            )
        )


def _image(path: Path) -> str:
    """Its number in the archive, by the folder; else the name of the file."""
    return path.parent.name if re.fullmatch(r"[IS]?\d+", path.parent.name) else path.name.partition(".")[0]


def _groups(root: Path) -> dict[str, str]:
    """Diagnoses by image, and by subject where all its images have one; empty without a table."""
    groups: dict[str, str] = {}
    of_subject: dict[str, set[str]] = defaultdict(set)
    for path in sorted(root.glob("*.csv")):
        for image, subject, group in read_rows(path, ("Image Data ID", "Subject", "Group")):
            if group:
                groups[image] = groups[f"I{image.removeprefix('I')}"] = group
                of_subject[subject].add(group)
    return groups | {subject: own.pop() for subject, own in of_subject.items() if len(own) == 1}


RECIPE = Recipe(
    "adni",
    "SUBJECT/SERIES/DATE/IMAGE/*.nii with subjects as 002_S_0295",
    "the third of every five subjects test, or by a table of the archive the second of five of each diagnosis",
    _collect,
)
