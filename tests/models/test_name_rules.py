# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Rules for the names of weights: what they give, and what is said of files that are none."""

from pathlib import Path

import pytest

from genesis_ext.models import NameRules


def test_prefixes_go_then_names_are_dropped_then_renamed_in_order() -> None:
    rules = NameRules(
        strip=("net.", "module."), drop=("^fc",), rename=((r"^stage(\d)", r"layer\1"), (r"^layer", "encoder.layer"))
    )
    names = ("net.stage1.weight", "module.layer2.weight", "stage3.weight", "net.fc.weight", "module.net.bias")
    assert rules.renamed(names) == {
        "net.stage1.weight": "encoder.layer1.weight",
        "module.layer2.weight": "encoder.layer2.weight",
        "stage3.weight": "encoder.layer3.weight",
        "module.net.bias": "net.bias",  # one prefix a name
    }


def test_two_weights_do_not_get_one_name() -> None:
    with pytest.raises(ValueError, match=r"two weights must not get one name, got x for a\.x and x"):
        NameRules(strip=("a.",)).renamed(["a.x", "x"])


def test_a_replacement_of_a_group_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match=r"rename: '\\\\2' cannot replace '\(x\)' \(invalid group reference"):
        NameRules(rename=(("(x)", "\\2"),)).renamed(["x"])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("rules.json", "{", "Expecting"),
        ("rules.yaml", "strip: [", "flow"),
        ("rules.yaml", "", "must hold some of under, strip, drop, rename, got NoneType"),
        ("rules.json", "{}", "got nothing"),
        ("rules.json", '{"prefix": "a."}', "must hold some of .*, got prefix"),
        ("rules.yaml", "strip: a.", r"strip must be .*, got 'a\.'"),
        ("rules.yaml", "rename: [[a, b, c]]", "rename must be "),
        ("rules.yaml", "drop: ['(']", r"drop must hold regular expressions, got '\('"),
    ],
)
def test_files_that_are_no_rules_are_refused_by_name(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=rf"mapping: .*{name}: .*{message}"):
        NameRules.read(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"mapping: .*nowhere\.yaml not found"):
        NameRules.read(tmp_path / "nowhere.yaml")
