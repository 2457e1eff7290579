# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Scans are distorted patch by patch, as in training, and what networks make of them is scored and drawn."""

import csv
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from genesis_ext.evaluation import restore
from genesis_ext.evaluation.inference import Windows
from genesis_ext.transforms import COMBINATIONS, GenesisTransform
from tests.data_layer.images import random_voxels, write_nifti
from tests.evaluation.networks import restoration, segmentation

pytest.importorskip("monai.inferers", reason="MONAI is not installed: pip install 'genesis_ext[monai]'")
Image = pytest.importorskip("PIL.Image")
pytest.importorskip("matplotlib")

NAMES = [combination.name for combination in COMBINATIONS]
PATCH = (24, 16, 8)
SHAPE = (30, 16, 12)  # two patches along x and z, of which the last ones stand over
AFFINE = np.diag((-0.9, 1.2, 2.0, 1.0))


def scan(folder: Path) -> NDArray[Any]:
    """Written, and its values as a network sees them: the first axis of the file runs to the left."""
    voxels = random_voxels(SHAPE, 0, 100).astype(np.int16)
    write_nifti(folder / "a.nii", voxels, AFFINE)
    return voxels[::-1].astype(np.float32) / 100


def rows(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    return {(row["combination"], row["network"]): row for row in csv.DictReader(path.read_text().splitlines())}


def test_every_patch_is_distorted_as_in_training_and_given_back_on_the_grid_of_the_file(tmp_path: Path) -> None:
    values = scan(tmp_path)
    run = restoration(tmp_path / "copy")
    done = restore(run, tmp_path / "a.nii", tmp_path / "out", seed=3, volumes=True, report=None)
    assert (done.written, done.failed) == (["a"], [])
    wide = np.pad(values, ((0, 18), (0, 0), (0, 4)))
    parts = [wide[x : x + 24, :, z : z + 8] for x in (0, 24) for z in (0, 8)]
    patches = torch.from_numpy(np.stack(parts))[:, None]
    transform = GenesisTransform(seed=3)
    for combination in COMBINATIONS:
        out = combination.distort(transform, patches, torch.arange(4)).numpy()[:, 0]
        whole = np.concatenate([np.concatenate(out[first : first + 2], axis=2) for first in (0, 2)])
        for column in ("input", "copy"):
            found = nibabel.load(tmp_path / "out" / f"a_{combination.name}_{column}.nii.gz")
            assert np.allclose(found.affine, AFFINE)
            assert found.get_data_dtype() == np.float32
            assert np.allclose(np.asarray(found.dataobj)[::-1], whole[:30, :, :12], atol=1e-6)
    assert len(list((tmp_path / "out").glob("*.nii.gz"))) == 24


def test_restorations_are_scored_beside_what_was_distorted(tmp_path: Path) -> None:
    values = scan(tmp_path)
    runs = [restoration(tmp_path / name / "net", by) for name, by in (("x", 1.0), ("y", 0.5))]
    restore(runs, tmp_path / "a.nii", tmp_path / "out", report=None)
    table = rows(tmp_path / "out" / "a.csv")
    assert list(table) == [(name, column) for name in NAMES for column in ("input", "net", "net_2")]
    for name in NAMES[1:]:
        assert table[name, "net"]["psnr_db"] == table[name, "input"]["psnr_db"]
        assert table[name, "net"]["ssim"] == table[name, "input"]["ssim"]
    assert float(table["none", "net"]["psnr_db"]) > 140  # the weights of the windows are rounded
    assert (table["none", "input"]["psnr_db"], table["none", "input"]["ssim"]) == ("inf", "1.000")
    wanted = -10 * np.log10(np.mean((values / 2) ** 2))
    assert float(table["none", "net_2"]["psnr_db"]) == pytest.approx(wanted, abs=0.006)
    assert float(table["OUT", "input"]["psnr_db"]) < float(table["IN", "input"]["psnr_db"])
    with Image.open(tmp_path / "out" / "a.png") as picture:
        high, wide = picture.size[1], picture.size[0]
    assert high > 12 * 16
    assert wide > 3 * 30


def test_what_is_done_is_kept_and_other_settings_are_refused(tmp_path: Path) -> None:
    scan(tmp_path)
    run, out = restoration(tmp_path / "run"), tmp_path / "out"
    restore(run, tmp_path / "a.nii", out)
    before = (out / "a.png").stat().st_mtime_ns
    assert restore(run, tmp_path / "a.nii", out).kept == ["a"]
    assert (out / "a.png").stat().st_mtime_ns == before
    with pytest.raises(ValueError, match="out was made by other overlap and seed: give another folder"):
        restore(run, tmp_path / "a.nii", out, seed=1, windows=Windows(0.5))


def test_slices_and_small_scans(tmp_path: Path) -> None:
    """A network of two dimensions; slices too small for the window of SSIM have none."""
    write_nifti(tmp_path / "a.nii", random_voxels((30, 10, 3), 0, 100).astype(np.int16))
    restore(restoration(tmp_path / "run", patch=(24, 16)), tmp_path / "a.nii", tmp_path / "out", report=None)
    table = rows(tmp_path / "out" / "a.csv")
    assert {row["ssim"] for row in table.values()} == {""}
    assert float(table["none", "run"]["psnr_db"]) > 140


def test_runs_that_cannot_restore_are_refused(tmp_path: Path) -> None:
    scan(tmp_path)
    whole = restoration(tmp_path / "whole")
    for runs, says in (
        ([], "runs must hold at least one"),
        ([segmentation(tmp_path / "a")], r"best\.pt: must hold a network that was pre-trained to restore"),
        (
            [restoration(tmp_path / "b", untrained=("decoder",))],
            r"b.best\.pt: must hold a network that was pre-trained",
        ),
        (
            [whole, restoration(tmp_path / "c", spacing_mm=(1, 1, 1))],
            r"prepared alike for all .*1\.0, 1\.0.* in .*c.best",
        ),
    ):
        with pytest.raises(ValueError, match=says):
            restore(runs, tmp_path / "a.nii", tmp_path / "out")
    assert not (tmp_path / "out").exists()
