# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_ext.data.sampling.folds import fold_regions, folds_of
from genesis_ext.data.store.entry import StoredVolume
from tests.data_layer.stores import entry_of


def volume(number: int, patient: str, **told: Any) -> StoredVolume:
    return entry_of(f"v{number}", (8, 8, 8), patient=patient, **told)


PATIENTS = {f"p{i}": (i % 5 == 0, None if i % 4 else i % 3, "test" if i in (3, 11) else None) for i in range(30)}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(sorted(PATIENTS)), min_size=25, max_size=80),
    st.integers(3, 5),
    st.integers(0, 2**64 - 1),
    st.randoms(use_true_random=False),
)
def test_no_patient_is_ever_on_two_sides(names: list[str], folds: int, seed: int, order: Any) -> None:
    entries = []
    for number, name in enumerate([*names, *sorted(PATIENTS)]):
        positive, fold, split = PATIENTS[name]
        told = {"fold": fold, "split": split} if number % 2 or number >= len(names) else {}
        entries.append(volume(number, name, classes=("a",) if positive else (), **told))
    found = folds_of(entries, folds, seed)
    of: dict[str, set[Any]] = defaultdict(set)
    for entry, fold in zip(entries, found, strict=True):
        of[entry.patient].add(fold)
    assert all(len(sides) == 1 for sides in of.values())
    for name, (_, fold, split) in PATIENTS.items():
        assert split is None or of[name] == {None}
        assert split is not None or fold is None or of[name] == {fold}
    shuffled = list(range(len(entries)))
    order.shuffle(shuffled)
    assert folds_of([entries[i] for i in shuffled], folds, seed) == tuple(found[i] for i in shuffled)
    for k in range(folds):
        train, validation = fold_regions(entries, k, folds, seed=seed)
        assert {entries[r.volume].patient for r in train}.isdisjoint(entries[r.volume].patient for r in validation)
        assert sorted(r.volume for r in validation) == [i for i, fold in enumerate(found) if fold == k]
        assert len(train) + len(validation) == sum(fold is not None for fold in found)


def test_folds_are_of_one_size_and_have_every_class_alike() -> None:
    classes = [("rare",)] * 5 + [("rare", "common")] * 6 + [("common",)] * 30 + [()] * 63
    entries = [volume(i, f"p{i}", classes=names) for i, names in enumerate(classes)]
    found = folds_of(entries, 5, seed=3)
    assert sorted(Counter(found).values()) == [20, 21, 21, 21, 21]
    for name in ("rare", "common"):
        counts = Counter(k for k, names in zip(found, classes, strict=True) if name in names)
        assert max(counts.values()) - min(counts.values()) <= 1
        assert len(counts) == 5
    assert folds_of(entries, 5, seed=3) == found != folds_of(entries, 5, seed=4)
    without = [replace(entry, classes=None) for entry in entries]
    assert sorted(Counter(folds_of(without, 5)).values()) == [20, 21, 21, 21, 21]


def test_a_stored_fold_counts_where_the_others_are_dealt() -> None:
    entries = [volume(i, f"p{i}", fold=0 if i < 4 else None, split="validation" if i == 9 else None) for i in range(12)]
    assert Counter(folds_of(entries, 3)) == {0: 4, 1: 4, 2: 4}


@pytest.mark.parametrize(
    ("entries", "folds", "complaint"),
    [
        ([volume(0, "p")], 1, "folds must be at least 2, got 1"),
        ([volume(0, "p"), volume(1, "q")], 3, "every fold must have a patient, and fold 2 of 3 has none of the 2"),
        ([volume(0, "p", fold=3)], 3, "v0: its fold must be below the number of folds, 3, got 3"),
        ([volume(0, "p", fold=0), volume(1, "p", fold=1)], 2, "patient p is in two folds: v0 in 0, v1 in 1"),
        ([volume(0, "p", split="test"), volume(1, "p", split="train")], 2, "patient p is on two sides"),
    ],
)
def test_what_cannot_be_dealt_is_named(entries: list[StoredVolume], folds: int, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        folds_of(entries, folds)


def test_volumes_that_hold_no_box_are_left_out_by_name() -> None:
    entries = [volume(0, "p", fold=0), volume(1, "q", fold=1), entry_of("small", (4, 8, 8), fold=1)]
    said: list[str] = []
    train, validation = fold_regions(entries, 0, 2, (8, 8, 8), report=said.append)
    assert (len(train), len(validation)) == (1, 1)
    assert said == ["left out small: its 4x8x8 voxels hold no box of 8x8x8"]
    with pytest.raises(ValueError, match="fold 1 of 2 leaves nothing for validation"):
        fold_regions([replace(e, fold=int(e.name == "small")) for e in entries], 1, 2, (8, 8, 8), report=said.append)
    with pytest.raises(ValueError, match=r"fold must be in \[0, 2\), got 2"):
        fold_regions(entries, 2, 2)
