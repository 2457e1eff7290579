# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Rules that turn the names of weights of another package into those of a network."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path

from genesis_ext._extras import require
from genesis_ext._settings import check_kinds


@dataclass(frozen=True)
class NameRules:
    """How names in a file become names of a network; see ``renamed``.

    Attributes:
        under: the entry of the file that holds the weights, ``a.b`` for one inside another; empty where that is
            ``state_dict``, ``network_weights`` or the file itself.
        strip: prefixes; of each name the first that fits is taken away.
        drop: regular expressions; names, without the prefix, in which one is found are left out.
        rename: (regular expression, replacement) pairs as of ``re.sub``, each applied to what the ones before it gave.
    """

    under: str = ""
    strip: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    rename: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        check_kinds(self, "NameRules: ")
        for field, patterns in (("drop", self.drop), ("rename", [pattern for pattern, _ in self.rename])):
            for pattern in patterns:
                try:
                    re.compile(pattern)
                except re.error as error:
                    raise ValueError(
                        f"NameRules: {field} must hold regular expressions, got {pattern!r} ({error})"
                    ) from error

    @classmethod
    def read(cls, path: str | PathLike[str]) -> "NameRules":
        """The rules in a JSON file, or in a YAML file of the suffix .yaml or .yml, whose keys are the attributes.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it cannot be read, or holds other keys or kinds of values.
            ImportError: it is of YAML, and that library is not installed.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"mapping: {path} not found")
        text = path.read_text(encoding="utf-8")
        try:
            if path.suffix in (".yaml", ".yml"):
                yaml = require("yaml", "train", f"to read {path.name}")
                try:
                    values = yaml.safe_load(text)
                except yaml.YAMLError as error:
                    raise ValueError(" ".join(str(error).split())) from error
            else:
                values = json.loads(text)
            known = [field.name for field in fields(cls)]
            if not isinstance(values, dict) or not values or values.keys() - set(known):
                got = ", ".join(map(str, values)) if isinstance(values, dict) else type(values).__name__
                raise ValueError(f"must hold some of {', '.join(known)}, got {got or 'nothing'}")
            return cls(**values)
        except ValueError as error:
            raise ValueError(f"mapping: {path}: {error}") from error

    def renamed(self, names: Iterable[str]) -> dict[str, str]:
        """Name in the file -> name in the network, without those that are dropped.

        Raises:
            ValueError: two get the same name, or a replacement names a group that its pattern has not.
        """
        result: dict[str, str] = {}
        for name in names:
            prefix = next((prefix for prefix in self.strip if name.startswith(prefix)), "")
            new = name[len(prefix) :]
            if any(re.search(pattern, new) for pattern in self.drop):
                continue
            for pattern, replacement in self.rename:
                try:
                    new = re.sub(pattern, replacement, new)
                except (re.error, IndexError) as error:
                    raise ValueError(f"rename: {replacement!r} cannot replace {pattern!r} ({error})") from error
            result[name] = new
        origins = {new: name for name, new in result.items()}
        for name, new in result.items():
            if origins[new] != name:
                raise ValueError(f"two weights must not get one name, got {new} for {name} and {origins[new]}")
        return result
