# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The patch that is shown when none is asked for."""

import pytest
import torch

from genesis_ext.figures import richest_patch


def test_the_part_with_many_grey_values_is_found():
    voxels = torch.zeros(40, 40, 40)
    voxels[20:36, 8:24, 16:32] = torch.linspace(0.0, 1.0, 16**3).view(16, 16, 16)
    x, y, z = richest_patch(voxels, (16, 16, 16))
    assert abs(x - 20) <= 4
    assert abs(y - 8) <= 4
    assert abs(z - 16) <= 4


def test_half_air_and_half_tissue_is_less_than_structure_of_less_variance():
    voxels = torch.zeros(16, 8, 8)
    voxels[4:8] = 1.0  # the greatest variance that there is
    voxels[8:] = torch.linspace(0.4, 0.6, 8 * 8 * 8).view(8, 8, 8)
    assert richest_patch(voxels, (8, 8, 8)) == (8, 0, 0)


@pytest.mark.parametrize("patch", [(9, 7, 5), (9, 7, 1), (1, 1, 1), (4, 7, 3)])
def test_the_patch_lies_in_the_scan(patch):
    voxels = torch.rand(9, 7, 5, generator=torch.Generator().manual_seed(0))
    start = richest_patch(voxels, patch)
    assert all(0 <= at <= size - side for at, side, size in zip(start, patch, voxels.shape, strict=True))


def test_a_scan_of_one_value_gives_its_first_patch():
    assert richest_patch(torch.full((12, 12, 12), 0.5), (4, 4, 4)) == (0, 0, 0)
