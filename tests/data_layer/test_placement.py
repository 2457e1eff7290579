# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from genesis_ext.data.placement import placement as module
from genesis_ext.data.placement import transfer
from genesis_ext.data.placement.placement import (
    Placement,
    PlacementError,
    check_fit,
    free_bytes,
)
from genesis_ext.data.placement.room import Resident, volume_bytes
from genesis_ext.data.sampling.content import Foreground, LungContent, table_length
from genesis_ext.data.sampling.settings import Sampling
from genesis_ext.data.store.volume_store import StoreError, VolumeStore
from tests.data_layer.stores import entry_of, write_store

ENTRIES = [entry_of(f"c{i}", (9 + i, 8, 12)) for i in range(4)] + [
    entry_of(f"m{i}", (8, 11, 9 + i), "mri") for i in range(3)
]
EVERYTHING = range(len(ENTRIES))
RULED = Sampling(content={"ct": LungContent(), "mri": Foreground()})
TWO = 5_504  # bytes that hold the largest volume with its tables twice, and little more


@pytest.fixture
def store(tmp_path: Path) -> VolumeStore:
    return write_store(tmp_path / "store", ENTRIES)


def quiet(text: str) -> None:
    """Say nothing."""


def placement(store: VolumeStore, name: Any, **options: Any) -> Placement:
    return Placement(store, EVERYTHING, RULED, name, **{"budget": TWO, "report": quiet, **options})


def assert_holds_its_volumes(resident: Resident, store: VolumeStore) -> None:
    packed = resident.packed
    for place, volume in enumerate(resident.volumes):
        entry, voxels, _ = store[volume]
        begin = int(packed.offset[place])
        assert np.array_equal(packed.voxels[begin : begin + entry.voxels].numpy().reshape(entry.shape), voxels)
        assert tuple(packed.shape[place].tolist()) == entry.shape
        assert tuple(packed.window[place].tolist()) == entry.window


def test_a_store_on_the_device_is_there_whole_and_stays(store: VolumeStore) -> None:
    given = placement(store, "device")
    first = given.at(0)
    assert first.volumes == tuple(EVERYTHING)
    assert_holds_its_volumes(first, store)
    assert given.at(10**9) is first
    given.close()


@pytest.mark.parametrize("name", ["pinned", "disk"])
def test_at_every_step_the_shard_whose_turn_it_is_is_there(store: VolumeStore, name: str) -> None:
    given = placement(store, name, seed=3)
    assert len(given.layout.shards) > 3
    seen = set()
    for step in [*range(3 * sum(given.layout.steps)), 2, 200, 201, 5]:  # also back and far ahead
        resident = given.at(step)
        assert resident.volumes == given.layout.shards[given.layout.turn(step).shard]
        assert_holds_its_volumes(resident, store)
        seen.add((resident.volumes, resident.room))
    assert {volume for volumes, _ in seen for volume in volumes} == set(EVERYTHING)
    given.close()


def test_tables_are_those_of_the_shard(store: VolumeStore) -> None:
    def tables(resident: Resident) -> dict[tuple[int, int], torch.Tensor]:
        found, begin = {}, 1
        for kind, (rules, grid) in enumerate(RULED.tables):
            for volume in resident.volumes:
                length = table_length(ENTRIES[volume], rules, grid)
                found[kind, volume] = resident.tables[begin : begin + length].clone()
                begin += length
        assert begin <= len(resident.tables)
        return found

    rotating, whole = placement(store, "disk"), tables(placement(store, "device").at(0))
    assert len(whole) == 2 * len(ENTRIES)
    assert all(table.any() for table in whole.values())
    for step in range(sum(rotating.layout.steps)):
        for key, table in tables(rotating.at(step)).items():
            assert torch.equal(table, whole[key])
    rotating.close()


