# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Where volumes live while a run trains: in device memory, or in host memory or on disk with shards that rotate.

A thread fills one half of the budget while the other half serves. On a CUDA device it copies from pinned memory on a
stream of its own; the training stream waits for an event, the host never.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, get_args

import torch

from genesis_ext.data.placement.room import Beside, Resident, Room, volume_bytes
from genesis_ext.data.placement.shards import Turn, lay_out
from genesis_ext.data.placement.transfer import copy_from_disk, copy_from_host
from genesis_ext.data.sampling.settings import Sampling
from genesis_ext.data.store.volume_store import VolumeStore

PlacementName = Literal["device", "pinned", "disk"]

DEFAULT_BUDGET = 8 * 2**30  # bytes


class PlacementError(ValueError):
    """A store that does not fit where it is to live; the text has the numbers and the way out."""


class Placement:
    """The volumes of a run on the device: all of them, or the shard whose turn it is.

    Args:
        store: where they come from.
        volumes: their numbers in the store.
        sampling: tells which tables are needed.
        name: "device": all in device memory. "pinned": all in host memory (pinned, for a CUDA device), shards in device
            memory. "disk": the same without the host memory.
        device: where they are served.
        budget: bytes of device memory for the shards of "pinned" and "disk", half of it for each of two.
        seed: 64 bits; decides the order of the shards.
        samples_a_volume: for so many samples a volume of weight 1 makes its shard serve.
        batch_size: samples a step.
        weights: of each volume of the store (default: 1).
        report: told what is loaded.
        beside: what is served beside their voxels.

    Raises:
        PlacementError: it does not fit.
    """

    def __init__(
        self,
        store: VolumeStore,
        volumes: Sequence[int],
        sampling: Sampling,
        name: PlacementName = "device",
        device: torch.device | str = "cpu",
        budget: int = DEFAULT_BUDGET,
        seed: int = 0,
        samples_a_volume: int = 1,
        batch_size: int = 1,
        weights: Sequence[int] | None = None,
        report: Callable[[str], object] = print,
        beside: Beside | None = None,
    ) -> None:
        if name not in get_args(PlacementName):
            raise ValueError(f"placement must be one of {', '.join(get_args(PlacementName))}, got {name!r}")
        self._device = torch.device(device)
        if self._device.type == "cuda" and self._device.index is None:  # the current device of a thread is its own
            self._device = torch.device("cuda", torch.cuda.current_device())
        beside = beside or Beside()
        label, members = beside.label, beside.members(volumes)
        sizes = volume_bytes(store, sampling, beside)
        most = sum(sizes) if name == "device" else budget // 2
        largest = max(volumes, key=lambda volume: sizes[volume])
        if sizes[largest] > most:
            raise PlacementError(
                f"the budget of device memory must hold the largest volume twice: {store.entries[largest].name} takes "
                f"{_size(sizes[largest])}, the budget is {_size(budget)}"
            )
        self.layout = lay_out(store.entries, volumes, sizes, most, samples_a_volume, batch_size, weights, seed)
        shards = self.layout.shards
        rooms = min(2, len(shards))
        on_device = rooms * max(sum(sizes[volume] for volume in shard) for shard in shards)
        on_host = store.bytes(members) + (label.itemsize if label else 0) * sum(
            store.entries[v].voxels for v in volumes
        )
        check_fit(name, self._device, on_device, on_host if name == "pinned" else 0)
        report(f"{len(members)} volumes of {_size(store.bytes(members))}, {_where(name, self._device, len(shards))}")
        self._copies = [
            copy_from_host(store, which, self._device, of)
            if name == "pinned"
            else copy_from_disk(store, self._device, of)
            for which, of in ((members, None), (volumes, label))[: 2 if label else 1]
        ]
        self._rooms = [Room(store, shards, sampling, self._device, number, beside) for number in range(rooms)]
        self._stream = torch.cuda.Stream(self._device) if self._device.type == "cuda" else None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="placement")
        self._turn: Turn | None = None
        self._resident: Resident | None = None
        self._coming: tuple[Turn, Future[tuple[Resident, Any]]] | None = None

    def at(self, step: int) -> Resident:
        """The volumes that serve a step; waits only where their copy is late. Steps that rise are the fast way."""
        if self._turn is None or self._resident is None or not self._turn.first <= step < self._turn.last:
            self._turn = self.layout.turn(step)
            self._resident = self._take(self._turn)
        return self._resident

    def close(self) -> None:
        """End the thread; what lies on the device stays until nobody needs it."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _take(self, turn: Turn) -> Resident:
        """Make the shard of a turn the current one, and begin to fill the other room with the next."""
        if self._coming is None or self._coming[0] != turn:
            if self._coming is not None:
                self._coming[1].exception()  # waits: it may be writing to the room that is wanted
            self._coming = (turn, self._begin(turn))
        resident, copied = self._coming[1].result()
        if copied is not None:
            torch.cuda.current_stream(self._device).wait_event(copied)
        self._coming = None
        if len(self._rooms) > 1:
            following = self.layout.turn(turn.last)
            self._coming = (following, self._begin(following))
        return resident

    def _begin(self, turn: Turn) -> "Future[tuple[Resident, Any]]":
        """Let the thread fill the room of a turn, once all that was launched so far has left it."""
        left = torch.cuda.current_stream(self._device).record_event() if self._stream is not None else None
        return self._thread.submit(self._fill, turn, left)

    def _fill(self, turn: Turn, left: Any) -> tuple[Resident, Any]:
        room, volumes = self._rooms[turn.number % len(self._rooms)], self.layout.shards[turn.shard]
        if self._stream is None:
            return room.fill(volumes, *self._copies), None
        with torch.cuda.device(self._device), torch.cuda.stream(self._stream):
            self._stream.wait_event(left)
            resident = room.fill(volumes, *self._copies)
            return resident, self._stream.record_event()


def check_fit(name: PlacementName, device: torch.device, on_device: int, on_host: int) -> None:
    """Compare what is needed with what is free.

    on_device, on_host: bytes needed.

    Raises:
        PlacementError: too little is free, with the numbers and the alternative.
    """
    device_free, host_free = free_bytes(device), free_bytes(torch.device("cpu"))
    if device.type == "cpu":
        on_host, on_device = on_host + on_device, 0
    for needed, free, place in ((on_device, device_free, str(device)), (on_host, host_free, "host memory")):
        if free is not None and needed > free:
            way_out = {
                "device": "use placement 'pinned' (the whole store in host memory) or 'disk', which keep shards of a "
                "given budget on the device",
                "pinned": "use placement 'disk', or a smaller budget",
                "disk": "use a smaller budget",
            }[name]
            raise PlacementError(
                f"placement {name!r} needs {_size(needed)} of {place}, and {_size(free)} are free: {way_out}"
            )


def free_bytes(device: torch.device) -> int | None:
    """Memory that can still be had; None where nothing tells."""
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + cached
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return None


def _where(name: PlacementName, device: torch.device, shards: int) -> str:
    if name == "device":
        return f"all on {device}"
    source = "host memory" if name == "pinned" else "disk"
    return f"from {source} to {device} in {shards} shard{'s' if shards > 1 else ''}"


def _size(count: int) -> str:
    for unit, name in ((2**30, "GiB"), (2**20, "MiB")):
        if count >= unit:
            return f"{count / unit:.2f} {name}"
    return f"{count:,} bytes"
