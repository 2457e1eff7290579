# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Batches for 2D networks: slices of volumes, and pictures."""

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from genesis_ext.data.loader import Batch, FixedSamples, GenesisLoader
from genesis_ext.data.prepare.preprocess import PrepareSettings
from genesis_ext.data.sampling.content import Foreground, LungContent
from genesis_ext.data.sampling.sampler import SubvolumeSampler
from genesis_ext.data.sampling.settings import RELEASED_BORDERS, Sampling, note_on_borders
from genesis_ext.data.sampling.split import whole_regions
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.transforms import GenesisTransform, JigsawTransform, RotationTransform
from tests.data_layer.images import random_voxels, write_ct
from tests.data_layer.preparing import run
from tests.data_layer.stores import entry_of, write_store

ENTRIES = [
    entry_of("scan", (40, 36, 9)),
    entry_of("head", (33, 48, 11), "mri"),
    entry_of("chest", (50, 44, 1), "xray"),
    entry_of("hand", (37, 64, 1), "xray"),
]
CUBES = Sampling(out_shape=(16, 16), cube=(16, 16))
SCALES = Sampling(out_shape=(12, 10))
RULES = {"ct": LungContent(max_mean_score=0.5), "mri": Foreground(above=0.5, min_share=0.5)}
IDS = torch.arange(60)


@pytest.fixture
def store(tmp_path: Path) -> VolumeStore:
    return write_store(tmp_path / "store", ENTRIES)


def quiet(text: str) -> None:
    """Say nothing."""


def loader_of(store: VolumeStore, sampling: Sampling, batch_size: int = 40, **options: Any) -> GenesisLoader:
    regions = whole_regions(store.entries, sampling.smallest)
    return GenesisLoader(store, batch_size, sampling, **{"regions": regions, "report": quiet, **options})


def cut(store: VolumeStore, sampling: Sampling) -> tuple[Batch, list[tuple[NDArray[np.float64], list[int]]]]:
    """A batch, and for each of its samples the whole volume on the scale of its window and the box."""
    with loader_of(store, sampling) as loader:
        _, resident, drawn = loader.draw(0)
        batch = next(loader)
    boxes = []
    for place, box in zip(drawn.volume_index.tolist(), drawn.boxes.long().tolist(), strict=True):
        entry, voxels, _ = store[resident.volumes[place]]
        lo, hi = entry.window
        boxes.append(((voxels.astype(np.float64) - lo) / (hi - lo), box))
    return batch, boxes


def linear(values: NDArray[np.float64], axis: int, lo: int, hi: int, count: int) -> NDArray[np.float64]:
    """Values along an axis at `count` places that divide [lo, hi) evenly."""
    places = lo + (np.arange(count) + 0.5) * (hi - lo) / count - 0.5
    return np.apply_along_axis(lambda line: np.interp(places, np.arange(len(line)), line), axis, values)


def test_cubes_of_two_sides_are_the_voxels_of_single_axial_slices_and_of_pictures(store: VolumeStore) -> None:
    batch, boxes = cut(store, CUBES)
    assert batch["target"].shape == (40, 1, 16, 16)
    assert set(batch["modality"].tolist()) == {0, 1, 2}
    for target, (volume, (x0, y0, z0, x1, y1, z1)) in zip(batch["target"], boxes, strict=True):
        assert (x1 - x0, y1 - y0, z1 - z0) == (16, 16, 1)
        assert np.abs(target[0].numpy() - volume[x0:x1, y0:y1, z0]).max() < 1e-6  # float32
    assert len({box[2] for _, box in boxes}) > 5


def test_boxes_at_scales_are_resized_in_their_plane_alone(store: VolumeStore) -> None:
    batch, boxes = cut(store, SCALES)
    assert batch["target"].shape == (40, 1, 12, 10)
    assert set(batch["scale"].tolist()) == {0, 1, 2}
    for target, scale, (volume, box) in zip(batch["target"], batch["scale"], boxes, strict=True):
        x0, y0, z0, x1, y1, z1 = box
        share = SCALES.scales[int(scale)]
        assert [x1 - x0, y1 - y0] == [max(8, int(side * share + 0.5)) for side in volume.shape[:2]]
        assert z1 - z0 == 1
        wanted = linear(linear(volume[:, :, z0], 0, x0, x1, 12), 1, y0, y1, 10)
        assert np.abs(target[0].numpy() - wanted).max() < 1e-5


