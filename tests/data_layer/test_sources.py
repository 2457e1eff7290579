# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genesis_ext.data.sources.find import find_sources
from genesis_ext.data.sources.lists import channel_modality
from genesis_ext.data.sources.source import Found, SourceError, safe_name
from tests.data_layer.images import write_dicom


def touch(path: Path, content: bytes = b"scan") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def names(found: Found) -> list[tuple[str, str]]:
    return [(source.name, source.patient) for source in found.sources]


def test_a_folder_gives_its_images_by_path_and_says_what_it_ignores(tmp_path: Path) -> None:
    for name in (
        "b.nii.gz",
        "a.NII",
        "c/d.mhd",
        "c/d.zraw",
        "c/e.nrrd",
        "c/f.png",
        "notes.txt",
        ".hidden.nii",
        "._a.nii",
    ):
        touch(tmp_path / name)
    found = find_sources(tmp_path)
    assert names(found) == [("a", "a"), ("b", "b"), ("c_d", "d"), ("c_e", "e"), ("c_f", "f")]
    assert found.ignored == [(tmp_path / "notes.txt", "no image file by its name")]
    assert (found.skipped, found.notes) == ([], [])
    assert all(source.split is None and source.label is None and not source.patient_known for source in found.sources)


def test_a_folder_of_slices_is_one_source(tmp_path: Path) -> None:
    for number in range(3):
        write_dicom(tmp_path / "study" / "ct" / f"{number}.dcm", np.zeros((2, 2), np.int16))
        write_dicom(tmp_path / "study" / "no_suffix" / f"{number}", np.zeros((2, 2), np.int16))
        for folder, name in (
            ("uid", f"1.2.840.1136.{number}"),
            ("numbers", f"image.{number:04d}"),
            ("img", f"{number}.IMG"),
        ):
            write_dicom(tmp_path / "study" / folder / name, np.zeros((2, 2), np.int16))
    touch(tmp_path / "study" / "no_suffix" / "README")
    found = find_sources(tmp_path)
    assert [source.path.name for source in found.sources] == ["ct", "img", "no_suffix", "numbers", "uid"]
    assert find_sources(tmp_path / "study" / "ct").sources[0].name == "ct"


def test_files_and_patterns_are_sources_too(tmp_path: Path) -> None:
    a, b = touch(tmp_path / "x" / "a.nii"), touch(tmp_path / "y" / "z" / "b.nii")
    touch(tmp_path / "y" / "c.txt")
    wanted = [("x_a", "a"), ("y_z_b", "b")]
    assert names(find_sources([a, b])) == wanted
    assert names(find_sources(str(tmp_path / "**" / "*.nii"))) == wanted
    assert names(find_sources(a)) == [("a", "a")]


def test_relative_and_absolute_paths_are_taken_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "x" / "a.nii")
    b = touch(tmp_path / "y" / "b.nii")
    monkeypatch.chdir(tmp_path)
    assert names(find_sources(["x/a.nii", b])) == [("x_a", "a"), ("y_b", "b")]


@pytest.mark.parametrize("missing", ["none", "none/*.nii", "none.csv", "none.json"])
def test_a_path_that_leads_nowhere_is_told(tmp_path: Path, missing: str) -> None:
    with pytest.raises(SourceError, match=r"none\S*: (no such file|unreadable)"):
        find_sources(tmp_path / missing)


def test_folders_without_images_and_empty_lists_are_told(tmp_path: Path) -> None:
    touch(tmp_path / "a.txt")
    with pytest.raises(SourceError, match="no image file was found in"):
        find_sources(tmp_path)
    with pytest.raises(SourceError, match="no sources are given"):
        find_sources([])


def test_loops_of_links_end_and_are_told(tmp_path: Path) -> None:
    touch(tmp_path / "data" / "a.nii")
    (tmp_path / "data" / "sub").mkdir()
    (tmp_path / "data" / "sub" / "up").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "self.nii").symlink_to(tmp_path / "data" / "self.nii")
    (tmp_path / "data" / "lost.nii").symlink_to(tmp_path / "nowhere.nii")
    found = find_sources(tmp_path / "data")
    assert names(found) == [("a", "a")]
    told = {path.name: reason for path, reason in found.skipped}
    assert told["up"] == f"a link to {tmp_path / 'data'}, where the walk has been"
    assert "leads nowhere" in told["lost.nii"]
    assert set(told) == {"up", "lost.nii", "self.nii"}


