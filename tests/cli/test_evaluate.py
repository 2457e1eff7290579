# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`genesis evaluate`: from folders or tables to a summary, and one line for what cannot be."""

import json
from pathlib import Path

import numpy as np
import pytest

from genesis_ext.cli.main import main
from tests.data_layer.images import write_nifti


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    label = np.zeros((6, 6, 6), np.uint8)
    label[1:4, 1:4, 1:4], label[4:, 1:4, 1:4] = 1, 2
    for case in ("p1", "p2"):
        write_nifti(tmp_path / "predictions" / f"{case}.nii.gz", label)
        write_nifti(tmp_path / "labels" / f"{case}.nii.gz", label)
    return [str(tmp_path / "predictions"), str(tmp_path / "labels")]


@pytest.fixture
def tables(tmp_path: Path) -> list[str]:
    (tmp_path / "predictions.csv").write_text("case,no,yes\na,.1,.9\nb,.8,.2\nc,.3,.7\n")
    (tmp_path / "classes.csv").write_text("case,class\na,yes\nb,no\nc,no\n")
    return [str(tmp_path / "predictions.csv"), str(tmp_path / "classes.csv")]


def test_label_maps(folders: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "scores"
    options = ["--classes", "organ=1", "both=1,2", "--metrics", "dice", "surface_dice", "--tolerance", "2"]
    assert main(["evaluate", *folders, "--out", str(out), *options]) == 0
    printed = capsys.readouterr().out
    assert "| both | surface_dice | 1 | 0 | 1 to 1 (bootstrap) | 2 |" in printed
    assert "- tolerance_mm: 2.0\n" in printed
    assert printed.splitlines()[-3:] == [str(out / name) for name in ("cases.csv", "summary.json", "summary.md")]
    assert (out / "summary.md").read_text() in printed
    assert json.loads((out / "summary.json").read_text())["settings"]["classes"] == {"organ": [1], "both": [1, 2]}
    assert len((out / "cases.csv").read_text().splitlines()) == 5


def test_workers_give_the_same_summary(folders: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", *folders, "--metrics", "dice"]
    assert main(words) == main([*words, "--workers", "1"]) == 0
    printed = capsys.readouterr().out
    assert printed == 2 * printed[: len(printed) // 2]


def test_classes(tables: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", *tables, "--metrics", "auc"]) == 0
    assert "| yes | auc | 1 |" in capsys.readouterr().out


def test_candidates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "candidates.csv").write_text("scan,x,y,z,probability\ns,0,0,0,.9\n")
    (tmp_path / "findings.csv").write_text("scan,x,y,z,diameter_mm\ns,0,0,1,4\n")
    tables = [str(tmp_path / name) for name in ("candidates.csv", "findings.csv")]
    assert main(["evaluate", *tables, "--excluded", tables[1]]) == 0
    assert "| cpm | 1 |" in capsys.readouterr().out


def test_what_cannot_be_compared_is_one_line(folders: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    (Path(folders[0]) / "p2.nii.gz").unlink()
    assert main(["evaluate", *folders]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"genesis evaluate: error: {folders[1]}/p2: has no prediction in {folders[0]}"
    assert main(["evaluate", folders[0], f"{folders[1]}/none"]) == 1
    assert capsys.readouterr().err.endswith("/none: no such file or folder\n")


def test_options_that_do_not_fit_are_wrong_use(
    folders: list[str], tables: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for words, told in (
        ([folders[0], tables[1]], "PREDICTIONS and LABELS must be two folders or two tables, got"),
        ([*tables, "--tolerance", "0"], "--tolerance is for label maps, but"),
        ([*tables, "--probabilities"], "--probabilities is for label maps, but"),
        ([*tables, "--workers", "1"], "--workers is for label maps, but"),
        ([*tables, "--classes", "a=1"], "--classes is for label maps, but"),
        ([*tables, "--metrics", "dice"], "--metrics of classes must be of auc, accuracy"),
        ([*folders, "--excluded", "x.csv"], "--excluded is for candidates, but"),
        ([*tables, "--excluded", "x.csv"], "--excluded is for candidates, but"),
        ([*folders, "--metrics", "auc"], "--metrics of label maps must be of dice"),
        ([*folders, "--classes", "a=1", "a=2"], "--classes must have different names, got a, a"),
    ):  # fmt: skip
        assert main(["evaluate", *words]) == 2
        assert told in capsys.readouterr().err
    for option in (["--classes", "a"], ["--classes", "=1"], ["--classes", "a=1,x"], ["--tolerance", "-1"]):
        with pytest.raises(SystemExit) as error:
            main(["evaluate", *folders, *option])
        assert error.value.code == 2
