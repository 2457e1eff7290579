# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`genesis preview`: from an image file to pictures, and one line for what cannot be."""

import nibabel
import numpy as np
import pytest

from genesis_ext.cli.main import main
from tests.evaluation.scans import scan

pytest.importorskip("matplotlib")

NAMES = ["combinations.png", "samples.png", "curves.png", "shuffling.png", "out_painting.png", "in_painting.png"]
PATCH = ["--patch", "16", "12", "8", "--count", "1"]


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "scan.nii.gz"
    nibabel.save(nibabel.Nifti1Image((1000 * scan(20, 18, 14)).numpy(), np.diag([1.0, 1.0, 2.0, 1.0])), path)
    return path


def test_it_writes_the_pictures_and_names_them(image, tmp_path, capsys):
    out = tmp_path / "pictures"
    assert main(["preview", str(image), "--out", str(out), *PATCH]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("scan.nii.gz: MRI, 20 × 18 × 14 voxels of 1 × 1 × 2 mm; the patch starts at ")
    assert rest == [str(out / name) for name in NAMES]
    assert sorted(p.name for p in out.iterdir()) == sorted(NAMES)


def test_seed_profile_scheme_start_and_modality_are_taken(image, tmp_path, capsys):
    options = ["--profile", "paper", "--scheme", "painting", "--start", "1", "2", "3", "--modality", "ct"]
    pictures = []
    for seed in ("0", "1"):
        out = tmp_path / seed
        assert main(["preview", str(image), "--out", str(out), *PATCH, *options, "--seed", seed]) == 0
        pictures.append((out / "samples.png").read_bytes())
    assert "CT, 20 × 18 × 14 voxels of 1 × 1 × 2 mm; the patch starts at 1, 2, 3" in capsys.readouterr().out
    assert pictures[0] != pictures[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--patch", "64", "8", "8"], "--patch must fit in the scan, got 64 along x for a scan of 20 × 18 × 14 voxels"),
        (["--patch", "8", "8", "8", "--start", "0", "11", "0"], "start must lie in [0, 10] along y, got 11"),
    ],
)
def test_a_patch_that_does_not_fit_fails_with_one_line(image, tmp_path, capsys, options, message):
    assert main(["preview", str(image), "--out", str(tmp_path / "pictures"), *options]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert message in lines[0]
    assert not (tmp_path / "pictures").exists()


def test_a_missing_image_fails_with_one_line(tmp_path, capsys):
    assert main(["preview", str(tmp_path / "no.nii"), "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err.splitlines() == [f"genesis preview: error: {tmp_path / 'no.nii'}: no such file"]


@pytest.mark.parametrize(
    "options",
    [["--count", "0"], ["--patch", "0", "8", "8"], ["--profile", "tail"], ["--scheme", "all"], ["--seed", "x"]],
)
def test_wrong_use_exits_with_2(image, tmp_path, options):
    with pytest.raises(SystemExit) as error:
        main(["preview", str(image), "--out", str(tmp_path), *options])
    assert error.value.code == 2


def test_help_has_examples(capsys):
    with pytest.raises(SystemExit) as error:
        main(["preview", "--help"])
    assert error.value.code == 0
    assert "genesis preview scan.nii.gz --out pictures" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["ct/chest_cip_ct64.nrrd", "mri/torchio_fernando_t2.nii.gz"])
def test_real_scans_are_drawn(shared, name, tmp_path, capsys):
    pytest.importorskip("SimpleITK")
    path = shared / "data" / name
    assert main(["preview", str(path), "--out", str(tmp_path), "--patch", "32", "32", "16", "--count", "2"]) == 0
    modality = "CT" if name.startswith("ct/") else "MRI"
    assert capsys.readouterr().out.startswith(f"{path.name}: {modality}, ")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(NAMES)
