# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The way of LUNA16's false positives by the command line: balls in noise, one candidate in 21 at a ball."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from genesis_ext.cli.main import main
from genesis_ext.data.prepare.preprocess import PrepareSettings
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.evaluation import predict, predict_candidates
from genesis_ext.models import CandidatePatches, TaskRecord, read_record
from genesis_ext.training.engine.run_folder import RunFolder
from genesis_ext.training.study import testing
from tests.data_layer.stores import change_index, entry_of, write_store

pytest.importorskip("lightning_fabric")
pytest.importorskip("sklearn")

SIDE, BALLS, OTHERS, SCANS = 40, 2, 40, 9
TEST = range(6, SCANS)
COLUMNS = ["seriesuid", "coordX", "coordY", "coordZ"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of scans with balls at half voxels, candidates.csv, annotations.csv, and a run on the first six scans."""
    folder = tmp_path_factory.mktemp("balls")
    generator = np.random.default_rng(5)
    at = np.stack(np.meshgrid(*[np.arange(SIDE)] * 3, indexing="ij"))
    entries, voxels, candidates, annotations = [], [], [], []
    for number in range(SCANS):
        name = f"scan{number}"
        scan = generator.normal(0, 150, (SIDE,) * 3)
        corners = generator.permutation([(x, y, z) for x in (10, 28) for y in (10, 28) for z in (10, 28)])
        for center in corners[:BALLS]:
            scan[((at - center.reshape(3, 1, 1, 1)) ** 2).sum(0) < 9] += 400
            mm = [-center[0], -center[1], center[2]]  # the affine is the identity; LUNA16's millimetres are LPS
            candidates.append([name, *mm, 1])
            annotations.append([name, *mm, 6])
        away = generator.uniform(5, SIDE - 5, (10 * OTHERS, 3))
        away = away[(((away[:, None] - corners[None, :BALLS]) ** 2).sum(2) > 64).all(1)][:OTHERS]
        candidates += [[name, f"{-x:.3f}", f"{-y:.3f}", f"{z:.3f}", 0] for x, y, z in away]
        split = "test" if number in TEST else "validation" if number > 3 else "train"
        entries.append(entry_of(name, scan.shape, split=split, affine=tuple(map(tuple, np.eye(4).tolist()))))
        voxels.append(scan.astype(np.int16))
    write_store(folder / "store", entries, voxels)
    change_index(folder / "store", lambda index: index["settings"].update(PrepareSettings(spacing_mm=None).to_dict()))
    candidates.append(["scan8", 500, 0, 0, 0])  # outside its scan
    for name, header, rows in (
        ("candidates", [*COLUMNS, "class"], candidates),
        ("annotations", [*COLUMNS, "diameter_mm"], annotations),
    ):
        with (folder / f"{name}.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows([header, *rows])
    words = (
        "finetune --task classification --patch 8 8 8 --width 4 --hidden 16 --bn-mode running --augment none --lr 1e-2 "
    )
    words += "--batch-size 16 --steps 40 --validate-every 20 --validation-patches 32 --device cpu"
    paths = ["--data", folder / "store", "--out", folder / "run", "--candidates", folder / "candidates.csv"]
    assert main([*words.split(), *map(str, paths)]) == 0
    return folder


def test_balls_are_told_from_noise_and_the_measures_of_luna16_come_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(folder / name) for name in ("run", "store", "candidates.csv", "out")]
    run, store, table, out = paths
    assert main(["predict", run, store, "--candidates", table, "--out", out, "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    assert "1 of 379 candidates lie outside their scan" in said
    assert "3 of 3: scan8, 42 candidates" in said
    with (folder / "out/predictions.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    with Path(table).open() as stream:
        given = list(csv.DictReader(stream))
    assert [row["case"] for row in rows] == [str(n) for n in range(6 * 42, 9 * 42)]
    assert all(row[name] == given[int(row["case"])][name] for row in rows for name in COLUMNS)
    assert all(float(row["probability"]) == pytest.approx(float(row["1"]), abs=2e-6) for row in rows)

    predictions = f"{out}/predictions.csv"
    assert main(["evaluate", predictions, table, "--out", str(folder / "scores")]) == 0
    said = capsys.readouterr().out
    assert "252 of 379 candidates are of scans that were not predicted" in said
    assert "1 candidates of predicted scans have no prediction" in said
    found = {row["metric"]: row for row in json.loads((folder / "scores/summary.json").read_text())["results"]}
    assert found["auc"]["value"] > 0.9
    assert found["auc"]["n"] == 126
    assert found["cpm"]["value"] > 0.8
    command = ["evaluate", predictions, str(folder / "annotations.csv"), "--out", str(folder / "froc")]
    assert main([*command, "--predicted-scans"]) == 0
    found = {row["metric"]: row for row in json.loads((folder / "froc/summary.json").read_text())["results"]}
    assert found["cpm"]["value"] > 0.8
    assert "3 scans, 6 findings, 6 of them with a candidate, 120 of 126" in capsys.readouterr().out


def test_a_study_scores_a_run_by_its_candidates_that_test(folder: Path) -> None:
    table = str(folder / "candidates.csv")
    scores = testing.test_run(RunFolder(folder / "run"), VolumeStore(folder / "store"), "cpu", table)
    assert scores["auc"]["all"] > 0.9
    assert scores["cpm"]["all"] > 0.8


def test_what_is_there_is_kept_and_other_candidates_are_refused(folder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    run, store, table = folder / "run", folder / "store", folder / "candidates.csv"
    path = predict_candidates(run, store, table, tmp_path / "out", device="cpu", report=said.append)
    whole = path.read_text()
    path.write_text("".join(line for line in whole.splitlines(keepends=True) if "scan7" not in line))
    said.clear()
    predict_candidates([run, run], store, table, tmp_path / "two", device="cpu", report=None)
    assert (tmp_path / "two/predictions.csv").read_text() == whole
    predict_candidates(run, store, table, tmp_path / "out", device="cpu", report=said.append)
    assert [text for text in said if ": scan" in text] == ["2 of 3: scan7, 42 candidates"]
    assert sorted(path.read_text()) == sorted(whole)
    untold = tmp_path / "untold.csv"
    untold.write_text("".join(f"{line.rpartition(',')[0]}\n" for line in table.read_text().splitlines()[:300]))
    predict_candidates(run, store, untold, tmp_path / "untold", device="cpu", report=None)
    assert (tmp_path / "untold/predictions.csv").read_text().splitlines() == whole.splitlines()[:48]
    with pytest.raises(ValueError, match="out was made by other candidates"):
        predict_candidates(run, store, untold, tmp_path / "out", device="cpu", report=None)


def test_what_does_not_fit_is_refused_in_words(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = read_record(folder / "run/best.pt")
    assert record is not None
    assert record.task == TaskRecord("classification", ("0", "1"), hidden=16, candidates=CandidatePatches())
    with pytest.raises(ValueError, match="must classify whole images, and classifies candidates"):
        predict(folder / "run", folder, tmp_path, device="cpu")
    other = tmp_path / "store"
    entries = [entry_of("scan0", (SIDE,) * 3)]
    write_store(other, entries, [np.zeros((SIDE,) * 3, np.int16)])
    change_index(other, lambda index: index["settings"].update(PrepareSettings(spacing_mm=(2.0, 2.0, 2.0)).to_dict()))
    with pytest.raises(ValueError, match="must be prepared as the data of the training were"):
        predict_candidates(folder / "run", other, folder / "candidates.csv", tmp_path / "out", device="cpu")
    table = tmp_path / "candidates.csv"
    table.write_text("\n".join([",".join(COLUMNS), "scan0,-10,-10,10"]) + "\n")
    with pytest.raises(ValueError, match="no candidate lies in a volume that is to be predicted"):
        predict_candidates(folder / "run", folder / "store", table, tmp_path / "out", device="cpu")
    command = ["predict", str(folder / "run"), str(folder / "store"), "--candidates", str(table), "--out", "out"]
    for option in (["--flips", "x"], ["--probabilities"]):
        assert main([*command, *option]) == 2
        assert f"{option[0]} is not for --candidates" in capsys.readouterr().err


def test_where_nothing_is_marked_patients_that_were_seen_are_not_predicted(folder: Path, tmp_path: Path) -> None:
    store = Path(shutil.copytree(folder / "store", tmp_path / "store"))
    change_index(store, lambda index: [volume.update(split=None) for volume in index["volumes"]])
    path = predict_candidates(folder / "run", store, folder / "candidates.csv", tmp_path / "out", device="cpu")
    with path.open() as stream:
        assert {row["seriesuid"] for row in csv.DictReader(stream)} == {f"scan{n}" for n in TEST}
    change_index(store, lambda index: index.update(volumes=index["volumes"][: TEST.start]))
    with pytest.raises(ValueError, match='marked "test", or patients whom no network has seen'):
        predict_candidates(folder / "run", store, folder / "candidates.csv", tmp_path / "none", device="cpu")
