# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A small made-up scan for tests of pictures."""

import torch
from torch import Tensor

from genesis_ext.figures.subject import Subject
from genesis_ext.transforms import make_config


def scan(*shape: int) -> Tensor:
    """(X, Y, Z) in [0, 1], smooth, another value in every corner."""
    x, y, z = torch.meshgrid(*(torch.linspace(0.0, 1.0, n) for n in shape), indexing="ij")
    return 0.5 * x + 0.3 * y + 0.2 * z


def subject(profile: str = "head", scheme: str = "unified", **changes: object) -> Subject:
    fields = {
        "name": "made-up.nii",
        "scan": scan(20, 18, 14),
        "spacing_mm": (1.0, 1.0, 2.0),
        "start": (3, 2, 1),
        "shape": (16, 14, 10),
        "config": make_config(profile, scheme),
        "label": f"profile {profile}",
        "seed": 0,
    }
    return Subject(**(fields | changes))  # type: ignore[arg-type]
