# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What fine-tuned networks predict lies where the scan lies, and is written once and whole."""

import csv
import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from genesis_ext.data.readers import read_volume
from genesis_ext.evaluation import predict
from genesis_ext.evaluation.inference import Windows
from genesis_ext.models import load_network, read_record
from tests.data_layer.images import random_voxels, write_dicom, write_nifti, write_series
from tests.data_layer.test_readers_orientation import SIGNED_PERMUTATIONS
from tests.evaluation.networks import classification, segmentation

pytest.importorskip("monai.inferers", reason="MONAI is not installed: pip install 'genesis_ext[monai]'")

OBLIQUE = nibabel.eulerangles.euler2mat(0.1, -0.2, 0.15)
SHAPE = (9, 10, 7)
ANSWERS = ("background", "liver", "tumour")
VALUES = ((0,), (3,), (300,))  # 0, 50 and 100 HU


def affine_of(matrix: NDArray[Any] | None = None, spacing: tuple[float, ...] = (0.9, 1.3, 2.5)) -> NDArray[Any]:
    out = np.eye(4)
    out[:3, :3] = OBLIQUE @ (np.eye(3) if matrix is None else matrix) * spacing
    out[:3, 3] = (10, -20, 30)
    return out


def scan(shape: tuple[int, ...] = SHAPE, seed: int = 0) -> NDArray[np.int16]:
    """Voxels of 0, 50 and 100 HU."""
    return (50 * np.floor(random_voxels(shape, 0, 2.999, seed))).astype(np.int16)


