# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""LiTS2017: abdominal CT, ``volume-N.nii`` and ``segmentation-N.nii`` in two training batches, and test volumes.

Volumes 0 to 110 train, 111 to 130 validate, the test volumes (whose labels were never published) test: 111 train as in
the Universal Model, which does not name them. The target task of Models Genesis, whose test needs labels, has a split
of its own: 0 to 99 train, 100 to 114 validate, 115 to 130 test, near its 100, 15 and 15, which it does not name either.
Labels: 1 liver, 2 tumour, which lies in the liver.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from genesis_ext.data.sources.recipes._recipe import Recipe, files_named, with_label
from genesis_ext.data.sources.source import Found, Source
from genesis_ext.data.store.entry import LabelNames, SplitName

_NAMES: LabelNames = {"liver": 1, "tumour": 2}


def _collect(root: Path, found: Found, split_of: Callable[[int], SplitName]) -> None:
    for path, match in files_named(root, r"(test-)?volume-(\d+)(\.nii(\.gz)?)", found):
        name, number = f"{match[1] or ''}volume-{match[2]}", int(match[2])
        if match[1]:
            found.sources.append(Source(path, name, name, "ct", "test", patient_known=True))
            continue
        label = with_label(path.with_name(f"segmentation-{match[2]}{match[3]}"), path, found)
        names = _NAMES if label else None
        found.sources.append(
            Source(path, name, name, "ct", split_of(number), label, patient_known=True, label_names=names)
        )


def _to_pretrain(number: int) -> SplitName:
    return "train" if number <= 110 else "validation"


def _of_the_task(number: int) -> SplitName:
    return "train" if number <= 99 else "validation" if number <= 114 else "test"


_LAYOUT = "volume-N.nii and segmentation-N.nii (in Training Batch 1 and 2), test-volume-N.nii"

RECIPE = Recipe(
    "lits2017",
    _LAYOUT,
    "volumes 0-110 train, 111-130 validation, test volumes test",
    partial(_collect, split_of=_to_pretrain),
)

TASK_RECIPE = Recipe(
    "lits2017-task",
    _LAYOUT,
    "volumes 0-99 train, 100-114 validation, 115-130 and test volumes test",
    partial(_collect, split_of=_of_the_task),
)
