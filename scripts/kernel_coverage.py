# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Print which lines and branches of csrc/cuda the emulated kernels reach; fail where one is left out without a reason.

Builds the native tests that run the kernels on a CPU for gcov, runs them, and counts a branch as taken if any instance
of a template takes it. A line that no test can reach says why in a comment: `// unreached: ...`. Needs g++ and gcov.
"""

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
KERNELS = ROOT / "csrc" / "cuda"
sys.path.insert(0, str(HERE))

from cuda_tools import run  # noqa: E402

TESTS = ("test_crop", "test_separable", "test_kernels", "test_affine")  # the longest first
EXCUSE = "unreached:"

Lines = dict[tuple[str, int], int]
"""How often a line of a file is run."""
Branches = dict[tuple[str, int, int], dict[int, int]]
"""How often each of so many branches of a line is taken."""


def measure(test: str, build: Path, folder: Path) -> list[dict[str, Any]]:
    """Build and run a test; what gcov says of the kernels' files."""
    work = folder / test
    work.mkdir(parents=True, exist_ok=True)
    for old in (*work.glob("*.gcda"), *work.glob("*.gz")):
        old.unlink()
    # Nothing is inlined: else every copy would have branches of its own.
    flags = ["-std=c++20", "-O0", "--coverage", "-ffp-contract=off", "-fno-exceptions", "-Dalways_inline=noinline"]
    data = f'-DGENESIS_TEST_DATA="{ROOT}/tests/data"'
    source, made = ROOT / "tests" / "csrc" / f"{test}.cpp", work / f"{test}.o"
    run("g++", *flags, data, "-I", ROOT / "csrc", "-c", source, "-o", made)
    objects = sorted((build / "CMakeFiles" / "genesis_cpu.dir" / "csrc" / "cpu").glob("*.o"))
    run("g++", "--coverage", made, *objects, "-o", work / test)
    run(work / test)
    found = run("gcov", "--json-format", "--branch-probabilities", "--stdout", work / f"{test}.gcda").stdout
    return [file for line in found.splitlines() for file in json.loads(line)["files"] if _is_kernel(file)]


def _is_kernel(file: dict[str, Any]) -> bool:
    return KERNELS in Path(file["file"]).resolve().parents


def merge(files: Iterable[dict[str, Any]]) -> tuple[Lines, Branches]:
    """What any instance in any test reaches, by the file's name."""
    lines: Lines = defaultdict(int)
    branches: Branches = defaultdict(lambda: defaultdict(int))
    for file in files:
        name = Path(file["file"]).name
        times = Counter(line["line_number"] for line in file["lines"])
        for line in file["lines"]:
            number = line["line_number"]
            lines[name, number] += line["count"]
            taken = [branch["count"] for branch in line["branches"]]
            parts = _instances(file["functions"], number) if times[number] == 1 else 1
            each = len(taken) // (parts if len(taken) % parts == 0 else 1)
            for i, count in enumerate(taken):
                branches[name, number, each][i % each] += count
    return lines, branches


def _instances(functions: Iterable[dict[str, Any]], line: int) -> int:
    """How many instances of a template a line has, whose branches gcov lists one after another."""
    around = [f["start_line"] for f in functions if f["start_line"] <= line <= f["end_line"]]
    return around.count(max(around)) if around else 1


def holes(lines: Lines, branches: Branches) -> Iterator[tuple[str, int, str]]:
    """Files and lines that are not reached, and what of them, where they do not say why."""
    found = {(file, line): "line" for (file, line), count in lines.items() if count == 0}
    for (file, line, _), taken in branches.items():
        if any(count == 0 for count in taken.values()):
            found.setdefault((file, line), "branch")
    for (file, line), what in sorted(found.items()):
        text = (KERNELS / file).read_text(encoding="utf-8").splitlines()
        if EXCUSE not in text[line - 1]:
            yield file, line, f"{what} not reached: {text[line - 1].strip()}"


def table(lines: Lines, branches: Branches) -> Iterator[str]:
    """Reached and all, of lines and branches of every file."""
    rows: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for (file, _), count in lines.items():
        rows[file][0] += count > 0
        rows[file][1] += 1
    for (file, _, _), taken in branches.items():
        rows[file][2] += sum(count > 0 for count in taken.values())
        rows[file][3] += len(taken)
    yield f"{'':16}  lines      branches"
    for file, (reached, all_lines, taken_branches, all_branches) in sorted(rows.items()):
        yield f"{file:16}  {reached:4}/{all_lines:<4}  {taken_branches:4}/{all_branches}"


def main(argv: list[str] | None = None) -> int:
    """Print the table; return 1 for a hole."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path, help="build folder, for the package's CPU code")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "coverage", help="where tests are built")
    args = parser.parse_args(argv)
    with ThreadPoolExecutor(max_workers=2) as pool:
        measured = list(pool.map(lambda test: measure(test, args.build, args.folder), TESTS))
    lines, branches = merge(file for files in measured for file in files)
    print("\n".join(table(lines, branches)))
    left = list(holes(lines, branches))
    for file, line, what in left:
        print(f"csrc/cuda/{file}:{line}: {what}")
    return 1 if left or not lines else 0


if __name__ == "__main__":
    sys.exit(main())
