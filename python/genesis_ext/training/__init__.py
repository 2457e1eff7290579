# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Pre-training: configuration, objectives, loop, checkpoints, logs and pictures."""

from genesis_ext.training.config import PretrainConfig
from genesis_ext.training.config_file import read_config, write_config
from genesis_ext.training.health import TrainingDivergedError
from genesis_ext.training.loop import train
from genesis_ext.training.presets import PRESETS
from genesis_ext.training.pretrain import PretrainResult, pretrain
from genesis_ext.training.validation import ValidationReport, Validator

__all__ = [
    "PRESETS",
    "PretrainConfig",
    "PretrainResult",
    "TrainingDivergedError",
    "ValidationReport",
    "Validator",
    "pretrain",
    "read_config",
    "train",
    "write_config",
]
