# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Augmentation for supervised training, batched on the device, from draws by seed and sample id."""

from genesis_ext.transforms.finetune.config import FINETUNE_PROFILES, FinetuneTransformConfig, make_finetune_config
from genesis_ext.transforms.finetune.plan import FinetunePlan
from genesis_ext.transforms.finetune.transform import FinetuneTransform

__all__ = [
    "FINETUNE_PROFILES",
    "FinetunePlan",
    "FinetuneTransform",
    "FinetuneTransformConfig",
    "make_finetune_config",
]
