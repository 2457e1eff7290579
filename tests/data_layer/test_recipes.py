# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import json
from collections import Counter
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from genesis_ext.data.sources.find import find_sources
from genesis_ext.data.sources.recipes import RECIPES
from genesis_ext.data.sources.source import Found, Source, SourceError
from genesis_ext.training import PRESETS


def make(root: Path, names: Iterable[str]) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


def splits(found: Found) -> Counter[str | None]:
    return Counter(source.split for source in found.sources)


def by_name(found: Found) -> dict[str, Source]:
    return {source.name: source for source in found.sources}


def assert_no_patient_on_two_sides(found: Found) -> None:
    sides: dict[str, set[str | None]] = {}
    for source in found.sources:
        assert source.patient_known
        sides.setdefault(source.patient, set()).add(source.split)
    assert all(len(side) == 1 for side in sides.values())


@pytest.mark.parametrize("nested", [False, True])
def test_luna16(tmp_path: Path, nested: bool) -> None:
    uids = [f"1.3.6.1.4.1.14519.5.2.1.6279.6001.{100 + fold}" for fold in range(10)]
    folder = "subset{0}/subset{0}" if nested else "subset{0}"
    files = [f"{folder.format(fold)}/{uid}.{suffix}" for fold, uid in enumerate(uids) for suffix in ("mhd", "raw")]
    files += [f"seg-lungs-LUNA16/{uid}.{suffix}" for uid in uids[:9] for suffix in ("mhd", "zraw")]
    found = find_sources(make(tmp_path, [*files, "CSVFILES/annotations.csv", "candidates_V2.csv"]), "luna16")
    assert [source.split for source in found.sources] == ["train"] * 5 + ["validation"] * 2 + ["test"] * 3
    assert [source.name for source in found.sources] == uids
    assert {source.modality for source in found.sources} == {"ct"}
    labels = [source.label for source in found.sources]
    assert labels == [tmp_path / "seg-lungs-LUNA16" / f"{uid}.mhd" for uid in uids[:9]] + [None]
    assert [source.fold for source in found.sources] == list(range(10))
    assert splits(find_sources(tmp_path / "subset7", "luna16")) == {"test": 1}
    assert_no_patient_on_two_sides(found)


def test_lits2017(tmp_path: Path) -> None:
    batches = {number: "Training Batch 1" if number < 28 else "Training Batch 2" for number in range(131)}
    files = [f"{batches[n]}/{kind}-{n}.nii" for n in batches for kind in ("volume", "segmentation")]
    files += [f"Test-Data/test-volume-{n}.nii" for n in range(70)]
    found = find_sources(make(tmp_path, files), "lits2017")
    assert splits(found) == {"train": 111, "validation": 20, "test": 70}
    sources = by_name(found)
    assert sources["volume-110"].split == "train"
    assert sources["volume-111"].split == "validation"
    assert sources["volume-9"].label == tmp_path / "Training Batch 1" / "segmentation-9.nii"
    assert sources["test-volume-9"].label is None
    assert sources["volume-9"].label_names == {"liver": 1, "tumour": 2}
    assert sources["test-volume-9"].label_names is None
    assert splits(find_sources(tmp_path, "lits2017-task")) == {"train": 100, "validation": 15, "test": 16 + 70}
    assert {source.modality for source in found.sources} == {"ct"}
    assert_no_patient_on_two_sides(found)


def test_brats2018(tmp_path: Path) -> None:
    cases = [f"HGG/Brats18_TCIA02_{n:03d}_1" for n in range(210)] + [f"LGG/Brats18_TCIA13_{n:03d}_1" for n in range(75)]
    kinds = ("flair", "t1", "t1ce", "t2", "seg")
    root = tmp_path / "MICCAI_BraTS_2018_Data_Training"
    files = [f"{root.name}/{case}/{Path(case).name}_{kind}.nii.gz" for case in cases for kind in kinds]
    held = "Brats18_CBICA_AAM_1"
    files += [f"MICCAI_BraTS_2018_Data_Validation/{held}/{held}_{kind}.nii.gz" for kind in kinds[:4]]
    found = find_sources(make(tmp_path, files), "brats2018")
    assert splits(found) == {"train": 190 * 4, "test": 95 * 4, "validation": 4}
    flair = by_name(found)["Brats18_TCIA02_000_1_flair"]
    assert flair.label == root / "HGG" / "Brats18_TCIA02_000_1" / "Brats18_TCIA02_000_1_seg.nii.gz"
    assert flair.patient == "Brats18_TCIA02_000"
    assert (flair.case, flair.channel) == ("Brats18_TCIA02_000_1", "flair")
    assert flair.label_names == {"necrosis": 1, "oedema": 2, "enhancing tumour": 4}
    assert Counter(s.channel for s in found.sources) == dict.fromkeys(kinds[:4], 286)
    assert by_name(found)[f"{held}_t1ce"].label is None
    assert {source.modality for source in found.sources} == {"mri"}
    assert found.notes == []
    assert_no_patient_on_two_sides(found)


