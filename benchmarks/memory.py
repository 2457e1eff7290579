# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Memory at the highest moment of a call, results included, beyond what was held before."""

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path

import torch

from genesis_ext import empty_cache

_PROCESS = Path("/proc/self")


def peak_extra_bytes(run: Callable[[], object], device: torch.device) -> int | None:
    """Run once, and return the peak in bytes; None where the system does not tell (CPU: Linux only).

    On a GPU torch's allocator counts. On a CPU the kernel's high-water mark of resident memory does: it sees what any
    library takes, by whatever allocator, to a page. What earlier calls freed is given back first, so that memory which
    is taken again counts again. What the call itself frees counts until its allocator gives it back: glibc does so at
    once with blocks of more than 32 MiB, and may keep smaller ones; genesis_ext keeps up to 256 MiB of its own.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        run()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is None:
        return None
    gc.collect()
    empty_cache()
    trim(0)
    try:
        (_PROCESS / "clear_refs").write_text("5")  # sets the mark to what is held now
        before = _resident("VmRSS")
        run()
        return max(_resident("VmHWM") - before, 0)
    except OSError:
        return None


def _resident(name: str) -> int:
    """Bytes of an entry of /proc/self/status."""
    for line in (_PROCESS / "status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise OSError(f"{_PROCESS / 'status'} has no {name}")
