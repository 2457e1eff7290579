# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Programs of the CUDA toolkit, which packages bring where the toolkit is not installed whole."""

import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path


def tool(name: str) -> str:
    """The path of a program: one that was found, or that of its package."""
    if found := shutil.which(name):
        return found
    try:
        for file in files(f"nvidia-cuda-{name}") or ():
            if file.name == name:
                return str(file.locate())
    except PackageNotFoundError:
        pass
    raise SystemExit(f"{name} not found: install it (`pip install nvidia-cuda-{name}` for cuobjdump and nvdisasm)")


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program; its words are the error if it fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done