def test_the_universal_model_takes_four_data_sets_at_once_with_the_splits_of_the_paper(tmp_path: Path) -> None:
    heart = {
        "modality": {"0": "MRI"},
        "training": [{"image": "imagesTr/la_003.nii.gz", "label": "labelsTr/la_003.nii.gz"}],
    }
    make(tmp_path, [f"a/LUNA16/subset{fold}/1.3.{fold}.mhd" for fold in range(10)])
    make(tmp_path, [f"b/volume-{n}.nii" for n in (0, 110, 111)])
    make(
        tmp_path,
        [f"b/HGG/B_{n}_1/B_{n}_1_{kind}.nii.gz" for n in range(3) for kind in ("flair", "t1", "t1ce", "t2", "seg")],
    )
    make(tmp_path, ["c/Task02_Heart/imagesTr/la_003.nii.gz", "c/Task02_Heart/imagesTs/la_001.nii.gz"])
    (tmp_path / "c/Task02_Heart/dataset.json").write_text(json.dumps({**heart, "test": ["imagesTs/la_001.nii.gz"]}))
    found = find_sources([tmp_path / "a", tmp_path / "b", tmp_path / "c"], "universal-model")
    sides = {name: source.split for name, source in by_name(found).items()}
    assert [sides[f"1.3.{fold}"] for fold in range(10)] == ["train"] * 7 + ["test"] * 3
    assert [sides[f"volume-{n}"] for n in (0, 110, 111)] == ["train", "train", "validation"]
    assert [sides[f"B_{n}_1_t1"] for n in range(3)] == ["train", "train", "test"]
    assert (sides["la_001"], sides["la_003"]) == ("train", "train")
    share = PRESETS["universal-paper"]["share"]
    assert [n for n in sides if any(fnmatchcase(n, pattern) for pattern in share)] == [
        *("volume-0", "volume-110", "volume-111"),
        *("la_003", "la_001"),
    ]
    assert_no_patient_on_two_sides(found)


def test_a_missing_segmentation_of_brats_is_told_once(tmp_path: Path) -> None:
    make(tmp_path, [f"HGG/case_1/case_1_{kind}.nii.gz" for kind in ("flair", "t1", "t1ce", "t2")])
    found = find_sources(tmp_path, "brats2018")
    assert len(found.sources) == 4
    assert [note.endswith("has no label, case_1_seg.nii.gz is missing") for note in found.notes] == [True]


@pytest.mark.parametrize("above", [False, True])
def test_msd_heart(tmp_path: Path, above: bool) -> None:
    root = tmp_path / "Task02_Heart"
    training, test = [f"la_{n:03d}.nii.gz" for n in range(20)], [f"la_{n:03d}.nii.gz" for n in range(20, 30)]
    make(root, [f"{folder}/{name}" for name in training for folder in ("imagesTr", "labelsTr", "imagesTr/.")])
    make(root, [*(f"imagesTs/{name}" for name in test), "imagesTr/._la_000.nii.gz"])
    content = {
        "name": "LeftAtrium",
        "modality": {"0": "MRI"},
        "training": [{"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"} for name in training],
        "test": [f"./imagesTs/{name}" for name in test],
    }
    (root / "dataset.json").write_text(json.dumps(content))
    found = find_sources(tmp_path if above else root, "msd-heart")
    assert splits(found) == {"train": 20, "test": 10}
    assert by_name(found)["la_007"].label == root / "labelsTr" / "la_007.nii.gz"
    assert {source.modality for source in found.sources} == {"mri"}
    assert_no_patient_on_two_sides(found)


def test_mmwhs(tmp_path: Path) -> None:
    cases = [f"{kind}_train/{kind}_train_{n}" for kind in ("ct", "mr") for n in range(1001, 1021)]
    files = [f"{case}_{part}.nii.gz" for case in cases for part in ("image", "label")]
    files += [f"{kind}_test/{kind}_test_{n}_image.nii.gz" for kind in ("ct", "mr") for n in range(2001, 2041)]
    found = find_sources(make(tmp_path, files), "mmwhs")
    assert splits(found) == {"train": 32, "test": 88}
    sources = by_name(found)
    assert (sources["ct_train_1016"].modality, sources["ct_train_1016"].split) == ("ct", "train")
    assert (sources["mr_train_1017"].modality, sources["mr_train_1017"].split) == ("mri", "test")
    assert sources["mr_train_1017"].label == tmp_path / "mr_train" / "mr_train_1017_label.nii.gz"
    assert sources["ct_test_2001"].label is None
    assert sources["mr_train_1010"].label_names["left atrium"] == [420, 421]
    assert_no_patient_on_two_sides(found)


