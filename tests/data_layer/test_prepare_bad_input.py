# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import json
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel
import numpy as np
import pytest

from genesis_ext.data.prepare.intensity import PAPER_MRI_WINDOW, IntensityWindow
from genesis_ext.data.prepare.preprocess import PrepareSettings
from genesis_ext.data.prepare.run import prepare
from genesis_ext.data.prepare.workers import WorkerLost
from genesis_ext.data.sources.find import find_sources
from genesis_ext.data.store.volume_store import StoreError, VolumeStore, is_store
from tests.data_layer.images import random_voxels, write_ct, write_nifti
from tests.data_layer.preparing import reasons, run, table


def test_a_label_that_cannot_serve_is_named_and_its_volume_taken(scans: Path, tmp_path: Path) -> None:
    write_nifti(tmp_path / "moved.nii", np.ones((12, 10, 8), np.uint8), np.diag((1.0, 1.0, 1.5, 1.0)))
    write_nifti(tmp_path / "small.nii", np.ones((3, 8, 7), np.uint8))
    lines = "path,label\nscans/a.nii.gz,moved.nii\nscans/b.nii,small.nii\nscans/c.nii.gz,lost.nii"
    report = run(table(tmp_path, lines), tmp_path / "store")
    assert dict(report.counts) == {"taken": 3, "skipped": 3}
    told = reasons(report)
    assert "label of" in told["moved.nii"] and "moved.nii: a label must lie where its volume lies" in told["moved.nii"]
    assert "small.nii: a label must have the shape of its volume" in told["small.nii"]
    assert "lost.nii: no such file" in told["lost.nii"]
    store = VolumeStore(tmp_path / "store")
    assert [(entry.name, entry.label) for entry in store.entries] == [("a", None), ("b", None), ("c", None)]
    again = run(table(tmp_path, lines), tmp_path / "store")
    assert reasons(again) == told  # also of what is kept


