# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The pipeline from a store to batches: boxes at three scales, drawn, cut, resized, windowed and distorted.

Beside `GenesisLoader` what one would write otherwise: sub-volumes of volumes in memory, one by one, by torch or by
MONAI, and then the released code's way in NumPy.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from genesis_ext import GenesisTransform, ops
from genesis_ext._types import Shape3
from genesis_ext.data import GenesisLoader, Sampling, StoredVolume, VolumeStore, whole_regions
from genesis_ext.data.sampling.settings import box_ranges
from genesis_ext.data.store.writer import volume_files, write_index, write_volume
from genesis_ext.reference import crop_resize as crop_reference
from genesis_ext.reference import genesis_transform as genesis_reference
from genesis_ext.reference import released

from .case import MONAI, NUMPY, OURS, Case, Contender, Setup
from .crops import BOUND, SIDE, WINDOW, linear_by_torch
from .inputs import SEED
from .peers import library, peer

VOLUMES = 4  # 216 MB: more than the caches of a processor or of a GPU hold
PEER_SAMPLES = 32  # half are shuffled, and take much longer
PEER_BOUND = 1e-4  # of the range: positions in float32, in another order

# Draws a sub-volume of a volume (X, Y, Z): (1, *size) in [0, 1].
Take = Callable[[Tensor, np.random.Generator], Tensor]
# The same of a crop that is drawn already, (1, X, Y, Z) in stored units.
Finish = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Supply:
    """A loader over a store of noise, and the same volumes for those who do without.

    Attributes:
        loader: with its volumes on the device.
        sampling: of the loader.
        volumes: (X, Y, Z) int16 on the CPU.
        sides: of the boxes, a scale each.
    """

    loader: GenesisLoader
    sampling: Sampling
    volumes: list[Tensor]
    sides: list[Shape3]


def samples_a_batch(size: Shape3, device: torch.device, quick: bool) -> int:
    return 4 if quick else 256 if device.type == "cuda" else 64


def made_supply(setup: Setup) -> Supply:
    sampling = Sampling(out_shape=setup.size)
    with TemporaryDirectory() as folder:
        store = made_store(Path(folder), min(SIDE, 5 * max(setup.size)))
        regions = whole_regions(store.entries)
        loader = GenesisLoader(
            store,
            setup.batch,
            sampling,
            GenesisTransform(seed=SEED),
            regions=regions,
            seed=SEED,
            device=setup.device,
            report=lambda text: None,
        )
        _, resident, _ = loader.draw(0)  # now the volumes are on the device
    loader.close()
    flat = resident.packed.voxels.cpu().split([entry.voxels for entry in store.entries])
    volumes = [voxels.view(entry.shape) for voxels, entry in zip(flat, store.entries, strict=True)]
    sides = [box.side for box in box_ranges(store.entries[0], regions[0], sampling)]
    return Supply(loader, sampling, volumes, sides)


def store_to_batch(setup: Setup) -> Case:
    size, batch, device = setup.size, setup.batch, setup.device
    supply = made_supply(setup)
    loader, sides = supply.loader, supply.sides
    transform = GenesisTransform(seed=SEED)
    ids, resident, drawn = loader.draw(0)

    def ours(call: int) -> dict[str, Tensor]:
        loader.step = call
        return next(loader)

    def verify() -> None:
        made = ours(0)
        torch.testing.assert_close(made["sample_id"], torch.arange(batch, device=device), rtol=0, atol=0)
        torch.testing.assert_close(made["scale"], drawn.scale, rtol=0, atol=0)
        boxes, arrays = drawn.boxes.cpu(), tuple(t.cpu().numpy() for t in resident.packed)
        assert torch.equal(boxes[:, 3:] - boxes[:, :3], torch.tensor(sides)[drawn.scale.cpu()].float())
        assert bool((boxes[:, :3] >= 0).all()) and bool((boxes[:, 3:] <= torch.tensor(supply.volumes[0].shape)).all())
        plan = transform.plan(ids, size)
        rows, numbers = plan.tensor.cpu().numpy(), plan.spec.numbers
        # The target is the flipped sub-volume, and flips undo themselves.
        _, cut = genesis_reference.genesis_transform(made["target"].cpu().numpy(), rows, numbers)
        expected = crop_reference.crop_resize(arrays, drawn.volume_index.cpu().numpy(), boxes.numpy(), size)
        np.testing.assert_allclose(cut, expected, rtol=0, atol=BOUND)
        distorted, _ = genesis_reference.genesis_transform(cut, rows, numbers)
        np.testing.assert_allclose(made["input"].cpu().numpy(), distorted, rtol=0, atol=BOUND)

    def finishes_alike(finish: Finish) -> None:
        """Compare what a peer makes of the loader's boxes with the loader's sub-volumes."""
        wanted = ops.crop_resize(resident.packed, drawn.volume_index, drawn.boxes, size).cpu()
        for volume, box, expected in zip(drawn.volume_index.tolist(), drawn.boxes.long().tolist(), wanted, strict=True):
            region = tuple(slice(lo, hi) for lo, hi in zip(box[:3], box[3:], strict=True))
            found = finish(supply.volumes[volume][region][None])
            assert found.shape == expected.shape
            # Cut boxes end where they were cut: their outermost voxels know nothing of the neighbours.
            assert float((found - expected).abs()[..., 1:-1, 1:-1, 1:-1].max()) < PEER_BOUND

    count = min(batch, PEER_SAMPLES)
    contenders = [
        Contender(OURS, ours, batch),
        by_torch(supply, count, finishes_alike),
        *_by_monai(supply, count, finishes_alike),
    ]
    number = math.prod(size)
    read = [2 * min(8 * number, math.prod(side)) for side in sides]  # bytes; at most eight neighbours of each voxel
    least = int(np.average(read, weights=supply.sampling.weights)) + 2 * 4 * number
    setting = "boxes at three scales, cut and distorted"
    return Case(size, number, least, tuple(contenders), verify, setting, "int16")


