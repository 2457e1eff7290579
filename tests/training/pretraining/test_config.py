# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import json
import math
from dataclasses import fields
from pathlib import Path

import pytest

from genesis_ext.data import RELEASED_BORDERS, Foreground, LungContent
from genesis_ext.training import PRESETS, PretrainConfig, read_config, write_config


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_a_valid_config_and_survives_json(preset: str) -> None:
    config = PretrainConfig.of(**PRESETS[preset])
    assert PretrainConfig.from_dict(json.loads(json.dumps(config.as_dict()))) == config


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("patch", (64, 64, 30), "multiples of 8"),
        ("patch", (64, 64), "three"),
        ("patch", (64, 48, 1), "for 2D two of 32"),
        ("width", 0, "at least 1"),
        ("steps", 0, "at least 1"),
        ("batch_size", 0, "at least 1"),
        ("lr", 0.0, "positive"),
        ("lr", float("nan"), "finite number"),
        ("momentum", 1.0, r"\[0, 1\)"),
        ("weight_decay", -1.0, "not be negative"),
        ("seed", -1, r"\[0, 2\^63\)"),
        ("loss", "dice", "one of mse, l1, l2, masked"),
        ("clip", -1.0, "not be negative"),
        ("ema", 1.0, r"in \[0, 1\)"),
        ("beta", 0.0, "positive"),
        ("gamma", -1.0, "not be negative"),
        ("discriminator_steps", 0, "at least 1"),
        ("discriminator_widths", (), "channels of at least 1"),
        ("precision", "fp8", "one of fp32, tf32, bf16, fp16"),
        ("modality", "pet", "one of ct, mri, xray, us"),
        ("split", "half", "one of auto, patients, fifth"),
        ("boxes", "spheres", "one of cubes, scales"),
        ("mix", "even", "one of balanced, volumes"),
        ("share", {"a": 0}, "above 0"),
        ("placement", "tape", "one of device, pinned, disk"),
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
        PretrainConfig.of(**{field: value})  # type: ignore[arg-type]
    assert field in str(caught.value)


def test_a_window_without_width_is_refused() -> None:
    with pytest.raises(ValueError, match=r"ct_hu must be \(lo, hi\) with lo < hi"):
        PretrainConfig.of(ct_window_hu=(5.0, 5.0))


def test_only_what_changes_the_weights_counts_as_a_difference() -> None:
    config = PretrainConfig()
    assert config.difference(config.but(steps=7, log_every=3, checkpoint_every=9)) == []
    assert config.but(lr=0.5).difference(config) == ["lr: 0.5, not 0.001"]
    cosine = config.but(schedule="cosine")
    assert cosine.but(steps=7).difference(cosine) == ["steps: 7, not 20000"]  # the rates depend on it