@pytest.mark.parametrize("order", [0, 3])
def test_nothing_of_the_neighbouring_slices_comes_in(tmp_path: Path, order: int) -> None:
    entry = entry_of("scan", (20, 20, 7), window=(0.0, 6000.0))
    store = write_store(tmp_path, [entry], [np.broadcast_to(np.arange(7, dtype=np.int16) * 1000, (20, 20, 7)).copy()])
    batch, boxes = cut(store, Sampling(out_shape=(9, 7), order=order, antialias=order == 3))
    for target, (_, box) in zip(batch["target"], boxes, strict=True):
        assert float((target * 6 - box[2]).abs().max()) < 1e-4


def test_slices_across_another_axis_keep_it(store: VolumeStore) -> None:
    sampling = Sampling(out_shape=(12, 1, 10), mix={"ct": 1})
    batch, boxes = cut(store, sampling)
    assert batch["target"].shape == (40, 1, 12, 1, 10)
    for target, (volume, (x0, y0, z0, x1, y1, z1)) in zip(batch["target"], boxes, strict=True):
        assert y1 - y0 == 1
        wanted = linear(linear(volume[:, y0], 0, x0, x1, 12), 1, z0, z1, 10)
        assert np.abs(target[0, :, 0].numpy() - wanted).max() < 1e-5


def test_two_sides_and_one_slice_are_the_same(store: VolumeStore) -> None:
    flat, _ = cut(store, SCALES)
    deep, _ = cut(store, Sampling(out_shape=(12, 10, 1)))
    assert torch.equal(flat["target"], deep["target"].squeeze(-1))
    assert torch.equal(
        cut(store, Sampling(out_shape=(16, 16), cube=(16, 16, 1)))[0]["target"], cut(store, CUBES)[0]["target"]
    )


def test_all_slices_between_the_borders_are_drawn_alike() -> None:
    sampling = Sampling(out_shape=(8, 8), cube=(8, 8), borders=(0, 0, 2))
    drawn = SubvolumeSampler(ENTRIES[:1], whole_regions(ENTRIES[:1]), sampling)(torch.arange(2000))
    seen = drawn.boxes[:, 2].long().bincount()
    assert seen[:2].tolist() == [0, 0]
    assert len(seen) == 7
    assert int(seen[2:].min()) > 300


def test_a_picture_has_no_border_along_z_and_none_is_missed() -> None:
    pictures = [entry_of("chest", (232, 210, 1), "xray")]
    sampling = Sampling(out_shape=(8, 8), cube=(8, 8), borders=RELEASED_BORDERS)
    assert note_on_borders(pictures, whole_regions(pictures), sampling) is None
    boxes = SubvolumeSampler(pictures, whole_regions(pictures), sampling)(IDS).boxes
    assert (boxes[:, :2] >= 100).all()
    assert (boxes[:, 3:5] <= torch.tensor([132, 110])).all()
    assert boxes[:, 2].unique().tolist() == [0]


def test_a_rule_acts_on_slices_at_every_height(store: VolumeStore) -> None:
    sampling = Sampling(out_shape=(12, 10), content=RULES, candidates=16)
    _, boxes = cut(store, sampling)
    edges = np.array([box for volume, box in boxes if volume.shape[2] > 1])
    assert not (edges[:, [0, 1, 3, 4]] % 4).any()
    assert set(edges[:, 2] % 4) == {0, 1, 2, 3}
    bright = [volume[x0:x1, y0:y1, z0] for volume, (x0, y0, z0, x1, y1, _) in boxes if volume.shape[2] == 11]
    free = [
        volume[x0:x1, y0:y1, z0] for volume, (x0, y0, z0, x1, y1, _) in cut(store, SCALES)[1] if volume.shape[2] == 11
    ]
    assert all((part >= 0.5).mean() >= 0.5 for part in bright)
    assert not all((part >= 0.5).mean() >= 0.5 for part in free)


