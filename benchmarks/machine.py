# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""On what, with what and from which sources a number was measured."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from genesis_ext import _host

ROOT = Path(__file__).parent.parent
CORE = ("genesis_ext", "torch", "numpy")
PEERS = (
    "monai",
    "torchio",
    "batchgeneratorsv2",
    "scipy",
    "scikit-image",
    "SimpleITK",
    "torch-interpol",
    "kornia",
)
GPU_PEERS = ("cupy-cuda12x", "cupy-cuda13x")
"""One of them is enough."""


def describe(device: torch.device) -> dict[str, Any]:
    """Machine, versions and commit, for the head of a result file."""
    described: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "cpu": _cpu_model(),
        "cores": usable_cores(),
        "load": round(os.getloadavg()[0], 2),  # before the run: a number measured on a busy machine is none
        "instruction_set": _host.instruction_set(),
        "device": device.type,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": {name: version for name in (*CORE, *PEERS, *GPU_PEERS) if (version := _version(name))},
    }
    if device.type == "cuda":
        described["gpu"] = torch.cuda.get_device_name(device)
        described["gpu_bytes"] = torch.cuda.get_device_properties(device).total_memory
        described["cuda"] = torch.version.cuda
    return described


def missing_peers(device: torch.device) -> list[str]:
    """Libraries to be compared with that are not installed."""
    missing = [name for name in PEERS if not _version(name)]
    if device.type == "cuda" and not any(map(_version, GPU_PEERS)):
        missing.append(" or ".join(GPU_PEERS))
    return missing


def usable_cores() -> int:
    """Those that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str:
    """The commit of the sources, with "-dirty" where files have changed since; "unknown" outside a checkout."""
    if not (ROOT / ".git").exists():  # an installed package may lie within the checkout of something else
        return "unknown"
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
