# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Patches around candidates, against the voxels of their volumes."""

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from genesis_ext import ops
from genesis_ext.data.batch import Batch
from genesis_ext.data.candidates import CandidateLoader, Candidates, EveryCandidate
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.reference.philox import Purpose, below, words
from tests.data_layer.stores import entry_of, write_store
from tests.graphs import NoWaiting

ENTRIES = [
    entry_of(
        "a", (20, 18, 24), spacing_mm=(1.0, 2.0, 0.5), affine=tuple(map(tuple, np.diag((1.0, 2.0, 0.5, 1.0)).tolist()))
    ),
    entry_of("b", (12, 12, 12), "mri"),
    entry_of("c", (22, 18, 24)),
]
PATCH = (6, 5, 4)
COUNT = 60


@pytest.fixture
def store(tmp_path: Path) -> VolumeStore:
    return write_store(tmp_path / "store", ENTRIES)


def table(store: VolumeStore, positives: int = 4) -> Candidates:
    """Spread over the volumes, their edges included; the first ones are positive."""
    drawn = words(5, np.arange(COUNT), Purpose.CROP, 0)
    volume = np.arange(COUNT) % 3
    shape = np.array([entry.shape for entry in ENTRIES])[volume]
    voxel = drawn[:, :3] / 2.0**32 * shape - 0.5
    spacing = np.array([entry.spacing_mm for entry in ENTRIES])[volume]
    return Candidates.of_points(store, volume, voxel * spacing, np.arange(COUNT) < positives, ("no", "yes"))


def loader(store: VolumeStore, candidates: Candidates, batch_size: int = 12, **options: Any) -> CandidateLoader:
    return CandidateLoader(store, candidates, batch_size, PATCH, **{"report": lambda line: None, **options})


def unit(store: VolumeStore, volume: int) -> Any:
    """Voxels in [0, 1], with zeros around."""
    lo, hi = ENTRIES[volume].window
    return np.pad(((np.array(store[volume].voxels, np.float64) - lo) / (hi - lo)).clip(0, 1), 8)


def same(a: Batch, b: Batch) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name].cpu()) for name in a)


def test_a_patch_holds_the_voxels_around_its_candidate_and_zeros_outside(store: VolumeStore) -> None:
    candidates = table(store)
    outside = 0
    for batch in EveryCandidate(store, candidates, 16, PATCH):
        for n, row in enumerate(batch["candidate"].tolist()):
            volume, center = int(batch["volume"][n]), candidates.center[row]
            first = np.floor(center - np.array(PATCH) / 2 + 0.5).astype(int)
            assert (abs(first + np.array(PATCH) / 2 - center) <= 0.5).all()
            part = tuple(slice(a + 8, a + 8 + n) for a, n in zip(first, PATCH, strict=True))
            assert np.abs(batch["input"][n, 0].numpy() - unit(store, volume)[part]).max() < 1e-6
            assert batch["box"][n].tolist() == [*first, *(first + PATCH)]
            assert (volume, int(batch["class"][n])) == (candidates.volume[row], candidates.target[row])
            outside += (first < 0).any()
    assert outside > 5


def test_a_spacing_gives_patches_of_one_size_in_millimetres(store: VolumeStore) -> None:
    candidates, patch = table(store).of([0]), (8, 4, 1)
    (batch,) = EveryCandidate(store, candidates, COUNT, patch, spacing_mm=(0.5, 1.0, 3.0))
    side = batch["box"][:, 3:] - batch["box"][:, :3]
    assert (side - torch.tensor([4.0, 2.0, 1.0])).abs().max() < 1e-5  # boxes are float32; one voxel of z stays one
    center = (batch["box"][:, 3:] + batch["box"][:, :3]).numpy() / 2
    assert np.abs(center[:, :2] - candidates.center[:, :2]).max() < 1e-5
    wanted = ops.crop_resize(store.packed([0]), [0] * len(candidates), batch["box"], patch, fill=-1000)
    assert torch.equal(batch["input"], wanted)
    (slices,) = EveryCandidate(store, candidates, COUNT, (8, 4), spacing_mm=(0.5, 1.0, 3.0))
    assert torch.equal(slices["input"], batch["input"].squeeze(-1))


def test_the_draws_are_those_of_the_specification(store: VolumeStore) -> None:
    candidates = table(store)
    with loader(store, candidates, mix={"no": 2, "yes": 3}, seed=-7) as batches:
        batch = batches.make(0, torch.arange(2**62, 2**62 + 50))
    for n, sample in enumerate(range(2**62, 2**62 + 50)):
        head = words(-7, sample, Purpose.SUBVOLUME, 0)
        kind = int(below(head[0], 5) >= 2)
        own = np.flatnonzero(candidates.target == kind)
        assert (batch["candidate"][n], batch["class"][n]) == (own[below(head[1], len(own))], kind)


@pytest.mark.parametrize(("mix", "share"), [("balanced", 0.5), ("candidates", 4 / COUNT), ({"no": 1, "yes": 9}, 0.9)])
def test_classes_come_as_the_mix_says_and_their_candidates_alike(store: VolumeStore, mix: Any, share: float) -> None:
    with loader(store, table(store), mix=mix) as batches:
        batch = batches.make(0, torch.arange(4000))
    positive = batch["class"] == 1
    assert stats.binomtest(int(positive.sum()), 4000, share).pvalue > 0.001
    assert stats.chisquare(batch["candidate"][positive].bincount(minlength=4)).pvalue > 0.001
    assert stats.chisquare(batch["candidate"][~positive].bincount(minlength=COUNT)[4:]).pvalue > 0.001


