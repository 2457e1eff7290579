# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A config as a YAML file (extra ``train``)."""

import re
from os import PathLike
from pathlib import Path
from typing import Any

from genesis_ext._extras import require
from genesis_ext._files import write_aside
from genesis_ext.training.pretraining.config import PretrainConfig, without_groups

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

    1e-3 is a number, as in YAML 1.2.

    Raises:
        ValueError: no YAML, or an unknown or wrong setting; the text names the file.
        OSError: it cannot be read.
    """
    return PretrainConfig.of(**read_settings(path))


def read_settings(path: str | PathLike[str]) -> dict[str, Any]:
    """The settings that a file names, without their groups; raises what ``read_config`` does."""
    yaml = require("yaml", "train", "to read a config")

    class Loader(yaml.SafeLoader):  # type: ignore[misc, name-defined]
        """YAML 1.1, for which 1e-3 would be a text."""

    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
    )
    try:
        values = yaml.load(Path(path).read_text(encoding="utf-8"), Loader)
        if not isinstance(values, dict):
            raise ValueError(f"settings were expected, got {type(values).__name__}")
        given = without_groups(values)
        PretrainConfig.of(**given)
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"{path} is no config: {' '.join(str(error).split())}") from error
    return given
