# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Pre-training: configuration, objective, loop, checkpoints, logs and pictures."""

from genesis_ext.training.config import PRESETS, PretrainConfig
from genesis_ext.training.loop import TrainingDivergedError, train
from genesis_ext.training.pretrain import PretrainResult, pretrain
from genesis_ext.training.validation import Baselines, ValidationReport, Validator

__all__ = [
    "PRESETS",
    "Baselines",
    "PretrainConfig",
    "PretrainResult",
    "TrainingDivergedError",
    "ValidationReport",
    "Validator",
    "pretrain",
    "train",
]
