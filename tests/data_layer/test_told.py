# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Classes, folds, cases and channels: from a list, through the store, and changed without preparing anew."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genesis_ext.data.prepare.preprocess import PrepareSettings
from genesis_ext.data.prepare.run import prepare_cached
from genesis_ext.data.sources.find import find_sources
from genesis_ext.data.sources.source import SourceError
from genesis_ext.data.store.entry import StoredVolume
from genesis_ext.data.store.volume_store import StoreError, VolumeStore
from tests.data_layer.images import random_voxels, write_ct, write_nifti
from tests.data_layer.preparing import run, table
from tests.data_layer.stores import change_index, entry_of, write_store

ROWS = ("image,class,fold,case,channel,label", "a.nii.gz,nodule | mass,0,c1,T1,", "b.nii,-,,c1,,", "c.nii.gz,,3,,,")
FULL = "\nscans/".join(ROWS)


def told(entry: Any) -> tuple[Any, ...]:
    return entry.classes, entry.fold, entry.case, entry.channel, entry.patient


def test_a_table_tells_classes_fold_case_and_channel_and_a_case_is_one_patient(scans: Path, tmp_path: Path) -> None:
    assert [told(s) for s in find_sources(table(tmp_path, FULL)).sources] == [
        (("nodule", "mass"), 0, "c1", "T1", "c1"),
        ((), None, "c1", None, "c1"),
        (None, 3, None, None, "c"),
    ]
    own = "path,case,patient\nscans/a.nii.gz,visit1,P1"
    assert find_sources(table(tmp_path, own)).sources[0].patient == "P1"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("image,class\nscans/a.nii.gz,x|", "line 2: class must be different names with | between them, .*got 'x|'"),
        ("image,class\nscans/a.nii.gz,x|x", "got 'x|x'"),
        ("image,fold\nscans/a.nii.gz,1.5", "line 2: fold must be a whole number of at least 0, or empty, got '1.5'"),
        ("image,path\nscans/a.nii.gz,a", "columns must have different names, got path twice"),
    ],
)
def test_a_cell_that_breaks_its_rule_is_told_with_its_line(scans: Path, text: str, complaint: str) -> None:
    with pytest.raises(SourceError, match=complaint.replace("|", r"\|")):
        find_sources(table(scans.parent, text))


def test_what_a_list_tells_is_stored_and_changed_without_preparing_anew(scans: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    run(table(tmp_path, FULL), store)
    assert told(VolumeStore(store).entries[0]) == (("nodule", "mass"), 0, "c1", "T1", "c1")
    rows = list(csv.DictReader((store / "report.csv").read_text().splitlines()))
    assert [(row["classes"], row["fold"], row["case"]) for row in rows] == [
        ("nodule|mass", "0", "c1"),
        ("-", "", "c1"),
        ("", "3", ""),
    ]
    assert json.loads((store / "report.json").read_text())["volumes_by_class"] == {"nodule": 1, "mass": 1}
    report = run(table(tmp_path, FULL.replace("nodule | mass,0,c1,T1", "mass,2,c9,FLAIR")), store)
    assert dict(report.counts) == {"kept": 3}
    assert told(VolumeStore(store).entries[0]) == (("mass",), 2, "c9", "FLAIR", "c9")
    run(table(tmp_path, "path\nscans/a.nii.gz\nscans/b.nii\nscans/c.nii.gz"), store)
    assert told(VolumeStore(store).entries[0]) == (None, None, None, None, "a")


def test_a_cached_store_is_another_one_where_the_list_tells_something_else(scans: Path, tmp_path: Path) -> None:
    def cached(text: str) -> VolumeStore:
        return prepare_cached(table(tmp_path, text), tmp_path / "cache", report=lambda line: None)

    plain, classes, fold = (cached(f"path,{name}\nscans/b.nii,1") for name in ("patient", "class", "fold"))
    assert len({store.path for store in (plain, classes, fold)}) == 3
    assert (classes.entries[0].classes, fold.entries[0].fold) == (("1",), 1)


def test_channels_of_a_dataset_json_tell_their_case_in_files_of_their_own_and_in_4d_files(tmp_path: Path) -> None:
    for channel in ("0000", "0001"):
        write_ct(tmp_path / "own" / "imagesTr" / f"a_{channel}.nii.gz", (6, 5, 4))
    write_nifti(tmp_path / "whole" / "imagesTr" / "b.nii.gz", random_voxels((6, 5, 4, 2), 0, 800))
    write_ct(tmp_path / "one" / "imagesTr" / "c_0000.nii.gz", (6, 5, 4))
    names = {"0": "T1", "1": "FLAIR"}
    for folder, content in (
        ("own", {"channel_names": names}),
        ("whole", {"modality": names, "training": ["imagesTr/b.nii.gz"]}),
        ("one", {"channel_names": {"0": "CT"}}),
    ):
        (tmp_path / folder / "dataset.json").write_text(json.dumps(content))
    sources = [tmp_path / "own", tmp_path / "whole", tmp_path / "one"]
    for _ in range(2):  # prepared, then kept
        run(sources, tmp_path / "store", PrepareSettings(frames=True))
        assert [(e.name, e.case, e.channel) for e in VolumeStore(tmp_path / "store").entries] == [
            ("a_T1", "a", "T1"),
            ("a_FLAIR", "a", "FLAIR"),
            ("b+t00", "b", "T1"),
            ("b+t01", "b", "FLAIR"),
            ("c", None, None),
        ]


def test_the_checksum_of_a_store_counts_them_where_they_are_told(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", [entry_of("a", (2, 3, 4))])

    def without(index: dict[str, Any]) -> None:
        for name in ("classes", "fold", "case", "channel"):
            index["volumes"][0].pop(name)

    change_index(store.path, without)  # as an older version wrote it
    assert VolumeStore(store.path).checksum == store.checksum
    seen = {store.checksum}
    for change in ({"classes": []}, {"classes": ["x"]}, {"fold": 0}, {"case": "c"}, {"channel": "T1"}):
        change_index(store.path, lambda index, change=change: index["volumes"][0].update(change))
        seen.add(VolumeStore(store.path).checksum)
    assert len(seen) == 6


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda v: v.update(classes=["x", "x"]), "classes must be different names, none of them empty, got"),
        (lambda v: v.update(classes=[""]), "classes must be different names"),
        (lambda v: v.update(fold=-1), "fold must be a whole number of at least 0, got -1"),
        (lambda v: v.update(fold=True), "fold must be a whole number of at least 0, got True"),
        (lambda v: v.update(case=""), "case must be a text that is not empty, got ''"),
        (lambda v: v.update(channel=1), "channel must be a text that is not empty, got 1"),
    ],
)
def test_a_damaged_entry_is_told(tmp_path: Path, change: Callable[[Any], Any], complaint: str) -> None:
    store = write_store(tmp_path / "store", [entry_of("a", (2, 3, 4))])
    change_index(store.path, lambda index: change(index["volumes"][0]))
    with pytest.raises(StoreError, match=complaint):
        VolumeStore(store.path)


def test_an_entry_survives_its_way_through_json() -> None:
    entry = entry_of("a", (2, 3, 4), classes=("x", "y"), fold=2, case="c", channel="T1")
    assert StoredVolume.from_dict(json.loads(json.dumps(entry.to_dict()))) == entry
