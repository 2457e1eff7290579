# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import pytest

from genesis_ext.training import PretrainConfig, pretrain
from genesis_ext.training.engine.run_log import read_log
from tests.data_layer.images import write_ct, write_mri


@pytest.mark.parametrize(("modalities", "probes"), [("all", 1), ("ct", 0)])
def test_a_run_of_the_universal_model_ends_with_a_probe(tmp_path: Path, modalities: str, probes: int) -> None:
    pytest.importorskip("lightning_fabric")
    write_ct(tmp_path / "scans/ct.nii.gz", (48, 20, 18))
    write_mri(tmp_path / "scans/mri.nii.gz", (18, 20, 40))
    config = PretrainConfig.of(
        method="universal",
        adversary="off",
        modalities=modalities,
        boxes="scales",
        patch=(8, 8, 16),
        width=1,
        steps=1,
        batch_size=4,
        validation_patches=4,
    )
    pretrain(config, tmp_path / "scans", tmp_path / "run", cache=tmp_path / "cache", report=lambda text: None)
    told = [entry for entry in read_log(tmp_path / "run/log.jsonl") if entry["kind"] == "message"]
    assert len([entry for entry in told if "a fresh probe tells CT from MRI" in entry["text"]]) == probes
