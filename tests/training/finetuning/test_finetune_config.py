# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import json
from dataclasses import fields
from pathlib import Path

import pytest

from genesis_ext.training import FinetuneConfig
from genesis_ext.training.engine.run_data import RunData
from genesis_ext.training.finetuning.data import choose_sides
from genesis_ext.training.finetuning.presets import PRESETS
from genesis_ext.training.finetuning.tasks import TASKS
from tests.data_layer.stores import entry_of, write_store
from tests.training.finetuning.phantoms import quiet


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_a_valid_config_whose_network_is_built(preset: str) -> None:
    config = FinetuneConfig.of(**PRESETS[preset])
    assert FinetuneConfig.from_dict(json.loads(json.dumps(config.as_dict()))) == config
    assert (config.optim.optimizer, config.optim.lr, config.optim.patience) == ("adam", 1e-3, 6)
    dims = len(config.data.patch_shape)
    assert config.but(width=4).network.spec(dims).build() is not None
    assert config.data.sampling((1,)).out_shape == config.data.patch_shape


def test_no_field_has_the_name_of_another() -> None:
    groups = [getattr(FinetuneConfig(), group.name) for group in fields(FinetuneConfig)]
    names = [option.name for group in groups for option in fields(group)]
    assert len(names) == len(set(names)) == len(FinetuneConfig().flat())


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"task": "detection"}, "task must be one of classification, segmentation, got 'detection'"),
        ({"task": "classification", "loss": "dice"}, "loss must be ce or focal for task classification, got dice"),
        ({"boxes": "whole"}, "boxes must be cubes for task segmentation, got whole"),
        ({"class_weights": (-1.0, 1.0)}, "class_weights must not be negative"),
        ({"layer_decay": 0.0}, r"layer_decay must be in \(0, 1\]"),
        ({"train": "staged", "frozen_steps": 20, "steps": 20}, "frozen_steps must be below steps, got 20 of 20"),
        ({"train": "staged", "cuda_graph": True}, "train must not be staged with cuda_graph"),
        ({"label_fraction": 0.0}, r"label_fraction must be in \(0, 1\]"),
        ({"label_fraction": 0.5, "train_patients": 3}, "label_fraction must not be given with train_patients"),
        ({"label_share": 1.5}, r"label_share must be in \[0, 1\]"),
        ({"fold": 5}, r"fold must be in \[0, 5\), got 5"),
        ({"folds": 1}, "folds must be at least 2"),
        ({"channels": ("T1", "T1")}, "channels must be different names"),
        ({"channels": ("T1",), "candidates": "c.csv"}, "channels must be left out with candidates"),
        ({"augment": "strong"}, "profile must be one of nnunet, universal-model, none"),
        ({"augment": {"augment": {"flip_rat": 0.1}}}, "unknown settings in augment: flip_rat"),
        ({"patch": (20, 16, 16)}, "patch must be three positive multiples of 8"),
    ],
)
def test_settings_that_break_a_rule_are_named(values: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        FinetuneConfig.from_dict(values)


def test_augmentation_is_a_profile_or_rates_of_one_s_own_and_flips_can_be_forbidden(tmp_path: Path) -> None:
    config = FinetuneConfig.from_dict({"augment": {"augment": {"noise_rate": 0.5}}, "flip_axes": [1]})
    assert (config.augment.config().noise_rate, config.augment.config().flip_axes) == (0.5, (1,))
    config.write(tmp_path / "config.yaml")
    assert FinetuneConfig.read(tmp_path / "config.yaml") == config
    assert FinetuneConfig.of(flip_axes=()).augment.config().flip_rate == 0.0
    assert FinetuneConfig().augment.config().flip_rate == 0.5


def test_alzheimer_s_disease_is_told_from_health_and_other_diagnoses_are_left_out(tmp_path: Path) -> None:
    kinds = ["AD", "CN", "MCI"] * 6
    entries = [entry_of(f"s{i}", (8, 8, 8), "mri", classes=(kind,)) for i, kind in enumerate(kinds)]
    config, said = FinetuneConfig.of(**PRESETS["adc"], folds=2), list[str]()
    chosen = choose_sides(config, RunData(write_store(tmp_path / "store", entries)), said.append)
    assert chosen.answer.classes == ("CN", "AD")
    assert len(chosen.patients) + len(chosen.validation_patients) == 12
    assert any("left out 6 of 18 volumes, which have no class" in text for text in said)
    volumes = [region.volume for region in chosen.trains]
    weights = TASKS["classification"].weights(config, chosen.answer, entries, volumes)
    assert weights is not None
    assert {weights[volume] for volume in volumes} == {10}  # as many of both
    few = [volume for volume in volumes if "AD" in (entries[volume].classes or ())][:1]
    weights = TASKS["classification"].weights(
        config, chosen.answer, entries, [*few, *(v for v in volumes if "CN" in (entries[v].classes or ()))]
    )
    assert weights is not None
    assert weights[few[0]] == 30


def test_a_modality_of_the_store_is_learnt_from_alone(tmp_path: Path) -> None:
    kinds = ["ct", "mri"] * 4
    entries = [entry_of(f"s{i}", (8, 8, 8), kind, classes=("a" if i < 4 else "b",)) for i, kind in enumerate(kinds)]
    config = FinetuneConfig.of(task="classification", modalities="mri", folds=2)
    chosen = choose_sides(config, RunData(write_store(tmp_path / "store", entries)), quiet)
    assert {*chosen.patients, *chosen.validation_patients} == {"s1", "s3", "s5", "s7"}
