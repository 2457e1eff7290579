# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The studies that come with the project, and what they are made of: presets, weights by name, settings of a source."""

import re
from pathlib import Path
from typing import Any

import pytest

from genesis_ext.cli.main import main
from genesis_ext.training.study import StudyConfig, read_study
from genesis_ext.training.study.jobs import Place

ROOT = Path(__file__).parents[3]
STUDIES = sorted(ROOT.glob("studies/*.yaml"))
TASKS = {
    "models_genesis": ("ncc", "ncs", "ecc", "lcs", "bms"),
    "models_genesis_2d": ("ncc", "ncs", "ecc"),
    "universal_model": ("bts", "lnc", "las-ct", "las-mri", "adc"),
    "universal_model_labels": ("bts", "las-ct", "las-mri"),
}
OF_CANDIDATES = ("ncc", "ecc", "lnc")


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_study_is_read_for_each_of_its_tasks(path: Path) -> None:
    assert read_study(path).sources
    for preset in TASKS.get(path.stem, ()):
        own: dict[str, Any] = {"candidates": "candidates.csv"} if preset in OF_CANDIDATES else {}
        study = read_study(path, preset=preset, **own)
        classifies = preset in (*OF_CANDIDATES, "adc")
        assert (study.task, study.metric) == (("classification", "auc") if classifies else ("segmentation", "dice"))
        config = study.finetune_config(next(study.cells()))
        assert config.data.candidates == own.get("candidates")


@pytest.mark.parametrize("page", ["models_genesis", "universal_model"])
def test_the_page_of_a_paper_makes_all_weights_and_runs_all_tasks_of_its_studies(page: str) -> None:
    text = (ROOT / f"docs/papers/{page}.md").read_text(encoding="utf-8")
    made = set(re.findall(r"^genesis pretrain .*--out (\S+)", text, re.MULTILINE))
    for name in (name for name in TASKS if name.startswith(page)):
        weights = read_study(ROOT / f"studies/{name}.yaml").weights.values()
        assert {file for file in weights if file.startswith("runs/")} <= made
        assert all(file in text for file in weights if file.endswith((".pt", ".pth")))
        assert f"genesis study studies/{name}.yaml" in text
    for preset in TASKS[page]:
        assert f"--finetuning preset={preset}" in text
    # Every published row says what was measured here.
    for header, *rows in (table.splitlines() for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)):
        if "measured here" in header:
            assert all(row.split("|")[-2].strip() in ("not measured", "not available") for row in rows[1:])


def test_a_source_may_have_a_network_of_its_own_and_weights_under_a_name() -> None:
    study = read_study(ROOT / "studies/models_genesis_2d.yaml")
    shapes = {cell.source: study.finetune_config(cell).data.patch_shape for cell in study.cells()}
    assert shapes["imagenet-2d"] == shapes["scratch-2d"] == (64, 64)
    assert shapes["genesis-3d"] == (64, 64, 32)
    assert study.weights["scratch-2d"] == "scratch"


def test_presets_are_what_settings_go_over() -> None:
    study = StudyConfig(
        sources=("scratch", "universal"),
        pretraining={"universal": {"preset": "universal", "width": 4, "steps": 7}},
        finetuning={"preset": "dxc", "batch_size": 8},
    )
    assert study.task == "classification"
    config = study.finetune_config(next(study.cells()))
    assert (config.optim.batch_size, config.task.exclusive, config.data.boxes) == (8, False, "whole")
    source = study.pretrain_config("universal")
    assert (source.method.method, source.network.width, source.run.steps) == ("universal", 4, 7)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"finetuning": {"preset": "nothing"}}, "preset must be one of default, ncc, .*, got nothing"),
        ({"pretraining": {"a": {"preset": "nothing"}}}, "preset must be one of default, .*, got nothing"),
        ({"weights": {"b": "b.pt"}}, "weights must be of sources, scratch, a, got b"),
        ({"own": {"b": {}}}, "own must be of sources, scratch, a, got b"),
        ({"own": {"a": {"seed": 3}}}, "finetuning must leave out what the grid sets, got seed"),
        ({"finetuning": {"task": "segmentation"}}, "finetuning must leave out what the grid sets, got task"),
        (
            {"weights": {"a": "a.pt"}, "pretraining": {"a": {}}},
            "weights must be given or made by pretraining, got both",
        ),
    ],
)
def test_settings_that_do_not_fit_are_named(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        StudyConfig(sources=("scratch", "a"), **settings)


def test_runs_of_a_file_of_weights_stay_in_the_folder_of_the_study(tmp_path: Path) -> None:
    study = StudyConfig(sources=("scratch", "/elsewhere/best.pt", "../best.pt"), seeds=1)
    folders = [Place(tmp_path, tmp_path).run(cell).path for cell in study.cells()]
    assert len(set(folders)) == 3
    assert all(tmp_path / "runs" in folder.resolve().parents for folder in folders)


def test_the_command_line_chooses_the_task(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(ROOT / "studies/models_genesis.yaml")
    words = ["study", path, "--data", "store", "--out", "out", "--dry-run", "--finetuning", "lr=3e-3", "preset=lcs"]
    assert main(words) == 0
    assert capsys.readouterr().out.splitlines()[0] == "runs/scratch/all/seed-0"
    assert main([*words[:-2], "lr=high"]) == 1
    assert "lr must be" in capsys.readouterr().err
    for word, says in (("lr=[1", "lr must be YAML, got '[1'"), ("lr", "must be NAME=VALUE, got 'lr'")):
        with pytest.raises(SystemExit, match="2"):
            main([*words, word])
        assert says in capsys.readouterr().err
