# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import csv
import json
import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch

from genesis_ext.data.prepare.preprocess import PrepareSettings
from genesis_ext.data.prepare.run import PrepareError, Step, prepare_cached
from genesis_ext.data.store.volume_store import StoreError, VolumeStore
from genesis_ext.data.volume import OriginalGrid
from tests.data_layer.images import random_voxels, write_ct, write_dicom, write_mri, write_nifti
from tests.data_layer.preparing import THIN, reasons, run, table


def test_a_folder_becomes_a_store(scans: Path, tmp_path: Path) -> None:
    steps: list[Step] = []
    report = run(scans, tmp_path / "store", progress=steps.append)
    store = VolumeStore(tmp_path / "store")
    store.verify()
    assert [(e.name, e.shape, e.modality, e.patient) for e in store.entries] == [
        ("a", (12, 10, 8), "ct", "a"), ("b", (9, 8, 7), "mri", "b"), ("c", (6, 6, 12), "ct", "c"),
    ]  # fmt: skip
    raw: Any = nibabel.load(scans / "a.nii.gz")
    assert np.array_equal(store[0].voxels, np.asarray(raw.dataobj))
    assert store.entries[2].spacing_mm == (1.0, 1.0, 1.0)
    assert store.entries[2].source == str(scans / "c.nii.gz")
    assert store.entries[2].source_checksum == sha256((scans / "c.nii.gz").read_bytes()).hexdigest()
    assert store.entries[2].original == OriginalGrid((6, 6, 6), tuple(map(tuple, THIN.tolist())))
    assert dict(report.counts) == {"taken": 3}
    assert [(step.done, step.total) for step in steps] == [(1, 3), (2, 3), (3, 3)]
    assert steps[-1].bytes_done == steps[-1].bytes_total == sum(p.stat().st_size for p in scans.iterdir())
    assert {"read", "resample", "scale", "statistics", "write"} == report.time_by_part().keys()


def test_processes_make_the_store_that_one_makes(scans: Path, tmp_path: Path) -> None:
    run(scans, tmp_path / "one")
    run(scans, tmp_path / "two", workers=2)
    one, two = VolumeStore(tmp_path / "one"), VolumeStore(tmp_path / "two")
    assert one.checksum == two.checksum
    assert (tmp_path / "one" / "index.json").read_bytes() == (tmp_path / "two" / "index.json").read_bytes()


