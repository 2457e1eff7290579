# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""scripts/check_machine_code.py and kernel_coverage.py: what is wrong with a kernel, or not reached, is named."""

import importlib
import shutil
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


@pytest.fixture(scope="module")
def tools():
    """Both scripts, which are in no package."""
    before, known = list(sys.path), set(sys.modules)
    sys.path.insert(0, str(SCRIPTS))
    yield importlib.import_module("check_machine_code"), importlib.import_module("kernel_coverage")
    sys.path[:] = before
    for name in set(sys.modules) - known:
        del sys.modules[name]


def ptx(name, *instructions):
    """A kernel of 128 threads as cuobjdump prints its PTX."""
    body = "".join(f"\t{text};\n" for text in instructions)
    return f".visible .entry {name}(\n\t.param .u64 {name}_param_0\n)\n.maxntid 128, 1, 1\n{{\n{body}\tret;\n}}\n"


def test_arithmetic_that_is_not_rounded_by_itself_is_named(tools):
    right = ptx("right", "mul.rn.f32 \t%f1, %f2, %f3", "@%p1 div.rn.f64 \t%fd1, %fd2, %fd3", "add.s32 \t%r1, %r2, %r3")
    wrong = ptx(
        "wrong", "fma.rn.f32 \t%f1, %f2, %f3, %f4", "add.f32 \t%f1, %f2, %f3", "setp.lt.ftz.f32 \t%p1, %f1, %f2"
    )
    kernels, problems = tools[0].read_ptx(right + wrong)
    assert {name: (code.threads, code.divides) for name, code in kernels.items()} == {
        "right": (128, True),
        "wrong": (128, False),
    }
    assert problems == ["wrong: fma.rn.f32 in PTX", "wrong: add.f32 in PTX", "wrong: setp.lt.ftz.f32 in PTX"]


def test_a_fused_multiply_add_needs_a_division(tools):
    kernels, _ = tools[0].read_ptx(ptx("divides", "rcp.rn.f32 \t%f1, %f2") + ptx("adds", "add.rn.f32 \t%f1, %f2, %f3"))
    fused = "        /*0010*/                   FFMA R1, R2, R3, R4 ;    /* 0x0 */\n"
    sass = [f"\t\tFunction : {name}\n{fused}        /*0020*/  @!P0 FADD R1, R2, R3 ;\n" for name in kernels]
    found = list(tools[0].fused("".join(sass).splitlines(), kernels))
    assert found == ["adds: FFMA in machine code, without a division"]


def test_fewer_warps_than_in_the_table_are_named(tools):
    check = tools[0]
    if not shutil.which("c++filt"):
        pytest.skip("needs c++filt")
    names = ["_ZN2gx4cuda4loopIfEEvv", "_ZN2gx4cuda4loopIiEEvv", "_ZN2gx4cuda4loopIdEEvv"]
    code = {name: check.Code(threads=256) for name in names}
    kernels = [
        check.Kernel(name, f"sm_{a}", registers, 0, 0, 0, 1024)
        for name, registers in zip(names, (40, 32, 64), strict=True)
        for a in check.PROCESSORS
    ]
    rows = list(check.table(kernels, code))
    assert rows[2:] == [
        "| `loop` | 256 | 40 | 1024 | 32 | 48 | 48 | 48 | 48 | 48 |",
        "| `loop`, float64 | 256 | 64 | 1024 | 32 | 32 | 32 | 32 | 32 | 32 |",
    ]
    assert list(check.fewer(rows, rows)) == []
    better = [*rows[:2], rows[2].replace("| 48 |", "| 56 |", 1)]
    assert list(check.fewer(rows, better)) == [
        "`loop`: 48 warps on sm_80, 56 in the table of performance.md",
        "`loop`, float64: not in the table of performance.md; write it anew with --write",
    ]


def test_a_branch_is_reached_if_any_instance_takes_it(tools):
    coverage = tools[1]

    def file_of(*lines, functions=()):
        listed = [
            {"line_number": line, "count": count, "branches": [{"count": taken} for taken in branches]}
            for line, count, branches in lines
        ]
        instances = [{"start_line": first, "end_line": last} for first, last in functions]
        return {"file": str(coverage.KERNELS / "kernel.cuh"), "lines": listed, "functions": instances}

    lines, branches = coverage.merge(
        [
            file_of((1, 5, [5, 0]), (1, 0, [0, 0])),  # instances with lines of their own
            file_of((1, 2, [0, 2])),
            file_of((7, 9, [4, 0, 0, 0]), functions=[(5, 9), (5, 9)]),  # two, one after another
        ]
    )
    assert lines == {("kernel.cuh", 1): 7, ("kernel.cuh", 7): 9}
    assert branches == {("kernel.cuh", 1, 2): {0: 5, 1: 2}, ("kernel.cuh", 7, 2): {0: 4, 1: 0}}


def test_what_is_not_reached_is_named_unless_it_says_why(tools, tmp_path, monkeypatch):
    coverage = tools[1]
    (tmp_path / "kernel.cuh").write_text("a();\nb();  // unreached: no voxel lies there\nif (c) d();\n")
    monkeypatch.setattr(coverage, "KERNELS", tmp_path)
    lines = {("kernel.cuh", 1): 0, ("kernel.cuh", 2): 0, ("kernel.cuh", 3): 4}
    holes = list(coverage.holes(lines, {("kernel.cuh", 3, 2): {0: 4, 1: 0}}))
    assert holes == [
        ("kernel.cuh", 1, "line not reached: a();"),
        ("kernel.cuh", 3, "branch not reached: if (c) d();"),
    ]
    assert list(coverage.table(lines, {}))[1].split() == ["kernel.cuh", "1/3", "0/0"]