def test_links_are_followed_and_every_file_is_taken_once(tmp_path: Path) -> None:
    real = touch(tmp_path / "elsewhere" / "a.nii")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "link").symlink_to(tmp_path / "elsewhere")
    found = find_sources([tmp_path / "data", real])
    assert len(found.sources) == 1
    assert "the same file as" in found.skipped[0][1]


def test_unreadable_folders_are_told_and_the_rest_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "a.nii")
    touch(tmp_path / "locked" / "b.nii")
    scandir = os.scandir

    def refuse(path: Any) -> Any:  # permissions do not bind every user who runs tests
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = find_sources(tmp_path)
    assert names(found) == [("a", "a")]
    assert found.skipped == [(tmp_path / "locked", "unreadable folder: Permission denied")]


def test_stores_in_the_way_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path / "a.nii")
    touch(tmp_path / "store" / "settings.json")
    touch(tmp_path / "store" / "volumes" / "b.nii")
    found = find_sources(tmp_path)
    assert names(found) == [("a", "a")]
    assert found.ignored == [(tmp_path / "store", "a volume store")]
    with pytest.raises(SourceError, match="store: a volume store"):
        find_sources(tmp_path / "store")


def test_files_that_may_be_sequences_of_one_patient_are_told(tmp_path: Path) -> None:
    for name in ("p7_T1.nii.gz", "p8_FLAIR.nii.gz", "x/p7_T2.nii.gz", "sub-1_T1w.nii", "sub-1_T2w.nii"):
        touch(tmp_path / name)
    assert find_sources(tmp_path).notes == []
    touch(tmp_path / "p8_T1post.nii.gz")
    (note,) = find_sources(tmp_path).notes
    assert "as p8_FLAIR and p8_T1post: each is taken as a patient of its own" in note
    assert find_sources(tmp_path, patient="folder").notes == []


def test_where_names_repeat_from_folder_to_folder_the_folder_is_the_patient(tmp_path: Path) -> None:
    for name in ("p1/T1.nii", "p1/T2.nii", "p2/T1.nii", "p3/single.nii"):
        touch(tmp_path / name)
    found = find_sources(tmp_path)
    assert names(found) == [("p1_T1", "p1"), ("p1_T2", "p1"), ("p2_T1", "p2"), ("p3_single", "single")]
    assert "each of 2 folders is taken as one patient" in found.notes[0]
    by_name = find_sources(tmp_path, patient="name")
    assert [source.patient for source in by_name.sources] == ["p1/T1", "T2", "p2/T1", "single"]
    by_folder = find_sources(tmp_path, patient="folder")
    assert [source.patient for source in by_folder.sources] == ["p1", "p1", "p2", "p3"]


@pytest.mark.parametrize(
    ("scans", "labels"),
    [
        (("imagesTr/a.nii.gz", "imagesTs/b.nii.gz"), ("labelsTr/a.nii.gz",)),
        (("case1/ct.nii.gz",), ("case1/segmentations/liver.nii.gz", "case1/segmentations/spleen.nii.gz")),
        (("volume-1.nii",), ("segmentation-1.nii",)),
        (("BraTS_1/BraTS_1_t1.nii", "BraTS_1/BraTS_1_t2.nii"), ("BraTS_1/BraTS_1_seg.nii",)),
        (("sub-1/anat/sub-1_T1w.nii.gz",), ("sub-1/anat/sub-1_dseg.nii.gz",)),
        (("p1.nrrd", "segway.nrrd"), ("p1-label.nrrd", "p1_mask.nrrd", "masks/p2.nrrd")),
    ],
)
def test_label_maps_among_the_scans_are_left_out_and_told(
    tmp_path: Path, scans: tuple[str, ...], labels: tuple[str, ...]
) -> None:
    for name in (*scans, *labels):
        touch(tmp_path / name)
    found = find_sources(tmp_path)
    assert {source.path for source in found.sources} == {tmp_path / name for name in scans}
    assert {path for path, _ in found.ignored} == {tmp_path / name for name in labels}
    assert any(f"{len(labels)} files are label maps by their names" in note for note in found.notes)


