# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""BraTS2018: brain MRI, one folder a case below ``HGG`` and ``LGG``, four sequences and a segmentation in it.

Of the sorted patients of each grade every third tests: 190 of 285 train and 95 test, the numbers of the Universal
Model, which does not name them. Cases without a grade are the challenge's own validation set, which has no labels.
Labels: 1 necrosis, 2 oedema, 4 enhancing tumour; the whole tumour is all. A case has the channels flair, t1, t1ce, t2.
"""

import re
from collections import defaultdict
from pathlib import Path

from genesis_ext.data.sources.recipes._recipe import Recipe, files_named, with_label
from genesis_ext.data.sources.source import Found, Source
from genesis_ext.data.store.entry import LabelNames, SplitName

_TEST_ONE_IN = 3
_NAMES: LabelNames = {"necrosis": 1, "oedema": 2, "enhancing tumour": 4}


def _collect(root: Path, found: Found) -> None:
    images: dict[str, list[tuple[Path, str, str]]] = defaultdict(list)  # by grade: path, case, sequence
    for path, match in files_named(root, r"(.+)_(flair|t1|t1ce|t2)(\.nii(\.gz)?)", found):
        grade = next((part for part in path.parts[::-1] if part in ("HGG", "LGG")), "")
        images[grade].append((path, match[1], match[2]))
    for grade in sorted(images):
        patients = sorted({_patient(case) for _, case, _ in images[grade]})
        tested = set(patients[_TEST_ONE_IN - 1 :: _TEST_ONE_IN])
        missing: set[Path] = set()
        for path, case, sequence in images[grade]:
            name = f"{case}_{sequence}"
            split: SplitName = "validation" if not grade else "test" if _patient(case) in tested else "train"
            label: Path | None = path.with_name(f"{case}_seg{path.name.removeprefix(name)}")
            if not grade or label in missing:
                label = None
            elif label is not None and with_label(label, path, found) is None:
                missing.add(label)
                label = None
            found.sources.append(
                Source(
                    path, name, _patient(case), "mri", split, label, patient_known=True,
                    label_names=_NAMES if label else None, case=case, channel=sequence,
                )
            )  # fmt: skip


def _patient(case: str) -> str:
    """Without the number of the visit: Brats18_TCIA02_135_1 is a visit of Brats18_TCIA02_135."""
    return re.sub(r"_\d+$", "", case)


RECIPE = Recipe(
    "brats2018",
    "HGG/CASE and LGG/CASE with CASE_flair, _t1, _t1ce, _t2 and _seg .nii.gz",
    "of each grade every third patient test, the others train; cases without a grade validation",
    _collect,
)
