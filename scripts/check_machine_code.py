# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Check the code of the CUDA library: its arithmetic has the bits of the CPU, and it fits as often as the docs say.

Of every kernel: in PTX each sum, product, quotient and root is rounded to nearest by itself (`.rn`), never fused,
approximate or flushed to zero; in machine code a fused multiply-add is part of a division or root; and registers and
shared memory leave room for the warps of the table in docs/performance.md. Needs cuobjdump (`pip install
nvidia-cuda-cuobjdump`), and c++filt for the table.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "kernel_cost")]

from cards import PROCESSORS  # noqa: E402

from check_resources import Kernel, parse, readable  # noqa: E402
from cuda_tools import run, tool  # noqa: E402

PAGE = HERE.parent / "docs" / "performance.md"
BEGIN, END = "<!-- warps begin -->", "<!-- warps end -->"

_ENTRY = re.compile(r"^\s*(?:\.visible )?\.entry (\w+)\(")
_THREADS = re.compile(r"^\s*\.maxntid (\d+)")
_ARITHMETIC = re.compile(r"^\s*(?:@!?%p\d+ )?((?:add|sub|mul|mad|fma|div|rcp|sqrt|rsqrt)\.[\w.]*f(?:16|32|64)\w*)\s")
_ROUNDED = re.compile(r"(add|sub|mul|div|rcp|sqrt)\.rn\.f(32|64)")
_FUNCTION = re.compile(r"^\s*Function : (\w+)")
_FUSED = re.compile(r"^\s+/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+ )?([FD]FMA[\w.]*)")


@dataclass
class Code:
    """What the PTX of a kernel says."""

    threads: int = 0
    divides: bool = False


def read_ptx(ptx: str) -> tuple[dict[str, Code], list[str]]:
    """The kernels, and what is wrong with their arithmetic."""
    kernels: dict[str, Code] = {}
    problems: dict[str, None] = {}
    name = ""
    for line in ptx.splitlines():
        if match := _ENTRY.match(line):
            name = match[1]
            kernels[name] = Code()
        elif match := _THREADS.match(line):
            kernels[name].threads = int(match[1])
        elif match := _ARITHMETIC.match(line):
            if not _ROUNDED.fullmatch(match[1]):
                problems[f"{name}: {match[1]} in PTX"] = None
            kernels[name].divides |= match[1].startswith(("div", "rcp", "sqrt"))
        elif ".ftz" in line:
            problems[f"{name}: {line.split()[0]} in PTX"] = None
    return kernels, list(problems)


def fused(sass: Iterable[str], kernels: Mapping[str, Code]) -> Iterator[str]:
    """Fused multiply-adds of kernels that never divide."""
    name = ""
    for line in sass:
        if match := _FUNCTION.match(line):
            name = match[1]
        elif (match := _FUSED.match(line)) and not kernels[name].divides:
            yield f"{name}: {match[1]} in machine code, without a division"


def groups(names: Iterable[str]) -> dict[str, str]:
    """What kernels are called in the table, by their names: instances of most types share a row."""
    rows = {}
    listed = list(names)
    for name, text in zip(listed, readable(listed), strict=True):
        kernel, _, types = text.removeprefix("cuda::").partition("<")
        kinds = [word for word, part in _KINDS.items() if part in types]
        rows[name] = ", ".join([f"`{kernel}`", *kinds])
    return rows


_KINDS = {"float64": "double", "last writer": "Shuffling)1", "sequential": "Shuffling)2"}


def table(kernels: Iterable[Kernel], code: Mapping[str, Code]) -> Iterator[str]:
    """Rows of Markdown: of the instances of a kernel the most that they take, and the fewest warps."""
    found: dict[str, list[Kernel]] = {}
    rows = groups(code)
    for kernel in kernels:
        found.setdefault(rows[kernel.name], []).append(kernel)
    yield "| kernel | threads | registers | shared memory | " + " | ".join(f"sm_{a}" for a in PROCESSORS) + " |"
    yield "|---" * (4 + len(PROCESSORS)) + "|"
    for row, instances in sorted(found.items()):
        warps = dict.fromkeys(PROCESSORS, 64)
        for kernel in instances:
            architecture, threads = int(kernel.architecture.removeprefix("sm_")), code[kernel.name].threads
            resident = PROCESSORS[architecture].resident(kernel.registers, kernel.shared, threads)
            warps[architecture] = min(warps[architecture], resident * threads // 32)
        most = (code[instances[0].name].threads, max(k.registers for k in instances), max(k.shared for k in instances))
        yield "| " + " | ".join([row, *map(str, most), *map(str, warps.values())]) + " |"


def fewer(rows: list[str], committed: list[str]) -> Iterator[str]:
    """Where fewer warps fit than in the committed table."""
    old = {cells[0]: cells for cells in map(_cells, committed[2:])}
    for cells in map(_cells, rows[2:]):
        if cells[0] not in old:
            yield f"{cells[0]}: not in the table of {PAGE.name}; write it anew with --write"
            continue
        for architecture, now, before in zip(PROCESSORS, cells[4:], old[cells[0]][4:], strict=True):
            if int(now) < int(before):
                yield f"{cells[0]}: {now} warps on sm_{architecture}, {before} in the table of {PAGE.name}"


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("| ").split("|")]


def main(argv: list[str] | None = None) -> int:
    """Check a build; return 1 for any problem."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path, help="build folder with _ops_cuda.so for all architectures of a release")
    parser.add_argument("--write", action="store_true", help=f"write the table of warps into {PAGE.name}")
    args = parser.parse_args(argv)
    library = args.build / "_ops_cuda.so"
    if not library.is_file():
        print(f"no {library}: build the CUDA library first", file=sys.stderr)
        return 1
    code, problems = read_ptx(run(tool("cuobjdump"), "-ptx", library).stdout)
    if not code:
        problems.append(f"{library} has no PTX")
    with subprocess.Popen([tool("cuobjdump"), "-sass", library], stdout=subprocess.PIPE, text=True) as dump:
        assert dump.stdout
        problems += sorted(set(fused(dump.stdout, code)))
    if dump.returncode != 0:
        problems.append(f"cuobjdump -sass ended with {dump.returncode}")
    reports = sorted(args.build.rglob("*.ptxas.txt"))
    rows = list(table((kernel for path in reports for kernel in parse(path.read_text(encoding="utf-8"))), code))
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    committed, after = rest.split(END)
    if args.write:
        PAGE.write_text("\n".join([before + BEGIN, *rows, END + after]), encoding="utf-8")
    else:
        problems += fewer(rows, committed.strip().splitlines())
    print("\n".join([*rows, *(f"check_machine_code: {problem}" for problem in problems)]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
