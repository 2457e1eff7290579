# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""MM-WHS 2017: cardiac CT and MRI, ``ct_train_1001_image.nii.gz`` and ``ct_train_1001_label.nii.gz``, 20 of each.

Cases 1001 to 1016 of each modality train, 1017 to 1020 test: 16 and 4 as in the Universal Model, which does not name
them; the challenge's own test cases, without labels, test too. Labels: 500 left ventricle, 600 right ventricle, 420
left atrium (and 421, which a label of the MRI holds by mistake), 550 right atrium, 205 myocardium, 820 aorta, 850
pulmonary artery.
"""

from pathlib import Path

from genesis_ext.data.sources.recipes._recipe import Recipe, files_named, with_label
from genesis_ext.data.sources.source import Found, Source
from genesis_ext.data.store.entry import LabelNames, SplitName
from genesis_ext.data.volume import Modality

_LAST_TRAINING_CASE = 1016
_NAMES: LabelNames = {
    "left ventricle": 500,
    "right ventricle": 600,
    "left atrium": [420, 421],
    "right atrium": 550,
    "myocardium": 205,
    "aorta": 820,
    "pulmonary artery": 850,
}


def _collect(root: Path, found: Found) -> None:
    for path, match in files_named(root, r"((ct|mr)_(train|test)_(\d+))_image(\.nii(\.gz)?)", found):
        modality: Modality = "ct" if match[2] == "ct" else "mri"
        trains = match[3] == "train" and int(match[4]) <= _LAST_TRAINING_CASE
        split: SplitName = "train" if trains else "test"
        label = path.with_name(f"{match[1]}_label{match[5]}")
        told = with_label(label, path, found) if match[3] == "train" else None
        names = _NAMES if told else None
        found.sources.append(
            Source(path, match[1], match[1], modality, split, told, patient_known=True, label_names=names)
        )


RECIPE = Recipe(
    "mmwhs",
    "ct_train_N_image.nii.gz and _label, mr_train_N_image.nii.gz and _label, and their test images",
    "cases 1001-1016 train, 1017-1020 and the test images test",
    _collect,
)