def test_no_field_has_the_name_of_another() -> None:
    groups = [getattr(PretrainConfig(), group.name) for group in fields(PretrainConfig)]
    names = [option.name for group in groups for option in fields(group)]
    assert len(names) == len(set(names)) == len(PretrainConfig().flat())


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"widht": 8}, "unknown settings: widht"),
        ({"network": {"widht": 8}}, "unknown settings in network: widht"),
        ({"network": {"lr": 1.0}}, "unknown settings in network: lr"),
        ({"network": 8}, "network must be text, got 8"),
        ({"data": 8}, "unknown settings: data"),
    ],
)
def test_an_unknown_or_misplaced_field_is_named(values: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        PretrainConfig.from_dict(values)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"method": "universal"}, "boxes must be scales"),
        ({"method": "universal", "boxes": "scales", "modalities": "ct"}, "modalities must be all where"),
        ({"adversary": "reversal", "discriminator_steps": 2}, "discriminator_steps must be 1 with adversary reversal"),
        (
            {"method": "universal", "boxes": "scales", "patch": (32, 32, 8), "discriminator_levels": 4},
            r"patch must have sides of at least 16 for a discriminator of 4 blocks, got \(32, 32, 8\)",
        ),
        ({"warmup": 10, "steps": 10}, "warmup must be below steps, got 10 of 10"),
        ({"lung_content": True, "modalities": "mri"}, "lung_content is for CT"),
        ({**PRESETS["universal"], "mri_percentiles": (1.0, 99.0)}, "mri_percentiles must not be given with mri_window"),
        ({"loss": "masked", "scheme": "autoencoder"}, "loss must not be masked with scheme autoencoder"),
        ({"method": "rotation", "ema": 0.9}, "ema must be 0 for method rotation"),
        ({"sync_batch_norm": True}, "bn_mode must be running with sync_batch_norm"),
        ({"cuda_graph": True, "placement": "disk"}, "placement must be device with cuda_graph, got disk"),
        ({"cuda_graph": True, "precision": "fp16"}, "precision must not be fp16 with cuda_graph"),
        ({"patch": (64, 64, 1), "norm": "instance"}, "norm must be batch for a 2D network"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(values: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        PretrainConfig.of(**values)


def test_a_config_goes_through_yaml_and_a_part_of_one_is_enough(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    config = PretrainConfig.of(patch=(32, 32, 16), method="universal", boxes="scales", spacing_mm=1.5)
    write_config(tmp_path / "config.yaml", config)
    assert read_config(tmp_path / "config.yaml") == config
    (tmp_path / "part.yaml").write_text("network: {width: 8}\nlr: 0.5\n")
    assert read_config(tmp_path / "part.yaml") == PretrainConfig.of(width=8, lr=0.5)
    (tmp_path / "part.yaml").write_text("optim: {lr: 1e-3, clip: 1E+2, ema: 0}\n")
    assert read_config(tmp_path / "part.yaml") == PretrainConfig.of(lr=1e-3, clip=100.0)
    for text, complaint in (
        ("width: [", "is no config"),
        ("- 8", "settings were expected"),
        ("width: 0", "at least 1"),
        ("width: yes", "width must be an integer, got True"),
        ("steps: 1e4", "steps must be an integer, got 10000.0"),
        ("lr: .inf", "lr must be a finite number, got inf"),
        ("1: 2", "unknown settings: 1"),
        ("network: {1: 2}", "unknown settings in network: 1"),
    ):
        (tmp_path / "wrong.yaml").write_text(text)
        with pytest.raises(ValueError, match=complaint):
            read_config(tmp_path / "wrong.yaml")


def test_the_released_preset_has_the_released_numbers() -> None:
    config = PretrainConfig.of(**PRESETS["released"])
    assert (config.data.patch, config.optim.batch_size, config.network.width) == ((64, 64, 32), 6, 32)
    optim = config.optim
    assert (optim.optimizer, optim.lr, optim.momentum, optim.weight_decay) == ("sgd", 1.0, 0.9, 0.0)
    assert (config.method.loss, optim.schedule, config.run.early_stop) == ("mse", "plateau", 50)
    assert (config.data.boxes, config.data.borders, config.data.lung_content) == ("cubes", True, True)
    assert config.data.patches_a_volume * 445 // optim.batch_size == 2_373
    assert config.run.steps == 2_373 * 10_000


def test_the_preset_of_the_universal_model_as_written_has_its_numbers() -> None:
    config = PretrainConfig.of(**PRESETS["universal-paper"])
    rates = (config.optim.lr, config.method.lr_scales, config.method.lr_discriminator)
    assert (*rates, config.method.alpha, config.method.beta) == (1.0, 0.1, 0.001, 1.0, 10.0)
    assert (config.data.scales, config.data.scale_weights, config.data.mix) == (
        (0.5, 0.25, 0.125),
        (1, 1, 2),
        "balanced",
    )
    assert (config.method.loss, config.optim.optimizer, config.optim.schedule) == ("mse", "sgd", "plateau")
    assert (config.method.gamma, config.method.discriminator_levels, config.files.mri_window) == (1.0, 3, (0, 4000))


def test_a_config_tells_which_boxes_are_cut_and_how_files_are_prepared() -> None:
    config = PretrainConfig.of(borders=True, lung_content=True, foreground=True, spacing_mm=1.5)
    sampling = config.data.sampling()
    assert (sampling.cube, sampling.borders) == (config.data.patch, RELEASED_BORDERS)
    assert sampling.content == {"ct": LungContent(), "mri": Foreground()}
    assert PretrainConfig.of(foreground=True).data.sampling().content == {"ct": Foreground(), "mri": Foreground()}
    assert config.files.preparation().spacing_mm == (1.5, 1.5, 1.5)
    scales = PretrainConfig.of(boxes="scales", patch=(32, 32, 16)).data.sampling()
    assert (scales.cube, scales.out_shape, scales.content) == (None, (32, 32, 16), {})
    assert PretrainConfig().files.preparation().spacing_mm is None


def test_a_network_and_its_arguments_come_back_from_a_file(tmp_path: Path) -> None:
    arguments = {"strides": (1, 2, 2), "norm_op_kwargs": {"eps": 1e-5, "affine": True}, "dropout_op": None}
    config = PretrainConfig.of(network="PlainConvUNet", network_arguments=arguments, patch=(20, 16, 16))
    write_config(tmp_path / "config.yaml", config)
    assert read_config(tmp_path / "config.yaml") == config
    assert config.difference(read_config(tmp_path / "config.yaml")) == []
    assert config.difference(config.but(network_arguments={})) != []
    for values, complaint in (
        ({"network_arguments": {"width": 3}}, "network_arguments must be empty for unet, whose settings have names"),
        ({"network": "PlainConvUNet", "network_arguments": {"eps": math.nan}}, "must be plain values"),
        (
            {"network": "PlainConvUNet", "network_arguments": {"num_classes": 2}},
            "must leave out what has a field",
        ),
        ({"network": "PlainConvUnet"}, "did you mean PlainConvUNet"),
    ):
        with pytest.raises(ValueError, match=complaint):
            PretrainConfig.of(**values)  # type: ignore[arg-type]