def test_an_archive_is_named(tmp_path: Path) -> None:
    touch(tmp_path / "a.nii")
    archives = [touch(tmp_path / name) for name in ("b.ZIP", "c.tar.gz")]
    assert find_sources(tmp_path).skipped == [
        (path, "an archive: unpack it to read what it holds") for path in archives
    ]


def test_a_folder_of_label_maps_alone_is_taken_as_it_is_asked_for(tmp_path: Path) -> None:
    touch(tmp_path / "labels" / "a.nii")
    touch(tmp_path / "labels" / "b_seg.nii")
    assert len(find_sources(tmp_path / "labels").sources) == 2


def test_numbered_channels_are_of_one_patient(tmp_path: Path) -> None:
    for name in ("a_0000", "a_0001", "b_0000", "b_0001", "c"):
        touch(tmp_path / f"{name}.nii.gz")
    found = find_sources(tmp_path)
    assert [source.patient for source in found.sources] == ["a", "a", "b", "b", "c"]
    assert "4 files end in the number of a channel" in found.notes[0]
    for path in tmp_path.glob("*_0001.nii.gz"):
        path.unlink()
    assert [source.patient for source in find_sources(tmp_path).sources] == ["a_0000", "b_0000", "c"]


def test_subjects_of_bids_are_patients(tmp_path: Path) -> None:
    for name in ("sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_T2w.nii.gz", "sub-02/anat/sub-02_T1w.nii.gz"):
        touch(tmp_path / name)
    assert [source.patient for source in find_sources(tmp_path).sources] == ["sub-01", "sub-01", "sub-02"]


def test_two_patients_of_one_name_stay_two_and_are_told(tmp_path: Path) -> None:
    touch(tmp_path / "kiel" / "case1.nii")
    touch(tmp_path / "oslo" / "case1.nii", b"other")
    found = find_sources([tmp_path / "kiel", tmp_path / "oslo"])
    (name, patient), (other_name, other_patient) = names(found)
    assert (name, patient, other_patient) == ("case1", "case1", "oslo/case1")
    assert other_name.startswith("case1-")
    assert "two patients are called case1" in found.notes[0]
    assert "two sources are called case1" in found.notes[1]
    assert names(find_sources([tmp_path / "kiel", tmp_path / "oslo"])) == names(found)


def test_names_are_fit_for_files() -> None:
    assert safe_name("a b/ü:c") == "a_b_c"
    assert safe_name("../..") == "volume"
    assert len(safe_name("x" * 500)) <= 120


def write_table(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8-sig")
    return path


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_table_tells_everything(tmp_path: Path, mark: str) -> None:
    scan = touch(tmp_path / "scans" / "a.nii.gz")
    touch(tmp_path / "scans" / "b.nii")
    lines = [
        "Path,label,patient,modality,split,name",
        "scans/a.nii.gz,scans/a_seg.nii,P1,CT,val,first",
        "scans/b.nii,,,,,",
        "scans/lost.nii,,,,,",
    ]
    found = find_sources(write_table(tmp_path / "list.csv", "\n".join(lines).replace(",", mark)))
    a, b = found.sources
    assert (a.path, a.label) == (scan, tmp_path / "scans" / "a_seg.nii")
    assert (a.name, a.patient, a.modality, a.split, a.patient_known) == ("first", "P1", "ct", "validation", True)
    assert (b.name, b.patient, b.modality, b.split, b.label, b.patient_known) == ("b", "b", None, None, None, False)
    assert found.skipped == [(tmp_path / "scans" / "lost.nii", "no such file or folder (line 4 of list.csv)")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("file\na.nii", "path is missing"),
        ("", "path is missing"),
        ("path,lable\na.nii,", "'lable' is none of them"),
        ("path,split\na.nii,dev", "line 2: split must be train, validation, test or empty, got 'dev'"),
        ("path,modality\na.nii,pet", "line 2: modality must be one of ct, mri, xray, us or empty, got 'pet'"),
        ("path,split\n,train", "line 2: path must not be empty"),
        ("path,split\na.nii,train,x", "line 2: must have 2 cells"),
        ("path,split\na.nii", "line 2: must have 2 cells"),
    ],
)
def test_a_wrong_table_is_told_with_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    touch(tmp_path / "a.nii")
    with pytest.raises(SourceError, match=complaint):
        find_sources(write_table(tmp_path / "list.csv", text))


