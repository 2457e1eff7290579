# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import genesis_ext
from genesis_ext.data.loader import FIRST_VALIDATION_ID, Batch, FixedSamples, GenesisLoader
from genesis_ext.data.sampling.content import Foreground, LungContent
from genesis_ext.data.sampling.settings import Sampling
from genesis_ext.data.sampling.split import Region, split_regions, whole_regions
from genesis_ext.data.store.volume_store import VolumeStore
from tests.data_layer.stores import entry_of, noise, write_store

ENTRIES = [entry_of(f"c{i}", (20 + i, 18, 24)) for i in range(4)] + [
    entry_of(f"m{i}", (16, 22, 18 + i), "mri") for i in range(3)
]
BUDGET = 44_000  # bytes; two shards of one or two volumes
RULED = Sampling(out_shape=(16, 8, 8), content={"ct": LungContent(), "mri": Foreground()}, candidates=8)
CUBES = Sampling(out_shape=(8, 8, 8), cube=(8, 8, 8))


@pytest.fixture
def store(tmp_path: Path) -> VolumeStore:
    return write_store(tmp_path / "store", ENTRIES)


def quiet(text: str) -> None:
    """Say nothing."""


def batches(store: VolumeStore, count: int, batch_size: int = 8, sampling: Any = RULED, **options: Any) -> list[Batch]:
    given = {"regions": whole_regions(ENTRIES), "budget": BUDGET, "samples_a_volume": 8, "report": quiet, **options}
    with GenesisLoader(store, batch_size, sampling, **given) as loader:
        return list(islice(loader, count))


def same(a: Batch, b: Batch) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k].cpu()) for k in a)


def test_a_batch_has_five_entries_of_the_stated_types(store: VolumeStore) -> None:
    (batch,) = batches(store, 1, 6, transform=genesis_ext.GenesisTransform(seed=0, max_window=2))
    assert list(batch) == ["input", "target", "scale", "modality", "sample_id"]
    for name in ("input", "target"):
        assert batch[name].shape == (6, 1, 16, 8, 8)
        assert batch[name].dtype == torch.float32
        assert 0 <= float(batch[name].min()) < float(batch[name].max()) <= 1
    for name in ("scale", "modality", "sample_id"):
        assert batch[name].shape == (6,)
        assert batch[name].dtype == torch.int64
    assert batch["sample_id"].tolist() == [0, 1, 2, 3, 4, 5]
    assert not torch.equal(batch["input"], batch["target"])


def test_cubes_are_the_voxels_of_their_boxes_on_the_scale_of_the_window(store: VolumeStore) -> None:
    with GenesisLoader(store, 20, CUBES, regions=whole_regions(ENTRIES), report=quiet) as loader:
        _, resident, drawn = loader.draw(0)
        batch = next(loader)
    for n, (place, box) in enumerate(zip(drawn.volume_index, drawn.boxes.long().tolist(), strict=True)):
        entry, voxels, _ = store[resident.volumes[int(place)]]
        lo, hi = entry.window
        cut = voxels[tuple(slice(a, b) for a, b in zip(box[:3], box[3:], strict=True))]
        wanted = (cut.astype(np.float64) - lo) / (hi - lo)
        assert np.abs(batch["target"][n, 0].numpy() - wanted).max() < 1e-6  # float32
    assert torch.equal(batch["input"], batch["target"])


@pytest.mark.parametrize("placement", ["device", "pinned", "disk"])
@pytest.mark.parametrize("world_size", [2, 3, 4])
def test_all_ranks_together_give_what_one_process_gives(store: VolumeStore, placement: str, world_size: int) -> None:
    alone = batches(store, 12, placement=placement)
    parts = [batches(store, 12, placement=placement, rank=rank, world_size=world_size) for rank in range(world_size)]
    for step, whole in enumerate(alone):
        joined = {name: torch.cat([part[step][name] for part in parts]) for name in whole}
        assert same(whole, joined)
        assert whole["sample_id"].tolist() == list(range(8 * step, 8 * step + 8))


