# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Batches with the classes of their volumes."""

from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from genesis_ext.data.classes import class_targets
from genesis_ext.data.loader import FixedSamples, GenesisLoader
from genesis_ext.data.sampling.settings import Sampling
from genesis_ext.data.sampling.split import whole_regions
from genesis_ext.data.store.volume_store import VolumeStore
from tests.data_layer.stores import entry_of, write_store

TOLD: tuple[tuple[str, ...] | None, ...] = (("a",), ("b", "old"), ("a", "c"), (), None)
ENTRIES = [entry_of(f"v{i}", (9, 8, 8), "mri", classes=classes) for i, classes in enumerate(TOLD)]
SAMPLING = Sampling(out_shape=(4, 4, 4))


@pytest.fixture
def store(tmp_path: Path) -> VolumeStore:
    return write_store(tmp_path / "store", ENTRIES)


def batch_of(store: VolumeStore, **options: Any) -> Any:
    given = {"regions": whole_regions(store.entries), "report": lambda line: None, **options}
    with GenesisLoader(store, 24, SAMPLING, **given) as loader:
        return next(islice(loader, 1, None))


@pytest.mark.parametrize(
    ("exclusive", "classes", "weights", "wanted"),
    [
        (True, ("b", "a"), (1, 1, 1, 0, 0), [1, 0, 1]),
        (False, ("a", "c"), (1, 1, 1, 1, 0), [[1.0, 0.0], [0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]),
    ],
)
def test_a_batch_tells_the_classes_of_its_volumes(
    store: VolumeStore, exclusive: bool, classes: Any, weights: Any, wanted: Any
) -> None:
    options: dict[str, Any] = {"classes": classes, "exclusive": exclusive, "weights": weights, "seed": 3}
    batch = batch_of(store, **options)
    assert list(batch) == ["input", "target", "scale", "modality", "sample_id", "volume", "box", "class"]
    assert batch["class"].tolist() == [wanted[volume] for volume in batch["volume"].tolist()]
    assert batch["class"].dtype == (torch.int64 if exclusive else torch.float32)
    assert set(batch["volume"].tolist()) == set(range(len(wanted)))
    (fixed,) = FixedSamples(store, whole_regions(ENTRIES), 24, 24, SAMPLING, **options)
    assert fixed["class"].tolist() == [wanted[volume] for volume in fixed["volume"].tolist()]
    plain = batch_of(store, weights=weights, seed=3)
    assert plain.keys() == batch.keys() - {"volume", "box", "class"}
    assert torch.equal(plain["input"], batch["input"])


def test_volumes_that_need_not_tell_have_no_class() -> None:
    assert class_targets(ENTRIES, ("a", "b"), True, (0, 1)).tolist() == [0, 1, -1, -1, -1]
    assert class_targets(ENTRIES, ("a",), False, (3,)).isnan().flatten().tolist() == [True, True, True, False, True]


@pytest.mark.parametrize(
    ("classes", "exclusive", "weights", "complaint"),
    [
        (("a", "b"), True, (1, 1, 1, 0, 1), "volume 'v4': its classes must be told, by the column class of a CSV"),
        (("a", "b"), True, (1, 1, 1, 1, 0), "volume 'v3': exactly one of the classes a, b must hold, got none"),
        (("a", "c", "b"), True, (1, 1, 1, 0, 0), "volume 'v2': exactly one of the classes a, c, b must hold, got a, c"),
        (("a",), True, None, r"classes must be at least 2 different names, got \('a',\)"),
        (("a", "a"), False, None, "classes must be at least 1 different names"),
        ("ab", True, None, "classes must be at least 2 different names, got 'ab'"),
    ],
)
def test_what_no_class_can_be_made_of_is_named(
    store: VolumeStore, classes: Any, exclusive: bool, weights: Any, complaint: str
) -> None:
    options: dict[str, Any] = {"classes": classes, "exclusive": exclusive, "weights": weights}
    with pytest.raises(ValueError, match=complaint):
        batch_of(store, **options)
    with pytest.raises(ValueError, match=complaint):
        FixedSamples(store, whole_regions(ENTRIES), 4, 4, SAMPLING, **options)
