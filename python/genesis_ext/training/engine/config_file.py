# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Settings as a YAML file (extra ``train``), whatever kind of run they are of."""

import re
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from genesis_ext._extras import require
from genesis_ext._files import write_aside


def write_yaml(path: str | PathLike[str], values: Mapping[str, Any]) -> None:
    """Write plain values, mappings and sequences of them."""
    yaml = require("yaml", "train", "to write a config")
    text = yaml.safe_dump(_listed(values), sort_keys=False, default_flow_style=None)
    write_aside(Path(path), lambda stream: stream.write(text.encode()))


def read_yaml(path: str | PathLike[str]) -> dict[Any, Any]:
    """Read a mapping; see ``parse_yaml``.

    Raises:
        ValueError: no YAML, or no mapping.
        OSError: it cannot be read.
    """
    values = parse_yaml(Path(path).read_text(encoding="utf-8"))
    if not isinstance(values, dict):
        raise ValueError(f"settings were expected, got {type(values).__name__}")
    return values


def parse_yaml(text: str) -> Any:
    """A value in YAML. 1e-3 is a number, as in YAML 1.2.

    Raises:
        ValueError: no YAML.
    """
    yaml = require("yaml", "train", "to read a config")

    class Loader(yaml.SafeLoader):  # type: ignore[misc, name-defined]
        """YAML 1.1, for which 1e-3 would be a text."""

    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
    )
    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _listed(value: Any) -> Any:
    """The value with tuples as lists."""
    if isinstance(value, Mapping):
        return {name: _listed(inner) for name, inner in value.items()}
    return [_listed(inner) for inner in value] if isinstance(value, tuple | list) else value
