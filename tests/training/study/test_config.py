# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Studies as they are written: the grid they name, and what is refused before anything runs."""

from pathlib import Path
from typing import Any

import pytest

from genesis_ext.cli.main import main
from genesis_ext.training.study.config import StudyConfig, read_study
from genesis_ext.training.study.split import sides_of

pytest.importorskip("lightning_fabric")
pytest.importorskip("yaml")

STUDIES = sorted((Path(__file__).parents[3] / "studies").glob("*.yaml"))
LEAST: dict[str, Any] = {"task": "segmentation", "sources": ("scratch", "a.pt")}


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_studies_that_come_along_are_understood(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = read_study(path)
    names = [cell.name for cell in study.cells()]
    assert len(set(names)) == len(names)
    assert main(["study", str(path), "--data", "nowhere", "--out", "nowhere", "--dry-run"]) == 0
    assert capsys.readouterr().out.split() == [
        *(f"pretraining/{name}" for name in study.pretraining),
        *(f"runs/{name}" for name in names),
    ]


def test_the_grid_is_run_seed_by_seed() -> None:
    study = StudyConfig(
        **LEAST, train_patients=(5, 0.1, 0), corruption=(0.0, 0.25), choose={"lr": (1e-3, 0.1)}, seeds=2
    )
    names = [cell.name for cell in study.cells()]
    assert len(names) == 48
    assert names[:5] == [
        "scratch/5-patients/lr-0.001/seed-0",
        "a.pt/5-patients/lr-0.001/seed-0",
        "scratch/5-patients/lr-0.1/seed-0",
        "a.pt/5-patients/lr-0.1/seed-0",
        "scratch/10-percent/lr-0.001/seed-0",
    ]
    assert names[-1] == "a.pt/all/corrupted-0.25/lr-0.1/seed-1"
    config = study.finetune_config(list(study.cells())[-1])
    assert (config.optim.lr, config.run.seed, config.data.split_seed) == (0.1, 1, 1)
    assert (config.data.train_patients, config.data.label_corruption) == (None, 0.25)
    counts = [study.finetune_config(cell).data for cell in list(study.cells())[:12:4]]
    assert [(own.train_patients, own.label_fraction) for own in counts] == [(5, 1.0), (None, 0.1), (None, 1.0)]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"sources": ()}, "sources must hold different values"),
        ({"sources": ("a.pt",)}, "baseline must be one of a.pt, got scratch"),
        ({"train_patients": (5, 5)}, "train_patients must hold different values"),
        ({"train_patients": (-1,)}, "train_patients must be whole numbers or shares below 1"),
        ({"train_patients": (2.5,)}, "train_patients must be whole numbers or shares below 1"),
        ({"seeds": 0}, "seeds must be at least 1, got 0"),
        ({"split": {"tests": 4}}, "split must hold validation, test and seed, got tests"),
        ({"finetuning": {"seed": 1}}, "finetuning must leave out what the grid sets, got seed"),
        ({"finetuning": {"lr": 1.0}, "choose": {"lr": (1.0, 2.0)}}, "what the grid sets, got lr"),
        ({"finetuning": {"widht": 8}}, "widht"),
        ({"pretraining": {"genesis": {}}}, "pretraining must be of sources, scratch, a.pt, got genesis"),
        ({"pretraining": {"a.pt": {"steps": 0}}}, "steps must be at least 1, got 0"),
        ({"corruption": (1.5,)}, "label_corruption must be in"),
        ({"preparation": {"spacing_mm": -1}}, "spacing_mm"),
    ],
)
def test_a_study_that_cannot_run_is_refused_at_once(given: dict[str, Any], says: str) -> None:
    with pytest.raises((ValueError, TypeError), match=says):
        StudyConfig(**{**LEAST, **given})


def test_a_file_is_named_when_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("task: segmentation\nsources: [scratch]\nseed: 3\n")
    with pytest.raises(ValueError, match=r"study\.yaml is no study: .*seed"):
        read_study(path)


def test_sides_follow_from_names_and_seed_alone() -> None:
    names = [f"p{i}" for i in range(20)]
    sides = sides_of(names, 3, 5, seed=1)
    assert sides == sides_of(reversed(names + names), 3, 5, seed=1)
    assert sides != sides_of(names, 3, 5, seed=2)
    assert sorted(sides.values()) == ["test"] * 5 + ["train"] * 12 + ["validation"] * 3
    # A patient more moves nobody from training to test but by taking a place.
    more = sides_of([*names, "q"], 3, 5, seed=1)
    assert sum(sides[name] != more[name] for name in names) <= 2
    with pytest.raises(ValueError, match="split must leave patients for training, validation and test, got 10 and 10"):
        sides_of(names, 10, 10)
