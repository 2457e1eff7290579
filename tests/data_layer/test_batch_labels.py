# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Batches with labels: cut at the boxes of their volumes, moved with the voxels, placed in the body."""

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import genesis_ext
from genesis_ext.data.loader import Batch, FixedSamples, GenesisLoader
from genesis_ext.data.placement import placement
from genesis_ext.data.placement.room import Beside, volume_bytes
from genesis_ext.data.sampling.settings import Sampling
from genesis_ext.data.sampling.split import whole_regions
from genesis_ext.data.store.volume_store import StoreError, VolumeStore
from genesis_ext.transforms import RotationTransform
from tests.data_layer.images import random_voxels
from tests.data_layer.stores import entry_of, write_store

AFFINE = ((0.0, 1.5, 0.0, 7.0), (-2.0, 0.0, 0.0, 3.0), (0.0, 0.0, 0.5, -9.0), (0.0, 0.0, 0.0, 1.0))
ENTRIES = [
    entry_of("c0", (20, 18, 24), affine=AFFINE, label_names={"organ": 1, "ignore": 3}),
    entry_of("c1", (21, 18, 24)),
    entry_of("m0", (16, 22, 18), "mri", label_names={"ignore": 0}),
    entry_of("m1", (16, 22, 19), "mri", affine=AFFINE),
]
LABELS = [random_voxels(e.shape, 0, 6, seed).astype(np.uint8) for seed, e in enumerate(ENTRIES[:3])]
LABELS.append(random_voxels(ENTRIES[3].shape, -700, 700).astype(np.int16))
CUBES = Sampling(out_shape=(8, 8, 8), cube=(8, 8, 8))
IGNORED = (3, None, 0, None)
TWO_SHARDS = 80_000  # bytes


@pytest.fixture
def store(tmp_path: Path) -> VolumeStore:
    return write_store(tmp_path / "store", ENTRIES, labels=LABELS)


def quiet(text: str) -> None:
    """Say nothing."""


def batches(store: VolumeStore, count: int, sampling: Sampling = CUBES, **options: Any) -> list[Batch]:
    given = {"regions": whole_regions(store.entries), "report": quiet, "labels": True, **options}
    with GenesisLoader(store, 12, sampling, **given) as loader:
        return list(islice(loader, count))


def plain(batch: Batch) -> Batch:
    """Without what comes with labels."""
    return {name: tensor for name, tensor in batch.items() if name not in ("label", "mask", "volume", "box")}


def same(a: Batch, b: Batch) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name].cpu()) for name in a)


@pytest.mark.parametrize("name", ["device", "pinned", "disk"])
def test_labels_are_those_of_the_boxes_from_every_placement(store: VolumeStore, name: Any) -> None:
    seen = set()
    for batch in batches(store, 8, placement=name, budget=TWO_SHARDS, samples_a_volume=8):
        assert list(batch) == ["input", "target", "label", "mask", "scale", "modality", "sample_id", "volume", "box"]
        assert (batch["label"].dtype, batch["mask"].dtype) == (torch.int64, torch.bool)
        assert batch["label"].shape == batch["mask"].shape == batch["input"].shape
        for n, (volume, box) in enumerate(zip(batch["volume"].tolist(), batch["box"].long().tolist(), strict=True)):
            seen.add(volume)
            part = tuple(slice(a, b) for a, b in zip(box[:3], box[3:], strict=True))
            wanted = torch.from_numpy(LABELS[volume][part].astype(np.int64))
            assert torch.equal(batch["label"][n, 0], wanted)
            assert torch.equal(batch["mask"][n, 0], wanted != (99_999 if IGNORED[volume] is None else IGNORED[volume]))
            lo, hi = ENTRIES[volume].window
            assert np.abs(batch["input"][n, 0].numpy() * (hi - lo) + lo - store[volume].voxels[part]).max() < 0.01
    assert seen == {0, 1, 2, 3}


