# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Whole fine-tunings of a tiny network on phantoms."""

import csv
import json
import re
import shlex
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from genesis_ext.cli.main import main
from genesis_ext.data.loader import GenesisLoader
from genesis_ext.data.sampling.split import whole_regions
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.evaluation import predict
from genesis_ext.models import EncoderClassifier, ModelRecord, UNet3D, load_network
from genesis_ext.training import FinetuneConfig, PretrainConfig, finetune, pretrain
from genesis_ext.training.engine.checkpoint import read_checkpoint
from genesis_ext.training.engine.objective import Update
from genesis_ext.training.finetuning.data import TaskData
from genesis_ext.training.finetuning.tasks.classification import area_under_curve
from genesis_ext.training.finetuning.tasks.segmentation import LabelMaps
from tests.data_layer.images import write_ct, write_nifti
from tests.training.finetuning.phantoms import CONFIG, quiet, write_phantoms
from tests.training.runs import same

pytest.importorskip("lightning_fabric")
pytest.importorskip("matplotlib")
pytest.importorskip("tensorboard")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_phantoms(tmp_path_factory.mktemp("phantoms") / "store").path


@pytest.fixture(scope="module")
def pretrained(store: Path) -> Path:
    """The folder of a pre-training on other patients."""
    folder = store.parent / "pretrained"
    config = PretrainConfig.of(
        patch=(16, 16, 16), width=2, norm="instance", steps=2, batch_size=2, validation_patches=2, validate_every=2
    )
    pretrain(config, write_phantoms(store.parent / "others", 4, "other").path, folder, report=quiet)
    return folder


def snippets(out: Path) -> list[str]:
    """The code that the report prints."""
    return [
        unescape(code) for code in re.findall(r"<pre><code>(.*?)</code></pre>", (out / "report.html").read_text(), re.S)
    ]


def test_a_network_learns_to_segment_and_predicts_as_its_report_says(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "a run"
    result = finetune(CONFIG.but(steps=40, validate_every=20), store, out, report=quiet)
    assert result.finished
    assert result.validation.works
    assert result.validation.metrics["dice"] > 0.8
    record = ModelRecord.from_dict(read_checkpoint(out / "best.pt")["record"])
    assert record.task is not None
    assert (record.task.kind, record.task.classes, record.task.values) == (
        "segmentation",
        ("background", "body"),
        ((0,), (1,)),
    )
    assert (record.method, record.value_range, record.patch) == ("segmentation", (0.0, 1.0), (16, 16, 16))
    assert (len(record.patients), len(record.validation_patients), record.untrained) == (6, 2, ())
    page = (out / "report.html").read_text()
    assert "Fine-tuning run a run" in page
    assert "They are no measure of whole scans" in page
    assert page.count("data:image/png") == 2  # cases of both validations
    scan = write_ct(tmp_path / "scan.nii.gz", (20, 20, 20))
    code: dict[str, Any] = {"IMAGES": scan, "PREDICTIONS": tmp_path / "predictions", "DATA": store, "N": 41}
    for text in snippets(out):
        if text.startswith("genesis "):
            assert main([str(code.get(word, word)) for word in shlex.split(text)[1:]]) == 0
        else:
            exec(text, code)
    assert (tmp_path / "predictions/scan.nii.gz").exists()
    assert code["network"](torch.rand(1, 1, 16, 16, 16)).shape == (1, 2, 16, 16, 16)
    assert read_checkpoint(out / "last.pt")["progress"]["step"] == 41


def test_a_network_learns_to_classify(tmp_path: Path) -> None:
    own = {"task": "classification", "boxes": "whole", "norm": "batch", "loss": "focal", "hidden": 16}
    config = CONFIG.but(**own, steps=30, validate_every=15)
    result = finetune(config, write_phantoms(tmp_path / "store", 16).path, tmp_path / "run", report=quiet)
    assert result.validation.works
    assert result.validation.metrics["accuracy"] > 0.8
    assert result.validation.metrics["auc"] > 0.9
    network, record = load_network(tmp_path / "run/best.pt", report=None)
    assert isinstance(network, EncoderClassifier)
    assert record.task is not None
    assert (record.task.classes, record.task.hidden) == (("ball", "cube"), 16)
    assert (tmp_path / "run/pictures/cases_000030.png").exists()
    # What predicts sees what validated: the whole image, resized.
    store = VolumeStore(tmp_path / "store")
    scan = write_nifti(tmp_path / "scan.nii.gz", store.array(1))
    predict(tmp_path / "run", scan, tmp_path / "predictions", modality="ct", device="cpu", report=None)
    with (tmp_path / "predictions/predictions.csv").open() as table:
        (row,) = csv.DictReader(table)
    own_weights = [int(number == 1) for number in range(16)]
    regions = whole_regions(store.entries)
    whole = GenesisLoader(store, 1, config.data.sampling(), weights=own_weights, regions=regions, report=quiet)
    with torch.no_grad():
        probable = network.eval()(whole.make(0)["input"]).softmax(1)[0]
    assert float(row["cube"]) == pytest.approx(float(probable[1]), abs=1e-4)


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": "dice-ce", "ema": 0.5, "label_share": 1.0},
        {"train": "staged", "frozen_steps": 4, "layer_decay": 0.8},
        {"task": "classification", "exclusive": False, "schedule": "cosine"},
    ],
    ids=["segmentation", "staged", "classification"],
)
def test_five_steps_and_five_resumed_are_ten_to_the_last_bit(
    settings: dict[str, Any], store: Path, pretrained: Path, tmp_path: Path
) -> None:
    config = CONFIG.but(**settings)
    finetune(config, store, tmp_path / "whole", pretrained, report=quiet)
    finetune(
        config.but(early_stop=1, checkpoint_every=1),
        store,
        tmp_path / "parts",
        pretrained,
        time_limit_s=1e-9,
        report=quiet,
    )
    begun = json.loads((tmp_path / "parts/environment.json").read_text())["begun"]
    said: list[str] = []
    finetune(config, store, tmp_path / "parts", resume=True, report=said.append)  # the source is remembered
    assert f"resumed {tmp_path / 'parts'} at step 1" in said
    whole, parts = (read_checkpoint(tmp_path / name / "last.pt") for name in ("whole", "parts"))
    assert whole["progress"]["step"] == 10
    assert same(whole, parts)
    assert json.loads((tmp_path / "parts/environment.json").read_text())["begun"] == begun
    assert begun["source"]["source"] == str(pretrained / "best.pt")
    with pytest.raises(ValueError, match=rf"keep its source, got scratch, not {pretrained}"):
        finetune(config, store, tmp_path / "parts", "scratch", resume=True, report=quiet)


