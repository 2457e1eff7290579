# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Pre-training and fine-tuning: configuration, objectives, loop, checkpoints, logs and pictures."""

from genesis_ext._renamed import old_names
from genesis_ext.training.engine.health import TrainingDivergedError
from genesis_ext.training.engine.loop import train
from genesis_ext.training.engine.run import RunResult
from genesis_ext.training.engine.run_log import NullLog, RunLog
from genesis_ext.training.engine.validation import ValidationReport
from genesis_ext.training.finetuning.config import FinetuneConfig
from genesis_ext.training.finetuning.run import finetune
from genesis_ext.training.pretraining.config import PretrainConfig
from genesis_ext.training.pretraining.config_file import read_config, write_config
from genesis_ext.training.pretraining.presets import PRESETS
from genesis_ext.training.pretraining.run import pretrain
from genesis_ext.training.pretraining.validation import Validator

__all__ = [
    "PRESETS",
    "FinetuneConfig",
    "NullLog",
    "PretrainConfig",
    "RunLog",
    "RunResult",
    "TrainingDivergedError",
    "ValidationReport",
    "Validator",
    "finetune",
    "pretrain",
    "read_config",
    "train",
    "write_config",
]

__getattr__ = old_names(__name__, {"PretrainResult": "RunResult"})
