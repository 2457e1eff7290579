# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Who trains and who validates, and what is said of data that do not fit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.training.engine.run_data import RunData
from genesis_ext.training.finetuning.config import FinetuneConfig
from genesis_ext.training.finetuning.data import TaskData, choose_sides
from tests.data_layer.stores import entry_of, write_store
from tests.training.finetuning.phantoms import CONFIG, quiet, write_phantoms

SHAPE = (16, 16, 16)
BODY = np.zeros(SHAPE, np.uint8)
BODY[4:9, 4:9, 4:9], BODY[5:7, 5:7, 5:7] = 1, 2
NAMES = {"organ": 1, "lesion": 2}


def stored(path: Path, volumes: list[dict[str, Any]], labels: Any = BODY) -> VolumeStore:
    """A store of volumes with these fields; labels: of all, or of each."""
    given = labels if isinstance(labels, list) else [labels] * len(volumes)
    entries = [entry_of(f"v{i}", SHAPE, **({"label_names": NAMES} | fields)) for i, fields in enumerate(volumes)]
    return write_store(path, entries, labels=given)


def sides(config: FinetuneConfig, store: VolumeStore, other: VolumeStore | None = None) -> TaskData:
    return choose_sides(config, RunData(store, other), quiet)


def test_folds_divide_the_patients_and_the_store_s_split_goes_before(tmp_path: Path) -> None:
    store = write_phantoms(tmp_path / "store")
    held = [set(sides(CONFIG.but(fold=fold), store).validation_patients) for fold in range(4)]
    assert set.union(*held) == {entry.patient for entry in store.entries}
    assert sum(map(len, held)) == 8
    assert set(sides(CONFIG, store).validation_patients) == held[0]
    for fold, validation in enumerate(held):
        assert validation.isdisjoint(sides(CONFIG.but(fold=fold), store).patients)
    split = ["train", "train", "validation", "test", "train"]
    store = stored(tmp_path / "split", [{"split": side} for side in split])
    chosen = sides(CONFIG, store)
    assert (chosen.patients, chosen.validation_patients) == (("v0", "v1", "v4"), ("v2",))
    assert chosen.test_patients == ("v3",)
    assert "v3" not in {*sides(CONFIG.but(fold=1), store).patients}  # tests stay out of the folds


def test_fewer_patients_are_among_more_and_the_seed_chooses_them(tmp_path: Path) -> None:
    store = write_phantoms(tmp_path / "store", 16)
    everyone = sides(CONFIG, store)
    few, more = (set(sides(CONFIG.but(label_fraction=share), store).patients) for share in (0.25, 0.5))
    assert (len(few), len(more), len(everyone.patients)) == (3, 6, 12)
    assert few < more < set(everyone.patients)
    assert set(sides(CONFIG.but(train_patients=3), store).patients) == few
    assert sides(CONFIG.but(train_patients=3), store).validation_patients == everyone.validation_patients
    others = [set(sides(CONFIG.but(train_patients=3, fold=0, seed=seed), store).patients) for seed in (1, 2)]
    assert others == [few, few]  # the seed of the run does not
    assert set(sides(CONFIG.but(train_patients=6, split_seed=3), store).patients) != more
    with pytest.raises(ValueError, match="train_patients must be at most those that there are, 12, got 13"):
        sides(CONFIG.but(train_patients=13), store)


def test_classes_are_those_that_the_labels_name_or_that_are_asked_for(tmp_path: Path) -> None:
    store = stored(tmp_path / "named", [{} for _ in range(4)])
    answer = sides(CONFIG, store).answer
    assert answer.classes == ("background", "organ", "lesion")
    assert answer.values == ((0,), (1,), (2,))
    asked = sides(CONFIG.but(classes=("all=1,2", "lesion"), exclusive=False), store).answer
    assert (asked.classes, asked.values, asked.exclusive) == (("all", "lesion"), ((1, 2), (2,)), False)
    assert sides(CONFIG.but(classes=("lesion",)), store).answer.classes == ("background", "lesion")
    plain = stored(tmp_path / "plain", [{"label_names": None} for _ in range(4)])
    assert sides(CONFIG, plain).answer.classes == ("background", "1", "2")
    ignored = {"label_names": {"background": 0, "organ": 1, "ignore": 2}}
    assert sides(CONFIG, stored(tmp_path / "ignored", [ignored] * 4)).answer.classes == ("background", "organ")


