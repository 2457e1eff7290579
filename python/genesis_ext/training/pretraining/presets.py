# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Named settings: the released schedule, the methods, and the ablations of both papers."""

from typing import Any

from genesis_ext.data.prepare.intensity import PAPER_MRI_WINDOW

_QUICK: dict[str, Any] = {
    "patch": (32, 32, 16),
    "width": 8,
    "batch_size": 8,
    "lr": 5e-3,
    "steps": 400,
    "validate_every": 50,
    "validation_patches": 64,
    "checkpoint_every": 50,
}

# Optimiser, rate and sampling of the released code; an epoch of its 445 training scans x 32 cubes is 2,373 steps, and
# 10,000 of them are the most.
_RELEASED: dict[str, Any] = {
    "optimizer": "sgd",
    "lr": 1.0,
    "borders": True,
    "lung_content": True,
    "modalities": "ct",
    "patches_a_volume": 32,
    "steps": 2_373 * 10_000,
}

# AdamW and these rates are ours: at the paper's, of SGD, S learnt nothing in any run (docs/results.md).
_UNIVERSAL: dict[str, Any] = {
    "method": "universal",
    "boxes": "scales",
    "lr": 2e-3,
    "lr_scales": 2e-3,
    "schedule": "cosine",
    "mri_window": PAPER_MRI_WINDOW,
    "foreground": True,
}

# The Universal Model as written. Table I: 64 sub-volumes a case of LUNA16 and BraTS2018, 128 of LiTS2017 and the heart
# of MSD, by the names that the recipes give. A pass over its 106,560 sub-volumes is 17,760 steps.
_PAPER: dict[str, Any] = {
    **_UNIVERSAL,
    "optimizer": "sgd",
    "lr": 1.0,
    "lr_scales": 0.1,
    "schedule": "plateau",
    "share": {"volume-*": 2, "la_*": 2},
    "steps": 20 * 17_760,
    "validate_every": 17_760,
    "checkpoint_every": 500,
}

_SCHEMES = ("non-linear", "local-shuffling", "out-painting", "in-painting", "autoencoder", "distortion", "painting")

PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "released": _RELEASED,
    # As written: the text's transformations and its loss, on the released code's cubes.
    "genesis-paper": {**_RELEASED, "optimizer": "adamw", "lr": 1e-3, "profile": "paper", "loss": "l1"},
    "genesis-chest-ct": {
        **_RELEASED,
        "optimizer": "adamw",
        "lr": 1e-3,
        "precision": "bf16",
        "warmup": 500,
        "clip": 1.0,
    },
    # The paper names the encoder of the 2D networks alone: the rest is the 3D setting on slices.
    "genesis-2d": {"patch": (256, 256, 1), "width": 64, "batch_size": 16, "lr": 1e-3},
    "quick": _QUICK,
    "universal": _UNIVERSAL,
    "universal-paper": _PAPER,
    # Its ablations.
    "model-ct": {**_UNIVERSAL, "adversary": "off", "tell_scales": False, "modalities": "ct"},
    "model-mri": {**_UNIVERSAL, "adversary": "off", "tell_scales": False, "modalities": "mri"},
    "model-multi": {**_UNIVERSAL, "adversary": "off", "tell_scales": False},
    "model-multi-mial": {**_UNIVERSAL, "tell_scales": False},
    "model-multi-sc": {**_UNIVERSAL, "adversary": "off"},
    "rotation": {"method": "rotation", "patch": (64, 64, 64)},
    "jigsaw": {"method": "jigsaw"},
    # Ablations of Models Genesis: one transformation alone, or one group.
    **{f"genesis-{scheme}": {"scheme": scheme} for scheme in _SCHEMES},
}
"""Name -> fields that differ from the defaults."""