def made_store(folder: Path, side: int) -> VolumeStore:
    """CT volumes of noise, cubes of `side` voxels of 1 mm."""
    rng = torch.Generator().manual_seed(SEED)
    lo, hi = WINDOW
    entries = []
    for number in range(VOLUMES):
        name = f"noise{number}"
        entry = StoredVolume(
            name=name,
            file=volume_files(name)[0],
            label=None,
            shape=(side, side, side),
            dtype="int16",
            spacing_mm=(1.0, 1.0, 1.0),
            affine=tuple(tuple(row) for row in np.eye(4).tolist()),
            modality="ct",
            slope=1.0,
            intercept=0.0,
            window=WINDOW,
            patient=name,
            split=None,
            source="",
            checksum="",
            label_checksum=None,
            statistics={},
        )
        voxels = torch.randint(int(lo), int(hi), entry.shape, dtype=torch.int16, generator=rng)
        entries.append(write_volume(folder, entry, voxels.numpy()))
    write_index(folder, {}, "int16", entries)
    return VolumeStore(folder)


def by_torch(supply: Supply, count: int, check: Callable[[Finish], None] | None = None) -> Contender:
    """Sub-volumes by F.interpolate, then the released code's way; `run` gives pairs of (1, *size) arrays."""
    sides, sampling = supply.sides, supply.sampling
    lo, hi = WINDOW
    shares = np.array(sampling.weights) / sum(sampling.weights)

    def finish(crop: Tensor) -> Tensor:
        return linear_by_torch(crop.float(), sampling.out_shape).sub_(lo).div_(hi - lo).clamp_(0, 1)

    def take(volume: Tensor, rng: np.random.Generator) -> Tensor:
        side = sides[rng.choice(len(sides), p=shares)]
        start = rng.integers(0, np.subtract(volume.shape, side), endpoint=True).tolist()
        return finish(volume[tuple(slice(at, at + n) for at, n in zip(start, side, strict=True))][None])

    differs = "the crop, F.interpolate and the window"
    return _one_by_one(NUMPY, supply, take, count, differs, lambda: check(finish) if check else None)


def _by_monai(supply: Supply, count: int, check: Callable[[Finish], None]) -> list[Contender]:
    transforms = library("monai.transforms")
    if transforms is None:
        return []
    sampling = supply.sampling
    crop = transforms.OneOf([transforms.RandSpatialCrop(side) for side in supply.sides], weights=sampling.weights)
    crop.set_random_state(SEED)
    resize = transforms.Resize(sampling.out_shape, mode="trilinear")
    window = transforms.ScaleIntensityRange(*WINDOW, b_min=0.0, b_max=1.0, clip=True)

    def finish(cut: Tensor) -> Tensor:
        finished: Tensor = window(resize(cut)).as_tensor()
        return finished

    def take(volume: Tensor, rng: np.random.Generator) -> Tensor:
        return finish(crop(volume[None]))

    differs = "RandSpatialCrop, Resize and ScaleIntensityRange"
    return [_one_by_one(MONAI, supply, take, count, differs, lambda: check(finish))]


def _one_by_one(
    name: str, supply: Supply, take: Take, count: int, differs: str, check: Callable[[], None]
) -> Contender:
    """Whoever takes sub-volumes one by one and distorts them as the released code does."""
    volumes = supply.volumes

    def run(call: int) -> list[tuple[np.ndarray, np.ndarray]]:
        rng = np.random.default_rng(call)
        taken = (take(volumes[int(rng.integers(len(volumes)))], rng).numpy() for _ in range(count))
        return [released.released_pair(patch, rng) for patch in taken]

    def check_all() -> None:
        check()
        for distorted, target in run(0):
            assert distorted.shape == target.shape
            assert 0.0 <= target.min() < 0.2 and 0.8 < target.max() <= 1.0, "noise over the window was expected"

    released_way = "then the released code's way in NumPy; one by one, on the CPU"
    return peer(name, run, count, f"{differs}, {released_way}", check_all)
