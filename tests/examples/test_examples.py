# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Every example runs as from a shell, without a warning of its own, trains, and leaves weights that can be loaded."""

import math
import re
import runpy
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch

from genesis_ext import GenesisTransform
from genesis_ext.data.demo_scans import write_demo_scans
from genesis_ext.data.loader import FIRST_VALIDATION_ID
from genesis_ext.models import UNet3D, load_weights

EXAMPLES = Path(__file__).parents[2] / "examples"
WIDTH = 4
SMALL = f"--steps 12 --batch-size 4 --patch 24 16 8 --width {WIDTH}".split()
# What the libraries say to themselves, or of the machine's cores; every other warning ends the example.
FOREIGN = (
    "`torch.jit.interface` is deprecated",  # importing monai
    "`isinstance(treespec, LeafSpec)` is deprecated",  # lightning, which uses torch's pytree
    "The 'train_dataloader' does not have many workers",
    "The 'val_dataloader' does not have many workers",
)


def run(example: str, out: Path, *arguments: object) -> str:
    """The standard output of an example that must succeed."""
    filters = [word for start in FOREIGN for word in ("-W", f"ignore:{start}")]
    command = [sys.executable, "-W", "error", *filters, EXAMPLES / f"{example}.py", "--out", out, *SMALL, *arguments]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=600, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def check_losses(output: str) -> None:
    """Both are finite, and training changed the network; a few steps need not bring every network below its start."""
    (losses,) = re.findall(r"^loss before (\S+), after (\S+)$", output, re.MULTILINE)
    before, after = map(float, losses)
    assert math.isfinite(before)
    assert math.isfinite(after)
    assert after != before


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scans")
    write_demo_scans(folder)
    return folder


def test_every_example_is_tested_here():
    programs = {path.stem for path in EXAMPLES.glob("*.py") if "__main__" in path.read_text(encoding="utf-8")}
    assert programs == {"plain_pytorch", "lightning_module", "monai_loop", "candidates_from_labels"}


def test_the_plain_loop_trains_on_the_scans_of_nibabel(tmp_path):
    check_losses(run("plain_pytorch", tmp_path))
    account = load_weights(UNet3D(width=WIDTH), tmp_path / "weights.pt", report=None)
    assert (account.missing, account.unused) == ((), ())


def test_the_lightning_module_trains_on_a_folder_of_scans(tmp_path, scans):
    check_losses(run("lightning_module", tmp_path, "--data", scans))
    account = load_weights(UNet3D(width=WIDTH), tmp_path / "weights.ckpt", report=None)
    assert (account.missing, account.unused) == ((), ())


def test_the_monai_loop_trains_on_one_scan(tmp_path, scans):
    check_losses(run("monai_loop", tmp_path, "--data", scans / "example4d_frame0.nii.gz"))
    weights = torch.load(tmp_path / "weights.pt", weights_only=True)
    assert weights["model.0.conv.unit0.conv.weight"].shape == (WIDTH, 1, 3, 3, 3)
    assert all(tensor.isfinite().all() for tensor in weights.values())


def test_no_two_processes_or_steps_of_the_monai_loop_have_an_id_in_common(tmp_path, scans, monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.setenv("WORLD_SIZE", "2")
    seen: list[int] = []

    class Recording(GenesisTransform):
        def forward(self, batch, sample_id):
            seen.extend(i for i in sample_id.tolist() if i < FIRST_VALIDATION_ID)
            return super().forward(batch, sample_id)

    monkeypatch.setattr("genesis_ext.GenesisTransform", Recording)
    for rank in range(2):
        monkeypatch.setenv("RANK", str(rank))
        monkeypatch.delitem(sys.modules, "options", raising=False)
        words = ["monai_loop.py", "--data", scans, "--out", tmp_path, *SMALL, "--steps", "3"]
        monkeypatch.setattr(sys, "argv", list(map(str, words)))
        runpy.run_path(str(EXAMPLES / "monai_loop.py"), run_name="__main__")
    monkeypatch.delitem(sys.modules, "options")
    assert len(seen) == len(set(seen)) >= 2 * 3 * 2


def test_a_folder_without_scans_is_named(tmp_path):
    options = runpy.run_path(str(EXAMPLES / "options.py"))
    with pytest.raises(SystemExit, match="must be a NIfTI file or a folder of them"):
        options["nifti_files"](tmp_path)


def test_candidates_lie_inside_near_and_far_from_the_structures_of_labels(tmp_path, monkeypatch):
    label = np.zeros((24, 20, 16), np.uint8)
    label[8:14, 7:13, 5:11] = 2
    affine = np.diag([-2.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = (30.0, -5.0, 7.0)
    nibabel.save(nibabel.Nifti1Image(label, affine), tmp_path / "p1.nii.gz")
    nibabel.save(nibabel.Nifti1Image(np.zeros_like(label), affine), tmp_path / "p2.nii.gz")  # nothing to find
    table = tmp_path / "candidates.csv"
    monkeypatch.setattr(sys, "argv", ["program", str(tmp_path), str(table), "--negatives", "40"])
    runpy.run_path(str(EXAMPLES / "candidates_from_labels.py"), run_name="__main__")
    names, *rows = (line.split(",") for line in table.read_text().splitlines())
    assert names == ["seriesuid", "coordX", "coordY", "coordZ", "class"]
    assert [row[0] for row in rows] == ["p1_0000"] * 41
    lps = np.array([row[1:4] for row in rows], float)
    voxels = np.rint((np.linalg.inv(affine) @ [*(lps * [-1, -1, 1]).T, np.ones(41)])[:3].T).astype(int)
    assert [int(label[tuple(voxel)] > 0) for voxel in voxels] == [int(row[4]) for row in rows] == [1] + [0] * 40
