# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Images come to a network as those did that trained it."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genesis_ext.data.prepare.intensity import IntensityWindow
from genesis_ext.data.prepare.preprocess import PrepareSettings
from genesis_ext.data.readers import read_volume
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.evaluation.stored_networks import StoredNetwork, prepare_channels
from tests.data_layer.images import random_voxels, write_nifti
from tests.data_layer.preparing import run
from tests.evaluation.networks import segmentation


@pytest.mark.parametrize("modality", ["ct", "mri"])
@pytest.mark.parametrize(
    "settings",
    [
        PrepareSettings(spacing_mm=None, window=IntensityWindow(ct_hu=(-100, 300))),
        PrepareSettings(spacing_mm=(2.0, 1.5, 0.5), antialias=True, window=IntensityWindow(mri_percentiles=(2, 90))),
        PrepareSettings(spacing_mm=(1.2, 0.8, 1.0), window=IntensityWindow(mri=(0, 4000))),
    ],
    ids=["native", "antialiased", "window"],
)
def test_an_image_is_what_a_store_holds_of_it(tmp_path: Path, settings: PrepareSettings, modality: Any) -> None:
    voxels = random_voxels((12, 10, 9), -300, 900).astype(np.int16)
    path = write_nifti(tmp_path / "a.nii", voxels, np.diag((-0.9, 1.2, 1.0, 1.0)))
    run(path, tmp_path / "store", settings, modality=modality)
    item = VolumeStore(tmp_path / "store")[0]
    lo, hi = item.entry.window
    stored = ((torch.from_numpy(item.voxels.astype(np.float32)) - lo) / (hi - lo)).clamp(0, 1)

    told = {"spacing_mm": settings.spacing_mm, "antialias": settings.antialias}
    made = segmentation(tmp_path / "run", normalization=asdict(settings.window), **told)
    network = StoredNetwork.load(made, torch.device("cpu"))
    image, grid = prepare_channels([read_volume(path, modality)], network.settings)
    assert torch.equal(image[0], stored)
    assert (grid.shape, grid.spacing_mm) == (item.entry.shape, item.entry.spacing_mm)
    assert np.array_equal(grid.affine, item.entry.affine)