def bad_files(folder: Path) -> dict[str, str]:
    """Files that cannot serve, and what is to be said of each."""
    whole = write_ct(folder / "ok.nii.gz", (8, 8, 8)).read_bytes()
    (folder / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.nii").write_bytes(b"")
    (folder / "text.nii").write_text("not an image")
    write_nifti(folder / "flat.nii", np.zeros((4, 4, 4), np.int16))
    write_nifti(folder / "four.nii", random_voxels((4, 4, 4, 3), 0, 100))
    write_nifti(folder / "huge_voxels.nii", random_voxels((4, 4, 4), -900, 900), np.diag((99.0, 99, 99, 1)))
    write_nifti(folder / "dense.nii", random_voxels((4, 4, 4), 5000, 9000))
    singular = write_nifti(folder / "singular.nii", random_voxels((4, 4, 4), -900, 900))
    header: Any = nibabel.load(singular)
    header.header["srow_x"], header.header["sform_code"], header.header["qform_code"] = (0, 0, 0, 0), 1, 0
    nibabel.Nifti1Image(np.asarray(header.dataobj), None, header.header).to_filename(singular)
    return {
        "cut.nii.gz": "truncated",
        "empty.nii": "empty",
        "text.nii": "unreadable|truncated|header",
        "flat.nii": "one value",
        "four.nii": "4D",
        "huge_voxels.nii": "more than",
        "dense.nii": "above the MRI window's end 4000",
        "singular.nii": "spacing|span",
    }


def test_every_bad_file_is_named_and_the_rest_done(tmp_path: Path) -> None:
    wrong = bad_files(tmp_path / "scans")
    settings = PrepareSettings(max_voxels=10_000, window=IntensityWindow(mri=PAPER_MRI_WINDOW))
    report = run(tmp_path / "scans", tmp_path / "store", settings)
    assert dict(report.counts) == {"taken": 1, "skipped": len(wrong)}
    told = reasons(report)
    assert told.keys() == wrong.keys()
    for name, pattern in wrong.items():
        assert str(tmp_path / "scans" / name) in told[name]
        assert any(word in told[name] for word in pattern.split("|")), told[name]
    assert [entry.name for entry in VolumeStore(tmp_path / "store").entries] == ["ok"]


def test_where_nothing_can_be_taken_there_is_a_report_but_no_store(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "bad.nii").write_text("no")
    report = run(tmp_path / "scans", tmp_path / "store")
    assert report.entries == ()
    assert "nothing could be taken of 1 files: " in report.why_nothing()
    assert "bad.nii" in report.why_nothing()
    assert not is_store(tmp_path / "store")
    assert json.loads((tmp_path / "store" / "report.json").read_text())["counts"] == {"skipped": 1}


def test_two_patients_of_one_name_become_two(tmp_path: Path) -> None:
    for number, place in enumerate(("kiel", "oslo")):
        write_ct(tmp_path / place / "case1.nii", (6, 6, 6), seed=number)
    report = run([tmp_path / "kiel", tmp_path / "oslo"], tmp_path / "store")
    store = VolumeStore(tmp_path / "store")
    assert len({entry.patient for entry in store.entries}) == len({entry.file for entry in store.entries}) == 2
    assert not np.array_equal(store[0].voxels, store[1].voxels)
    assert any("two patients are called case1" in line for line in report.lines())


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """No file can grow beyond so many bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told_for_each_file_and_leaves_nothing_half(tmp_path: Path) -> None:
    write_ct(tmp_path / "scans" / "large.nii.gz", (64, 64, 64))
    write_ct(tmp_path / "scans" / "small.nii.gz", (8, 8, 8))
    with files_up_to(100_000):
        report = run(tmp_path / "scans", tmp_path / "store")
    assert dict(report.counts) == {"failed": 1, "taken": 1}
    assert report.failed
    assert "large.nii.gz: cannot be written to" in reasons(report)["large.nii.gz"]
    assert "File too large" in reasons(report)["large.nii.gz"]
    assert [path.name for path in (tmp_path / "store" / "volumes").iterdir()] == ["small.npy"]
    assert dict(run(tmp_path / "scans", tmp_path / "store").counts) == {"taken": 1, "kept": 1}
    with files_up_to(0), pytest.raises(StoreError, match=r"cannot be written: File too large: what is done is kept"):
        run(tmp_path / "scans", tmp_path / "other")


class Losing(ThreadPoolExecutor):
    """An executor that loses b."""

    def submit(self, function: Any, /, task: Any) -> Any:  # type: ignore[override]
        return super().submit(self.lose if task.source.name == "b" else function, task)

    def lose(self, task: Any) -> None:
        raise WorkerLost(-9)


def test_a_lost_worker_is_told_with_its_file(scans: Path, tmp_path: Path) -> None:
    with Losing(2) as executor:
        report = prepare(find_sources(scans), tmp_path / "store", executor=executor)
        assert executor.submit(lambda task: 7, SimpleNamespace(source=scans)).result() == 7  # it was left open
    assert dict(report.counts) == {"taken": 2, "failed": 1}
    assert len(VolumeStore(tmp_path / "store")) == 2
    assert reasons(report)["b.nii"].startswith(f"{scans / 'b.nii'}: the worker process was ended by SIGKILL")


def test_a_file_that_goes_away_is_told(scans: Path, tmp_path: Path) -> None:
    found = find_sources(scans)
    (scans / "b.nii").unlink()
    report = prepare(found, tmp_path / "store", workers=0)
    assert dict(report.counts) == {"taken": 2, "skipped": 1}
    assert "b.nii: unreadable: No such file or directory" in reasons(report)["b.nii"]


def test_workers_below_zero_or_beside_an_executor_are_refused(scans: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="workers must be at least 0, got -1"):
        run(scans, tmp_path / "store", workers=-1)
    with Losing(1) as executor, pytest.raises(ValueError, match="workers must not be given beside an executor, got 2"):
        run(scans, tmp_path / "store", workers=2, executor=executor)