def truth(voxels: NDArray[Any]) -> NDArray[Any]:
    return np.array([value for (value,) in VALUES])[voxels // 50]


def labels(path: Path) -> NDArray[Any]:
    return np.asarray(nibabel.load(path).dataobj)


def three(folder: Path, **changes: Any) -> Path:
    return segmentation(folder, classes=ANSWERS, values=VALUES, **changes)


def test_a_prediction_comes_back_to_its_voxels_under_all_48_orientations(tmp_path: Path) -> None:
    for number, matrix in enumerate(SIGNED_PERMUTATIONS):
        write_nifti(tmp_path / "scans" / f"o{number:02d}_0000.nii.gz", scan(seed=number), affine_of(matrix))
    said: list[str] = []
    done = predict(three(tmp_path / "run"), tmp_path / "scans", tmp_path / "out", report=said.append)
    assert len(done.written) == 48
    assert done.failed == []
    assert said[0].startswith(f"1 of 48: o00 -> {tmp_path / 'out' / 'o00.nii.gz'} (")
    for number, _ in enumerate(SIGNED_PERMUTATIONS):
        found = nibabel.load(tmp_path / "out" / f"o{number:02d}.nii.gz")
        source = nibabel.load(tmp_path / "scans" / f"o{number:02d}_0000.nii.gz")
        assert np.array_equal(np.asarray(found.dataobj), truth(scan(seed=number)))
        assert np.array_equal(found.affine, source.affine)
        assert found.get_data_dtype() == np.int16  # 300 does not fit in uint8


@pytest.mark.parametrize("spacing", [tuple(mm / 3 for mm in (0.9, 1.3, 2.5)), (0.3, 1.3, 0.5)])
def test_a_prediction_comes_back_from_finer_grids(tmp_path: Path, spacing: tuple[float, ...]) -> None:
    """Old centres are among the new ones, and a spline through voxels passes through them."""
    write_nifti(tmp_path / "a.nii", scan(), affine_of())
    run = three(tmp_path / "run", spacing_mm=spacing, patch=(16, 16, 16))
    predict(run, tmp_path / "a.nii", tmp_path / "out", windows=Windows(overlap=0.25))
    assert np.array_equal(labels(tmp_path / "out" / "a.nii.gz"), truth(scan()))


def test_on_a_coarser_grid_a_large_part_keeps_its_place(tmp_path: Path) -> None:
    voxels = np.zeros((30, 24, 20), np.int16)
    voxels[8:22, 6:18, 5:15] = 100
    write_nifti(tmp_path / "a.nii", voxels, affine_of(spacing=(0.8, 1.0, 1.2)))
    run = segmentation(tmp_path / "run", spacing_mm=(1.5, 1.5, 1.5))
    predict(run, tmp_path / "a.nii", tmp_path / "out")
    found, wanted = labels(tmp_path / "out" / "a.nii.gz") > 0, voxels > 0
    assert 2 * (found & wanted).sum() / (found.sum() + wanted.sum()) > 0.95
    middle, right = (np.argwhere(part).mean(axis=0) for part in (found, wanted))
    assert np.abs(middle - right).max() < 0.2


def test_the_header_keeps_what_places_the_voxels_and_nothing_of_the_patient(tmp_path: Path) -> None:
    image = nibabel.Nifti2Image(scan(), affine_of() * (1e-3, 1e-3, 1e-3, 1e-3) + np.diag((0, 0, 0, 0.999)))
    image.set_sform(image.affine, "mni")
    image.set_qform(np.diag((0.0009, 0.0013, 0.0025, 1)), "talairach")
    image.header.set_xyzt_units("meter", "sec")
    image.header["descrip"] = "Jane Doe"
    nibabel.save(image, tmp_path / "a.nii")
    predict(three(tmp_path / "run"), tmp_path / "a.nii", tmp_path / "out")
    found, source = nibabel.load(tmp_path / "out" / "a.nii.gz"), nibabel.load(tmp_path / "a.nii")
    assert type(found) is nibabel.Nifti2Image
    for field in ("sform_code", "qform_code", "xyzt_units", "srow_x", "quatern_b", "qoffset_z"):
        assert np.array_equal(found.header[field], source.header[field])
    assert np.array_equal(found.header["pixdim"][:4], source.header["pixdim"][:4])
    assert bytes(found.header["descrip"]).strip(b"\0") == b""
    assert np.array_equal(np.asarray(found.dataobj), truth(scan()))


def test_of_other_files_the_affine_goes_into_the_header(tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    write_series(tmp_path / "scans" / "study", scan())
    image = sitk.GetImageFromArray(scan().transpose(2, 1, 0))
    image.SetSpacing((0.9, 1.3, 2.5))
    image.SetDirection(OBLIQUE.ravel().tolist())
    sitk.WriteImage(image, tmp_path / "scans" / "b.nrrd")
    predict(three(tmp_path / "run"), tmp_path / "scans", tmp_path / "out")
    for name, path in (("study", tmp_path / "scans" / "study"), ("b", tmp_path / "scans" / "b.nrrd")):
        found, volume = nibabel.load(tmp_path / "out" / f"{name}.nii.gz"), read_volume(path)
        assert np.array_equal(np.asarray(found.dataobj), truth(scan()))
        assert volume.original is not None
        assert np.allclose(found.affine, volume.original.affine, atol=1e-5)
        assert np.allclose(found.get_qform(), volume.original.affine, atol=1e-5)
        assert found.header.get_xyzt_units()[0] == "mm"
        assert (int(found.header["sform_code"]), int(found.header["qform_code"])) == (1, 1)


def test_axes_off_the_right_angle_have_no_qform(tmp_path: Path) -> None:
    """NRRD can hold them, a quaternion cannot."""
    pytest.importorskip("SimpleITK")
    lines = ["NRRD0004", "type: short", "dimension: 3", "space: right-anterior-superior", "sizes: 9 10 7"]
    lines += ["space directions: (1,0,0) (0.3,1,0) (0,0,2)", "space origin: (0,0,0)", "encoding: raw", "endian: little"]
    path = tmp_path / "a.nrrd"
    path.write_bytes("\n".join([*lines, "", ""]).encode() + scan().tobytes(order="F"))
    predict(three(tmp_path / "run"), path, tmp_path / "out")
    found = nibabel.load(tmp_path / "out" / "a.nii.gz")
    assert np.array_equal(np.asarray(found.dataobj), truth(scan()))
    assert (int(found.header["sform_code"]), int(found.header["qform_code"])) == (1, 0)
    assert np.allclose(found.affine[0], (1, 0.3, 0, 0))


def test_slices_and_channels(tmp_path: Path) -> None:
    """A network of two dimensions and two channels, which answers by the second one."""
    for number in range(2):
        write_nifti(tmp_path / "scans" / f"p_1_{number:04d}.nii.gz", scan(seed=number), affine_of())
    run = three(tmp_path / "run", patch=(8, 8), channels=("T1", "FLAIR"), by=1)
    assert predict(run, tmp_path / "scans", tmp_path / "out", windows=Windows(flips="xy")).written == ["p_1"]
    assert np.array_equal(labels(tmp_path / "out" / "p_1.nii.gz"), truth(scan(seed=1)))


def test_channels_are_found_by_their_names_and_among_frames(tmp_path: Path) -> None:
    for number in range(3):
        write_nifti(tmp_path / "set" / f"s{number}.nii", scan(seed=number), affine_of())
    (tmp_path / "set" / "list.csv").write_text("path,case,channel\ns0.nii,p,FLAIR\ns1.nii,p,T1\ns2.nii,p,T2")
    write_nifti(tmp_path / "many.nii", np.stack([scan(seed=number) for number in range(3)], axis=-1), affine_of())
    run = three(tmp_path / "run", channels=("T1", "FLAIR"), by=1)
    done = predict(run, [tmp_path / "set" / "list.csv", tmp_path / "many.nii"], tmp_path / "out")
    assert sorted(done.written) == ["many", "p"]
    assert np.array_equal(labels(tmp_path / "out" / "p.nii.gz"), truth(scan(seed=0)))  # FLAIR
    assert np.array_equal(labels(tmp_path / "out" / "many.nii.gz"), truth(scan(seed=1)))  # the second frame
    one = three(tmp_path / "one", channels=("T2",))  # of one channel, which the list tells by its name
    assert predict(one, tmp_path / "set" / "list.csv", tmp_path / "out1").written == ["p"]
    assert np.array_equal(labels(tmp_path / "out1" / "p.nii.gz"), truth(scan(seed=2)))
    none = three(tmp_path / "none", channels=("PD", "T1"))
    done = predict(none, tmp_path / "set" / "list.csv", tmp_path / "out2")
    assert done.failed == [("p", "must have 2 channels, PD, T1, got s0.nii, s1.nii, s2.nii")]

    told = {"channel_names": {"0": "FLAIR", "1": "T1", "2": "T2"}, "labels": {"background": 0}}
    write_nifti(tmp_path / "msd" / "c.nii", np.stack([scan(seed=n) for n in range(3)], axis=-1), affine_of())
    (tmp_path / "msd" / "dataset.json").write_text(json.dumps(told | {"test": ["c.nii"], "training": []}))
    assert predict(run, tmp_path / "msd", tmp_path / "out3").written == ["c"]
    assert np.array_equal(labels(tmp_path / "out3" / "c.nii.gz"), truth(scan(seed=0)))
    done = predict(none, tmp_path / "msd", tmp_path / "out4")
    assert done.failed == [("c", "must have the channels PD, T1, got FLAIR, T1, T2")]


def test_regions_are_written_from_the_whole_to_its_parts(tmp_path: Path) -> None:
    voxels = np.linspace(0, 100, 9 * 10 * 7).round().astype(np.int16).reshape(SHAPE)
    write_nifti(tmp_path / "a.nii", voxels, affine_of())
    names, values = ("core", "whole", "active"), ((2, 4), (1, 2, 4), (4,))
    run = segmentation(tmp_path / "run", classes=names, values=values, exclusive=False, regions=True)
    predict(run, tmp_path / "a.nii", tmp_path / "out", probabilities=True)
    core, whole, active = (voxels > 100 * (k + 0.5) / 3 for k in range(3))  # here the core reaches beyond the whole
    expected = np.where(active, 4, np.where(core, 2, np.where(whole, 1, 0)))
    found = labels(tmp_path / "out" / "a.nii.gz")
    assert found.dtype == np.uint8
    assert np.array_equal(found, expected)
    kept = np.load(tmp_path / "out" / "a.npz")
    assert kept["classes"].tolist() == list(names)
    assert np.array_equal(kept["probabilities"] > 0.5, np.stack((core, whole, active)))


def test_an_ensemble_averages_probabilities(tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii", scan(), affine_of())
    runs = [three(tmp_path / "one"), three(tmp_path / "two", spacing_mm=(0.3, 1.3, 2.5))]

    def probabilities(which: Any, name: str) -> NDArray[Any]:
        predict(which, tmp_path / "a.nii", tmp_path / name, probabilities=True)
        return np.load(tmp_path / name / "a.npz")["probabilities"]

    first, second = (probabilities(run, f"out{number}") for number, run in enumerate(runs))
    assert first.shape == (3, *SHAPE)
    assert np.abs(first.sum(axis=0) - 1).max() < 1e-5
    assert np.array_equal(probabilities(runs[0] / "best.pt", "file"), first)
    assert np.array_equal(probabilities([runs[0], runs[0]], "twice"), first)  # halves of equal numbers are exact
    assert np.allclose(probabilities(runs, "both"), (first + second) / 2, atol=1e-6)
    assert np.array_equal(labels(tmp_path / "both" / "a.nii.gz"), truth(scan()))


def test_what_is_written_is_kept_and_the_rest_is_done(tmp_path: Path) -> None:
    for name in "abc":
        write_nifti(tmp_path / "scans" / f"{name}.nii", scan(seed=ord(name)), affine_of())
    run, out = three(tmp_path / "run"), tmp_path / "out"
    predict(run, tmp_path / "scans" / "b.nii", out)
    before = (out / "b.nii.gz").stat().st_mtime_ns
    content = (out / "b.nii.gz").read_bytes()
    (out / ".a.nii.gz.123.part").write_bytes(b"half")  # of a process that was killed
    with (out / "cases.jsonl").open("a") as log:
        log.write('\n{"case": "c", "fi')
    done = predict(run, tmp_path / "scans", out, windows=Windows(batch_size=1))
    assert (done.written, done.kept) == (["a", "c"], ["b"])
    assert (out / "b.nii.gz").stat().st_mtime_ns == before
    done = predict(run, tmp_path / "scans" / "b.nii", out, probabilities=True)  # which are not there
    assert done.written == ["b"]
    assert (out / "b.nii.gz").read_bytes() == content

    changes: dict[str, dict[str, Any]] = {
        "overlap and flips": {"windows": Windows(overlap=0.25, flips="z")},
        "modality": {"modality": "ct"},
    }
    for what, change in changes.items():
        with pytest.raises(ValueError, match=rf"out was made by other {what}: give another folder"):
            predict(run, tmp_path / "scans", out, **change)
    with pytest.raises(ValueError, match="out was made by other networks: give another folder"):
        predict([run, run], tmp_path / "scans", out)
    (out / "prediction.json").write_text("{")
    with pytest.raises(ValueError, match=r"prediction\.json: damaged, so its folder cannot be gone"):
        predict(run, tmp_path / "scans", out)


def test_images_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    study = tmp_path / "study"
    for seed, name in enumerate(("p1/scan", "p2/scan", "p2/other")):
        write_nifti(study / f"{name}.nii", scan(seed=seed), affine_of())
    run, out = three(tmp_path / "run"), tmp_path / "out"
    assert predict(run, study / "p1" / "scan.nii", out).written == ["scan"]
    done = predict(run, study / "p2" / "scan.nii", out)
    assert done.failed[0][0] == "scan"
    assert f"out holds the result of another image of that name, {study / 'p1' / 'scan.nii'}" in done.failed[0][1]
    assert np.array_equal(labels(out / "scan.nii.gz"), truth(scan(seed=0)))
    assert predict(run, study, tmp_path / "all").written == ["p1_scan", "other", "p2_scan"]


def test_one_bad_image_does_not_end_the_others(tmp_path: Path) -> None:
    write_nifti(tmp_path / "scans" / "good.nii", scan(), affine_of())
    write_nifti(tmp_path / "scans" / "flat.nii", np.full(SHAPE, 7, np.int16), affine_of())
    (tmp_path / "scans" / "short.nii.gz").write_bytes(b"\x1f\x8b")
    said: list[str] = []
    done = predict(three(tmp_path / "run"), tmp_path / "scans", tmp_path / "out", report=said.append)
    assert done.written == ["good"]
    assert [name for name, _ in done.failed] == ["flat", "short"]
    assert "flat.nii: all voxels hold the one value 7" in done.failed[0][1]
    assert "short.nii.gz: unreadable or truncated" in done.failed[1][1]
    assert sum(line.startswith("failed ") for line in said) == 2
    assert not list((tmp_path / "out").glob("flat*"))


def test_channels_that_do_not_fit_are_refused_by_name(tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    for name in ("lone", "pair_0000", "pair_0001", "year_2019"):
        write_nifti(scans / f"{name}.nii", scan(), affine_of())
    done = predict(three(tmp_path / "one"), scans, tmp_path / "out1")
    assert done.written == ["lone", "year_2019"]
    assert done.failed[0][0] == "pair"
    assert "must have one channel, as the network, got pair_0000.nii, pair_0001.nii" in done.failed[0][1]

    write_nifti(scans / "moved_0000.nii", scan(), affine_of())
    write_nifti(scans / "moved_0001.nii", scan(), affine_of(spacing=(0.9, 1.3, 2.6)))
    done = predict(three(tmp_path / "two", channels=("a", "b")), scans, tmp_path / "out2")
    assert done.written == ["pair"]
    reasons = dict(done.failed)
    assert "must hold the 2 channels of the network as frames, or each as a file of its own" in reasons["lone"]
    assert "must have 2 channels, year_0000 to year_0001, got year_2019.nii" in reasons["year"]
    assert "must lie on one grid, got 9×10×7 voxels of 0.9×1.3×2.6 mm from [10.0, -20.0, 30.0] mm" in reasons["moved"]


def test_an_image_of_another_modality_is_refused_unless_asked_for(tmp_path: Path) -> None:
    pytest.importorskip("SimpleITK")
    write_series(tmp_path / "study", scan(), t0008_0060="MR")
    run = three(tmp_path / "run")
    done = predict(run, tmp_path / "study", tmp_path / "out")
    assert "must be ct, which trained the network, got mri: give the modality" in done.failed[0][1]
    assert predict(run, tmp_path / "study", tmp_path / "asked", modality="ct").written == ["study"]


def test_a_classification_gives_a_table(tmp_path: Path) -> None:
    for number in range(3):
        write_nifti(tmp_path / "scans" / f"{number}.nii", scan((20, 8, 8), seed=number), affine_of())
    run, out = classification(tmp_path / "run"), tmp_path / "out"
    predict(run, tmp_path / "scans" / "1.nii", out)
    done = predict(run, tmp_path / "scans", out, windows=Windows(batch_size=2))
    assert (done.written, done.kept) == (["0", "2"], ["1"])
    rows = list(csv.DictReader((out / "predictions.csv").read_text().splitlines()))
    assert [row["case"] for row in rows] == ["1", "0", "2"]
    for row in rows:
        shares = {name: float(row[name]) for name in ("benign", "malignant")}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert row["predicted"] == max(shares, key=shares.__getitem__)
    every = predict(classification(tmp_path / "any", exclusive=False), tmp_path / "scans", tmp_path / "any_out")
    assert len(every.written) == 3
    row = next(csv.DictReader((tmp_path / "any_out" / "predictions.csv").read_text().splitlines()))
    held = [name for name in ("benign", "malignant") if float(row[name]) > 0.5]
    assert row["predicted"] == ("|".join(held) or "-")

    (out / "predictions.csv").write_text("case,benign\n")
    with pytest.raises(ValueError, match=r"predictions\.csv: must have the columns case, benign, malignant, predicted"):
        predict(run, tmp_path / "scans", out)


def test_a_table_is_the_mean_over_windows_and_networks(tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii", scan((24, 8, 8)))
    runs = [classification(tmp_path / str(seed), seed) for seed in range(2)]
    x = torch.from_numpy(scan((24, 8, 8))).float()[None, None] / 100
    wanted = []
    for run in runs:
        network = load_network(run / "best.pt", report=None)[0].eval()
        parts = [network(x[:, :, first : first + 16]).softmax(1)[0].detach() for first in (0, 8)]
        wanted.append((parts[0] + parts[1]) / 2)
    predict(runs, tmp_path / "a.nii", tmp_path / "out")
    row = next(csv.DictReader((tmp_path / "out" / "predictions.csv").read_text().splitlines()))
    share = float(((wanted[0] + wanted[1]) / 2)[0])
    assert float(row["benign"]) == pytest.approx(share, abs=2e-6)


def test_runs_that_cannot_predict_are_refused(tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii", scan(), affine_of())

    def refused(says: str, *runs: Path, kind: type[Exception] = ValueError) -> None:
        with pytest.raises(kind, match=says):
            predict(runs, tmp_path / "a.nii", tmp_path / "out")
        assert not (tmp_path / "out").exists()

    one = three(tmp_path / "one")
    refused("runs must hold at least one")
    refused("0: must be a checkpoint or the folder of a run, which has a best.pt", tmp_path, kind=FileNotFoundError)
    refused("no.pt not found", tmp_path / "no.pt", kind=FileNotFoundError)
    refused("its record must say how scans were prepared", three(tmp_path / "two", normalization={}))
    refused(r"must take patches with the axes RAS and values in \[0, 1\].* got LPS", three(tmp_path / "x", axes="LPS"))
    others = segmentation(tmp_path / "other", classes=("background", "spleen", "tumour"), values=VALUES)
    refused("must have the same classes, got .*liver.* in .*one.* and .*spleen", one, others)
    refused("must have the same kind", one, classification(tmp_path / "class"))
    content = torch.load(one / "best.pt", weights_only=True)
    content["record"] |= {"task": None, "method": "genesis"}
    torch.save(content, one / "best.pt")
    assert read_record(one / "best.pt") is not None
    refused("must hold a fine-tuned network, .*; this one is pre-trained by method genesis", one)


def test_a_folder_says_by_what_it_was_made(tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii", scan(), affine_of())
    run = three(tmp_path / "run")
    predict(run, tmp_path / "a.nii", tmp_path / "out", report=None)
    about = json.loads((tmp_path / "out" / "prediction.json").read_text())
    assert about["checkpoints"] == [str(run / "best.pt")]
    assert about["settings"] == {
        "networks": [read_record(run / "best.pt").checksum],  # type: ignore[union-attr]
        "overlap": 0.5,
        "flips": "",
        "modality": None,
    }
    assert about["task"]["classes"] == list(ANSWERS)


def test_pictures_are_classified_by_networks_of_two_dimensions(tmp_path: Path) -> None:
    pytest.importorskip("SimpleITK")
    pixels = random_voxels((40, 36), 0, 255).astype(np.uint8)
    write_dicom(tmp_path / "scans" / "chest.dcm", pixels, t0008_0060="DX")
    run = classification(tmp_path / "run", patch=(32, 32), modalities=("xray",))
    assert predict(run, tmp_path / "scans" / "chest.dcm", tmp_path / "out").written == ["chest.dcm"]
