# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""LiTS2017: abdominal CT, ``volume-N.nii`` and ``segmentation-N.nii`` in two training batches, and test volumes.

Volumes 0 to 110 train, 111 to 130 validate, the test volumes (whose labels were never published) test: 111 train as in
the Universal Model, which does not name them. Labels: 1 liver, 2 tumour.
"""

from pathlib import Path

from genesis_ext.data.sources.recipes._recipe import Recipe, files_named, with_label
from genesis_ext.data.sources.source import Found, Source
from genesis_ext.data.store.entry import SplitName

_TRAIN = 111


def _collect(root: Path, found: Found) -> None:
    for path, match in files_named(root, r"(test-)?volume-(\d+)(\.nii(\.gz)?)", found):
        name, number = f"{match[1] or ''}volume-{match[2]}", int(match[2])
        if match[1]:
            found.sources.append(Source(path, name, name, "ct", "test", patient_known=True))
            continue
        label = with_label(path.with_name(f"segmentation-{match[2]}{match[3]}"), path, found)
        split: SplitName = "train" if number < _TRAIN else "validation"
        found.sources.append(Source(path, name, name, "ct", split, label, patient_known=True))


RECIPE = Recipe(
    "lits2017",
    "volume-N.nii and segmentation-N.nii (in Training Batch 1 and 2), test-volume-N.nii",
    "volumes 0-110 train, 111-130 validation, test volumes test",
    _collect,
)
