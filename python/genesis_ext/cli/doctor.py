# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`genesis doctor`: what is installed, what is used, and what is missing with the command that brings it."""

import argparse
import ctypes
import importlib
import os
import platform
import re
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata
from typing import Any

Line = tuple[str, str]


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    subparsers.add_parser(
        "doctor",
        help="print versions, devices, loaded libraries, and what is missing",
        description="Print versions, devices, the instruction set in use, the libraries loaded or why not, and the "
        "extras that are missing. Exits with 1 when the operators cannot be used.",
        epilog="examples:\n  genesis doctor\n  GENESIS_ISA=baseline genesis doctor",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _version_of(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "missing"


def _versions() -> Iterator[Line]:
    import torch

    yield "genesis_ext", _version_of("genesis_ext")
    yield "Python", f"{platform.python_version()} ({platform.platform()})"
    yield "torch", f"{torch.__version__} (CUDA {torch.version.cuda or 'none'})"
    for distribution in ("numpy", "nibabel"):
        yield distribution, _version_of(distribution)


def _host() -> Any:
    """The module that knows the build, or the reason why it cannot be imported."""
    try:
        return importlib.import_module("genesis_ext._host")
    except ImportError as error:
        return error


def _build() -> Iterator[Line]:
    host = _host()
    if isinstance(host, ImportError):
        yield "built with", f"unknown: {host}"
        return
    for name, value in host.build_info().items():
        yield name.replace("_", " "), str(value) or "none"


def _processor() -> Iterator[Line]:
    import torch

    host = _host()
    if not isinstance(host, ImportError):
        forced = os.environ.get("GENESIS_ISA")
        note = f"GENESIS_ISA={forced}" if forced else "lower it with GENESIS_ISA=baseline or avx2"
        yield "instruction set", f"{host.instruction_set()} ({note})"
    yield "CPU threads", f"{torch.get_num_threads()} of {os.cpu_count()} cores"


def _driver_version() -> int | None:
    """Of CUDA, as the driver gives it (13000: 13.0); None without a driver."""
    try:
        version = ctypes.c_int()
        return None if ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(version)) else version.value
    except OSError:
        return None


def driver_line(driver: int | None, built: str) -> str:
    """What is said of a driver (13000: of CUDA 13.0) beside kernels that nvcc of a version built ("13.0.88")."""
    if driver is None:
        return "none found"
    has = f"of CUDA {driver // 1000}.{driver % 1000 // 10}"
    needed = int(built.partition(".")[0]) if built[:1].isdigit() else 0
    if driver // 1000 >= needed:
        return has
    return (
        f"{has}, but the CUDA kernels were built by nvcc {built} and need one of CUDA {needed}: update the driver, or "
        f"build with nvcc {driver // 1000} (set CUDACXX to it)"
    )


def _devices() -> Iterator[Line]:
    import torch

    host = _host()
    built = "" if isinstance(host, ImportError) else str(host.build_info()["cuda"])
    yield "driver", driver_line(_driver_version(), built)
    if not torch.cuda.is_available():
        yield "CUDA devices", "none (torch has no CUDA)" if torch.version.cuda is None else "none found by torch"
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        memory = properties.total_memory / 2**30
        yield f"cuda:{index}", f"{properties.name}, sm_{properties.major}{properties.minor}, {memory:.0f} GiB"


def _libraries() -> Iterator[Line]:
    from genesis_ext import _library

    for library in (_library.cpu, _library.cuda):
        yield (
            library.path.name,
            f"loaded from {library.path.parent}" if library.loaded else f"not loaded: {library.why_not}",
        )
    host = _host()
    yield "_host", f"not loaded: {host}" if isinstance(host, ImportError) else "loaded"


def extras(requirements: Iterable[str]) -> dict[str, list[str]]:
    """Group a distribution's requirements by extra: name of the extra -> names of the distributions."""
    groups: dict[str, list[str]] = {}
    for requirement in requirements:
        name, _, marker = requirement.partition(";")
        if found := re.search(r"""extra\s*==\s*["']([\w.-]+)["']""", marker):
            groups.setdefault(found[1], []).append(re.split(r"[^\w.-]", name.strip())[0])
    return groups


def _extras() -> Iterator[Line]:
    for extra, distributions in extras(metadata.requires("genesis_ext") or []).items():
        missing = [name for name in distributions if _version_of(name) == "missing"]
        if missing:
            yield extra, f"missing {', '.join(missing)}: pip install 'genesis_ext[{extra}]'"
        else:
            yield extra, "installed"


SECTIONS: dict[str, Callable[[], Iterator[Line]]] = {
    "versions": _versions,
    "build": _build,
    "processor": _processor,
    "devices": _devices,
    "libraries": _libraries,
    "extras": _extras,
}


def run(_args: argparse.Namespace) -> int:
    """Print the report; return 1 when the operators cannot be used."""
    from genesis_ext import _library

    for title, section in SECTIONS.items():
        print(title)
        for name, value in section():
            print(f"  {name:<20} {value}")
    return 0 if _library.cpu.loaded else 1