@pytest.mark.parametrize("placement", ["device", "pinned", "disk"])
def test_a_run_that_starts_at_a_step_has_the_batches_of_one_that_came_there(store: VolumeStore, placement: str) -> None:
    whole = batches(store, 20, placement=placement, transform=genesis_ext.GenesisTransform(seed=4, max_window=2))
    for start in (1, 7, 19):
        again = batches(
            store,
            20 - start,
            placement=placement,
            start_step=start,
            transform=genesis_ext.GenesisTransform(seed=4, max_window=2),
        )
        assert all(same(a, b) for a, b in zip(whole[start:], again, strict=True))


def test_shards_that_rotate_give_the_same_from_host_memory_and_disk_and_all_volumes_in_turn(store: VolumeStore) -> None:
    pinned, disk = (batches(store, 30, placement=name) for name in ("pinned", "disk"))
    assert all(same(a, b) for a, b in zip(pinned, disk, strict=True))
    with GenesisLoader(
        store, 8, RULED, regions=whole_regions(ENTRIES), placement="disk", budget=BUDGET, report=quiet
    ) as loader:
        assert len(loader.placement.layout.shards) > 2
        seen = set()
        for step in range(sum(loader.placement.layout.steps)):
            _, resident, drawn = loader.draw(step)
            seen |= {resident.volumes[place] for place in drawn.volume_index.tolist()}
    assert seen == set(range(len(ENTRIES)))


def test_seeds_and_placements_of_another_layout_change_the_batches(store: VolumeStore) -> None:
    (a,), (b,), (c,) = batches(store, 1), batches(store, 1, seed=1), batches(store, 1, placement="disk")
    assert not torch.equal(a["target"], b["target"])
    assert not torch.equal(a["target"], c["target"])


def test_without_regions_the_training_side_of_the_split_is_cut(store: VolumeStore) -> None:
    train, _ = split_regions(ENTRIES)
    with GenesisLoader(store, 8, Sampling(), report=quiet) as loader:
        _, resident, _ = loader.draw(0)
    assert set(resident.volumes) == {region.volume for region in train}


def test_volumes_of_weight_zero_are_not_even_loaded(store: VolumeStore) -> None:
    weights = [0, 1, 3, 0, 0, 1, 1]
    with GenesisLoader(store, 400, Sampling(), regions=whole_regions(ENTRIES), weights=weights, report=quiet) as loader:
        _, resident, drawn = loader.draw(0)
    assert resident.volumes == (1, 2, 5, 6)
    seen = drawn.volume_index.bincount()
    assert seen[1] > 2 * seen[0] > 0


def test_what_is_loaded_and_shrunk_borders_are_said_once(store: VolumeStore) -> None:
    said: list[str] = []
    batches(store, 5, sampling=Sampling(borders=(100, 100, 30)), placement="disk", report=said.append)
    assert [text.split()[0] for text in said] == ["borders", "7", "not"]
    assert "from disk to cpu in" in said[1]


def test_modalities_without_a_part_in_the_mix_are_not_even_loaded(store: VolumeStore) -> None:
    only = Sampling(mix={"mri": 1})
    drawn = batches(store, 9, sampling=only, placement="disk")
    assert set(torch.cat([batch["modality"] for batch in drawn]).tolist()) == {1}
    with GenesisLoader(store, 8, only, regions=whole_regions(ENTRIES), report=quiet) as loader:
        held = [volume for shard in loader.placement.layout.shards for volume in shard]
    assert {ENTRIES[volume].modality for volume in held} == {"mri"}


def test_validation_samples_are_fixed_and_come_in_whole_batches(store: VolumeStore) -> None:
    regions = split_regions(ENTRIES)[1]
    options: dict[str, Any] = {
        "sampling": RULED,
        "transform": genesis_ext.GenesisTransform(seed=1, max_window=2),
        "seed": 5,
    }
    fixed = FixedSamples(store, regions, 10, 4, **options)
    first, second = list(fixed), list(fixed)
    assert len(fixed) == len(first) == 3
    assert all(same(a, b) for a, b in zip(first, second, strict=True))
    assert torch.cat([b["sample_id"] for b in first]).tolist() == [FIRST_VALIDATION_ID + i for i in range(12)]
    (larger,) = FixedSamples(store, regions, 12, 12, **options)
    assert same({name: torch.cat([b[name] for b in first]) for name in larger}, larger)


