# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`genesis restore`: options reach the work, and the exit status tells of failures."""

import json
from pathlib import Path

import numpy as np
import pytest

from genesis_ext.cli.main import main
from tests.data_layer.images import random_voxels, write_nifti
from tests.evaluation.networks import restoration

pytest.importorskip("monai.inferers", reason="MONAI is not installed: pip install 'genesis_ext[monai]'")
pytest.importorskip("matplotlib")


def test_options_are_taken_and_failures_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_nifti(tmp_path / "scans" / "a.nii", random_voxels((24, 16, 8), 0, 100).astype(np.int16))
    (tmp_path / "scans" / "b.nii").write_bytes(b"no image")
    runs = [str(restoration(tmp_path / name)) for name in ("one", "two")]
    out = tmp_path / "out"
    options = ["--profile", "paper", "--seed", "5", "--volumes", "--overlap", "0.25"]
    assert main(["restore", runs[0], str(tmp_path / "scans"), "--beside", runs[1], "--out", str(out), *options]) == 1
    told = capsys.readouterr()
    assert told.out.splitlines()[0].startswith(f"1 of 2: a -> {out / 'a.png'} (")
    assert told.out.splitlines()[-1] == "1 written, 1 failed"
    assert told.err.startswith(f"b: {tmp_path / 'scans' / 'b.nii'}: ")
    settings = json.loads((out / "restoration.json").read_text())["settings"]
    assert [settings[name] for name in ("profile", "seed", "volumes", "overlap")] == ["paper", 5, True, 0.25]
    assert (out / "a_NL+LS+OUT_two.nii.gz").exists()
