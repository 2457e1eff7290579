# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import numpy as np
import pytest
import torch

from genesis_ext.data import IntensityWindow, Modality, Volume, VolumeError


def volume_of(values: list[float], modality: Modality) -> Volume:
    voxels = torch.tensor(values).reshape(-1, 1, 1)
    return Volume(voxels, (1.0, 1.0, 1.0), np.eye(4), modality, Path("scan.nii"))


def test_ct_is_clipped_and_scaled_by_fixed_hu() -> None:
    values = IntensityWindow().apply(volume_of([-2000, -1000, -150, 0, 1000, 3000], "ct"))
    assert torch.allclose(values.flatten(), torch.tensor([0, 0, 0.425, 0.5, 1, 1]))


def test_mri_is_clipped_then_scaled_by_its_own_range() -> None:
    values = IntensityWindow().apply(volume_of([-50, 0, 500, 1000], "mri"))
    assert torch.allclose(values.flatten(), torch.tensor([0, 0, 0.5, 1]))
    values = IntensityWindow().apply(volume_of([2000, 3000, 4000, 9000], "mri"))
    assert torch.allclose(values.flatten(), torch.tensor([0, 0.5, 1, 1]))


def test_the_share_above_the_window_is_told() -> None:
    assert IntensityWindow().share_above(volume_of([0, 1, 4001, 5000], "mri")) == 0.5


@pytest.mark.parametrize("modality", ["ct", "mri"])
def test_a_scan_outside_the_window_is_refused(modality: Modality) -> None:
    with pytest.raises(VolumeError, match=r"scan\.nii: all voxels lie on one side"):
        IntensityWindow().apply(volume_of([5000, 6000], modality))


def test_a_window_must_have_a_width() -> None:
    with pytest.raises(ValueError, match="lo < hi"):
        IntensityWindow(ct_hu=(100.0, 100.0))