def test_validation_samples_that_are_constant_are_told(tmp_path: Path) -> None:
    entries = [entry_of(name, (16, 16, 16), "mri") for name in ("a", "b")]
    blank = np.zeros((16, 16, 16), np.int16)
    store = write_store(tmp_path / "store", entries, [blank, noise(entries[1])])
    said: list[str] = []
    for volume, allow in ((0, True), (1, False), (0, False)):
        sampling = Sampling(out_shape=(8, 8, 8), allow_constant=allow)
        FixedSamples(store, whole_regions(entries)[volume : volume + 1], 6, 3, sampling, report=said.append)
        assert len(said) == (volume == 0 and not allow)
    assert said[0].startswith("warning: 6 of 6 fixed patches are constant")


def test_validation_samples_are_those_that_a_loader_would_cut(store: VolumeStore) -> None:
    regions = whole_regions(ENTRIES)
    (fixed,) = FixedSamples(store, regions, 12, 12, RULED, seed=2)
    with GenesisLoader(
        store, 12, RULED, regions=regions, seed=2, start_step=FIRST_VALIDATION_ID // 12 + 1, report=quiet
    ) as loader:
        batch = next(loader)
    first = int(batch["sample_id"][0]) - FIRST_VALIDATION_ID
    assert 0 <= first < 12
    assert all(torch.equal(batch[name][: 12 - first], fixed[name][first:]) for name in fixed)


def test_wrong_arguments_are_named(store: VolumeStore) -> None:
    for options, rule in (
        ({"rank": 2, "world_size": 2}, r"rank must be in \[0, world_size\), got 2 of 2"),
        ({"world_size": 9}, "batch_size counts the samples of all ranks and must be at least 9, got 8"),
        ({"start_step": -1}, "start_step must be at least 0"),
        ({"samples_a_volume": 0}, "samples_a_volume at least 1"),
        ({"regions": [Region(0, (0, 0, 0), (2, 2, 2))], "sampling": CUBES}, "holds no box"),
        ({"regions": []}, "at least one region"),
    ):
        with pytest.raises(ValueError, match=rule):
            batches(store, 1, **options)  # type: ignore[arg-type]


@pytest.mark.cuda
@pytest.mark.parametrize("placement", ["device", "pinned", "disk"])
def test_batches_on_a_gpu_are_those_of_the_cpu(store: VolumeStore, placement: str) -> None:
    transform = genesis_ext.GenesisTransform(seed=1, max_window=2)
    here = batches(store, 20, placement=placement, transform=transform)
    there = batches(store, 20, placement=placement, transform=transform, device="cuda")
    assert all(same(a, b) for a, b in zip(here, there, strict=True))


def test_fixed_samples_take_volumes_evenly_where_asked_and_boxes_differ_within_each(tmp_path: Path) -> None:
    entries = [entry_of(f"v{i}", (20, 20, 20), "mri" if i == 2 else "ct") for i in range(3)]
    low = [-900, 0, 20_000]  # so that values tell the volume
    voxels = [(noise(e) % 400 + least).astype("int16") for e, least in zip(entries, low, strict=True)]
    store = write_store(tmp_path, entries, voxels)
    sampling = Sampling(out_shape=(8, 8, 8), allow_constant=True)
    samples = FixedSamples(store, whole_regions(entries), 15, 4, sampling, evenly=True)
    x = torch.cat([batch["input"] for batch in samples]).flatten(1)
    assert [int(torch.bucketize(mean, torch.tensor([0.4, 0.609]))) for mean in x.mean(1)] == [
        0,
        1,
        2,
        *[0, 1, 2] * 4,
        0,
    ]
    assert len(x.unique(dim=0)) == 16