def write_json(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def test_a_dataset_of_the_decathlon_is_read(tmp_path: Path) -> None:
    for name in ("imagesTr/la_003.nii.gz", "labelsTr/la_003.nii.gz", "imagesTs/la_001.nii.gz"):
        touch(tmp_path / name)
    training = [
        {"image": "./imagesTr/la_003.nii.gz", "label": "./labelsTr/la_003.nii.gz"},
        {"image": "./imagesTr/la_004.nii.gz", "label": "./labelsTr/la_004.nii.gz"},
    ]
    content = {"modality": {"0": "MRI"}, "training": training, "test": ["./imagesTs/la_001.nii.gz"]}
    content["labels"] = {"0": "background", "1": "left atrium"}
    path = write_json(tmp_path / "dataset.json", content)
    found = find_sources(path)
    assert [(s.name, s.modality, s.split) for s in found.sources] == [
        ("la_003", "mri", "train"),
        ("la_001", "mri", "test"),
    ]
    assert [s.label for s in found.sources] == [tmp_path / "labelsTr" / "la_003.nii.gz", None]
    assert [s.label_names for s in found.sources] == [{"background": 0, "left atrium": 1}, None]
    assert found.skipped[0][0].name == "la_004.nii.gz"
    whole = find_sources(tmp_path)  # the folder would hold labels as scans
    assert [s.path for s in whole.sources] == [s.path for s in found.sources]
    assert "its dataset.json" in whole.notes[0]


def test_a_dataset_of_nnunet_is_read_with_a_source_for_each_channel(tmp_path: Path) -> None:
    for name in ("imagesTr/a_0000", "imagesTr/a_0001", "labelsTr/a", "imagesTs/b_0000", "imagesTr/odd"):
        touch(tmp_path / f"{name}.nii.gz")
    content = {"channel_names": {"0": "T1", "1": "FLAIR"}, "labels": {"background": 0}, "numTraining": 1}
    found = find_sources(write_json(tmp_path / "dataset.json", {**content, "file_ending": ".nii.gz"}))
    assert names(found) == [("a_T1", "a"), ("a_FLAIR", "a"), ("b_T1", "b")]
    assert [s.split for s in found.sources] == ["train", "train", "test"]
    assert [s.label and s.label.name for s in found.sources] == ["a.nii.gz", "a.nii.gz", None]
    assert {s.modality for s in found.sources} == {"mri"}
    assert found.skipped[0][0].name == "odd.nii.gz"
    assert [s.label_names for s in found.sources] == [{"background": 0}, {"background": 0}, None]
    training = [{"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}]
    old = {"modality": {"0": "T1", "1": "FLAIR"}, "training": training}
    assert names(find_sources(write_json(tmp_path / "dataset.json", old))) == [("a_T1", "a"), ("a_FLAIR", "a")]


def test_labels_in_a_folder_are_found_by_the_names_of_the_images(tmp_path: Path) -> None:
    for name in ("p1/a.nii", "p2/a.nii.gz", "b_0000.nii", "b_0001.nii", "c.mhd", "d.nii", "labels/x.nii"):
        touch(tmp_path / "images" / name)
    for name in ("p1/a.nii.gz", "a.nii", "b.nii", "sub/c.nii", "sub/d.nii", "other/d.nii", "e.nii"):
        touch(tmp_path / "images" / "labels" / name)
    found = find_sources(tmp_path / "images", labels=tmp_path / "images" / "labels")
    labels = tmp_path / "images" / "labels"
    assert {source.name: source.label and str(source.label.relative_to(labels)) for source in found.sources} == {
        "p1_a": "p1/a.nii.gz",
        "p2_a": None,  # a.nii could be that of either
        "b_0000": "b.nii",
        "b_0001": "b.nii",
        "c": "sub/c.nii",
        "d": None,  # there are two
    }
    assert [s.patient for s in found.sources] == ["b", "b", "c", "d", "p1", "p2"]  # labels do not count
    assert names(found) == names(find_sources(str(tmp_path / "images" / "**" / "*.[nm]*"), labels=labels))
    assert found.notes[-2].startswith(f"2 sources have no label in {labels}, the first is ")
    assert found.notes[-1].startswith(f"5 files of {labels} are the label of no source, the first is ")
    lines = "path,label\nimages/c.mhd,images/labels/e.nii\nimages/b_0000.nii,"
    found = find_sources(write_table(tmp_path / "list.csv", lines), labels=labels)
    assert [s.label and s.label.name for s in found.sources] == ["e.nii", "b.nii"]


def test_labels_that_cannot_be_found_are_told(tmp_path: Path) -> None:
    for name in ("images/a.nii", "labels/a.nii", "labels/a.nii.gz", "others/z.nii"):
        touch(tmp_path / name)
    for folder, complaint in (
        ("none", "labels must be a folder, and there is none"),
        ("images", "labels must lie in a folder of their own, got one that holds "),
        ("labels", r"a\.nii: must have one label in \S*labels, got \S*a\.nii and \S*a\.nii\.gz"),
        ("others", "others: must hold files named as the sources are, such as a"),
    ):
        with pytest.raises(SourceError, match=complaint):
            find_sources(tmp_path / "images", labels=tmp_path / folder)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ([], "must hold an object"),
        ({}, "must name its channels"),
        ({"modality": {"0": "CT"}}, "names no cases"),
        ({"modality": {"0": "CT"}, "training": [{"label": "a"}]}, "every case of training must name its image"),
        (
            {"modality": {"0": "CT"}, "training": ["a.nii"], "labels": ["a"]},
            "labels must give each name a whole number",
        ),
        ({"modality": {"0": "CT"}, "training": ["a.nii"], "labels": {"a": "b"}}, "got {'a': 'b'}"),
        ({"modality": {"0": "CT"}, "training": ["a.nii"], "labels": {"background": 1, "a": 0}}, "the background 0"),
    ],
)
def test_a_wrong_dataset_json_is_told(tmp_path: Path, content: Any, complaint: str) -> None:
    with pytest.raises(SourceError, match=complaint):
        find_sources(write_json(tmp_path / "dataset.json", content))


@pytest.mark.parametrize(
    ("name", "modality"),
    [
        ("CT", "ct"),
        ("CT_contrast", "ct"),
        ("FLAIR", "mri"),
        ("T1w", "mri"),
        ("t1gd", "mri"),
        ("MRI", "mri"),
        ("ADC", "mri"),
        ("X-ray", "xray"),
        ("ultrasound", "us"),
        ("PET", None),
        ("noNorm", None),
    ],
)
def test_the_name_of_a_channel_tells_the_modality(name: str, modality: str | None) -> None:
    assert channel_modality(name) == modality


def test_a_given_modality_fills_in_where_nothing_is_told_and_splits_choose(tmp_path: Path) -> None:
    for name in ("a.nii", "b.nii", "c.nii"):
        touch(tmp_path / name)
    table = write_table(tmp_path / "list.csv", "path,modality,split\na.nii,ct,train\nb.nii,,test\nc.nii,,validation")
    found = find_sources(table, modality="mri", splits=("train", "test"))
    assert [(s.name, s.modality) for s in found.sources] == [("a", "ct"), ("b", "mri")]
    with pytest.raises(SourceError, match="is marked train or validation"):
        find_sources(tmp_path / "a.nii", splits=("train", "validation"))
