# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Batches on the device from a store: volumes, boxes, resized sub-volumes and their distorted versions."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from genesis_ext._renamed import warn_renamed
from genesis_ext.data.batch import Batch, LabelTransform, Transform, cut_batch, distorted
from genesis_ext.data.placement.placement import DEFAULT_BUDGET, Placement, PlacementName
from genesis_ext.data.placement.room import Resident, Room
from genesis_ext.data.placement.shards import note_on_mix
from genesis_ext.data.placement.transfer import copy_from_disk
from genesis_ext.data.sampling.sampler import Subvolumes, SubvolumeSampler, check_weights
from genesis_ext.data.sampling.settings import Sampling, note_on_borders
from genesis_ext.data.sampling.split import Region, split_regions
from genesis_ext.data.served import Asked, serve
from genesis_ext.data.steps import FIRST_VALIDATION_ID, SAMPLES_A_VOLUME, StepLoader
from genesis_ext.data.store.entry import GREYS
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.ops._checks import TensorLike, as_ids

__all__ = ["FIRST_VALIDATION_ID", "SAMPLES_A_VOLUME", "Batch", "FixedSamples", "GenesisLoader", "Transform"]


class GenesisLoader(StepLoader):
    """An iterator without end over training batches, each a pure function of (seed, step).

    Ids, ranks and restarts are those of ``StepLoader``. With a rotating placement batches depend on store, `budget`,
    `batch_size` and `samples_a_volume` too, which decide when a shard serves; all ranks and restarts must be given the
    same.

    Args:
        store: the volumes.
        batch_size: samples a step, over all ranks.
        sampling: which sub-volumes (default: those of the Universal Model).
        transform: makes input and target of the sub-volumes and their ids; without it both are the sub-volumes.
        regions: where boxes may lie (default: the training side of ``split_regions``).
        weights: how often each volume of the store is drawn beside others of its modality (default: 1).
        seed: 64 bits; of the boxes. The transform has its own.
        rank, world_size: which part of the batch.
        start_step: the first step.
        placement: "device", "pinned" or "disk", see ``Placement``.
        budget: bytes of device memory for the shards of "pinned" and "disk".
        samples_a_volume: how many samples a volume of weight 1 gives before its shard makes room for the next.
        device: where batches are made.
        report: told of the split, of shrunk borders and of what is loaded.
        labels: cut the labels at the same boxes, and tell where these lie: see ``Batch``. All volumes that may be drawn
            must have one, and the transform takes it: ``LabelTransform``.
        classes: names, in order: give batches those of their volumes as numbers. All volumes that may be drawn must
            tell theirs.
        exclusive: exactly one of `classes` holds for each volume; else any of them.
        channels: cut those volumes of a case as the channels of one input, in this order. Labels, classes and rules on
            content are those of the first, and boxes are drawn from its volumes.
        residence: the old name of `placement`.

    Raises:
        ValueError: an argument breaks its rule.
        PlacementError: the store does not fit its placement.
        StoreError: labels are asked for, and a volume has none: give it weight 0. Of classes and channels that a volume
            lacks it is a ValueError.

    Example:
        >>> loader = GenesisLoader(VolumeStore("store"), 64, transform=GenesisTransform(), device="cuda")
        >>> for batch in loader:
        ...     loss = criterion(network(batch["input"]), batch["target"])
    """

    def __init__(
        self,
        store: VolumeStore,
        batch_size: int,
        sampling: Sampling | None = None,
        transform: Transform | LabelTransform | None = None,
        *,
        regions: Sequence[Region] | None = None,
        weights: Sequence[int] | None = None,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        start_step: int = 0,
        placement: PlacementName = "device",
        budget: int = DEFAULT_BUDGET,
        samples_a_volume: int = SAMPLES_A_VOLUME,
        device: torch.device | str = "cpu",
        report: Callable[[str], object] = print,
        labels: bool = False,
        classes: Sequence[str] | None = None,
        exclusive: bool = True,
        channels: Sequence[str] | None = None,
        residence: PlacementName | None = None,
    ) -> None:
        if residence is not None:
            warn_renamed("residence of GenesisLoader", "placement")
            placement = residence
        super().__init__(batch_size, rank, world_size, start_step, samples_a_volume, device)
        self._sampling = sampling = sampling or Sampling()
        self._transform = transform
        if regions is None:
            regions = split_regions(store.entries, sampling.smallest, grid=sampling.grid, report=report)[0]
        check_weights(weights, len(store))
        regions = [
            region
            for region in regions
            if (weights is None or weights[region.volume]) and sampling.takes(store.entries[region.volume].modality)
        ]
        if not regions:
            raise ValueError(
                "GenesisLoader: regions must hold at least one region of a volume with a weight above 0, of a modality "
                f"with a part in the mix {sampling.mix}"
            )
        asked = Asked(labels, classes, exclusive, channels)
        regions, beside, self._classes = serve(
            "GenesisLoader", store, regions, sampling, transform, self._device, asked
        )
        if note := note_on_borders(store.entries, regions, sampling):
            report(note)
        volumes = sorted({region.volume for region in regions})
        self.placement = Placement(
            store,
            volumes,
            sampling,
            placement,
            device,
            budget=budget,
            seed=seed,
            samples_a_volume=samples_a_volume,
            batch_size=batch_size,
            weights=weights,
            report=report,
            beside=beside,
        )
        self._samplers = {
            shard: SubvolumeSampler(
                store.entries, [r for r in regions if r.volume in shard], sampling, seed, device, weights
            )
            for shard in self.placement.layout.shards
        }
        if note := note_on_mix(store.entries, self.placement.layout, sampling, weights):
            report(note)
        self._bound: dict[tuple[tuple[int, ...], int], SubvolumeSampler] = {}

    def draw(self, step: int, ids: TensorLike | None = None) -> tuple[Tensor, Resident, Subvolumes]:
        """Sample ids of a step, the volumes that serve it, and the boxes in them; nothing is cut.

        ids: take these instead of the step's own.
        """
        resident = self.placement.at(step)
        key = (resident.volumes, resident.room)
        if key not in self._bound:
            self._bound[key] = self._samplers[resident.volumes].on(resident.volumes, resident.tables, resident.labelled)
        ids = self.ids(step) if ids is None else as_ids("GenesisLoader", ids, self._device)
        return ids, resident, self._bound[key](ids)

    def make(self, step: int, ids: TensorLike | None = None) -> Batch:
        """The batch of a step, or of these samples: see ``StepLoader``."""
        ids, resident, drawn = self.draw(step, ids)
        return distorted(cut_batch(resident, drawn, ids, self._sampling, self._classes), self._transform)

    @property
    def residence(self) -> Placement:
        """The old name of `placement`."""
        warn_renamed("GenesisLoader.residence", "GenesisLoader.placement")
        return self.placement


