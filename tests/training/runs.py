# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Runs of the command in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

TINY = [
    *("--patch", "16", "16", "16"),
    *("--width", "2"),
    *("--batch-size", "4"),
    *("--validation-patches", "4"),
    *("--validate-every", "5"),
    *("--checkpoint-every", "5"),
    *("--log-every", "1"),
    *("--norm", "instance"),
]


def command(data: Path, out: Path, *options: str, processes: int = 1, trains: str = "pretrain") -> list[str]:
    """The words that start a run, by torchrun where there are several processes."""
    start = [sys.executable, "-m"]
    if processes > 1:
        start += ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
    words = ["genesis_ext.cli.main", trains, "--data", str(data), "--out", str(out), "--device", "cpu"]
    return [*start, *words, *TINY, *options]


def environment(cache: Path) -> dict[str, str]:
    """One thread a process: a sum's order must not depend on how many there are."""
    return {**os.environ, "GENESIS_CACHE": str(cache), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def run(data: Path, out: Path, cache: Path, *options: str, processes: int = 1) -> str:
    """Run to the end; what it printed."""
    done = subprocess.run(
        command(data, out, *options, processes=processes),
        env=environment(cache),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def same(a: Any, b: Any) -> bool:
    """Equal to the last bit, through dicts and lists."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)
