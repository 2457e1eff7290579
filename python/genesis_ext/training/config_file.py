# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A config as a YAML file (extra ``train``)."""

from os import PathLike
from pathlib import Path

from genesis_ext._extras import require
from genesis_ext._files import write_aside
from genesis_ext.training.config import PretrainConfig

CONFIG = "config.yaml"
"""In the folder of a run."""


def write_config(path: str | PathLike[str], config: PretrainConfig) -> None:
    """Write all settings, resolved, in their groups."""
    yaml = require("yaml", "train", "to write a config")
    values = {
        group: {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()}
        for group, options in config.as_dict().items()
    }
    text = yaml.safe_dump(values, sort_keys=False, default_flow_style=None)
    write_aside(Path(path), lambda stream: stream.write(text.encode()))


def read_config(path: str | PathLike[str]) -> PretrainConfig:
    """Read what ``write_config`` wrote, or a part of it written by hand: what is missing has its default.

    Raises:
        ValueError: no YAML, or an unknown or wrong setting; the text names the file.
        OSError: it cannot be read.
    """
    yaml = require("yaml", "train", "to read a config")
    text = Path(path).read_text(encoding="utf-8")
    try:
        values = yaml.safe_load(text)
        if not isinstance(values, dict):
            raise ValueError(f"settings were expected, got {type(values).__name__}")
        return PretrainConfig.from_dict(values)
    except (yaml.YAMLError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no config: {' '.join(str(error).split())}") from error