def changed(value: int) -> Any:
    label = BODY.copy()
    label[0, 0, 0] = value
    return label


@pytest.mark.parametrize(
    ("volumes", "labels", "settings", "complaint"),
    [
        ([{}] * 4, [BODY] * 3 + [changed(7)], {}, r"v3: its label holds the value 7, which no class has: classes are "),
        ([{}] * 4, BODY * (BODY == 1), {}, r"no volume that trains has a voxel of lesion=2"),
        (
            [{"split": "train"}] * 3 + [{"split": "validation"}],
            [BODY] * 3 + [BODY * (BODY == 1)],
            {},
            r"no volume that validates has a voxel of lesion=2",
        ),
        ([{}] * 4, BODY * 0, {"classes": ()}, r"no volume that trains has a voxel of organ=1"),
        ([{"label_names": None}] * 4, BODY * 0, {}, "the labels hold nothing but background"),
        (
            [{}, {"label_names": {"organ": 1, "tumour": 2}}, {}, {}],
            BODY,
            {},
            r"labels must all have the same classes, and v\d has .*, v\d ",
        ),
        ([{}] * 4, BODY, {"classes": ("tumour",)}, "there is no tumour, the labels name organ, lesion"),
        ([{}] * 4, BODY, {"classes": ("organ=x",)}, "classes must be NAME, NAME=VALUE or NAME=VALUE,VALUE, got organ"),
        ([{}] * 4, BODY, {"classes": ("air=0",)}, r"classes must have values above 0, which is the background"),
        ([{}] * 4, BODY, {"classes": ("a=1", "a=2")}, "classes must be different names, got a=1, a=2"),
        ([{}] * 4, BODY, {"classes": ("all=1,2", "lesion")}, "all and lesion have the value 2: --no-exclusive"),
        ([{}] * 4, BODY, {"class_weights": (1.0, 2.0)}, "class_weights must be one for each of background, or"),
        ([{}] * 4, None, {}, "no volume has a label"),
        (
            [{"patient": "a", "split": "train"}, {"patient": "a", "split": "validation"}, {}, {}],
            BODY,
            {},
            "patient a is on two sides of the split: v0 is marked train, v1 validation",
        ),
        ([{"patient": "a"}] * 4, BODY, {}, "every fold must have a patient"),
        ([{}] * 4, BODY, {"task": "classification"}, "no volume has a class"),
        (
            [{"classes": (name,)} for name in "abababab"],
            None,
            {"task": "classification", "classes": ("a", "c")},
            "no volume that trains is of class c",
        ),
        (
            [{"classes": (name,), "split": "train" if i < 2 else "validation"} for i, name in enumerate("abaa")],
            None,
            {"task": "classification", "classes": ("a",), "exclusive": False},
            "every volume that validates is of class a",
        ),
        ([{"classes": ("a",)}] * 4, None, {"task": "classification"}, "a classification needs two classes at least"),
    ],
)  # fmt: skip
def test_data_that_do_not_fit_are_named_before_training(
    volumes: list[dict[str, Any]], labels: Any, settings: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    store = stored(tmp_path / "store", volumes, labels)
    with pytest.raises(ValueError, match=complaint):
        sides(CONFIG.but(**settings), store)


def test_a_patient_of_two_stores_does_not_train_and_validate(tmp_path: Path) -> None:
    store, other = write_phantoms(tmp_path / "a"), write_phantoms(tmp_path / "b", 4, "q")
    chosen = sides(CONFIG, store, other)
    assert (len(chosen.patients), len(chosen.validation_patients)) == (8, 4)
    with pytest.raises(ValueError, match="p0 must not both train and validate"):
        sides(CONFIG, store, store)
    named = stored(tmp_path / "c", [{"patient": "p3", "label_names": {"body": 1}}], BODY)
    with pytest.raises(ValueError, match="patient p3 must not both train and validate, and is in"):
        sides(CONFIG, store, named)


def test_volumes_without_a_label_are_left_out_and_counted(tmp_path: Path) -> None:
    said: list[str] = []
    store = stored(tmp_path / "store", [{}] * 6, [BODY] * 5 + [None])
    chosen = choose_sides(CONFIG, RunData(store), said.append)
    assert "left out 1 of 6 volumes, which have no label: the first is v5" in said
    assert "v5" not in {*chosen.patients, *chosen.validation_patients}
