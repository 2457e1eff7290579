# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Cubes around volumes that are smaller."""

from pathlib import Path

import numpy as np
import pytest
import torch

from genesis_ext.data.loader import FixedSamples, GenesisLoader
from genesis_ext.data.sampling.settings import Sampling
from genesis_ext.data.sampling.split import whole_regions
from tests.data_layer.stores import entry_of, write_store

PADDED = Sampling(out_shape=(16, 12, 8), cube=(16, 12, 8), pad=True, allow_constant=True, label_share=0.5)


@pytest.mark.parametrize("window", [(-1000.0, 1000.0), (0.0, 400.0)], ids=["hu", "other"])
def test_a_smaller_volume_lies_in_the_middle_with_the_window_s_end_and_background_around_it(
    tmp_path: Path, window: tuple[float, float]
) -> None:
    entry = entry_of("small", (9, 20, 8), window=window)
    voxels = np.full(entry.shape, window[1], np.int16)
    label = np.ones(entry.shape, np.uint8)
    store = write_store(tmp_path / "store", [entry], [voxels], [label])
    regions = whole_regions(store.entries, PADDED.smallest)
    batch = GenesisLoader(store, 4, PADDED, regions=regions, labels=True, report=str).make(0)
    for voxels_of in (batch["input"], batch["label"].float()):
        assert voxels_of.shape == (4, 1, 16, 12, 8)
        assert bool((voxels_of[:, :, 3:12] == 1).all())  # seven voxels are missing: three before, four behind
        assert voxels_of.sum() == 4 * 9 * 12 * 8
    assert bool(batch["mask"].all())
    fixed = next(iter(FixedSamples(store, regions, 4, 4, PADDED, labels=True, report=str)))
    assert torch.equal(fixed["input"][:, :, 3:12], torch.ones(4, 1, 9, 12, 8))


def test_a_box_that_must_hold_a_label_is_found_in_volumes_smaller_along_some_axes(tmp_path: Path) -> None:
    entry = entry_of("small", (9, 40, 8))
    label = np.zeros(entry.shape, np.uint8)
    label[8, 1, 7] = 1
    store = write_store(tmp_path / "store", [entry], labels=[label])
    sampling = Sampling(out_shape=(16, 12, 8), cube=(16, 12, 8), pad=True, allow_constant=True, label_share=1.0)
    regions = whole_regions(store.entries, sampling.smallest)
    loader = GenesisLoader(store, 8, sampling, regions=regions, labels=True, report=str)
    batch = loader.make(0)
    assert batch["label"].flatten(1).sum(1).tolist() == [1] * 8
    assert set(batch["box"][:, 1].tolist()) <= {0.0, 1.0}  # those that hold it along y


def test_padding_goes_with_no_rule_on_content() -> None:
    with pytest.raises(ValueError, match="pad must be false unless allow_constant is set and content is empty"):
        Sampling(cube=(8, 8, 8), pad=True)
