# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The configuration of a pre-training run as a YAML file (extra ``train``)."""

from os import PathLike

from genesis_ext.training.engine.config_file import read_settings, write_settings
from genesis_ext.training.pretraining.config import PretrainConfig


def write_config(path: str | PathLike[str], config: PretrainConfig) -> None:
    """Write all settings, resolved, in their groups."""
    write_settings(path, config)


def read_config(path: str | PathLike[str]) -> PretrainConfig:
    """Read what ``write_config`` wrote, or a part of it written by hand: what is missing has its default.

    1e-3 is a number, as in YAML 1.2.

    Raises:
        ValueError: no YAML, or an unknown or wrong setting; the text names the file.
        OSError: it cannot be read.
    """
    return PretrainConfig.of(**read_settings(path, PretrainConfig))
