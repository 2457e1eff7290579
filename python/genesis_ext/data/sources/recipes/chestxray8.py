# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""ChestX-ray8: PNG pictures in ``images_001/images`` .. ``images_012/images``, tables and lists of names beside them.

The lists split by patient: ``test_list.txt`` tests, ``train_val_list.txt`` trains and validates. Of the sorted patients
of the latter every ninth validates: 77,000 pictures train, near the 77,074 of Models Genesis, whose list was never
published. The patient is the number before the underscore, as in ``Data_Entry_2017.csv``, which tells the findings:
classes by its words, none where it says No Finding. The eight of ChestX-ray8 are Atelectasis, Cardiomegaly, Effusion,
Infiltration, Mass, Nodule, Pneumonia and Pneumothorax.
"""

from collections import Counter
from pathlib import Path

from genesis_ext.data.sources.recipes._recipe import Recipe, files_named, read_rows
from genesis_ext.data.sources.source import Found, Source, SourceError
from genesis_ext.data.store.entry import SplitName

_VALIDATION_ONE_IN = 9
_LISTS = ("train_val_list.txt", "test_list.txt")
_HEALTHY = "No Finding"


def _collect(root: Path, found: Found) -> None:
    development, tested = (_names(root, name, found) for name in _LISTS)
    patients = sorted({name.partition("_")[0] for name in development})
    validation = set(patients[_VALIDATION_ONE_IN - 1 :: _VALIDATION_ONE_IN])
    findings = _findings(root)
    odd: Counter[str] = Counter()
    for path, match in files_named(root, r"((\d{8})_\d{3})\.png", found):
        split: SplitName | None = None
        if path.name in tested:
            split = "test"
        elif path.name in development:
            split = "validation" if match[2] in validation else "train"
        else:
            odd["in none of the lists"] += 1
        if findings and path.name not in findings:
            odd["not in the table Data_Entry_2017"] += 1
        classes = findings.get(path.name)
        found.sources.append(Source(path, match[1], match[2], "xray", split, patient_known=True, classes=classes))
    found.notes += [f"{root}: {count} pictures are {what}" for what, count in odd.items()]


def _names(root: Path, name: str, found: Found) -> set[str]:
    path = root / name
    if not path.is_file():
        found.notes.append(f"{path}: missing, so its pictures have no split")
        return set()
    try:
        return set(path.read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: unreadable: {error}") from error


def _findings(root: Path) -> dict[str, tuple[str, ...]]:
    """What the table says of each picture; empty without the table.

    Raises:
        SourceError: unreadable, or a column is missing.
    """
    for path in sorted(root.glob("Data_Entry_2017*.csv")):
        rows = read_rows(path, ("Image Index", "Finding Labels"))
        return {name: () if said == _HEALTHY else tuple(dict.fromkeys(said.split("|"))) for name, said in rows}
    return {}


RECIPE = Recipe(
    "chestxray8",
    "images_001 .. images_012 with images/*.png, and train_val_list.txt and test_list.txt beside them",
    "test_list test; of the patients of train_val_list every ninth validation, the others train",
    _collect,
)
