# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""With what something was made: processor, versions of libraries, commit of the sources."""

import platform
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path


def cpu_model() -> str:
    """Name of the processor, as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def versions(distributions: Iterable[str]) -> dict[str, str]:
    """Of those that are installed, by name."""
    installed = {}
    for name in distributions:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return installed


def commit(root: Path) -> str | None:
    """Of the checkout with this root, with "-dirty" where files have changed since; None if it is the root of none."""
    if not (root / ".git").exists():  # a package may be installed within the checkout of something else
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
