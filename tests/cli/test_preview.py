# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`genesis preview`: from an image file or a store to pictures, and one line for what cannot be."""

import nibabel
import numpy as np
import pytest

from genesis_ext.cli.main import main
from tests.data_layer.stores import entry_of, write_store
from tests.figures.scans import scan

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


def test_the_default_patch_follows_a_thin_scan(tmp_path, capsys):
    path = tmp_path / "thick.nii.gz"
    nibabel.save(nibabel.Nifti1Image((1000 * scan(20, 18, 14)).numpy(), np.diag([1.0, 1.0, 5.0, 1])), path)
    assert main(["preview", str(path), "--out", str(tmp_path / "pictures"), "--count", "1"]) == 0
    assert "the patch starts at 0, 0, 0" in capsys.readouterr().out


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
    assert capsys.readouterr().err.splitlines() == [
        f"genesis preview: error: {tmp_path / 'no.nii'}: no such file or folder"
    ]


@pytest.mark.parametrize(
    "options",
    [["--count", "0"], ["--patch", "0", "8", "8"], ["--profile", "tail"], ["--scheme", "all"], ["--seed", "x"]],
)
def test_wrong_use_exits_with_2(image, tmp_path, options):
    with pytest.raises(SystemExit) as error:
        main(["preview", str(image), "--out", str(tmp_path), *options])
    assert error.value.code == 2


@pytest.fixture
def store(tmp_path):
    write_store(tmp_path / "store", [entry_of(name, (12, 10, 8)) for name in "abc"])
    return tmp_path / "store"


def test_of_a_store_it_writes_the_volumes_and_the_boxes(store, tmp_path, capsys):
    out = tmp_path / "pictures"
    assert main(["preview", str(store), "--out", str(out), "--patch", "8", "8", "4"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        str(out / name) for name in ("volumes_01.png", "histograms.png", "boxes_01.png")
    ]


def test_volumes_number_and_seed_of_a_store_are_taken(store, tmp_path):
    def pictures(*options):
        assert main(["preview", str(store), "--out", str(tmp_path), *options]) == 0
        return [(tmp_path / name).read_bytes() for name in ("volumes_01.png", "boxes_01.png")]

    usual = pictures("--volumes", "b")
    assert pictures("--volumes", "b", "--seed", "1")[0] == usual[0]
    assert pictures("--volumes", "b", "--seed", "1")[1] != usual[1]
    assert pictures("--most", "1")[0] != usual[0]  # that is a


@pytest.mark.parametrize("option", [["--start", "0", "0", "0"], ["--count", "3"], ["--profile", "head"]])
def test_an_option_for_images_is_refused_for_a_store(store, tmp_path, capsys, option):
    assert main(["preview", str(store), "--out", str(tmp_path / "out"), *option]) == 2
    assert f"{option[0]} is for an image, but {store} is a store" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--most", "3"], ["--volumes", "a"]])
def test_an_option_for_stores_is_refused_for_an_image(image, tmp_path, capsys, option):
    assert main(["preview", str(image), "--out", str(tmp_path / "out"), *option]) == 2
    assert f"{option[0]} is for a store, but {image} is an image" in capsys.readouterr().err


def test_a_store_that_is_damaged_or_not_finished_says_so(store, tmp_path, capsys):
    (store / "settings.json").write_text("{}")
    (store / "index.json").write_text("{")
    assert main(["preview", str(store), "--out", str(tmp_path / "out")]) == 1
    assert "index.json: damaged" in capsys.readouterr().err
    (store / "index.json").unlink()
    assert main(["preview", str(store), "--out", str(tmp_path / "out")]) == 1
    assert "not finished: index.json is missing" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_picture_has_patches_of_one_slice(tmp_path, capsys):
    pixels = (255 * scan(70, 66, 1)[..., 0].T).numpy().astype(np.uint8)
    pytest.importorskip("PIL.Image").fromarray(pixels).save(tmp_path / "chest.png")
    assert main(["preview", str(tmp_path / "chest.png"), "--out", str(tmp_path / "out"), "--count", "1"]) == 0
    assert capsys.readouterr().out.startswith(
        "chest.png: XRAY, 70 × 66 × 1 voxels of 1 × 1 × 1 mm; the patch starts at "
    )
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(NAMES)


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