class FixedSamples:
    """The batches that validate: the same sub-volumes, distorted in the same way, each time it is iterated over.

    The sub-volumes are cut once, one volume after the other, so no volume stays on the device; they are distorted anew
    each time.

    Args:
        store, sampling, transform, weights, seed, device, labels, classes, exclusive, channels: as for
            ``GenesisLoader``.
        regions: where boxes may lie.
        count: samples at least; whole batches are made of them (batch norm would treat a smaller last one otherwise).
        evenly: take the volumes in turn instead of drawing them, so that each has as many, to one.
        batch_size: samples a batch.
        report: told how many of the sub-volumes are constant, if that was not asked for.
    """

    def __init__(
        self,
        store: VolumeStore,
        regions: Sequence[Region],
        count: int,
        batch_size: int,
        sampling: Sampling | None = None,
        transform: Transform | LabelTransform | None = None,
        *,
        weights: Sequence[int] | None = None,
        seed: int = 0,
        device: torch.device | str = "cpu",
        report: Callable[[str], object] = print,
        labels: bool = False,
        classes: Sequence[str] | None = None,
        exclusive: bool = True,
        channels: Sequence[str] | None = None,
        evenly: bool = False,
    ) -> None:
        sampling = sampling or Sampling()
        device = torch.device(device)
        check_weights(weights, len(store))
        if weights is not None and any(weights):  # of what is never drawn nothing is asked
            regions = [region for region in regions if weights[region.volume]]
        asked = Asked(labels, classes, exclusive, channels)
        regions, beside, targets = serve("FixedSamples", store, regions, sampling, transform, device, asked)
        self.batch_size = batch_size
        self._transform = transform
        self._ids = FIRST_VALIDATION_ID + torch.arange(-(-count // batch_size) * batch_size, device=device)
        sampler = SubvolumeSampler(store.entries, regions, sampling, seed, device, weights)
        if evenly:
            there = sorted({region.volume for region in regions})
            volumes = [there[i % len(there)] for i in range(len(self._ids))]
        else:
            volumes = sampler.volumes_of(self._ids).tolist()
        needed = sorted(set(volumes))
        room = Room(store, [(volume,) for volume in needed], sampling, device, beside=beside)
        copies = [copy_from_disk(store, device, of) for of in ((None, beside.label) if labels else (None,))]
        self._samples: Batch = {}
        for volume in needed:
            resident = room.fill((volume,), *copies)
            own = torch.tensor([i for i, other in enumerate(volumes) if other == volume], device=device)
            if evenly:
                alone = [region for region in regions if region.volume == volume]
                sampler = SubvolumeSampler(store.entries, alone, sampling, seed, device)
            drawn = sampler.on((volume,), resident.tables, resident.labelled)(self._ids[own])
            for name, part in cut_batch(resident, drawn, self._ids[own], sampling, targets).items():
                if name not in self._samples:
                    self._samples[name] = part.new_empty(len(volumes), *part.shape[1:])
                self._samples[name][own] = part
        cut = self._samples["cut"].flatten(1)
        constant = int((cut.amax(1) - cut.amin(1) < 1 / GREYS).sum())
        if constant and not sampling.allow_constant:
            report(
                f"warning: {constant} of {len(volumes)} fixed patches are constant: nothing varies where they may "
                "lie; genesis preview shows the volumes"
            )

    def __len__(self) -> int:
        """Batches."""
        return len(self._ids) // self.batch_size

    def __iter__(self) -> Iterator[Batch]:
        parts = {name: tensor.split(self.batch_size) for name, tensor in self._samples.items()}
        for number in range(len(self)):
            yield distorted({name: part[number] for name, part in parts.items()}, self._transform)
