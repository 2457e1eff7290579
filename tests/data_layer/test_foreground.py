# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Boxes that must hold a labelled voxel, against a draw in plain Python that looks at the labels themselves."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats

from genesis_ext.data.loader import FixedSamples, GenesisLoader
from genesis_ext.data.placement.room import Beside, Room, volume_bytes
from genesis_ext.data.placement.transfer import copy_from_disk
from genesis_ext.data.sampling import foreground
from genesis_ext.data.sampling.content import Foreground
from genesis_ext.data.sampling.foreground import TABLE, LabelTables, chosen_ranks
from genesis_ext.data.sampling.sampler import SubvolumeSampler
from genesis_ext.data.sampling.settings import Sampling, box_ranges
from genesis_ext.data.sampling.split import MODALITIES, Region
from genesis_ext.data.store.entry import StoredVolume
from genesis_ext.data.store.volume_store import StoreError, VolumeStore
from genesis_ext.reference.philox import Purpose, below, happens, words
from tests.data_layer.stores import entry_of, write_store
from tests.graphs import NoWaiting

SEED, SHARE = 11, 0.4
ENTRIES = [
    entry_of("m", (24, 30, 20), "mri"),
    entry_of("c", (26, 22, 40), label_names={"organ": 1, "rare": 7, "ignore": 9}),
    entry_of("none", (20, 20, 20)),
]
REGIONS = [
    Region(0, (0, 0, 0), (24, 30, 20)),
    Region(1, (0, 0, 20), (26, 22, 40)),  # the far half first, and of another modality than the region before
    Region(2, (0, 0, 0), (20, 20, 20)),
    Region(1, (0, 0, 0), (26, 22, 20)),
]


def labels() -> list[NDArray[Any]]:
    first, second = np.zeros(ENTRIES[0].shape, np.int16), np.zeros(ENTRIES[1].shape, np.uint8)
    first[3:6, 20:22, 4:9], first[12, 12, 12] = -300, 500
    second[5:20, 5:18, 10:30], second[25, 21, 0], second[0, 0, 39], second[2:4] = 1, 7, 7, 9
    return [first, second, np.zeros(ENTRIES[2].shape, np.uint8)]


LABELS = labels()


@pytest.fixture
def store(tmp_path: Path) -> VolumeStore:
    return write_store(tmp_path / "store", ENTRIES, labels=LABELS)


def drawn_from(
    store: VolumeStore, sampling: Sampling, volumes: Sequence[int] = (0, 1, 2), **more: Any
) -> SubvolumeSampler:
    device = torch.device(more.get("device", "cpu"))
    beside = Beside(torch.int16, LabelTables(store, REGIONS, sampling))
    resident = Room(store, [volumes], sampling, device, beside=beside).fill(volumes, copy_from_disk(store, device))
    sampler = SubvolumeSampler(store.entries, REGIONS, sampling, SEED, **more)
    return sampler.on(volumes, resident.tables, resident.labelled)


def plain_table(entry: StoredVolume, label: NDArray[Any], region: Region, sampling: Sampling) -> dict[int, list[Any]]:
    """By value, rising, the voxels that every scale of the region reaches; more than there is room for: a choice."""
    ranges, found = box_ranges(entry, region, sampling), {}
    for value in sorted(set(label.ravel().tolist()) - {0, entry.ignore_label}):
        reached = [
            tuple(voxel)
            for voxel in np.argwhere(label == value).tolist()
            if all(
                any(
                    r.first[a] + k * r.step[a] <= voxel[a] < r.first[a] + k * r.step[a] + r.side[a]
                    for k in range(r.starts[a])
                )
                for r in ranges
                for a in range(3)
            )
        ]
        if reached and (not sampling.label_values or value in sampling.label_values):
            found[value] = reached
    for value, voxels in found.items():
        room = (TABLE - 1 - len(found)) // len(found)
        if len(voxels) > room:
            parts = [range(i * len(voxels) // room, (i + 1) * len(voxels) // room) for i in range(room)]
            found[value] = [voxels[p[0] + ((i * 0x9E3779B1) % 2**32 * len(p) >> 32)] for i, p in enumerate(parts)]
    return found


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(label_share=SHARE, allow_constant=True, scales=(0.5, 0.3), scale_weights=(1, 1)),
        Sampling(label_share=SHARE, allow_constant=True, cube=(8, 8, 8), borders=(3, 2, 30), label_values=(1, 500)),
        Sampling(label_share=SHARE, allow_constant=True, out_shape=(8, 8)),
        Sampling(label_share=SHARE, content={"mri": Foreground(), "ct": Foreground()}, candidates=5),
    ],
    ids=["scales", "borders", "slices", "rules"],
)
def test_the_draws_are_those_of_the_specification(
    store: VolumeStore, sampling: Sampling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreground, "_SLAB", 700)  # a label is looked at in several parts
    ids = torch.arange(2**62, 2**62 + 300)
    regions, scales, starts = (part.numpy() for part in drawn_from(store, sampling).draw(ids))
    ordered = [region for m in MODALITIES for region in REGIONS if ENTRIES[region.volume].modality == m]
    tables = [plain_table(ENTRIES[r.volume], LABELS[r.volume], r, sampling) for r in ordered]
    forced_boxes = 0
    for n, sample in enumerate(ids.tolist()):
        region, scale = ordered[regions[n]], scales[n]
        head, *candidates = words(SEED, sample, Purpose.SUBVOLUME, range(1 + starts.shape[1]))
        r = box_ranges(ENTRIES[region.volume], region, sampling)[scale]
        table, voxel = tables[regions[n]], None
        if table and happens(head[3], SHARE):
            values, word = list(table.values()), int(candidates[0][3])
            number, rest = word * len(values) >> 32, word * len(values) % 2**32
            voxel = values[number][rest * len(values[number]) >> 32]
            forced_boxes += 1
        for c, place in enumerate(candidates):
            for axis in range(3):
                allowed = [r.first[axis] + k * r.step[axis] for k in range(r.starts[axis])]
                if voxel is not None:
                    allowed = [start for start in allowed if start <= voxel[axis] < start + r.side[axis]]
                assert starts[n, c, axis] == allowed[below(place[axis], len(allowed))]
    assert forced_boxes > 50


