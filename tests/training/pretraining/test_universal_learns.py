# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The preset of the Universal Model learns where there is something to learn."""

from pathlib import Path

import pytest

from genesis_ext.training import PRESETS, PretrainConfig, pretrain
from tests.training.pretraining.toy import toy_store

pytest.importorskip("matplotlib")
pytest.importorskip("tensorboard")

LEARNS = PretrainConfig.of(**PRESETS["universal"]).but(
    patch=(16, 16, 16),
    width=4,
    batch_size=12,
    steps=120,
    validate_every=1000,
    validation_patches=96,
    scheme="autoencoder",
    scale_weights=(1, 1, 1),
)


@pytest.mark.parametrize("seed", range(3))
def test_all_parts_learn_on_patients_that_they_have_not_seen(seed: int, tmp_path: Path) -> None:
    store = toy_store(tmp_path / "store")
    report = pretrain(LEARNS.but(seed=seed), store.path, tmp_path / "run", device="cpu", report=str).validation
    assert report.metrics["accuracy_scale"] > 0.6  # chance is 1/3
    assert report.metrics["accuracy_discriminator"] > 0.65  # chance is 1/2, and the encoder hides what it can
    assert report.loss < 0.5 * report.baselines["constant"]