def test_the_next_shard_is_copied_while_one_serves(store: VolumeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []
    fill = module.Room.fill

    def noted(self: Any, *arguments: Any) -> Resident:
        threads.append(threading.current_thread())
        return fill(self, *arguments)

    monkeypatch.setattr(module.Room, "fill", noted)
    given = placement(store, "disk")
    given.at(0)
    given._thread.submit(lambda: None).result()  # all that was begun is done
    assert len(threads) == 2
    assert threading.main_thread() not in threads
    given.close()


def test_a_file_that_vanishes_meanwhile_is_named(store: VolumeStore) -> None:
    given = placement(store, "disk")
    for entry in store.entries:
        (store.path / entry.file).unlink()
    with pytest.raises(StoreError, match=r"\.npy: (unreadable|missing)"):
        for step in range(100):
            given.at(step)
    given.close()


def test_a_volume_comes_whole_and_in_order_through_two_small_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    class Event:
        recorded = waited = 0

        def record(self) -> None:
            self.recorded += 1

        def synchronize(self) -> None:
            self.waited += 1

    plain = SimpleNamespace(
        cuda=SimpleNamespace(Event=Event), empty=lambda *size, dtype, pin_memory: torch.empty(*size, dtype=dtype)
    )
    monkeypatch.setattr(transfer, "torch", plain)  # without a GPU there is no memory to pin
    monkeypatch.setattr(transfer, "_CHUNK", 100)
    staging = transfer._Staging(torch.int16)
    for length in (1, 99, 100, 101, 730):
        source, target = np.arange(length, dtype=np.int16), torch.zeros(length, dtype=torch.int16)
        staging.copy(target, source)
        assert np.array_equal(target.numpy(), source)
    assert [event.recorded for event in staging._left] == [event.waited for event in staging._left] == [7, 6]


def test_bytes_count_voxels_and_tables(store: VolumeStore) -> None:
    table = 4 * 3 * 3 * 4
    assert volume_bytes(store, Sampling(allow_constant=True))[0] == 2 * 9 * 8 * 12
    assert volume_bytes(store, Sampling())[0] == 2 * 9 * 8 * 12 + table
    assert volume_bytes(store, RULED)[0] == 2 * 9 * 8 * 12 + 2 * table


def test_what_does_not_fit_is_told_with_numbers_and_the_way_out(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "free_bytes", lambda device: 8_192)
    needed = sum(volume_bytes(store, RULED))
    with pytest.raises(
        PlacementError, match=f"needs {needed:,} bytes of host memory, and 8,192 bytes are free.*'disk'"
    ):
        placement(store, "device")
    with pytest.raises(PlacementError, match="use placement 'disk', or a smaller budget"):
        placement(store, "pinned")
    placement(store, "disk").close()
    monkeypatch.setattr(module, "free_bytes", lambda device: 10)
    with pytest.raises(PlacementError, match="use a smaller budget"):
        placement(store, "disk")
    with pytest.raises(
        PlacementError, match=r"hold the largest volume twice: c3 takes 2,688 bytes, the budget is 1,000 bytes"
    ):
        placement(store, "disk", budget=1000)
    monkeypatch.setattr(module, "free_bytes", lambda device: None if device.type == "cpu" else 2**31)
    with pytest.raises(
        PlacementError, match=r"needs 3\.00 GiB of cuda:1, and 2\.00 GiB are free: use placement 'pinned'"
    ):
        check_fit("device", torch.device("cuda:1"), 3 * 2**30, 0)
    check_fit("device", torch.device("cpu"), 2**60, 0)  # nothing tells what is free


def test_free_memory_is_told() -> None:
    free = free_bytes(torch.device("cpu"))
    assert free is None or 2**20 < free < 2**50


def test_an_unknown_placement_is_refused(store: VolumeStore) -> None:
    with pytest.raises(ValueError, match="one of device, pinned, disk, got 'tape'"):
        placement(store, "tape")


@pytest.mark.cuda
@pytest.mark.parametrize("name", ["device", "pinned", "disk"])
def test_on_a_gpu_the_same_volumes_lie_there(store: VolumeStore, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "_CHUNK", 1000)  # several pieces a volume
    here, there = placement(store, name), placement(store, name, device="cuda")
    for step in range(2 * sum(here.layout.steps)):
        a, b = here.at(step), there.at(step)
        assert a.volumes == b.volumes
        assert all(torch.equal(x, y.cpu()) for x, y in zip(a.packed, b.packed, strict=True))
        assert torch.equal(a.tables, b.tables.cpu())
    here.close()
    there.close()