def test_adni(tmp_path: Path) -> None:
    files = []
    for n in range(103):
        subject, series = f"{n % 50:03d}_S_{1000 + n}", "MPR__GradWarp__B1_Correction__N3__Scaled"
        for date, image in (("2006-05-19_16_17_47.0", 40000 + n), ("2007-05-02_10_00_00.0", 50000 + n)):
            file = f"ADNI_{subject}_MR_{series}_Br_20070808181617_S13408_I{image}.nii"
            files.append(f"ADNI/{subject}/{series}/{date}/I{image}/{file}")
    files += ["ADNI/000_S_1000/FDG/2006-05-19/I9/ADNI_000_S_1000_PT_FDG_Br_1_I9.nii", "ADNI/template.nii"]
    found = find_sources(make(tmp_path, files), "adni")
    subjects = {source.patient: source.split for source in found.sources}
    assert Counter(subjects.values()) == {"train": 82, "test": 21}
    assert len(found.sources) == 206
    assert "000_S_1000_I40000" in by_name(found)
    assert sorted(reason for _, reason in found.ignored) == [
        "PET by its name",
        "lies in no folder of a subject, as 002_S_0295",
    ]
    assert_no_patient_on_two_sides(found)


def test_chestxray8(tmp_path: Path) -> None:
    pictures = [f"{patient:08d}_{number:03d}.png" for patient in range(1, 101) for number in range(2)]
    folders = [f"images_{1 + i % 12:03d}/images" for i in range(len(pictures))]
    make(tmp_path, [f"{folder}/{name}" for folder, name in zip(folders, pictures, strict=True)])
    development, tested = pictures[:160], pictures[160:198]
    (tmp_path / "train_val_list.txt").write_text("\n".join(development))
    (tmp_path / "test_list.txt").write_text("\n".join(tested))
    rows = [f"{name},No Finding,0,{int(name[:8])},58,M,PA,2682,2749,0.143,0.143," for name in pictures[:199]]
    header = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position"
    (tmp_path / "Data_Entry_2017.csv").write_text("\n".join([header, *rows]))
    found = find_sources(tmp_path, "chestxray8")
    assert splits(found) == {"train": 144, "validation": 16, "test": 38, None: 2}  # 8 of 80 patients validate
    assert {source.modality for source in found.sources} == {"xray"}
    assert by_name(found)["00000003_001"].patient == "00000003"
    assert [note.partition(": ")[2] for note in found.notes] == [
        "2 pictures are in none of the lists",
        "1 pictures are not in the table Data_Entry_2017",
    ]
    assert_no_patient_on_two_sides(found)


def test_pictures_without_the_lists_have_no_split_and_that_is_told(tmp_path: Path) -> None:
    found = find_sources(make(tmp_path, ["images/00000001_000.png"]), "chestxray8")
    assert splits(found) == {None: 1}
    assert sum("missing, so its pictures have no split" in note for note in found.notes) == 2


def test_findings_of_chestxray8_are_classes(tmp_path: Path) -> None:
    make(tmp_path, [f"images_001/images/{n:08d}_000.png" for n in range(1, 5)])
    rows = ["00000001_000.png,Cardiomegaly|Emphysema,0", "00000002_000.png,No Finding,0", "00000003_000.png,Mass,1"]
    table = tmp_path / "Data_Entry_2017.csv"
    table.write_text("\n".join(["Image Index,Finding Labels,Follow-up #", *rows]))
    found = find_sources(tmp_path, "chestxray8")
    assert [s.classes for s in found.sources] == [("Cardiomegaly", "Emphysema"), (), ("Mass",), None]
    table.write_text("Image Index,Labels\n")
    with pytest.raises(SourceError, match=r"Data_Entry_2017\.csv: must have the columns .*: Finding Labels is missing"):
        find_sources(tmp_path, "chestxray8")


