# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Golden runs: 50 steps of a small network on two real scans, and 30 of a fine-tuning on ten patients: every batch by
its hash and every loss.

They are written anew, where a change of what is computed is meant, by

    python -m tests.golden.record

Rates and momentum of the Universal Model are low: with more, differences of rounding between instruction sets had grown
to 5e-3 of a loss by step 50.
"""

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

from genesis_ext.data.loader import Batch, GenesisLoader
from genesis_ext.training import FinetuneConfig, PretrainConfig, finetune, pretrain
from genesis_ext.training.engine.run_log import read_log
from genesis_ext.training.finetuning import samples
from genesis_ext.training.pretraining import run
from tests.shared import shared_dir

FOLDER = Path(__file__).parent

_SCANS = {"ct": "data/ct/abdomen_ts_example_ct_sm.nii.gz", "mri": "data/mri/abdomen_ts_example_mr_sm.nii.gz"}
_SMALL = PretrainConfig.of(
    patch=(24, 24, 8),  # windows of shuffling have a tenth of a side: of 16 voxels they would move nothing
    width=2,
    batch_size=4,
    optimizer="sgd",
    lr=0.02,
    steps=50,
    log_every=1,
    validate_every=50,
    validation_patches=4,
    seed=5,
    mri_window=(0.0, 4000.0),
)
PRETRAINING = {
    "genesis": _SMALL,
    "universal": _SMALL.but(
        method="universal", boxes="scales", lr=2e-4, lr_scales=2e-4, lr_discriminator=1e-4, momentum=0.5
    ),
}

_TUNING = FinetuneConfig.of(
    patch=(24, 32, 24),
    width=2,
    batch_size=4,
    optimizer="sgd",
    momentum=0.5,
    lr=0.05,
    loss="dice-ce",
    steps=30,
    log_every=1,
    validate_every=30,
    validation_patches=4,
    train_patients=6,
    seed=5,
)
CONFIGS: dict[str, PretrainConfig | FinetuneConfig] = {**PRETRAINING, "finetune": _TUNING}

Step = dict[str, Any]
"""batch: name of a tensor -> the first 16 digits of the SHA-256 of its bytes; losses: name -> value."""


def record(method: str, shared: Path, folder: Path) -> list[Step]:
    """Train in `folder`; what its steps were."""
    rows = [f"{shared / path},{modality},{modality}" for modality, path in _SCANS.items()]
    scans = folder / "scans.csv"
    scans.write_text("\n".join(["path,patient,modality", *rows, ""]))
    hashes: list[dict[str, str]] = []

    class Recorded(GenesisLoader):
        def __next__(self) -> Batch:
            batch = super().__next__()
            hashes.append({name: _digest(tensor) for name, tensor in batch.items()})
            return batch

    config, start = CONFIGS[method], {"cache": folder / "cache", "device": "cpu", "report": lambda text: None}
    with patch.object(run, "GenesisLoader", Recorded), patch.object(samples, "GenesisLoader", Recorded):
        if isinstance(config, FinetuneConfig):
            finetune(config, _some_patients(shared, folder), folder / "run", **start)
        else:
            pretrain(config, scans, folder / "run", **start)
    entries = [entry for entry in read_log(folder / "run/log.jsonl") if entry["kind"] == "training"]
    losses = [{name: float(f"{e[name]:.6g}") for name in e if name.startswith("loss")} for e in entries]
    return [{"batch": batch, "losses": loss} for batch, loss in zip(hashes, losses, strict=True)]


def _some_patients(shared: Path, folder: Path) -> Path:
    """A list of the first ten patients with labels."""
    images = sorted((shared / "data/hippocampus/imagesTr").glob("*.nii.gz"))[:10]
    rows = []
    for image in images:
        name = image.name.removesuffix("_0000.nii.gz").removesuffix(".nii.gz")
        rows.append(f"{image},{shared / 'data/hippocampus/labelsTr' / name}.nii.gz,{name},mri")
    (folder / "patients.csv").write_text("\n".join(["path,label,patient,modality", *rows, ""]))
    return folder / "patients.csv"


def path_of(method: str) -> Path:
    """Where a golden run is kept."""
    return FOLDER / f"{method}.json"


def _digest(tensor: Any) -> str:
    return hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest()[:16]


def main() -> None:
    """Write all golden runs."""
    for method in CONFIGS:
        with tempfile.TemporaryDirectory() as folder:
            steps = record(method, shared_dir(), Path(folder))
        path_of(method).write_text("[\n" + ",\n".join(map(json.dumps, steps)) + "\n]\n")
        print(f"{path_of(method)}: {len(steps)} steps")


if __name__ == "__main__":
    main()
