# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from genesis_ext.data.sampling.split import Region, split_regions, whole_regions
from genesis_ext.data.store.entry import StoredVolume
from tests.data_layer.stores import entry_of

CUBE = (8, 8, 8)


def entries_of(*modality_and_shape: tuple[str, tuple[int, int, int]]) -> list[StoredVolume]:
    return [entry_of(f"v{i}", shape, modality) for i, (modality, shape) in enumerate(modality_and_shape)]


def volumes(regions: list[Region]) -> list[int]:
    return [region.volume for region in regions]


def quiet(text: str) -> None:
    """Say nothing."""


def test_of_a_single_scan_the_last_fifth_along_the_longest_axis_validates() -> None:
    train, validation = split_regions(entries_of(("ct", (50, 100, 40))), CUBE)
    assert train == [Region(0, (0, 0, 0), (50, 80, 40))]
    assert validation == [Region(0, (0, 80, 0), (50, 100, 40))]


def test_a_fifth_is_widened_to_the_smallest_box() -> None:
    train, validation = split_regions(entries_of(("ct", (20, 10, 10))), CUBE)
    assert (train[0].hi, validation[0].lo) == ((12, 10, 10), (12, 0, 0))


def test_a_scan_is_cut_at_the_grid() -> None:
    train, validation = split_regions(entries_of(("ct", (39, 10, 10))), CUBE, grid=4)
    assert (train[0].hi, validation[0].lo) == ((28, 10, 10), (28, 0, 0))


def test_a_scan_whose_longest_axis_is_too_short_is_cut_along_another() -> None:
    train, validation = split_regions(entries_of(("ct", (30, 20, 10))), (16, 8, 8))
    assert (train[0].hi, validation[0].lo) == ((30, 12, 10), (0, 12, 0))


def test_every_fifth_patient_of_a_modality_validates_with_all_volumes() -> None:
    entries = [entry_of(f"v{i}", CUBE, "ct", patient=f"p{i // 2}") for i in range(20)]
    entries += [entry_of(f"m{i}", CUBE, "mri") for i in range(3)]
    train, validation = split_regions(entries, CUBE)
    assert volumes(validation) == [8, 9, 18, 19, 22]
    assert sorted(volumes(train) + volumes(validation)) == list(range(23))


def test_a_patient_seen_in_two_modalities_is_on_one_side() -> None:
    entries = [entry_of(f"c{i}", CUBE, "ct", patient=f"p{i}") for i in range(5)]
    entries += [entry_of(f"m{i}", CUBE, "mri", patient=f"p{4 - i}") for i in range(5)]
    train, validation = split_regions(entries, CUBE)
    assert {entries[v].patient for v in volumes(validation)} == {"p4"}
    assert volumes(validation) == [4, 5]
    assert len(train) == 8


def test_a_patient_whose_only_mri_is_cut_trains_in_ct() -> None:
    entries = [entry_of("a", (40, 8, 8), "ct", patient="p"), entry_of("b", (40, 8, 8), "ct", patient="q")]
    entries += [entry_of("c", (40, 8, 8), "mri", patient="q")]
    train, validation = split_regions(entries, CUBE)
    assert volumes(validation) == [0, 2]
    assert [(r.volume, r.hi[0]) for r in train] == [(1, 40), (2, 32)]


def test_one_ct_and_one_mri_are_each_cut() -> None:
    train, validation = split_regions(entries_of(("ct", (40, 8, 8)), ("mri", (8, 40, 8))), CUBE)
    assert volumes(train) == volumes(validation) == [0, 1]


def test_the_split_of_the_store_is_kept_unless_another_is_asked_for() -> None:
    marks = ("train", "validation", "test", None, "validation")
    entries = [entry_of(f"v{i}", (40, 8, 8), split=mark) for i, mark in enumerate(marks)]
    assert [volumes(side) for side in split_regions(entries, CUBE)] == [[0, 3], [1, 4]]
    assert [volumes(side) for side in split_regions(entries, CUBE, "patients")] == [[0, 1, 3], [4]]
    assert [volumes(side) for side in split_regions(entries, CUBE, "fifth")] == [[0, 1, 3, 4]] * 2