def test_shards_that_rotate_give_the_same_slices_from_host_memory_and_disk(store: VolumeStore) -> None:
    sampling = Sampling(out_shape=(12, 10), content=RULES, candidates=4)
    options = {"budget": 150_000, "samples_a_volume": 8, "batch_size": 8}
    runs = []
    for placement in ("pinned", "disk"):
        with loader_of(store, sampling, placement=placement, **options) as loader:
            assert len(loader.placement.layout.shards) > 1
            runs.append(list(islice(loader, 12)))
    for a, b in zip(*runs, strict=True):
        assert all(torch.equal(a[name], b[name]) for name in a)


def test_validation_slices_are_those_of_their_ids(store: VolumeStore) -> None:
    fixed = FixedSamples(
        store,
        whole_regions(ENTRIES, CUBES.smallest),
        10,
        5,
        CUBES,
        GenesisTransform(seed=3, spatial_dims=2, max_window=2),
    )
    first, again = list(fixed), list(fixed)
    assert [batch["target"].shape for batch in first] == [(5, 1, 16, 16)] * 2
    assert all(torch.equal(a[name], b[name]) for a, b in zip(first, again, strict=True) for name in a)
    assert not torch.equal(first[0]["input"], first[0]["target"])


def test_genesis_transform_acts_on_them(store: VolumeStore) -> None:
    transform = GenesisTransform(seed=1, spatial_dims=2, max_window=2)
    (plain,) = islice(loader_of(store, CUBES), 1)
    (batch,) = islice(loader_of(store, CUBES, transform=transform), 1)
    distorted, target = transform(plain["target"], plain["sample_id"])
    assert batch["input"].shape == (40, 1, 16, 16)
    assert torch.equal(batch["input"], distorted)
    assert torch.equal(batch["target"], target)


@pytest.mark.parametrize(
    ("transform", "shape"),
    [
        (RotationTransform(spatial_shape=(16, 16)), (40, 1, 16, 16)),
        (JigsawTransform(grid=(3, 3), multiple=2), (40, 9, 1, 4, 4)),
    ],
    ids=["rotation", "jigsaw"],
)
def test_other_tasks_give_labels_as_targets(store: VolumeStore, transform: Any, shape: tuple[int, ...]) -> None:
    (plain,) = islice(loader_of(store, CUBES), 1)
    (batch,) = islice(loader_of(store, CUBES, transform=transform), 1)
    x, label = transform(plain["target"], plain["sample_id"])
    assert batch["input"].shape == shape
    assert torch.equal(batch["input"], x)
    assert batch["target"].tolist() == label.tolist()
    fixed = next(iter(FixedSamples(store, whole_regions(ENTRIES), 40, 40, CUBES, transform)))
    assert fixed["input"].shape == shape
    assert fixed["target"].shape == (40,)


def test_files_of_scans_and_pictures_become_slices(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "files").mkdir()
    pixels = random_voxels((20, 24), 0, 255).astype(np.uint8)  # 20 rows of 24 columns
    for name in ("a", "b"):
        image.fromarray(pixels if name == "a" else pixels.T).save(tmp_path / "files" / f"{name}.png")
    write_ct(tmp_path / "files" / "scan.nii.gz", (18, 19, 7))
    run(tmp_path / "files", tmp_path / "store", PrepareSettings(dtype="uint8"))
    store = VolumeStore(tmp_path / "store")
    assert [(entry.modality, entry.shape) for entry in store.entries] == [
        ("xray", (24, 20, 1)),
        ("xray", (20, 24, 1)),
        ("ct", (18, 19, 7)),
    ]
    batch, boxes = cut(store, CUBES)
    assert batch["modality"].bincount(minlength=3)[[0, 2]].min() > 10
    pictures = {(24, 20, 1): pixels.T, (20, 24, 1): pixels}
    for target, (volume, (x0, y0, _, x1, y1, _)) in zip(batch["target"], boxes, strict=True):
        if volume.shape in pictures:
            wanted = pictures[volume.shape][x0:x1, y0:y1] / 255
            assert np.abs(target[0].numpy() - wanted).max() < 1e-6
