# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path
from typing import Any

import pytest

from genesis_ext.data.prepare.run import prepare_cached
from genesis_ext.data.sources.find import find_sources
from genesis_ext.data.sources.source import Found, SourceError
from tests.data_layer.images import write_ct


def tree(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"scan")
    return root


def told(found: Found) -> list[Any]:
    return [(s.name, s.patient, s.classes, s.split) for s in found.sources]


def test_the_folder_below_the_root_is_the_class_if_that_is_asked_for(tmp_path: Path) -> None:
    root = tree(tmp_path, "a/x.nii", "a/p3/t1.nii", "a/p4/t1.nii", "b/x.nii", "b/y.nii", "odd.nii", ".git/z.nii")
    (root / "c").mkdir()
    found = find_sources(root, classes_from="folders")
    assert told(found) == [
        ("a_p3_t1", "p3", ("a",), None),
        ("a_p4_t1", "p4", ("a",), None),
        ("a_x", "x", ("a",), None),
        ("b_x", "x", ("b",), None),
        ("b_y", "y", ("b",), None),
    ]
    assert found.ignored == [(root / "odd.nii", "lies in no folder of a class")]
    assert f"{root / 'c'}: holds no image file, so no volume is of class c" in found.notes
    assert found.notes[-1].startswith("1 names are in several classes, the first is x: each is taken as one patient")
    assert all(source.classes is None for source in find_sources(root).sources)


def test_folders_of_splits_hold_those_of_classes(tmp_path: Path) -> None:
    root = tree(tmp_path, "train/a/1.nii", "train/b/2.nii", "Val/a/1.nii", "test/b/9.nii")
    found = find_sources(root, classes_from="folders")
    assert told(found) == [
        ("Val_a_1", "validation/1", ("a",), "validation"),
        ("test_b_9", "9", ("b",), "test"),
        ("train_a_1", "train/1", ("a",), "train"),
        ("train_b_2", "2", ("b",), "train"),
    ]
    assert found.notes[0] == f"{root}: its folders are splits, Val, test, train; those below, classes"
    assert found.notes[1].startswith("1 names are in several splits, the first is 1: each split is taken to have")
    assert [s.split for s in find_sources(root, classes_from="folders", splits=("test",)).sources] == ["test"]
    tree(tmp_path, "more/a/3.nii")  # no split: then train is a class
    assert {s.classes for s in find_sources(root, classes_from="folders").sources} >= {("train",), ("more",)}


def test_classes_of_folders_are_stored(tmp_path: Path) -> None:
    for name in ("a/1.nii.gz", "b/2.nii.gz"):
        write_ct(tmp_path / "scans" / name, (6, 5, 4))
    options: dict[str, Any] = {"cache_dir": tmp_path / "cache", "report": lambda line: None}
    store = prepare_cached(tmp_path / "scans", classes_from="folders", **options)
    assert [entry.classes for entry in store.entries] == [("a",), ("b",)]
    assert [entry.classes for entry in prepare_cached(tmp_path / "scans", **options).entries] == [None, None]


def test_what_holds_no_folder_of_a_class_is_told(tmp_path: Path) -> None:
    root = tree(tmp_path, "a.nii")
    with pytest.raises(SourceError, match="need a folder for each class, and it holds none"):
        find_sources(root, classes_from="folders")
    with pytest.raises(SourceError, match=r"a\.nii: classes from folders need a folder that holds one for each class"):
        find_sources(root / "a.nii", classes_from="folders")
    with pytest.raises(SourceError, match="classes must come from folders or not be asked for, beside no recipe"):
        find_sources(root, "luna16", classes_from="folders")
