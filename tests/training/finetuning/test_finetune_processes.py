# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Fine-tunings that processes share."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.training.finetuning.phantoms import write_phantoms
from tests.training.runs import command, environment

pytest.importorskip("lightning_fabric")
pytest.importorskip("tensorboard")


@pytest.mark.parametrize(
    "options",
    [("--loss", "dice-ce"), ("--task", "classification", "--class-weights", "1", "2")],
    ids=["segmentation", "classification"],
)
def test_two_processes_train_as_one_does(options: tuple[str, ...], tmp_path: Path) -> None:
    # Not Adam: it divides by gradients that may be nearly nothing but rounding.
    store = write_phantoms(tmp_path / "store").path
    words = ("--folds", "4", "--steps", "6", "--optimizer", "sgd", "--lr", "0.05", *options)
    losses = []
    for processes in (1, 2):
        out = tmp_path / str(processes)
        done = subprocess.run(
            command(store, out, *words, processes=processes, trains="finetune"),
            env=environment(tmp_path / "cache"),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        entries = map(json.loads, (out / "log.jsonl").read_text().splitlines())
        losses.append([entry["loss"] for entry in entries if entry["kind"] in ("training", "validation")])
    assert len(losses[0]) == 6 + 2
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)  # sums over the batch in another order
