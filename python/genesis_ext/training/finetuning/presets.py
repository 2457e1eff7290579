# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Named settings: the target tasks of both papers. What the papers leave open is as by default.

Optimiser, rate, patience and losses of the papers are defaults. Names of classes and channels are those that the
recipes of `genesis prepare` give; candidates come by ``--candidates``. Models Genesis names no augmentation; ours is
nnU-Net's.
"""

from typing import Any

_CANDIDATES: dict[str, Any] = {"task": "classification", "classes": ("0", "1")}
_REGION: dict[str, Any] = {"exclusive": False}  # one sigmoid, as released, in place of a softmax with the background
_UNIVERSAL: dict[str, Any] = {"augment": "universal-model"}

PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    # Models Genesis: lung nodules, false positives (LUNA16) and segmentation (LIDC-IDRI); emboli (PE-CAD, a table of
    # your own); liver (LiTS2017); whole tumour (BraTS2013).
    "ncc": _CANDIDATES,
    "ncs": {**_REGION, "classes": ("nodule",), "modalities": "ct"},
    "ecc": _CANDIDATES,
    "lcs": {**_REGION, "classes": ("liver=1,2",)},
    "bms": {**_REGION, "classes": ("whole tumour=1,2,3,4",), "channels": ("Flair",)},
    # Its 2D tasks: eight diseases (ChestX-ray8), and ultrasound of CIMT, folders of three classes.
    "dxc": {
        "task": "classification",
        "exclusive": False,
        "classes": (
            *("Atelectasis", "Cardiomegaly", "Effusion", "Infiltration"),
            *("Mass", "Nodule", "Pneumonia", "Pneumothorax"),
        ),
        "patch": (256, 256, 1),
        "boxes": "whole",
        "width": 64,
        "batch_size": 32,
    },
    "iuc": {"task": "classification", "patch": (256, 256, 1), "boxes": "whole", "width": 64, "batch_size": 16},
    # Universal Model: whole tumour (BraTS2018), nodules, left atrium (MM-WHS), Alzheimer's disease (ADNI).
    "bts": {**_REGION, **_UNIVERSAL, "classes": ("whole tumour=1,2,4",), "channels": ("flair",)},
    "lnc": {**_CANDIDATES, **_UNIVERSAL},
    "las-ct": {**_REGION, **_UNIVERSAL, "classes": ("left atrium",), "modalities": "ct"},
    "las-mri": {**_REGION, **_UNIVERSAL, "classes": ("left atrium",), "modalities": "mri"},
    "adc": {**_UNIVERSAL, "task": "classification", "classes": ("CN", "AD"), "boxes": "whole"},
}
"""Name -> fields that differ from the defaults."""
