# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Predict what the CUDA kernels that matter most cost, without a GPU: a table of instructions, occupancy and time.

The kernels are run on a CPU on real plans (tests/csrc/cuda_on_cpu.h), which counts how often warps come by the places
that GX_PATH names; nvcc compiles the same programs, nvdisasm shows the machine code with those places marked.
Instructions are those of each part of the code times how often it is run; time follows from the pipes and latencies in
cards.py. Needs g++, nvcc and nvdisasm (`pip install nvidia-cuda-nvdisasm`). Predictions are good to some 30 %: nothing
was measured.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from cards import CARDS, OVERLAP, Card  # noqa: E402
from cost import Cost, Launch, cost  # noqa: E402
from sass import Block, functions  # noqa: E402

from check_resources import parse  # noqa: E402
from cuda_tools import run, tool  # noqa: E402

PROGRAMS = ("transform", "resampling")
INCLUDE: tuple[str | Path, ...] = ("-I", ROOT / "csrc", "-I", ROOT / "tests")
BEGIN, END = "<!-- kernel_cost begin -->", "<!-- kernel_cost end -->"
WORSE = 1.1  # than the committed table: a failure

PATCH, LARGE, CROPS = 64 * 64 * 32 * 256, 160**3 * 8, 64 * 64 * 32 * 1024
SCAN, SCAN_OUT = 512 * 512 * 300, 358 * 358 * 210
SMALL_SCAN, SMALL_OUT = 256 * 256 * 120, 189 * 189 * 150
CASES = {
    "head": ("`head`, 64x64x32 x 256", PATCH, 12 * PATCH),
    "head, nothing shuffled": ("the same, nothing shuffled", PATCH, 12 * PATCH),
    "head, bfloat16": ("the same as the first, bfloat16", PATCH, 6 * PATCH),
    "head, 160^3": ("`head`, 160^3 x 8", LARGE, 12 * LARGE),
    "paper": ("`paper`, 64x64x32 x 256", PATCH, 12 * PATCH),
    "paper, 160^3": ("`paper`, 160^3 x 8", LARGE, 12 * LARGE),
    "crop_resize": ("`crop_resize`, order 1, 1,024 boxes", CROPS, 4 * CROPS + 2 * 1024 * 27000000 // 128),
    "resample, 512x512x300": ("`resample`, order 3, 512x512x300 int16", SCAN_OUT, 2 * (SCAN + SCAN_OUT)),
    "resample, 256x256x120": ("`resample`, order 3, 256x256x120 int16", SMALL_OUT, 2 * (SMALL_SCAN + SMALL_OUT)),
}
"""Title, voxels of the result, and bytes that must be moved at least."""


@dataclass(frozen=True)
class Kernels:
    """Machine code with marks, and registers and shared memory without, of one architecture."""

    code: dict[str, list[Block]]
    registers: dict[str, int]
    shared: dict[str, int]


def count(program: str, folder: Path) -> list[Launch]:
    """Build a program for the CPU and run it."""
    binary = folder / program
    flags = ["-std=c++20", "-O2", "-ffp-contract=off", "-rdynamic"]
    run("g++", *flags, *INCLUDE, HERE / f"{program}.cpp", "-o", binary, "-ldl")
    return [Launch(**json.loads(line)) for line in run(binary).stdout.splitlines()]


def compile_for(architecture: int, folder: Path) -> Kernels:
    """Compile the programs twice: with marks for the machine code, without for registers and shared memory."""
    code: dict[str, list[Block]] = {}
    registers: dict[str, int] = {}
    shared: dict[str, int] = {}
    for program in PROGRAMS:
        cubin = folder / f"{program}.{architecture}.cubin"
        flags = f"-x cu -cubin -arch=sm_{architecture} -std=c++20 -fmad=false --expt-relaxed-constexpr -w".split()
        command = ("nvcc", *flags, *INCLUDE, HERE / f"{program}.cpp", "-o", cubin)
        for kernel in parse(run(*command, "-Xptxas=-v").stderr):
            registers[kernel.name], shared[kernel.name] = kernel.registers, kernel.shared
        run(*command, "-DGX_MARK_PATHS")
        code |= functions(run(tool("nvdisasm"), "-c", "-hex", cubin).stdout)
    return Kernels(code, registers, shared)


def costs(launches: list[Launch], kernels: Kernels, card: Card) -> dict[str, list[Cost]]:
    """The cost of every launch on a card, by case."""
    found: dict[str, list[Cost]] = {case: [] for case in CASES}
    for launch in launches:
        name = launch.kernel
        made = cost(launch, kernels.code[name], kernels.registers[name], kernels.shared[name], card)
        found[launch.case].append(made)
    return found


def with_memory(made: list[Cost], moved: int, card: Card) -> float:
    """Milliseconds of launches one after another, which move so many bytes meanwhile."""
    computing, moving = sum(one.milliseconds for one in made), moved / card.copy / 1e9
    return float((computing**OVERLAP + moving**OVERLAP) ** (1 / OVERLAP))


def table(on_cards: dict[str, dict[str, list[Cost]]]) -> Iterator[str]:
    """Rows of Markdown: of the first card everything, of the others the time."""
    first, *others = CARDS
    yield (
        "| case | instructions | ALU | IMAD | memory | other | registers | warps | "
        + " | ".join([f"{first.name}, ms", "floor, ms", *(f"{card.name}, ms" for card in others)])
        + " |"
    )
    yield "|---" * (10 + len(others)) + "|"
    for case, (title, voxels, moved) in CASES.items():
        made = on_cards[first.name][case]
        by_pipe = {"alu": 0.0, "imad": 0.0, "memory": 0.0, "other": 0.0}
        groups = {"alu": "alu", "imad": "imad", "imad wide": "imad", "shared": "memory", "global": "memory"}
        for one in made:
            for pipe, n in one.instructions.items():
                by_pipe[groups.get(pipe, "other")] += n * 32 / voxels
        longest = max(made, key=lambda one: one.milliseconds)
        times = [with_memory(on_cards[card.name][case], moved, card) for card in CARDS]
        numbers = [sum(by_pipe.values()), *by_pipe.values()]
        yield (
            f"| {title} | "
            + " | ".join(f"{n:.0f}" for n in numbers)
            + f" | {longest.registers} | {longest.warps} | {times[0]:.3g} | {moved / first.copy / 1e9:.2g} | "
            + " | ".join(f"{t:.3g}" for t in times[1:])
            + " |"
        )


def compare(rows: list[str], committed: str) -> list[str]:
    """What is worse than in the committed table, in words."""
    if BEGIN not in committed or END not in committed:
        return [f"no table between {BEGIN} and {END}"]
    old = {cells[0]: cells for cells in map(_cells, committed.split(BEGIN)[1].split(END)[0].strip().splitlines()[2:])}
    problems = []
    for cells in map(_cells, rows[2:]):
        if cells[0] not in old:
            problems.append(f"{cells[0]}: not in the table")
            continue
        for column, what in ((1, "instructions"), (8, f"ms on {CARDS[0].name}")):
            now, before = float(cells[column]), float(old[cells[0]][column])
            if now > WORSE * before:
                problems.append(f"{cells[0]}: {now:g} {what}, {before:g} in the table")
    return problems


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("| ").split("|")]


def main(argv: list[str] | None = None) -> int:
    """Print the table; compare it with, or write it into, a page."""
    parser = argparse.ArgumentParser(
        prog="kernel_cost", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--build", type=Path, default=ROOT / "build" / "kernel_cost", help="folder for what is compiled"
    )
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "performance.md", help="where the table stands")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="fail where a case is 10 %% worse than in the page's table")
    mode.add_argument("--write", action="store_true", help="write the table into the page")
    args = parser.parse_args(argv)
    args.build.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=2) as pool:
        counted = [pool.submit(count, program, args.build) for program in PROGRAMS]
        compiled = {card.name: pool.submit(compile_for, card.architecture, args.build) for card in CARDS}
        launches = [launch for future in counted for launch in future.result()]
        rows = list(table({card.name: costs(launches, compiled[card.name].result(), card) for card in CARDS}))
    print("\n".join(rows))
    text = args.page.read_text(encoding="utf-8")
    if args.write:
        inside = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
        args.page.write_text(inside.sub(lambda _: "\n".join([BEGIN, *rows, END]), text), encoding="utf-8")
    problems = compare(rows, text) if args.check else []
    print("\n".join(f"kernel_cost: {problem}" for problem in problems), end="\n" if problems else "", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
