# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import json
from dataclasses import replace

import pytest

from genesis_ext.data import RELEASED_BORDERS, Foreground, LungContent
from genesis_ext.training import PRESETS, PretrainConfig


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_a_valid_config_and_survives_json(preset: str) -> None:
    config = PretrainConfig(**PRESETS[preset])
    assert PretrainConfig.from_dict(json.loads(json.dumps(config.as_dict()))) == config


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("patch", (64, 64, 30), "multiples of 8"),
        ("patch", (64, 64), "three"),
        ("width", 0, "at least 1"),
        ("steps", 0, "at least 1"),
        ("batch_size", 0, "at least 1"),
        ("lr", 0.0, "positive"),
        ("lr", float("nan"), "positive"),
        ("momentum", 1.0, r"\[0, 1\)"),
        ("weight_decay", -1.0, "not be negative"),
        ("seed", -1, r"\[0, 2\^63\)"),
        ("loss", "dice", "one of mse, l1"),
        ("modality", "pet", "one of ct, mri, xray, us"),
        ("split", "half", "one of auto, patients, fifth"),
        ("boxes", "spheres", "one of cubes, scales"),
        ("mix", "even", "one of balanced, volumes"),
        ("residence", "tape", "one of device, pinned, disk"),
        ("scales", (0.5, 0.25, 0.0), r"shares in \(0, 1\]"),
        ("scale_weights", (1, 1, 0), "above 0"),
        ("order", 2, "0, 1 or 3"),
        ("content_grid", 0, "at least 1"),
        ("budget_gib", 0.0, "positive"),
        ("samples_a_volume", 0, "at least 1"),
        ("spacing_mm", 0.0, "spacing_mm"),
    ],
)
def test_a_value_that_breaks_its_rule_is_named(field: str, value: object, rule: str) -> None:
    with pytest.raises(ValueError, match=rule) as caught:
        PretrainConfig(**{field: value})  # type: ignore[arg-type]
    assert field in str(caught.value)


def test_a_window_without_width_is_refused() -> None:
    with pytest.raises(ValueError, match=r"ct_hu must be \(lo, hi\) with lo < hi"):
        PretrainConfig(ct_window_hu=(5.0, 5.0))


def test_only_what_changes_the_weights_counts_as_a_difference() -> None:
    config = PretrainConfig()
    assert config.difference(replace(config, steps=7, log_every_steps=3, checkpoint_every_steps=9)) == []
    assert replace(config, lr=0.5).difference(config) == ["lr: 0.5, not 0.001"]


def test_the_released_preset_has_the_released_numbers() -> None:
    config = PretrainConfig(**PRESETS["released"])
    assert (config.patch, config.batch_size, config.width) == ((64, 64, 32), 6, 32)
    assert (config.optimizer, config.lr, config.momentum, config.weight_decay) == ("sgd", 1.0, 0.9, 0.0)
    assert (config.loss, config.schedule, config.early_stop_validations) == ("mse", "plateau", 50)
    assert (config.boxes, config.borders, config.lung_content) == ("cubes", True, True)


def test_a_config_tells_which_boxes_are_cut_and_how_files_are_prepared() -> None:
    config = PretrainConfig(borders=True, lung_content=True, foreground=True, spacing_mm=1.5)
    sampling = config.sampling()
    assert (sampling.cube, sampling.borders) == (config.patch, RELEASED_BORDERS)
    assert sampling.content == {"ct": LungContent(), "mri": Foreground()}
    assert config.preparation().spacing_mm == (1.5, 1.5, 1.5)
    scales = PretrainConfig(boxes="scales", patch=(32, 32, 16)).sampling()
    assert (scales.cube, scales.out_shape, scales.content) == (None, (32, 32, 16), {})
    assert PretrainConfig().preparation().spacing_mm is None