def test_forced_boxes_hold_their_label_at_the_asked_share_and_values_come_alike(store: VolumeStore) -> None:
    sampling = Sampling(out_shape=(8, 8, 8), cube=(8, 8, 8), label_share=0.25, mix={"mri": 1}, allow_constant=True)
    count = 4000
    forced = words(SEED, np.arange(count), Purpose.SUBVOLUME, 0)[:, 3] >> 8 < 2**22
    boxes = drawn_from(store, sampling)(torch.arange(count)).boxes.long().numpy()
    assert stats.binomtest(int(forced.sum()), count, 0.25).pvalue > 0.001
    held = [set(LABELS[0][tuple(slice(a, b) for a, b in box.reshape(2, 3).T)].ravel().tolist()) for box in boxes]
    assert all(h - {0} for h in np.array(held, object)[forced])
    rare = sum(500 in h for h in np.array(held, object)[forced])  # one voxel of 61
    assert stats.binomtest(rare, int(forced.sum()), 0.5).pvalue > 0.001
    free = drawn_from(store, replace(sampling, label_share=0.0))(torch.arange(count)).boxes.long().numpy()
    assert np.array_equal(boxes[~forced], free[~forced])


def test_of_many_voxels_a_table_holds_some_from_all_over() -> None:
    assert chosen_ranks(5, 9).tolist() == [0, 1, 2, 3, 4]
    assert chosen_ranks(0, 9).tolist() == []
    ranks = chosen_ranks(100_000, 1000)
    assert (np.diff(ranks) > 0).all()
    assert (ranks // 100).tolist() == list(range(1000))
    assert stats.chisquare(np.bincount(ranks % 10)).pvalue > 0.001  # no step that a row of voxels could share


def test_a_table_has_the_length_that_memory_is_counted_with(store: VolumeStore) -> None:
    sampling = Sampling(label_share=SHARE)
    tables = LabelTables(store, REGIONS, sampling)
    with_tables = volume_bytes(store, sampling, Beside(None, tables))
    assert [a - b for a, b in zip(with_tables, volume_bytes(store, sampling), strict=True)] == [
        4 * TABLE,
        8 * TABLE,
        4 * TABLE,
    ]


@pytest.mark.parametrize("placement", ["device", "pinned", "disk"])
def test_every_placement_and_what_validates_give_boxes_that_hold_a_label(store: VolumeStore, placement: Any) -> None:
    sampling = Sampling(out_shape=(6, 6, 6), cube=(6, 6, 6), label_share=1.0)
    options: dict[str, Any] = {"labels": True, "seed": SEED}
    with GenesisLoader(
        store, 8, sampling, regions=REGIONS, weights=(1, 1, 0), placement=placement, budget=330_000, samples_a_volume=8,
        report=lambda line: None, **options,
    ) as loader:  # fmt: skip
        assert len(loader.placement.layout.shards) == (1 if placement == "device" else 2)
        for batch in islice(loader, 6):
            assert (batch["label"] * batch["mask"]).flatten(1).any(1).all()
        fixed = FixedSamples(store, REGIONS, 16, 16, sampling, weights=(1, 1, 0), **options)
        (batch,) = fixed
        assert (batch["label"] * batch["mask"]).flatten(1).any(1).all()
        if placement == "device":
            assert torch.equal(loader.make(0, batch["sample_id"])["box"], batch["box"])


def test_drawing_never_asks_the_device_for_a_value(store: VolumeStore) -> None:
    sampler, ids = drawn_from(store, Sampling(label_share=SHARE)), torch.arange(40)
    with NoWaiting():
        boxes = sampler(ids).boxes
    assert torch.equal(boxes, sampler(ids).boxes)


def test_what_cannot_be_served_is_refused(store: VolumeStore, tmp_path: Path) -> None:
    sampling = Sampling(label_share=SHARE, allow_constant=True)
    with pytest.raises(ValueError, match=r"GenesisLoader: a label_share of 0\.4 needs labels=True"):
        GenesisLoader(store, 4, sampling, regions=REGIONS)
    with pytest.raises(ValueError, match="label_share acts, and needs the tables of labelled voxels"):
        SubvolumeSampler(ENTRIES, REGIONS, sampling)(torch.arange(2))
    label = np.arange(math.prod(ENTRIES[2].shape)).reshape(ENTRIES[2].shape).astype(np.int16)
    many = write_store(tmp_path / "many", ENTRIES[2:], labels=[label])
    with pytest.raises(
        StoreError, match=r"volume 'none': its label must have at most 4095 values for label_share, got 79"
    ):
        LabelTables(many, [Region(0, (0, 0, 0), (20, 20, 20))], sampling).write(torch.zeros(1, TABLE), (0,))
    for field, value in (("label_share", 1.5), ("label_values", (0, 1))):
        with pytest.raises(ValueError, match=f"Sampling: {field} must"):
            Sampling(**{field: value})


@pytest.mark.cuda
def test_boxes_on_a_gpu_are_those_of_the_cpu(store: VolumeStore) -> None:
    sampling, ids = Sampling(label_share=SHARE), torch.arange(100)
    here, there = drawn_from(store, sampling)(ids), drawn_from(store, sampling, device="cuda")(ids.cuda())
    assert torch.equal(here.boxes, there.boxes.cpu())
