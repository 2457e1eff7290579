# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""On what, with what and from which sources a number was measured."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from genesis_ext import _host
from genesis_ext._provenance import commit, cpu_model, versions

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
        "commit": commit(ROOT) or "unknown",
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "load": round(os.getloadavg()[0], 2),  # before the run: a number measured on a busy machine is none
        "instruction_set": _host.instruction_set(),
        "device": device.type,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": versions((*CORE, *PEERS, *GPU_PEERS)),
    }
    if device.type == "cuda":
        described["gpu"] = torch.cuda.get_device_name(device)
        described["gpu_bytes"] = torch.cuda.get_device_properties(device).total_memory
        described["cuda"] = torch.version.cuda
    return described


def missing_peers(device: torch.device) -> list[str]:
    """Libraries to be compared with that are not installed."""
    missing = [name for name in PEERS if name not in versions(PEERS)]
    if device.type == "cuda" and not versions(GPU_PEERS):
        missing.append(" or ".join(GPU_PEERS))
    return missing


def usable_cores() -> int:
    """Those that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