def test_a_table_of_adni_tells_diagnoses_and_splits_each_of_them(tmp_path: Path) -> None:
    subjects = [(f"{n % 50:03d}_S_{1000 + n}", "AD" if n < 47 else "CN") for n in range(103)]
    make(tmp_path, [f"ADNI/{subject}/MPR/2006-05-19/I{n}/a_I{n}.nii" for n, (subject, _) in enumerate(subjects)])
    make(tmp_path, ["ADNI/099_S_0001/MPR/2006-05-19/I900/a_I900.nii", "ADNI/000_S_1000/MPR/2008-05-19/I901/a_I901.nii"])
    rows = [f'"{n}","{subject}","{group}","F"' for n, (subject, group) in enumerate(subjects)]
    (tmp_path / "collection.csv").write_text("\n".join(['"Image Data ID","Subject","Group","Sex"', *rows]))
    found = find_sources(tmp_path, "adni")
    sides = {(s.patient, s.classes, s.split) for s in found.sources}
    assert Counter((classes, split) for _, classes, split in sides if classes) == {
        (("AD",), "train"): 37, (("AD",), "test"): 10, (("CN",), "train"): 45, (("CN",), "test"): 11,
    }  # fmt: skip
    assert by_name(found)["000_S_1000_I901"].classes == ("AD",)  # of the subject: the image is in no table
    assert by_name(found)["099_S_0001_I900"].classes is None
    assert found.notes == ["1 subjects are in no table of the archive, the first is 099_S_0001"]
    assert_no_patient_on_two_sides(found)


def test_brats2013(tmp_path: Path) -> None:
    patients = [f"HG/{n:04d}" for n in range(1, 21)] + [f"LG/{n:04d}" for n in range(1, 11)]
    kinds = [f"VSD.Brain.XX.O.MR_{name}" for name in ("Flair", "T1", "T1c", "T2")] + ["VSD.Brain_3more.XX.XX.OT"]
    files = [
        f"BRATS-2/Image_Data/{patient}/{kind}/{kind}.{n}.mha" for n, patient in enumerate(patients) for kind in kinds
    ]
    found = find_sources(make(tmp_path, [*files[:-1], "BRATS-2/VSD.Brain.XX.O.MR_T1.9.mha"]), "brats2013")
    assert Counter(s.split for s in found.sources if s.channel == "Flair") == {"train": 21, "test": 9}
    flair = by_name(found)["HG_0001_Flair"]
    assert flair.label == tmp_path / files[4]
    assert (flair.patient, flair.case, flair.channel, flair.modality) == ("HG_0001", "HG_0001", "Flair", "mri")
    assert by_name(found)["LG_0001_T1c"].patient == "LG_0001"  # another patient than HG/0001
    assert found.notes == ["LG_0010: has no label, VSD.Brain_3more.XX.XX.OT is missing"]
    assert [reason for _, reason in found.ignored] == ["lies in no folder of a grade, HG or LG, and a patient"]
    assert_no_patient_on_two_sides(found)


def test_lidc_idri(tmp_path: Path) -> None:
    patients = [f"LIDC-IDRI-{n:04d}" for n in range(1, 21)]
    make(tmp_path, [f"LIDC-IDRI/{patient}/study/ct.nii.gz" for patient in patients])
    make(tmp_path, [f"LIDC-IDRI/{patients[0]}/other/ct2.nii.gz", "LIDC-IDRI/LIDC-IDRI-0001/study/069.xml", "atlas.nii"])
    make(tmp_path, [f"masks/{patient}_nodules.nii.gz" for patient in patients[:18]])
    found = find_sources(tmp_path, "lidc-idri")
    sides = {source.patient: source.split for source in found.sources}
    assert Counter(sides.values()) == {"train": 10, "validation": 2, "test": 8}
    assert by_name(found)["LIDC-IDRI-0002"].label == tmp_path / "masks" / "LIDC-IDRI-0002_nodules.nii.gz"
    assert [s.name for s in found.sources if s.patient == patients[0]] == [
        f"{patients[0]}_ct2",
        f"{patients[0]}_ct",
    ]
    assert found.notes == ["2 patients have no mask, the first is LIDC-IDRI-0019"]
    assert (tmp_path / "atlas.nii", "lies in no folder of a patient, as LIDC-IDRI-0001") in found.ignored
    assert_no_patient_on_two_sides(found)
    make(tmp_path, ["masks/LIDC-IDRI-0001_nodule2.nii.gz"])
    with pytest.raises(SourceError, match=r"LIDC-IDRI-0001: must have one mask, which holds all nodules, got .* and "):
        find_sources(tmp_path, "lidc-idri")


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_folder_of_another_layout_is_refused_with_what_is_needed(tmp_path: Path, recipe: str) -> None:
    make(tmp_path, ["scans/a.nii.gz", "scans/b.png", "scans/c.mhd"])
    with pytest.raises(SourceError, match=f"recipe {recipe} needs .+ found none"):
        find_sources(tmp_path, recipe)
    with pytest.raises(SourceError, match="needs the folder of the dataset"):
        find_sources(tmp_path / "none", recipe)


def test_an_unknown_recipe_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"recipe must be one of luna16, lidc-idri, .+ got 'kits'"):
        find_sources(tmp_path, "kits")
