# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The configuration of a pre-training run as a YAML file (extra ``train``)."""

from os import PathLike

from genesis_ext.training.pretraining.config import PretrainConfig


def write_config(path: str | PathLike[str], config: PretrainConfig) -> None:
    """``config.write(path)``."""
    config.write(path)


def read_config(path: str | PathLike[str]) -> PretrainConfig:
    """``PretrainConfig.read(path)``."""
    return PretrainConfig.read(path)
