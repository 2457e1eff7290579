# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""scripts/kernel_cost: machine code is read, run as often as was counted, and compared with the committed table."""

import importlib.util
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parent.parent / "scripts" / "kernel_cost"


@pytest.fixture(scope="module")
def tool():
    """The modules of the tool, which is a script and in no package."""
    before, known = list(sys.path), set(sys.modules)
    spec = importlib.util.spec_from_file_location("kernel_cost_main", TOOL / "__main__.py")
    main = importlib.util.module_from_spec(spec)
    sys.modules["kernel_cost_main"] = main
    spec.loader.exec_module(main)
    import cost
    import sass

    yield main, sass, cost
    sys.path[:] = before
    for name in set(sys.modules) - known:
        del sys.modules[name]


def line(text, stall=1, sets=7, reads=7, waits=0):
    """One instruction as nvdisasm prints it with -hex."""
    upper = stall << 41 | sets << 46 | reads << 49 | waits << 52
    return f"        /*0000*/ {text} ; /* 0x0000000000000000 */\n        /* {upper:#018x} */\n"


def listing(cost):
    """A loop inside a branch, a place that was copied, and a block behind them."""
    loop, copied = (f"PMTRIG {cost.path_number(name):#x}" for name in ("loop", "copied"))
    return "".join(
        [
            '\t.section\t.text._Z4loopPf,"ax",@progbits\n',
            line("IADD3 R1, R1, R1, RZ"),
            line("@P0 BRA `(.L_x_2)"),
            ".L_x_1:\n",
            line(loop),
            line("LDG.E R2, [R4.64]", sets=2),
            line("FADD R3, R2, R2", stall=4, waits=4),
            line(copied),
            line("@P1 BRA `(.L_x_1)", stall=5),
            ".L_x_2:\n",
            line(copied),
            line("DADD R6, R6, R6"),
            line("EXIT"),
        ]
    )


def test_blocks_are_run_as_often_as_the_places_in_them(tool):
    _, sass, cost = tool
    blocks = sass.functions(listing(cost))["_Z4loopPf"]
    assert [block.follow for block in blocks] == [[2, 1], [1, 2], []]
    assert [i.pipe for i in blocks[1].instructions if i.mark is None] == ["global", "fma", "control"]
    number = cost.path_number
    assert sass.frequencies(blocks, {0: 10.0, number("loop"): 70.0, number("copied"): 40.0}) == [10.0, 70.0, 20.0]


def test_a_loop_without_a_mark_is_an_error_only_where_it_is_run(tool):
    _, sass, cost = tool
    blocks = sass.functions(listing(cost))["_Z4loopPf"]
    for block in blocks:
        block.instructions = [i for i in block.instructions if i.mark is None]
    assert sass.frequencies(blocks, {}) == [0.0, 0.0, 0.0]
    with pytest.raises(ValueError, match="a loop without GX_PATH, which begins with"):
        sass.frequencies(blocks, {0: 1.0})


def test_a_warp_waits_for_a_load_as_long_as_its_place_says(tool):
    _, sass, cost = tool
    loop = sass.functions(listing(cost))["_Z4loopPf"][1]
    assert cost.cycles_alone(loop) == cost.LOAD + 4 + 5 + 5  # the load, the addition, the branch


def test_numbers_of_places_are_those_of_the_header(tool):
    # mirrors csrc/math/hd.h: 32-bit FNV-1a folded to 16 bits, whose published value for "a" is e40c292c
    assert tool[2].path_number("a") == 0x292C ^ 0xE40C


def test_occupancy_is_bound_by_registers_shared_memory_and_warps(tool):
    processor = tool[2].PROCESSORS[90]
    assert (processor.resident(40, 0, 256), processor.resident(92, 0, 256)) == (6, 2)
    assert (processor.resident(32, 100 * 1024, 256), processor.resident(16, 0, 1024)) == (2, 2)


def test_what_became_worse_by_a_tenth_is_named(tool):
    main = tool[0]
    rows = [
        "| case |",
        "|---|",
        "| a | 100 | 0 | 0 | 0 | 0 | 32 | 64 | 1.0 |",
        "| b | 50 | 0 | 0 | 0 | 0 | 32 | 64 | 2.0 |",
    ]
    page = "\n".join(["text", main.BEGIN, *rows, main.END])
    assert main.compare(rows, page) == []
    worse = [*rows[:2], rows[2].replace("100", "109"), rows[3].replace("2.0", "2.3"), rows[2].replace("| a", "| c")]
    assert main.compare(worse, page) == ["b: 2.3 ms on H200, 2 in the table", "c: not in the table"]
    assert main.compare(rows, "no table") == [f"no table between {main.BEGIN} and {main.END}"]


def test_the_committed_table_has_every_case(tool):
    main = tool[0]
    page = (TOOL.parent.parent / "docs" / "performance.md").read_text()
    inside = page.split(main.BEGIN)[1].split(main.END)[0]
    assert [row.split("|")[1].strip() for row in inside.strip().splitlines()[2:]] == [c[0] for c in main.CASES.values()]
