# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Loads the operator libraries, and records for `genesis doctor` what went wrong."""

import ctypes
import re
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch

OLDEST_TORCH = (2, 11)
HOW_TO_BUILD = "build it with `pip install --no-build-isolation .` in the folder of the sources"


def _path(name: str) -> Path:
    """Where a library is, or should be; an editable install has a folder of sources and one of binaries."""
    paths = [Path(folder) / name for folder in sys.modules["genesis_ext"].__path__]
    return next((path for path in paths if path.exists()), paths[0])


@dataclass(frozen=True)
class Library:
    """One operator library: whether it is loaded, and in one sentence why not."""

    path: Path
    why_not: str = ""

    @property
    def loaded(self) -> bool:
        """Whether its operators are registered."""
        return not self.why_not


def _load(path: Path) -> Library:
    """Load one library; its file being missing or refused by the dynamic linker is recorded, not raised."""
    if not path.exists():
        return Library(path, f"{path.name} is not in {path.parent}: {HOW_TO_BUILD}")
    try:
        torch.ops.load_library(path)
    except OSError as error:
        reason = (str(error).splitlines() or ["no reason given"])[0]
        return Library(path, f"{path.name} could not be loaded ({reason}): {HOW_TO_BUILD} with the torch in use")
    return Library(path)


def _load_cpu() -> Library:
    path = _path("_ops.so")
    if tuple(int(part) for part in re.findall(r"\d+", torch.__version__)[:2]) < OLDEST_TORCH:
        wanted = "torch>={}.{}".format(*OLDEST_TORCH)
        return Library(path, f"{wanted} is needed, found {torch.__version__}: run `pip install '{wanted}'`")
    return _load(path)


def _load_cuda() -> Library:
    path = _path("_ops_cuda.so")
    if not cpu.loaded:
        return Library(path, "the CPU library is not loaded")
    if torch.version.cuda is None:
        return Library(path, "this torch has no CUDA")
    if not path.exists():
        return Library(path, f"the package was built without nvcc: install the CUDA toolkit, then {HOW_TO_BUILD}")
    library = _load(path)
    if not library.loaded:
        warnings.warn(f"genesis_ext runs without CUDA: {library.why_not}", RuntimeWarning, stacklevel=2)
    return library


def empty_cache() -> None:
    """Return to the system the memory of large CPU results that is kept for later calls.

    GENESIS_KEPT_MIB in the environment bounds what is kept, beside what is in use (default: 256).
    """
    if cpu.loaded:
        ctypes.CDLL(str(cpu.path)).genesis_ext_give_back()


cpu = _load_cpu()
cuda = _load_cuda()


def require() -> None:
    """Raise ImportError, in one sentence with the way out, where the operators are not loaded."""
    if not cpu.loaded:
        raise ImportError(f"genesis_ext: {cpu.why_not}")