@pytest.mark.parametrize("placement", ["pinned", "disk"])
def test_where_volumes_rotate_a_shard_gives_its_own_candidates(store: VolumeStore, placement: Any) -> None:
    said: list[str] = []
    options: dict[str, Any] = {"placement": placement, "budget": 42_000, "samples_a_volume": 12, "report": said.append}
    candidates = table(store, positives=1)
    with loader(store, candidates, **options) as batches:
        shards = batches.placement.layout.shards
        assert len(shards) > 1
        seen = set()
        for batch in islice(batches, 8):
            resident = set(batch["volume"].tolist())
            assert any(resident <= set(shard) for shard in shards)
            assert bool((batch["class"] == 1).any()) == (0 in resident)
            seen |= resident
        assert seen == {0, 1, 2}
    assert any(
        line.startswith(f"{len(shards) - 1} of {len(shards)} shards have no candidate of class yes") for line in said
    )


def test_ranks_and_restarts_give_the_batches_of_one_process(store: VolumeStore) -> None:
    candidates = table(store)
    with loader(store, candidates, seed=3) as whole:
        steps = list(islice(whole, 3))
        again = whole.make(1)
    assert same(again, steps[1])
    parts = [next(loader(store, candidates, seed=3, rank=rank, world_size=2, start_step=2)) for rank in (0, 1)]
    assert same({name: torch.cat([part[name] for part in parts]) for name in parts[0]}, steps[2])


@pytest.mark.parametrize(("batch_size", "world_size"), [(7, 1), (16, 2), (200, 1), (1, 3)])
def test_every_candidate_comes_once(store: VolumeStore, batch_size: int, world_size: int) -> None:
    candidates, seen = table(store).of([0, 2]), []
    for rank in range(world_size):
        batches = EveryCandidate(store, candidates, batch_size, PATCH, rank=rank, world_size=world_size)
        sizes = [len(batch["input"]) for batch in batches]
        assert len(sizes) == len(batches)
        assert set(sizes[:-1]) <= {batch_size}
        seen += [row for batch in batches for row in batch["candidate"].tolist()]
    assert sorted(seen) == candidates.row.tolist()
    assert list(EveryCandidate(store, candidates.of([1]), 4, PATCH)) == []


def test_training_and_evaluation_cut_the_same_patches_and_transforms_act(store: VolumeStore) -> None:
    candidates = table(store)
    with loader(store, candidates, transform=lambda x, ids: (x + 1, x)) as batches:
        trained = batches.make(0)
    (whole,) = EveryCandidate(store, candidates, COUNT, PATCH, lambda x, ids: (x - 1, x))
    at = {row: n for n, row in enumerate(whole["candidate"].tolist())}
    places = [at[row] for row in trained["candidate"].tolist()]
    assert torch.equal(whole["target"][places], trained["target"])
    assert torch.equal(trained["input"], trained["target"] + 1)
    assert torch.equal(whole["input"], whole["target"] - 1)
    assert whole["sample_id"].tolist() == [2**62 + row for row in whole["candidate"].tolist()]


def test_drawing_and_cutting_never_ask_the_device_for_a_value(store: VolumeStore) -> None:
    with loader(store, table(store)) as batches:
        ids = torch.arange(12)
        wanted = batches.make(0, ids)
        with NoWaiting():
            batch = batches.make(0, ids)
    assert same(batch, wanted)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"mix": {"maybe": 1}}, "whole numbers of at least 0 by class of no, yes, got {'maybe': 1}"),
        ({"mix": {"yes": 0.5}}, "mix must be balanced, candidates, or whole numbers"),
        ({"mix": "half"}, "mix must be balanced"),
        ({"mix": {"no": 0}}, "mix must give a class a weight above 0"),
        ({"spacing_mm": 0}, "spacing_mm must be above 0, got 0"),
        ({"rank": 1}, r"CandidateLoader: rank must be in \[0, world_size\), got 1 of 1"),
        ({"start_step": -1}, "CandidateLoader: start_step must be at least 0"),
    ],
)
def test_what_breaks_its_rule_is_named(store: VolumeStore, options: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        loader(store, table(store), **options)


def test_a_class_without_candidates_is_named_before_training(store: VolumeStore) -> None:
    with pytest.raises(ValueError, match="mix must draw no class without candidates, and class yes has none"):
        loader(store, table(store, positives=0))
    with pytest.raises(ValueError, match="EveryCandidate: batch_size must be at least 1"):
        EveryCandidate(store, table(store), 0, PATCH)


@pytest.mark.cuda
def test_patches_on_a_gpu_are_those_of_the_cpu(store: VolumeStore) -> None:
    candidates = table(store)
    for spacing in (None, (0.7, 1.1, 0.9)):
        with (
            loader(store, candidates, spacing_mm=spacing) as here,
            loader(store, candidates, spacing_mm=spacing, device="cuda") as there,
        ):
            assert same(here.make(0), there.make(0))
