# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Volumes of one case as the channels of one input."""

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genesis_ext.data.loader import FixedSamples, GenesisLoader
from genesis_ext.data.sampling.content import Foreground
from genesis_ext.data.sampling.settings import Sampling
from genesis_ext.data.sampling.split import whole_regions
from genesis_ext.data.store.volume_store import VolumeStore
from tests.data_layer.images import random_voxels
from tests.data_layer.stores import entry_of, write_store

# Interleaved, of different windows, and one channel that no case is asked for.
ENTRIES = [
    entry_of(
        f"{case}_{channel}",
        (12 + case, 10, 9),
        "mri",
        case=str(case),
        channel=channel,
        patient=str(case),
        window=window,
    )
    for channel, window in (("FLAIR", (0.0, 100.0)), ("T2", (0.0, 1.0)), ("T1", (50.0, 900.0)))
    for case in range(4)
]
VOXELS = [random_voxels(entry.shape, 0, 1000, seed).astype(np.int16) for seed, entry in enumerate(ENTRIES)]
LABELS = [
    (voxels > 500).astype(np.uint8) if entry.channel == "T1" else None
    for voxels, entry in zip(VOXELS, ENTRIES, strict=True)
]
CUBES = Sampling(out_shape=(4, 5, 6), cube=(4, 5, 6), content={"mri": Foreground(min_share=0.4)}, content_grid=1)


@pytest.fixture
def store(tmp_path: Path) -> VolumeStore:
    return write_store(tmp_path / "store", ENTRIES, VOXELS, LABELS)


def loader(store: VolumeStore, channels: Any = ("T1", "FLAIR"), **options: Any) -> GenesisLoader:
    given = {"regions": whole_regions(store.entries), "report": lambda line: None, "channels": channels, **options}
    return GenesisLoader(store, 12, CUBES, **given)


@pytest.mark.parametrize("placement", ["device", "pinned", "disk"])
def test_channels_are_cut_at_the_boxes_of_the_first(store: VolumeStore, placement: Any) -> None:
    seen = set()
    with loader(store, labels=True, placement=placement, budget=45_000, samples_a_volume=12) as batches:
        assert (len(batches.placement.layout.shards) > 1) == (placement != "device")
        for batch in islice(batches, 6):
            assert batch["input"].shape == (12, 2, 4, 5, 6)
            assert batch["label"].shape == (12, 1, 4, 5, 6)
            for n, (volume, box) in enumerate(zip(batch["volume"].tolist(), batch["box"].long().tolist(), strict=True)):
                part = tuple(slice(a, b) for a, b in zip(box[:3], box[3:], strict=True))
                for c, number in enumerate((volume, volume - 8)):
                    lo, hi = ENTRIES[number].window
                    wanted = ((VOXELS[number][part] - lo) / (hi - lo)).clip(0, 1)
                    assert np.abs(batch["input"][n, c].numpy() - wanted).max() < 1e-5
                assert np.array_equal(batch["label"][n, 0], VOXELS[volume][part] > 500)
                seen.add(volume)
    assert seen == {8, 9, 10, 11}


def test_what_validates_has_the_channels_and_one_channel_is_a_choice(store: VolumeStore) -> None:
    (fixed,) = FixedSamples(store, whole_regions(ENTRIES), 12, 12, CUBES, channels=("T1", "FLAIR"))
    with loader(store) as batches, loader(store, ("FLAIR",)) as single:
        assert torch.equal(batches.make(0, fixed["sample_id"])["input"], fixed["input"])
        drawn = single.draw(0)
        assert set(drawn[1].volumes) == {0, 1, 2, 3}
        assert single.make(0)["input"].shape == (12, 1, 4, 5, 6)


@pytest.mark.parametrize(
    ("change", "channels", "complaint"),
    [
        ({}, ("T1", "PET"), "case '0': must have channel 'PET' once, its channels are FLAIR, T2, T1"),
        ({}, ("PET", "T1"), "channels must be those of the volumes, which are FLAIR, T1, T2, got 'PET'"),
        ({}, ("T1", "T1"), "channels must be different names"),
        ({}, "T1", "channels must be different names, at least one, got 'T1'"),
        ({"case": None}, ("T1", "FLAIR"), "case '0': must have channel 'FLAIR' once, its channels are T2, T1"),
        ({"case": None}, ("FLAIR", "T1"), "volume '0_FLAIR': its case must be told to find its other channels"),
        ({"channel": "T2"}, ("T2", "T1"), "case '0': must have channel 'T2' once, its channels are T2, T2, T1"),
        ({"channel": "T2"}, ("T1", "T2"), "case '0': must have channel 'T2' once, its channels are T2, T2, T1"),
        (
            {"shape": (12, 10, 8)},
            ("T1", "FLAIR"),
            r"grid, and do not: 0_T1 has 12x10x9 voxels of 1x1x1 mm from \(0, 0, 0\); 0_FLAIR has 12x10x8 voxels",
        ),
        (
            {"affine": ((1.0, 0.0, 0.0, 0.2), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))},
            ("T1", "FLAIR"),
            r"grid, and do not: .*0_FLAIR has 12x10x9 voxels of 1x1x1 mm from \(0\.2, 0, 0\)",
        ),
    ],
)
def test_cases_that_lack_a_channel_or_a_common_grid_are_named(
    tmp_path: Path, change: Any, channels: Any, complaint: str
) -> None:
    changed = replace(ENTRIES[0], **change)
    store = write_store(tmp_path / "store", [changed, *ENTRIES[1:]], [VOXELS[0][:, :, : changed.shape[2]], *VOXELS[1:]])
    with pytest.raises(ValueError, match=complaint):
        loader(store, channels)
    with pytest.raises(ValueError, match=complaint):
        FixedSamples(store, whole_regions(store.entries), 4, 4, CUBES, channels=channels)
