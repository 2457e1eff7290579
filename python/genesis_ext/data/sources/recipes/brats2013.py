# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""BraTS2013: brain MRI, ``HG/0001/VSD.Brain.XX.O.MR_Flair/*.mha`` and three other sequences, 20 and 10 patients.

Of the sorted patients of each grade every third tests: 21 train and 9 test. Models Genesis, whose task it is, publishes
no split of it. Labels: 1 necrosis, 2 oedema, 3 tumour that does not enhance, 4 tumour that does; the whole tumour is
all of them. A case has the channels Flair, T1, T1c, T2.
"""

from collections import defaultdict
from pathlib import Path

from genesis_ext.data.sources.recipes._recipe import Recipe, files_named
from genesis_ext.data.sources.source import Found, Source
from genesis_ext.data.store.entry import LabelNames, SplitName

_TEST_ONE_IN = 3
_NAMES: LabelNames = {"necrosis": 1, "oedema": 2, "non-enhancing tumour": 3, "enhancing tumour": 4}


def _collect(root: Path, found: Found) -> None:
    labels: dict[str, Path] = {}
    images: dict[str, list[tuple[Path, str]]] = defaultdict(list)  # by patient: path, sequence
    for path, match in files_named(
        root, r"VSD\.Brain(?:_\dmore)?\.XX\.(?:O\.MR_(Flair|T1|T1c|T2)|XX\.OT)\..*mha", found
    ):
        parts = path.relative_to(root.parent).parts
        place = next((i for i, part in enumerate(parts[:-1]) if part in ("HG", "LG")), None)
        if place is None or len(parts) < place + 3:
            found.ignored.append((path, "lies in no folder of a grade, HG or LG, and a patient"))
        elif match[1] is None:
            labels[f"{parts[place]}_{parts[place + 1]}"] = path
        else:
            images[f"{parts[place]}_{parts[place + 1]}"].append((path, match[1]))
    tested = set[str]()
    for grade in ("HG", "LG"):
        tested.update(
            sorted(patient for patient in images if patient.startswith(grade))[_TEST_ONE_IN - 1 :: _TEST_ONE_IN]
        )
    for patient in sorted(images):
        split: SplitName = "test" if patient in tested else "train"
        label = labels.get(patient)
        if label is None:
            found.notes.append(f"{patient}: has no label, VSD.Brain_3more.XX.XX.OT is missing")
        for path, sequence in images[patient]:
            found.sources.append(
                Source(
                    path, f"{patient}_{sequence}", patient, "mri", split, label, patient_known=True,
                    label_names=_NAMES if label else None, case=patient, channel=sequence,
                )
            )  # fmt: skip


RECIPE = Recipe(
    "brats2013",
    "HG/0001 and LG/0001 with VSD.Brain.XX.O.MR_Flair, _T1, _T1c, _T2 and VSD.Brain_3more.XX.XX.OT .mha",
    "of each grade every third patient test, the others train",
    _collect,
)
