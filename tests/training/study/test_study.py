# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Whole studies of tiny networks on phantoms whose truth is known."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genesis_ext.cli.main import main
from genesis_ext.data import VolumeStore
from genesis_ext.training import finetune
from genesis_ext.training.study import StudyConfig, study
from genesis_ext.training.study.jobs import RESULT
from tests.data_layer.images import write_nifti
from tests.training.finetuning.phantoms import CONFIG, quiet

for library in ("lightning_fabric", "matplotlib", "tensorboard", "scipy", "sklearn", "monai"):
    pytest.importorskip(library)

SIDE = 20
SETTINGS = {name: CONFIG.flat()[name] for name in ("patch", "width", "norm", "batch_size", "lr", "validation_patches")}
SETTINGS |= {"augment": "none"}


def write_scans(folder: Path, count: int, prefix: str, shuffled: bool = False) -> Path:
    """A data set of nnU-Net's layout: balls in noise; shuffled: with the labels of other patients."""
    generator = np.random.default_rng(sum(prefix.encode()))
    at = np.stack(np.meshgrid(*[np.arange(SIDE)] * 3, indexing="ij"))
    images, labels = [], []
    for _ in range(count):
        away = ((at - generator.uniform(5, 15, (3, 1, 1, 1))) ** 2).sum(0)
        ball = away < generator.uniform(12, 25)
        images.append((generator.normal(0, 100, ball.shape) + 500.0 * ball - 200).astype(np.int16))
        labels.append(ball.astype(np.uint8))
    if shuffled:
        labels = labels[1:] + labels[:1]
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        write_nifti(folder / "imagesTr" / f"{prefix}{number}_0000.nii.gz", image)
        write_nifti(folder / "labelsTr" / f"{prefix}{number}.nii.gz", label)
    content = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "ball": 1}, "file_ending": ".nii.gz"}
    (folder / "dataset.json").write_text(json.dumps({**content, "numTraining": count}))
    return folder / "dataset.json"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scans(tmp_path_factory.mktemp("phantoms") / "data", 14, "p")


def study_of(sources: tuple[str, ...], **changes: object) -> StudyConfig:
    settings = {**SETTINGS, "steps": 12, "validate_every": 6}
    given = {"split": {"validation": 2, "test": 8}, "train_patients": (2,), "seeds": 3, "finetuning": settings}
    return StudyConfig(task="segmentation", sources=sources, **{**given, **changes})  # type: ignore[arg-type]


def test_an_initialisation_that_must_help_is_found_to_and_one_that_cannot_is_not(data: Path, tmp_path: Path) -> None:
    sources = ["scratch"]
    for name, shuffled in (("truth", False), ("shuffled", True)):
        others = write_scans(tmp_path / name / "data", 8, f"other-{name}", shuffled)
        config = CONFIG.but(steps=60, validate_every=30, checkpoint_every=60, augment="none")
        finetune(config, others, tmp_path / name / "run", cache=tmp_path / "cache", report=quiet)
        sources.append(str(tmp_path / name / "run"))
    results = study(study_of(tuple(sources)), data, tmp_path / "study", report=quiet)
    assert results.finished
    scratch, truth, shuffled = results.rows()
    assert truth.estimate.mean > scratch.estimate.mean + 0.2
    assert truth.p < 0.05
    assert not (shuffled.p < 0.05 and shuffled.estimate.mean > scratch.estimate.mean)


def test_a_study_goes_on_where_it_was_ended(data: Path, tmp_path: Path) -> None:
    pretraining = {name: SETTINGS[name] for name in ("patch", "width", "norm", "batch_size")} | {"steps": 2}
    pretraining |= {"validation_patches": 2, "validate_every": 2}
    config = study_of(
        ("scratch", "genesis"),
        pretraining={"genesis": pretraining},
        finetuning={**SETTINGS, "steps": 2, "validate_every": 1},
        train_patients=(2, 0),
        seeds=1,
    )
    said: list[str] = []
    first = study(config, data, tmp_path / "study", time_limit_s=1e-9, report=said.append)
    assert not first.finished
    assert not first.results
    whole = study(config, data, tmp_path / "study", report=said.append)
    assert whole.finished
    assert [result.cell.name for result in whole.results] == [
        "scratch/2-patients/seed-0",
        "genesis/2-patients/seed-0",
        "scratch/all/seed-0",
        "genesis/all/seed-0",
    ]
    store = VolumeStore(tmp_path / "study/store")
    tested = {entry.patient for entry in store.entries if entry.split == "test"}
    assert len(tested) == 8
    for result in whole.results:
        assert set(result.test["dice"]) == tested
    # What is done is not done again; what is missing is.
    done = tmp_path / "study/runs/genesis/2-patients/seed-0"
    kept = tmp_path / "study/runs/scratch/all/seed-0" / RESULT
    before = kept.stat().st_mtime_ns
    shutil.rmtree(done)
    again = study(config, data, tmp_path / "study", report=quiet)
    assert kept.stat().st_mtime_ns == before
    for one, other in zip(again.results, whole.results, strict=True):
        assert (one.cell, one.score, one.curve) == (other.cell, other.score, other.curve)
        assert one.test["dice"] == other.test["dice"]
    # A run of other settings is not taken for one of this study.
    changed = replace(config, finetuning={**config.finetuning, "lr": 0.5}, sources=("scratch",), pretraining={})
    refused = study(changed, data, tmp_path / "study", report=quiet)
    assert "holds a run of other settings" in refused.failed["scratch/2-patients/seed-0"]


def test_a_run_that_fails_does_not_end_the_others(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(
        "task: segmentation\nsources: [scratch, missing.pt]\nsplit: {validation: 2, test: 8}\nseeds: 1\n"
        "train_patients: 2\nfinetuning: {patch: [16, 16, 16], width: 2, norm: instance, batch_size: 2, steps: 1, "
        "validation_patches: 4, augment: none}\n"
    )
    assert main(["study", str(path), "--data", str(data), "--out", str(tmp_path / "study")]) == 1
    said = capsys.readouterr().out
    assert "1/2  scratch/2-patients/seed-0  dice 0." in said
    assert "2/2  missing.pt/2-patients/seed-0 failed: load_weights: " in said
    assert "missing.pt" in (tmp_path / "study/study.html").read_text()


def test_a_pretraining_that_fails_costs_its_own_runs_alone(data: Path, tmp_path: Path) -> None:
    # 400 voxels a side: no volume holds such a box.
    pretraining = {"genesis": {"patch": (400, 16, 16), "width": 2, "steps": 1}}
    settings = {**SETTINGS, "steps": 1}
    config = study_of(("scratch", "genesis"), pretraining=pretraining, finetuning=settings, seeds=1)
    results = study(config, data, tmp_path / "study", report=quiet)
    assert len(results.results) == 1
    assert list(results.failed) == ["pretraining/genesis"]


def test_a_store_brings_its_own_split(data: Path, tmp_path: Path) -> None:
    config = study_of(("scratch",), finetuning={**SETTINGS, "steps": 1}, seeds=1)
    study(config, data, tmp_path / "first", report=quiet)
    store = tmp_path / "first/store"
    with pytest.raises(ValueError, match="is a store, whose marks are the split: split must not be given"):
        study(config, store, tmp_path / "second", report=quiet)
    results = study(replace(config, split={}), store, tmp_path / "second", report=quiet)
    assert results.finished