def test_a_second_run_keeps_what_is_done_and_does_the_rest(scans: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    run(scans, store)
    times = {name: (store / "volumes" / f"{name}.npy").stat().st_mtime_ns for name in "ac"}
    write_ct(scans / "d.nii", (8, 8, 8), seed=1)
    write_mri(scans / "b.nii", (5, 5, 5))
    report = run(scans, store)
    assert {o.source.name: o.status for o in report.outcomes} == {"a": "kept", "b": "taken", "c": "kept", "d": "taken"}
    assert VolumeStore(store).entries[1].shape == (5, 5, 5)
    assert times == {name: (store / "volumes" / f"{name}.npy").stat().st_mtime_ns for name in "ac"}
    fresh = tmp_path / "fresh"
    run(scans, fresh)
    assert VolumeStore(fresh).checksum == VolumeStore(store).checksum
    assert dict(run(scans, store).counts) == {"kept": 4}


def test_a_volume_that_lost_its_end_is_made_again(scans: Path, tmp_path: Path) -> None:
    run(scans, tmp_path / "store")
    file = tmp_path / "store" / "volumes" / "a.npy"
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    assert dict(run(scans, tmp_path / "store").counts) == {"taken": 1, "kept": 2}
    assert file.read_bytes() == content


def test_other_settings_are_refused_unless_overwritten(scans: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    run(scans, store)
    eight_bits = PrepareSettings(dtype="uint8")
    with pytest.raises(StoreError, match="was prepared with dtype int16, now it is uint8: give --overwrite"):
        run(scans, store, eight_bits)
    assert VolumeStore(store).dtype == torch.int16
    run(scans, store, eight_bits, overwrite=True)
    assert VolumeStore(store).dtype == torch.uint8
    VolumeStore(store).verify()


def test_a_store_holds_the_sources_of_the_last_run(scans: Path, tmp_path: Path) -> None:
    run(scans, tmp_path / "store")
    report = run([scans / "a.nii.gz", scans / "b.nii"], tmp_path / "store")
    assert [entry.name for entry in VolumeStore(tmp_path / "store").entries] == ["a", "b"]
    assert [note for note in report.found.notes if note.startswith("1 sources that were prepared here before")]
    assert dict(run(scans, tmp_path / "store").counts) == {"kept": 3}


def test_a_changed_split_or_patient_costs_no_second_preparation(scans: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    run(table(tmp_path, "path,split,patient\nscans/a.nii.gz,train,P1\nscans/b.nii,test,P2"), store)
    report = run(table(tmp_path, "path,split,patient\nscans/a.nii.gz,validation,P3\nscans/b.nii,test,P2"), store)
    assert dict(report.counts) == {"kept": 2}
    assert [(e.split, e.patient) for e in VolumeStore(store).entries] == [("validation", "P3"), ("test", "P2")]


def test_labels_are_stored_on_the_grid_of_their_volumes(scans: Path, tmp_path: Path) -> None:
    label = np.zeros((6, 6, 6), np.int16)
    label[2:5] = 420
    write_nifti(tmp_path / "c_seg.nii.gz", label, THIN)
    run(table(tmp_path, "path,label\nscans/c.nii.gz,c_seg.nii.gz"), tmp_path / "store")
    store = VolumeStore(tmp_path / "store")
    store.verify()
    item = store[0]
    assert item.label is not None
    assert np.array_equal(item.label, label.repeat(2, axis=2))
    assert store.packed(labels=True).voxels.dtype == torch.int16
    assert (item.entry.label_source, item.entry.label_names) == (str(tmp_path / "c_seg.nii.gz"), None)


def test_what_values_of_labels_mean_is_kept_and_a_value_without_a_name_is_refused(tmp_path: Path) -> None:
    for case, greatest in (("a", 3), ("b", 4)):
        write_ct(tmp_path / "imagesTr" / f"{case}_0000.nii.gz", (6, 5, 4))
        label = random_voxels((6, 5, 4), 0, greatest + 0.5).astype(np.int16) - (case == "a")
        write_nifti(tmp_path / "labelsTr" / f"{case}.nii.gz", label)
    dataset: dict[str, Any] = {"channel_names": {"0": "CT"}}
    names = {"background": 0, "organ": [1, 2], "tumour": 2, "ignore": -1}
    (tmp_path / "dataset.json").write_text(json.dumps({**dataset, "labels": names}))
    report = run(tmp_path, tmp_path / "store")
    a, b = VolumeStore(tmp_path / "store").entries
    assert (a.label_names, a.ignore_label) == (names, -1)
    assert (b.label, b.label_names, b.label_source) == (None, None, None)
    assert "values must be those that have a name, [-1, 0, 1, 2], got 3" in reasons(report)["b.nii.gz"]
    names |= {"cyst": 3, "node": 4}
    (tmp_path / "dataset.json").write_text(json.dumps({**dataset, "labels": names}))
    run(tmp_path, tmp_path / "store")
    assert [entry.label_names for entry in VolumeStore(tmp_path / "store").entries] == [names, names]


def test_frames_of_4d_files_are_volumes_of_one_patient(tmp_path: Path) -> None:
    frames = random_voxels((5, 6, 7, 3), 0, 800)
    write_nifti(tmp_path / "scans" / "cine.nii.gz", frames)
    run(tmp_path / "scans", tmp_path / "store", PrepareSettings(frames=True))
    store = VolumeStore(tmp_path / "store")
    assert [entry.name for entry in store.entries] == ["cine+t00", "cine+t01", "cine+t02"]
    assert {entry.patient for entry in store.entries} == {"cine"}
    assert store.entries[1].statistics["before"]["max"] == pytest.approx(float(frames[..., 1].max()))
    assert dict(run(tmp_path / "scans", tmp_path / "store", PrepareSettings(frames=True)).counts) == {"kept": 1}


def test_series_of_one_dicom_folder_are_volumes_of_the_patient_in_the_tags(tmp_path: Path) -> None:
    pytest.importorskip("SimpleITK")
    for series in (1, 2):
        for number in range(4):
            pixels = (random_voxels((6, 5), -900, 900, seed=number + 10 * series)).astype(np.int16)
            write_dicom(
                tmp_path / "scans" / f"{series}_{number}.dcm",
                pixels,
                t0010_0020="Patient 7",
                t0020_000e=f"1.2.3.{series}",
                t0020_0011=str(series),
                t0020_0013=str(number),
                t0020_0032=f"0\\0\\{number * 2}",
                t0020_0037="1\\0\\0\\0\\1\\0",
                t0028_0030="1\\1",
                t0008_0018=f"1.2.3.{series}.{number}",
            )
    run(tmp_path / "scans", tmp_path / "store")
    entries = VolumeStore(tmp_path / "store").entries
    assert [entry.shape for entry in entries] == [(5, 6, 8), (5, 6, 8)]
    assert {entry.patient for entry in entries} == {"Patient 7"}
    assert len({entry.name for entry in entries}) == 2
    listed = subprocess.run("sha256sum *", shell=True, cwd=tmp_path / "scans", capture_output=True, check=True).stdout
    assert {entry.source_checksum for entry in entries} == {sha256(listed).hexdigest()}
    run(tmp_path / "scans", tmp_path / "store")
    assert {entry.patient for entry in VolumeStore(tmp_path / "store").entries} == {"Patient 7"}


def test_the_report_names_every_file_with_its_statistics(scans: Path, tmp_path: Path) -> None:
    (scans / "bad.nii").write_text("no")
    (scans / "notes.txt").write_text("hello")
    run(scans, tmp_path / "store")
    content = json.loads((tmp_path / "store" / "report.json").read_text())
    assert content["counts"] == {"taken": 3, "skipped": 1, "ignored": 1}
    assert (content["patients"], content["volumes_by_modality"]) == (3, {"ct": 2, "mri": 1})
    assert content["files"][0]["statistics"]["before"]["min"] == -1000
    rows = list(csv.DictReader((tmp_path / "store" / "report.csv").read_text().splitlines()))
    assert [Path(row["source"]).name for row in rows] == ["a.nii.gz", "b.nii", "bad.nii", "c.nii.gz", "notes.txt"]
    assert (rows[0]["min"], rows[0]["shape"], rows[3]["spacing_before_mm"]) == ("-1000", "12x10x8", "1x1x2")
    assert "bad.nii" in rows[2]["text"]


def test_the_cache_prepares_once_and_tells_sources_and_settings_apart(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENESIS_CACHE", str(tmp_path / "cache"))
    said: list[str] = []
    first = prepare_cached(scans, report=said.append)
    assert said == [f"preparing 3 files into {first.path}"]
    assert first.path.is_relative_to(tmp_path / "cache")
    assert prepare_cached([scans], report=said.append).path == first.path
    assert len(said) == 1
    others = {
        prepare_cached(scans, dtype="uint8").path,
        prepare_cached(scans, modality="mri").path,
        prepare_cached(scans / "a.nii.gz").path,
        prepare_cached(scans, tmp_path / "elsewhere").path,
    }
    assert len(others | {first.path}) == 5
    write_ct(scans / "a.nii.gz", (7, 7, 7))
    assert prepare_cached(scans).entries[0].shape == (7, 7, 7)


def test_the_cache_keeps_nothing_of_sources_that_cannot_serve(tmp_path: Path) -> None:
    (tmp_path / "bad.nii").write_text("no")
    with pytest.raises(PrepareError, match=r"nothing could be taken of 1 files: .*bad\.nii"):
        prepare_cached(tmp_path / "bad.nii", tmp_path / "cache", report=lambda line: None)
    write_ct(tmp_path / "good.nii", (6, 6, 6))
    shutil.copy(tmp_path / "good.nii", tmp_path / "bad.nii")
    assert len(prepare_cached(tmp_path / "bad.nii", tmp_path / "cache", report=lambda line: None)) == 1


def test_a_cache_prepared_in_part_is_finished(scans: Path, tmp_path: Path) -> None:
    store = prepare_cached(scans, tmp_path / "cache", report=lambda line: None)
    os.unlink(store.path / "index.json")
    os.unlink(store.path / "records" / "b.json")
    again = prepare_cached(scans, tmp_path / "cache", report=lambda line: None)
    assert again.checksum == store.checksum
