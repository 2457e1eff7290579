# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Settings have their kinds, whether Python, YAML or a command line gives them."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from genesis_ext._settings import SettingError
from genesis_ext.training.engine.options import OptimizerConfig
from genesis_ext.training.pretraining.config import PretrainConfig
from genesis_ext.training.pretraining.groups import DataConfig
from genesis_ext.transforms import TransformConfig


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("lr", "1e-3", "a finite number"),
        ("lr", math.inf, "a finite number"),
        ("lr", 10**400, "a finite number"),
        ("lr", True, "a finite number"),
        ("lr", None, "a finite number"),
        ("width", 2.5, "an integer"),
        ("width", 2.0, "an integer"),
        ("width", True, "an integer"),
        ("width", [1, 2], "an integer"),
        ("seed", "3", "an integer"),
        ("compile", "no", "true or false"),
        ("compile", 1, "true or false"),
        ("method", ["genesis"], "one of genesis, jigsaw, rotation, universal"),
        ("modality", 1, "one of ct, mri, xray, us or none"),
        ("profile", 3, "text or a TransformConfig"),
        ("patch", 64, "three integers"),
        ("patch", [16, 16], "three integers"),
        ("patch", "abc", "three integers"),
        ("scales", [0.5, math.nan, 0.1], "three finite numbers"),
        ("spacing_mm", "1", "a finite number or none"),
    ],
)
def test_a_setting_of_another_kind_is_named_with_its_kind(name: str, value: Any, kind: str) -> None:
    for make in (PretrainConfig.of, PretrainConfig().but, lambda **given: PretrainConfig.from_dict(given)):
        with pytest.raises(SettingError) as caught:
            make(**{name: value})
        assert str(caught.value) == f"{name} must be {kind}, got {value!r}"


def test_the_constructors_check_as_well() -> None:
    with pytest.raises(ValueError, match="lr must be a finite number, got '1e-3'"):
        OptimizerConfig(lr="1e-3")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="method must be a MethodConfig, got 'universal'"):
        PretrainConfig(method="universal")  # type: ignore[arg-type]
    with pytest.raises(SettingError, match=r"num_windows must be an integer, got 10000\.0"):
        TransformConfig(num_windows=1e4)  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="in_boxes_max must be an integer, got '5'"):
        TransformConfig(in_boxes_max="5")  # type: ignore[arg-type]


def test_what_means_the_same_becomes_the_same() -> None:
    config = PretrainConfig.of(lr=1, patch=[16, 16, np.int64(8)], spacing_mm=np.float32(1))
    assert config == PretrainConfig.of(lr=1.0, patch=(16, 16, 8), spacing_mm=1.0)
    assert type(config.optim.lr) is float
    assert all(type(side) is int for side in config.data.patch)
    assert DataConfig(scales=[0.5, 0.25, 1]).scales == (0.5, 0.25, 1.0)  # type: ignore[arg-type]
    transform = TransformConfig(in_sides=[10, Fraction(1, 3)], max_window=[3, 4])  # type: ignore[arg-type]
    assert (transform.in_sides, transform.max_window) == ((10, Fraction(1, 3)), (3, 4))
