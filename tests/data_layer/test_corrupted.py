# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Labels that are eroded or dilated at random: by how much, how often, and never what must stay."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from genesis_ext.data.store.corrupted import CorruptedLabels, dilated
from genesis_ext.data.store.volume_store import VolumeStore
from tests.data_layer.stores import entry_of, write_store

SHAPE = (20, 18, 16)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> VolumeStore:
    """40 volumes with a box of 1, next to it one of 2, and 3 to be ignored."""
    path = tmp_path_factory.mktemp("labels") / "store"
    label = np.zeros(SHAPE, np.uint8)
    label[4:10, 4:14, 4:12], label[10:16, 4:14, 4:12], label[:, :, 15] = 1, 2, 3
    names = {"a": 1, "b": 2, "ignore": 3}
    entries = [entry_of(f"v{i}", SHAPE, label_names=names) for i in range(40)]
    write_store(path, entries, [np.zeros(SHAPE, np.int16)] * 40, [label] * 40)
    return VolumeStore(path)


def changed(store: VolumeStore, share: float, seed: int = 0, radius: int = 2) -> list[NDArray[np.uint8]]:
    corrupted = CorruptedLabels(store.path, share, seed, radius)
    return [corrupted.array(i, label=True) for i in range(len(store))]


def test_sizes_are_those_of_a_ball_of_steps_through_faces(store: VolumeStore) -> None:
    cross = ndimage.generate_binary_structure(3, 1)
    stored = store.array(0, label=True)
    counts: dict[tuple[str, int], int] = {}
    for label in changed(store, 1.0):
        assert np.array_equal(label == 3, stored == 3)  # what is ignored stays so
        for value in (1, 2):
            was, now = stored == value, label == value
            kind = "eroded" if now.sum() < was.sum() else "dilated"
            steps = next(
                steps
                for steps in (1, 2)
                if (
                    np.array_equal(now, ndimage.binary_erosion(was, cross, steps, border_value=1))
                    if kind == "eroded"
                    else not (now & ~ndimage.binary_dilation(was, cross, steps)).any()
                )
            )
            counts[kind, steps] = counts.get((kind, steps), 0) + 1
            if kind == "dilated":
                assert not (now & ~was & (stored != 0)).any()  # grown into background alone
    assert len(counts) == 4
    assert all(10 <= count <= 30 for count in counts.values())  # 20 are expected of each


def test_the_share_is_that_of_the_structures(store: VolumeStore) -> None:
    stored = store.array(0, label=True)
    assert all(np.array_equal(label, stored) for label in changed(store, 0.0))
    untouched = sum(np.array_equal(label, stored) for label in changed(store, 0.5))
    assert 3 <= untouched <= 18  # a quarter of 40 is expected


def test_seed_and_name_decide(store: VolumeStore) -> None:
    first, again, other = changed(store, 0.5), changed(store, 0.5), changed(store, 0.5, seed=1)
    assert all(map(np.array_equal, first, again))
    assert not all(map(np.array_equal, first, other))
    # A larger share corrupts what a smaller one does, and more.
    stored, more = store.array(0, label=True), changed(store, 0.8)
    touched = [i for i, label in enumerate(first) if not np.array_equal(label, stored)]
    assert all(not np.array_equal(more[i], stored) for i in touched)


def test_images_and_files_stay_as_they_are(store: VolumeStore) -> None:
    corrupted = CorruptedLabels(store.path, 1.0)
    assert np.array_equal(corrupted.array(0), store.array(0))
    corrupted.array(0, label=True)[:] = 9
    store.verify()
    assert corrupted.checksum == store.checksum


def test_growth_ends_at_the_ends() -> None:
    mask = np.zeros((3, 1, 4), bool)
    mask[0, 0, 0] = True
    assert np.argwhere(dilated(mask, 1)).tolist() == [[0, 0, 0], [0, 0, 1], [1, 0, 0]]
    assert dilated(mask, 5).all()
    assert not dilated(np.zeros((2, 2), bool), 3).any()


@pytest.mark.parametrize(("share", "radius"), [(-0.1, 1), (1.1, 1), (0.5, 0)])
def test_bad_numbers_are_refused(store: VolumeStore, share: float, radius: int) -> None:
    with pytest.raises(ValueError, match=r"share must be in \[0, 1\] and radius at least 1"):
        CorruptedLabels(store.path, share, 0, radius)


def test_a_store_without_labels_says_so(tmp_path: Path) -> None:
    write_store(tmp_path / "plain", [entry_of("v", SHAPE)], [np.zeros(SHAPE, np.int16)])
    with pytest.raises(ValueError, match="has no label"):
        CorruptedLabels(tmp_path / "plain", 0.5).array(0, label=True)
