# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`genesis predict`: from a run and images to files, and one line for what cannot be."""

import json
from pathlib import Path

import numpy as np
import pytest

from genesis_ext.cli.main import main
from tests.data_layer.images import random_voxels, write_nifti
from tests.evaluation.networks import segmentation

pytest.importorskip("monai.inferers", reason="MONAI is not installed: pip install 'genesis_ext[monai]'")


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    for number in range(2):
        write_nifti(tmp_path / "scans" / f"{number}.nii", random_voxels((9, 8, 8), 0, 100, number).astype(np.int16))
    return tmp_path / "scans"


def test_it_names_what_it_writes_and_goes_on(scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [str(segmentation(tmp_path / name)) for name in ("one", "two")]
    out = tmp_path / "out"
    options = ["--out", str(out), "--device", "cpu", "--overlap", "0.25", "--flips", "yz", "--batch-size", "2"]
    command = ["predict", runs[0], str(scans), "--ensemble", runs[1], "--probabilities", *options]
    assert main(command) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert [line.partition(" (")[0] for line in lines] == [
        f"{n + 1} of 2: {n} -> {out / f'{n}.nii.gz'}" for n in (0, 1)
    ]
    assert last == "2 written"
    assert sorted(path.name for path in out.iterdir()) == [
        *("0.nii.gz", "0.npz", "1.nii.gz", "1.npz", "cases.jsonl", "prediction.json"),
    ]
    settings = json.loads((out / "prediction.json").read_text())["settings"]
    assert (settings["overlap"], settings["flips"], len(settings["networks"])) == (0.25, "yz", 2)
    assert main(command) == 0
    assert capsys.readouterr().out.splitlines() == ["2 kept"]


def test_what_fails_is_named_at_the_end(scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (scans / "1.nii").write_bytes(b"no image")
    assert main(["predict", str(segmentation(tmp_path / "run")), str(scans), "--out", str(tmp_path / "out")]) == 1
    told = capsys.readouterr()
    assert told.out.splitlines()[-1] == "1 written, 1 failed"
    (line,) = told.err.splitlines()
    assert line.startswith(f"1: {scans / '1.nii'}: ")


@pytest.mark.parametrize(
    ("options", "status", "says"),
    [
        (["--overlap", "1"], 2, "overlap must lie in [0, 1), got 1.0"),
        (["--flips", "w"], 2, "flips must be axes out of xyz, each once, got 'w'"),
        (["--ensemble", "nowhere"], 1, "nowhere not found"),
    ],
)
def test_wrong_use_is_told_in_a_line(
    scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], status: int, says: str
) -> None:
    command = ["predict", str(segmentation(tmp_path / "run")), str(scans), "--out", str(tmp_path / "out"), *options]
    assert main(command) == status
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("genesis predict: error: ")
    assert says in line


def test_on_a_terminal_windows_are_counted(
    scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    run = str(segmentation(tmp_path / "run"))
    assert main(["predict", run, str(scans / "0.nii"), "--out", str(tmp_path / "out"), "--batch-size", "1"]) == 0
    assert "\r1 of 2 windows" in capsys.readouterr().out