def test_without_labels_batches_are_the_same_and_no_label_is_read(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_labels = batches(store, 3, Sampling(out_shape=(6, 8, 4)))
    for file in store.path.glob("volumes/*.label.npy"):
        file.write_bytes(b"")
    without = batches(store, 3, Sampling(out_shape=(6, 8, 4)), labels=False)
    assert all(same(plain(a), b) for a, b in zip(with_labels, without, strict=True))
    assert volume_bytes(store, CUBES, Beside(torch.int16))[0] - volume_bytes(store, CUBES)[0] == 2 * ENTRIES[0].voxels


@pytest.mark.parametrize("out_shape", [(7, 5, 3), (7, 5)])
def test_the_affine_of_a_patch_leads_to_the_voxels_that_it_shows(store: VolumeStore, out_shape: Any) -> None:
    """At the millimetres of each voxel of the patch lies that label in the volume."""
    (batch,) = batches(store, 1, Sampling(out_shape=out_shape))
    shape = (*out_shape, 1)[:3]
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")).reshape(3, -1)
    checked = 0
    for n, volume in enumerate(batch["volume"].tolist()):
        mm = store.entries[volume].patch_affine(batch["box"][n].tolist(), out_shape) @ np.vstack(
            (index, np.ones(index.shape[1]))
        )
        at = (np.linalg.inv(np.array(ENTRIES[volume].affine)) @ mm)[:3]
        sure = np.abs(at - np.floor(at) - 0.5).min(axis=0) > 1e-3  # no tie between two voxels
        checked += int(sure.sum())
        there = LABELS[volume][tuple(np.rint(at).astype(int))]
        assert np.array_equal(batch["label"][n].numpy().ravel()[sure], there[sure])
    assert checked > batch["label"].numel() / 4


def test_labels_are_flipped_with_the_target(tmp_path: Path) -> None:
    entries = [entry_of(name, (16, 15, 14), "mri", window=(0.0, 5.0)) for name in ("a", "b")]
    marks = [random_voxels(e.shape, 0, 6, seed).clip(0, 5).astype(np.int16) for seed, e in enumerate(entries)]
    store = write_store(tmp_path / "store", entries, marks, marks)
    for dims, sampling in ((3, CUBES), (2, Sampling(out_shape=(8, 8), cube=(8, 8)))):
        transform = genesis_ext.GenesisTransform(max_window=2, spatial_dims=dims)
        raw, moved = (batches(store, 4, sampling, transform=t) for t in (None, transform))
        for a, b in zip(raw, moved, strict=True):
            assert torch.equal((b["target"] * 5).round().long(), b["label"])
            assert not torch.equal(a["label"], b["label"])
            assert b["mask"].all()
    batch, ids = torch.rand(2, 1, 8, 8, 8), torch.arange(2)
    with pytest.raises(ValueError, match=r"label must have the N and the spatial shape of the batch \(2, 1, 8, 8, 8\)"):
        genesis_ext.GenesisTransform(max_window=2)(batch, ids, batch[:, :, :4])


def test_samples_that_validate_have_the_labels_that_a_loader_cuts(store: VolumeStore) -> None:
    def shifted(x: Tensor, ids: Tensor, label: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return x, x + 1, label.roll(1, dims=2)

    options: dict[str, Any] = {"transform": shifted, "seed": 3, "labels": True}
    fixed = FixedSamples(store, whole_regions(ENTRIES), 24, 8, CUBES, **options)
    first = list(fixed)
    assert len(fixed) == len(first) == 3
    assert all(same(a, b) for a, b in zip(first, fixed, strict=True))
    ids = torch.cat([batch["sample_id"] for batch in first])
    with GenesisLoader(store, 24, CUBES, regions=whole_regions(ENTRIES), report=quiet, **options) as loader:
        assert same({name: torch.cat([batch[name] for batch in first]) for name in first[0]}, loader.make(0, ids))


def test_volumes_without_a_label_and_transforms_that_take_none_are_refused(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", ENTRIES, labels=[*LABELS[:3], None])
    with pytest.raises(StoreError, match="volume 'm1' has no label: leave it out, in a loader by weight 0"):
        batches(store, 1)
    (batch,) = batches(store, 1, weights=(1, 1, 1, 0))
    assert 3 not in batch["volume"]
    rotation = RotationTransform()
    for transform in (rotation, lambda x, ids: (x, x)):
        with pytest.raises(
            ValueError, match=r"GenesisLoader: with labels, transform must take \(batch, sample_id, label\)"
        ):
            batches(store, 1, transform=transform)
        with pytest.raises(ValueError, match="FixedSamples: with labels"):
            FixedSamples(store, whole_regions(ENTRIES), 4, 4, CUBES, transform, labels=True)


def test_labels_count_where_room_is_needed(store: VolumeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = sum(volume_bytes(store, CUBES))
    monkeypatch.setattr(placement, "free_bytes", lambda device: needed)
    batches(store, 1, labels=False)
    with_labels = sum(volume_bytes(store, CUBES, Beside(torch.int16)))
    with pytest.raises(placement.PlacementError, match=f"needs {with_labels:,} bytes"):
        batches(store, 1)


@pytest.mark.cuda
@pytest.mark.parametrize("name", ["device", "pinned", "disk"])
def test_labels_on_a_gpu_are_those_of_the_cpu(store: VolumeStore, name: str) -> None:
    options: dict[str, Any] = {"placement": name, "budget": TWO_SHARDS, "samples_a_volume": 8}
    options["transform"] = genesis_ext.GenesisTransform(seed=1, max_window=2)
    here, there = (batches(store, 12, device=device, **options) for device in ("cpu", "cuda"))
    assert all(same(a, b) for a, b in zip(here, there, strict=True))
