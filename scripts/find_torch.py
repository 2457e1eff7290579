# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Where the torch of the running Python keeps its headers and libraries, without importing it.

Run as a program (by CMakeLists.txt) it prints the version, the CUDA version ("none" without) and the folder of torch;
or it ends with one sentence on standard error that says what is missing.
"""

import ast
import importlib.util
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

OLDEST = (2, 11)
INSTALL = "pip install torch==2.13.0"
BUILD = "pip install --no-build-isolation ."


class Torch(NamedTuple):
    """A torch that can be built against."""

    version: str
    cuda: str | None
    folder: Path


class TorchNotFoundError(Exception):
    """There is no torch that the package can be built against; the text is one sentence with the way out."""


def _assigned_strings(source: str) -> dict[str, str | None]:
    """Give the names that a module assigns a string or None to at its top level."""
    values: dict[str, str | None] = {}
    for node in ast.parse(source).body:
        targets: Sequence[ast.expr]
        if isinstance(node, ast.AnnAssign):
            targets, value = [node.target], node.value
        elif isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        else:
            continue
        if isinstance(value, ast.Constant) and (value.value is None or isinstance(value.value, str)):
            values |= {target.id: value.value for target in targets if isinstance(target, ast.Name)}
    return values


def in_build_isolation(path: list[str]) -> bool:
    """Tell whether `path` (a sys.path) is that of a build environment of pip or uv, which hides installed packages."""
    return any(re.search(r"[/\\](pip-build-env-|build-env-|builds-v\d+[/\\])", entry) for entry in path)


def find_torch() -> Torch:
    """Find torch and check its version; raise TorchNotFoundError in one sentence otherwise."""
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        if in_build_isolation(sys.path):
            raise TorchNotFoundError(
                "genesis_ext is built against the torch it will run with, which build isolation hides: "
                f"run `{INSTALL}` (unless torch is installed), then `{BUILD}`."
            )
        raise TorchNotFoundError(
            f"genesis_ext needs torch to build, and {sys.executable} has none: run `{INSTALL}`, then `{BUILD}`."
        )
    folder = Path(spec.submodule_search_locations[0])
    values = _assigned_strings((folder / "version.py").read_text(encoding="utf-8"))
    version = values.get("__version__") or "0"
    number = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if number < OLDEST:
        raise TorchNotFoundError(
            f"genesis_ext needs torch {'.'.join(map(str, OLDEST))} or newer, and {sys.executable} has {version}: "
            f"run `{INSTALL}`, then `{BUILD}`."
        )
    return Torch(version, values.get("cuda"), folder)


def main() -> int:
    """Print what CMake asks for."""
    try:
        torch = find_torch()
    except TorchNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    print(torch.version, torch.cuda or "none", torch.folder.as_posix(), sep=";")
    return 0


if __name__ == "__main__":
    sys.exit(main())