def test_classes_that_differ_from_those_of_the_run_are_refused(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    finetune(CONFIG.but(steps=1), store, out, report=quiet)
    with pytest.raises(ValueError, match=r"keep its settings, got classes: \('body=1',\), not \(\)"):
        finetune(CONFIG.but(classes=("body=1",)), store, out, resume=True, report=quiet)


def test_only_what_is_to_learn_changes(store: Path, pretrained: Path, tmp_path: Path) -> None:
    source = read_checkpoint(pretrained / "best.pt")["state_dict"]

    def changed(checkpoint: Path) -> set[str]:
        now = read_checkpoint(checkpoint)["state_dict"]
        return {
            name.partition(".")[0] for name in now if name[:3] != "out" and not torch.equal(now[name], source[name])
        }

    config = CONFIG.but(steps=3, frozen_steps=2, validate_every=100, keep_every=1)
    finetune(config.but(train="head"), store, tmp_path / "head", pretrained, report=quiet)
    assert changed(tmp_path / "head/last.pt") == set()
    finetune(config.but(train="staged"), store, tmp_path / "staged", pretrained, report=quiet)
    decoder, encoder = {"up_tr256", "up_tr128", "up_tr64"}, {f"down_tr{n}" for n in (64, 128, 256, 512)}
    assert changed(tmp_path / "staged/step_000002.pt") == decoder
    assert changed(tmp_path / "staged/step_000003.pt") == decoder | encoder


def test_patients_that_the_source_has_seen_are_refused_or_said(store: Path, tmp_path: Path) -> None:
    before = tmp_path / "before"
    finetune(CONFIG.but(steps=1), store, before, report=quiet)
    config = CONFIG.but(steps=1, fold=1)
    with pytest.raises(ValueError, match=r"the checkpoint has seen 2 of 2 validation patients \(p\d, p\d\)"):
        finetune(config, store, tmp_path / "run", before, report=quiet)
    assert not (tmp_path / "run/last.pt").exists()
    finetune(config.but(allow_overlap=True), store, tmp_path / "run", before, report=quiet)
    assert "the checkpoint has seen 2 of 2 validation patients" in (tmp_path / "run/report.html").read_text()
    record = ModelRecord.from_dict(read_checkpoint(tmp_path / "run/last.pt")["record"])
    assert set(record.patients) == {f"p{i}" for i in range(8)}  # whoever trained the weights


def test_a_source_of_another_width_is_refused(store: Path, pretrained: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"best\.pt: .* has shape .*, the model has"):
        finetune(CONFIG.but(width=4), store, tmp_path / "run", pretrained, report=quiet)


class Halves(nn.Module):
    """A transform of one's own: a sample and its label, upside down."""

    def forward(self, x: Tensor, sample_id: Tensor, label: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return x.flip(-1), x.flip(-1), label.flip(-1)


class Quieter(LabelMaps):
    """An objective of one's own."""

    def updates(self, batch: Any) -> Iterator[Update]:
        for update in super().updates(batch):
            yield Update(update.loss / 2, metrics=update.metrics)


def quieter(network: nn.Module, config: FinetuneConfig, data: TaskData) -> Quieter:
    from genesis_ext.training.finetuning.criterion import Criterion, Sharing

    return Quieter(
        network, Criterion("dice", True, background=True), data.answer, config.optim.lr, Sharing(lambda x: x, 1)
    )


def test_objects_of_one_s_own_are_used_recorded_and_asked_for(store: Path, tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "network": UNet3D(width=2, norm="instance", num_classes=2, activation=None),
        "transform": Halves(),
        "objective": quieter,
    }
    config, out = CONFIG.but(steps=2), tmp_path / "run"
    finetune(config, store, out, report=quiet, **given)
    objects = json.loads((out / "environment.json").read_text())["objects"]
    assert objects["objective"] == f"{quieter.__module__}.quieter"
    assert ModelRecord.from_dict(read_checkpoint(out / "last.pt")["record"]).network is None
    with pytest.raises(ValueError, match="a resumed run must keep its network, got none of one's own"):
        finetune(config, store, out, resume=True, report=quiet)
    for code in snippets(out):
        if "finetune(" in code:
            exec(code, {"DATA": store, "N": 3, **{name.upper(): part for name, part in given.items()}})
    assert read_checkpoint(out / "last.pt")["progress"]["step"] == 3
    with pytest.raises(ValueError, match=r"the network must answer \(4, 2, 16, 16, 16\), a channel for each class"):
        finetune(config, store, tmp_path / "wrong", network=UNet3D(width=2, num_classes=5), report=quiet)


def test_slices_and_channels_are_learnt_from(tmp_path: Path) -> None:
    store = write_phantoms(tmp_path / "store")
    rows = ["path,label,case,channel,patient"]
    for number, entry in enumerate(store.entries[:4]):
        for channel in ("T1", "T2"):
            item = store[number]
            path = write_nifti(tmp_path / f"{entry.name}_{channel}.nii.gz", item.voxels)
            label = write_nifti(tmp_path / f"{entry.name}_label.nii.gz", item.label)
            rows.append(f"{path},{label},{entry.name},{channel},{entry.name}")
    (tmp_path / "scans.csv").write_text("\n".join(rows) + "\n")
    config = CONFIG.but(channels=("T1", "T2"), steps=2, folds=2, modality="mri")
    finetune(config, tmp_path / "scans.csv", tmp_path / "run", cache=tmp_path / "cache", report=quiet)
    network, record = load_network(tmp_path / "run/best.pt", report=None)
    assert record.task is not None
    assert record.task.channels == ("T1", "T2")
    assert network(torch.rand(1, 2, 16, 16, 16)).shape == (1, 2, 16, 16, 16)
    flat = CONFIG.but(patch=(32, 32, 1), norm="batch", width=4, steps=2)
    result = finetune(flat, store.path, tmp_path / "slices", report=quiet)
    assert 0 <= result.validation.metrics["dice"] <= 1


def test_the_area_under_the_curve_is_that_of_scikit_learn() -> None:
    generator = torch.Generator().manual_seed(3)
    scores = (10 * torch.rand(200, generator=generator)).round().double()  # with ties
    positive = torch.rand(200, generator=generator) < 0.2 + 0.05 * scores
    assert area_under_curve(scores, positive) == pytest.approx(roc_auc_score(positive.numpy(), scores.numpy()))


def test_candidates_are_learnt_from_with_nothing_written_for_each(store: Path, tmp_path: Path) -> None:
    """Points inside the phantoms' bodies among many outside, in LPS millimetres as LUNA16 has them."""
    rows = ["seriesuid,coordX,coordY,coordZ,class"]
    volumes = VolumeStore(store)
    for number, entry in enumerate(volumes.entries):
        label = volumes.array(number, label=True)
        inside, outside = (np.argwhere(label == value) for value in (1, 0))
        points = [(inside[len(inside) // 2], 1), *((outside[i], 0) for i in range(0, len(outside), 800))]
        rows += [f"{entry.name},{-x},{-y},{z},{kind}" for (x, y, z), kind in points]
    table = tmp_path / "candidates.csv"
    table.write_text("\n".join([*rows, "unknown,0,0,0,1"]) + "\n")
    own = {"task": "classification", "candidates": str(table), "patch": (8, 8, 8), "hidden": 16, "augment": "none"}
    config, said = CONFIG.but(**own, norm="batch", steps=30, validate_every=15, validation_patches=16), list[str]()
    result = finetune(config, store, tmp_path / "run", report=said.append)
    assert result.validation.metrics["auc"] > 0.9
    assert any("of 1 scans that are not in the store" in text for text in said)
    record = ModelRecord.from_dict(read_checkpoint(tmp_path / "run/best.pt")["record"])
    assert record.task is not None
    assert (record.task.classes, record.patch) == (("0", "1"), (8, 8, 8))
    table.write_text("\n".join(rows[:-1]) + "\n")
    with pytest.raises(ValueError, match="a resumed run must keep its candidates"):
        finetune(config, store, tmp_path / "run", resume=True, report=quiet)
    table.write_text("\n".join([rows[0], *(row for row in rows if row.endswith(",0"))]) + "\n")
    with pytest.raises(ValueError, match="no candidate that trains is of class 1"):
        finetune(config, store, tmp_path / "none", report=quiet)
    with pytest.raises(ValueError, match="candidates are for task classification, got segmentation"):
        finetune(config.but(task="segmentation"), store, tmp_path / "wrong", report=quiet)