def test_a_modality_without_validation_volumes_is_split_by_patients_who_train_in_no_other() -> None:
    said: list[str] = []
    entries = [entry_of(f"c{i}", CUBE, split=mark) for i, mark in enumerate(("train", "validation", "test"))]
    entries += [entry_of("both", CUBE, patient="p", split="train")]
    entries += [entry_of(f"m{i}", CUBE, "mri", patient="p" if i == 4 else f"m{i}", split="train") for i in range(6)]
    train, validation = split_regions(entries, CUBE, report=said.append)
    assert (volumes(train), volumes(validation)) == ([0, 3, 4, 5, 6, 7, 8], [1, 9])
    assert said == ["no volume of mri is marked validation: some that are marked train validate"]


def test_a_store_without_validation_volumes_is_split_by_patient_and_its_test_volumes_left_alone() -> None:
    entries = [entry_of(f"v{i}", CUBE, split="test" if i % 2 else "train") for i in range(6)]
    assert [volumes(side) for side in split_regions(entries, CUBE)] == [[0, 2], [4]]


def test_training_and_validation_never_share_a_voxel() -> None:
    entries = entries_of(("ct", (33, 41, 25)), ("mri", (16, 9, 9)), ("mri", (92, 96, 24)))
    for split in ("auto", "fifth"):
        used = [np.zeros(entry.shape, int) for entry in entries]
        for side in split_regions(entries, CUBE, split):  # type: ignore[arg-type]
            for region in side:
                used[region.volume][tuple(slice(a, b) for a, b in zip(region.lo, region.hi, strict=True))] += 1
        assert all(own.min() == own.max() == 1 for own in used)


def test_small_volumes_are_left_out_and_named() -> None:
    said: list[str] = []
    train, validation = split_regions(
        entries_of(("ct", (8, 8, 7)), ("ct", CUBE), ("ct", CUBE)), CUBE, report=said.append
    )
    assert volumes(train) + volumes(validation) == [1, 2]
    assert said == ["left out v0: its 8x8x7 voxels hold no box of 8x8x8"]
    assert volumes(whole_regions(entries_of(("ct", (8, 8, 7)), ("ct", CUBE)), CUBE)) == [1]


def test_data_without_room_for_validation_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing for validation"):
        split_regions(entries_of(("ct", (15, 15, 15))), CUBE)
    with pytest.raises(ValueError, match="nothing for training"):
        split_regions(entries_of(("ct", (15, 15, 15))), CUBE, "patients")
    with pytest.raises(ValueError, match="0 usable volumes"):
        split_regions(entries_of(("ct", (7, 15, 15))), CUBE, report=quiet)


def test_a_patient_marked_for_two_sides_is_refused() -> None:
    entries = [
        entry_of("a", CUBE, patient="p", split="train"),
        entry_of("b", CUBE, patient="p", split="validation"),
        entry_of("c", CUBE),
    ]
    with pytest.raises(ValueError, match="patient p is on two sides of the split: a is marked train, b validation"):
        split_regions(entries, CUBE)
    assert [volumes(side) for side in split_regions(entries, CUBE, "patients")] == [[0, 1], [2]]
    with pytest.raises(ValueError, match="a is marked test, b train"):
        split_regions([entry_of("a", CUBE, patient="p", split="test"), *entries[1:]], CUBE, "patients")


def test_a_volume_without_a_mark_goes_with_its_patient() -> None:
    entries = [
        entry_of("a", CUBE, patient="p", split="validation"),
        entry_of("b", CUBE, patient="p"),
        entry_of("c", CUBE, patient="q", split="test"),
        entry_of("d", CUBE, patient="q"),
        entry_of("e", CUBE),
    ]
    assert [volumes(side) for side in split_regions(entries, CUBE)] == [[4], [0, 1]]
