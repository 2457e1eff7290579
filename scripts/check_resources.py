# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Check what ptxas reported of every CUDA kernel: no register spills and no stack, on any architecture.

Reads the *.ptxas.txt files that scripts/nvcc_report.sh leaves in a build folder, prints the most that any instance of
each kernel takes, and exits with 1 where one spills or has a stack frame. --table writes a row for every instance.
"""

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

TABLE = ("kernel", "architecture", "registers", "shared", "stack", "spill_stores", "spill_loads")
"""The columns of --table; registers and spills are of a thread, shared memory of a block; bytes but for registers."""


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
        return bool(self.stack or self.spills)

    @property
    def spills(self) -> int:
        """Bytes stored and loaded, a thread."""
        return self.spill_stores + self.spill_loads


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


def summary(kernels: Mapping[Kernel, str]) -> Iterator[str]:
    """Lines: for each kernel and architecture the most of everything over its instances (types, orders, ...)."""
    groups: dict[tuple[str, str], list[Kernel]] = {}
    for kernel, name in kernels.items():
        groups.setdefault((name.partition("<")[0].strip(), kernel.architecture), []).append(kernel)
    yield "registers  stack  spills  shared  architecture  kernel"
    for (name, architecture), group in sorted(groups.items()):
        registers, stack = max(k.registers for k in group), max(k.stack for k in group)
        spills, shared = max(k.spills for k in group), max(k.shared for k in group)
        numbers = f"{registers:9}  {stack:5}  {spills:6}  {shared:6}  {architecture:12}"
        instances = f"  ({len(group)} instances)" if len(group) > 1 else ""
        yield f"{numbers}  {name}{instances}{'  <-- local memory' if any(k.wasteful for k in group) else ''}"


def table(kernels: Mapping[Kernel, str]) -> str:
    """Every instance as a line of tab-separated values, sorted, so that two builds can be compared by diff."""
    rows = sorted(
        (name, k.architecture, *map(str, (k.registers, k.shared, k.stack, k.spill_stores, k.spill_loads)))
        for k, name in kernels.items()
    )
    return "".join("\t".join(row) + "\n" for row in [TABLE, *rows])


def main(argv: list[str] | None = None) -> int:
    """Print the summary; return 1 for a wasteful kernel or when there is no report at all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path, help="build folder")
    parser.add_argument("--table", type=Path, metavar="FILE", help="write every instance as tab-separated values")
    args = parser.parse_args(argv)
    reports = sorted(args.build.rglob("*.ptxas.txt"))
    found = [kernel for path in reports for kernel in parse(path.read_text(encoding="utf-8"))]
    if not found:
        print(f"no kernel in any *.ptxas.txt below {args.build}: build the CUDA library first", file=sys.stderr)
        return 1
    kernels = dict(zip(found, readable([kernel.name for kernel in found]), strict=True))
    if args.table:
        args.table.write_text(table(kernels), encoding="utf-8")
    print("\n".join(summary(kernels)))
    wasteful = {kernel: name for kernel, name in kernels.items() if kernel.wasteful}
    for kernel, name in wasteful.items():
        print(f"local memory: {name} on {kernel.architecture}, stack {kernel.stack}, spills {kernel.spills} bytes")
    print(f"{len(kernels)} kernels, {len(wasteful)} with a stack frame or spills")
    return 1 if wasteful else 0


if __name__ == "__main__":
    sys.exit(main())
