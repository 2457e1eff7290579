# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Check what ptxas reported of every CUDA kernel: no register spills and no stack, on any architecture.

Reads the *.ptxas.txt files that scripts/nvcc_report.sh leaves in a build folder, prints registers and shared memory of
each kernel, and exits with 1 where one spills or has a stack frame.
"""

import argparse
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Kernel:
    """What one kernel takes on one architecture: registers a thread, the rest in bytes (a thread; shared: a block)."""

    name: str
    architecture: str
    registers: int
    stack: int
    spill_stores: int
    spill_loads: int
    shared: int

    @property
    def wasteful(self) -> bool:
        """Whether it touches local memory."""
        return bool(self.stack or self.spill_stores or self.spill_loads)


def parse(report: str) -> list[Kernel]:
    """Read the kernels out of the words of ptxas -v."""
    kernels = []
    blocks = re.split(r"Compiling entry function ", report)[1:]
    for block in blocks:
        head = re.match(r"'(\S+)' for '(sm_\w+)'", block)
        stack = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", block)
        registers = re.search(r"Used (\d+) registers", block)
        shared = re.search(r"(\d+) bytes smem", block)
        if not (head and stack and registers):
            raise ValueError(f"unreadable report of ptxas: {block[:200]!r}")
        kernels.append(
            Kernel(
                name=head[1],
                architecture=head[2],
                registers=int(registers[1]),
                stack=int(stack[1]),
                spill_stores=int(stack[2]),
                spill_loads=int(stack[3]),
                shared=int(shared[1]) if shared else 0,
            )
        )
    return kernels


def readable(names: list[str]) -> list[str]:
    """Demangle C++ names where c++filt is here, without their parameters."""
    if not shutil.which("c++filt"):
        return names
    text = subprocess.run(["c++filt", "-p"], input="\n".join(names), capture_output=True, text=True, check=True).stdout
    return [re.sub(r"^void |\(anonymous namespace\)::|gx::", "", line) for line in text.splitlines()]


def main(argv: list[str] | None = None) -> int:
    """Print the table; return 1 for a wasteful kernel or when there is no report at all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path, help="build folder")
    folder = parser.parse_args(argv).build
    kernels = [
        kernel for path in sorted(folder.rglob("*.ptxas.txt")) for kernel in parse(path.read_text(encoding="utf-8"))
    ]
    if not kernels:
        print(f"no kernel in any *.ptxas.txt below {folder}: build the CUDA library first", file=sys.stderr)
        return 1
    print("registers  stack  spills  shared  architecture  kernel")
    for kernel, name in zip(kernels, readable([kernel.name for kernel in kernels]), strict=True):
        spills = kernel.spill_stores + kernel.spill_loads
        numbers = f"{kernel.registers:9}  {kernel.stack:5}  {spills:6}  {kernel.shared:6}  {kernel.architecture:12}"
        print(f"{numbers}  {name}{'  <-- local memory' if kernel.wasteful else ''}")
    wasteful = sum(kernel.wasteful for kernel in kernels)
    print(f"{len(kernels)} kernels, {wasteful} with a stack frame or spills")
    return 1 if wasteful else 0


if __name__ == "__main__":
    sys.exit(main())
