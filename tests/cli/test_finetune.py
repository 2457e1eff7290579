# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from genesis_ext.cli.finetune import parse
from genesis_ext.cli.main import main
from genesis_ext.training import FinetuneConfig
from genesis_ext.training.engine.checkpoint import read_checkpoint
from genesis_ext.training.finetuning.presets import PRESETS
from tests.data_layer.images import write_ct, write_nifti
from tests.training.finetuning.phantoms import write_phantoms

TINY = ["--patch", "16", "16", "16", "--width", "2", "--batch-size", "2", "--validation-patches", "4", "--folds", "4"]


def box_of(shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """A box of ones in the middle."""
    box = np.zeros(shape, np.uint8)
    box[4:12, 4:12, 3:9] = 1
    return box


def parsed(*arguments: str) -> FinetuneConfig:
    return parse(["--data", "d", "--out", "o", *arguments]).settings


def test_options_are_those_of_the_config_and_presets_and_help_explain_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert parsed() == FinetuneConfig()
    config = parsed("--preset", "bts", "--train", "staged", "--class-weights", "2", "--augment", "none", "--fold", "3")
    assert config == FinetuneConfig.of(
        **PRESETS["bts"] | {"train": "staged", "class_weights": (2.0,), "augment": "none", "fold": 3}
    )
    assert parsed("--flip-axes").augment.flip_axes == ()
    assert parse(["--data", "d", "--out", "o", "--from", "runs/a"]).source == "runs/a"
    assert parse(["--data", "d", "--out", "o"]).source is None
    with pytest.raises(SystemExit) as caught:
        main(["finetune", "--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    assert all(f"--{name.replace('_', '-')}" in shown for name in FinetuneConfig().flat())
    assert all(name in shown for name in PRESETS)
    assert "--from {None}|STR" in shown


def test_the_command_trains_resumes_and_starts_the_next_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, out = str(write_phantoms(tmp_path / "store").path), tmp_path / "run"
    command = ["finetune", "--data", store, "--out", str(out), *TINY]
    assert main([*command, "--steps", "1"]) == 0
    said = capsys.readouterr().out
    assert "segmentation of background, body, from scratch; 6 patients train, 2 validate" in said
    assert "dice 0." in said
    assert f"best checkpoint: {out / 'best.pt'}" in said
    assert main(["finetune", "--data", store, "--out", str(out), "--resume", "--steps", "2"]) == 0
    assert read_checkpoint(out / "last.pt")["progress"]["step"] == 2
    words = ["--from", str(out), "--fold", "1", "--task", "classification", "--steps", "1", "--hidden", "8"]
    following = ["finetune", "--data", store, "--out", str(tmp_path / "next"), *TINY, *words]
    assert main(following) == 1
    assert "let it through with allow_overlap" in capsys.readouterr().err
    assert main([*following, "--allow-overlap"]) == 0
    assert "weights from" in capsys.readouterr().out


def test_scans_and_labels_are_prepared_and_what_does_not_fit_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENESIS_CACHE", str(tmp_path / "cache"))
    rows = ["path,label,patient"]
    for number in range(4):
        scan = write_ct(tmp_path / f"{number}.nii.gz", (18, 17, 12), seed=number)
        label = write_nifti(tmp_path / f"{number}_label.nii.gz", (number + 1) * box_of((18, 17, 12)))
        rows.append(f"{scan},{label},p{number}")
    (tmp_path / "scans.csv").write_text("\n".join(rows))
    command = ["finetune", "--data", str(tmp_path / "scans.csv"), "--out", str(tmp_path / "run"), "--steps", "1", *TINY]
    assert main([*command, "--classes", "body=1"]) == 1
    complaint = capsys.readouterr().err
    assert complaint.count("\n") == 1
    assert "its label holds the value" in complaint
    assert main([*command, "--classes", "body=1,2,3,4", "--no-exclusive"]) == 0
    assert main([*command, "--classes", "body=1,2,3,4"]) == 1
    assert "holds a run already" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*command, "--fold", "9"])
