# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Print what pyproject.toml asks for, torch excepted: the dependencies, then those of the extras named as arguments."""

import sys
import tomllib
from pathlib import Path


def requirements(project: dict[str, object], extras: list[str]) -> list[str]:
    """List the requirements of the table [project]: its dependencies without torch, and those of `extras`."""
    optional = project["optional-dependencies"]
    dependencies = project["dependencies"]
    if not isinstance(optional, dict) or not isinstance(dependencies, list):
        raise TypeError("pyproject.toml: dependencies must be a list, optional-dependencies a table")
    kept = [line for line in dependencies if not line.startswith("torch>")]
    return kept + [line for extra in extras for line in optional[extra]]


if __name__ == "__main__":
    text = (Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8")
    print("\n".join(requirements(tomllib.loads(text)["project"], sys.argv[1:])))
