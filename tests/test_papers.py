# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""docs/papers.md is true: every claim has its mark, its code and a test that there is, or a reason."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_TEXT = (ROOT / "docs/papers.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in _TEXT.splitlines()
    if line.startswith("|") and not line.startswith(("| claim ", "|---"))
]


@pytest.mark.parametrize("row", ROWS, ids=[row[0][:40] for row in ROWS])
def test_a_claim_has_a_mark_and_code_and_a_test_or_a_reason(row: list[str]) -> None:
    claim, mark, here, code, test = row
    assert claim and mark in ("=", "≠", "–")
    if mark != "=":
        assert here, "a reason"
    if mark == "–":
        assert not code and not test
        return
    (path,) = re.findall(r"\]\(([^)#]+)\)", code)
    assert (ROOT / "docs" / path).is_file()
    file, _, name = test.strip("`").partition("::")
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    assert name in names if name else names


def test_no_claim_is_listed_twice() -> None:
    assert len({row[0] for row in ROWS}) == len(ROWS) > 50
