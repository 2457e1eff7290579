# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What kind of scan it is, by its values."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_ext.data.volume import Modality

CT_AIR_HU = -500.0  # no MRI holds voxels as low as the air around and in a body
_CT_DENSE_HU = 3071.0  # end of the usual 12-bit scale; in a CT only metal lies above it
_DENSE_SHARE = 0.01
_MOST_OF_A_SCANNER = 65_535.0  # 16 bits


def guess(
    values: NDArray[Any], least: float, greatest: float, slope: float = 1.0, intercept: float = 0.0
) -> tuple[Modality, str]:
    """CT if some voxel is as low as air (-500) and 99 % are no denser than the 12-bit scale of CT (3,071), else MRI.

    The second half keeps apart images in arbitrary units that dip below zero, such as interpolated ones.
    values: stored numbers, finite; value = stored * slope + intercept.   least, greatest: of these values.
    Returns the modality and the reason.
    """
    if least > CT_AIR_HU:
        return "mri", f"no voxel is as low as the air of a CT, {CT_AIR_HU:g}{_strange(least, greatest)}"
    limit = (_CT_DENSE_HU - intercept) / slope  # in stored numbers
    dense = 0
    if greatest > _CT_DENSE_HU:
        dense = int(np.count_nonzero(values > limit if slope > 0 else values < limit))
    if dense > _DENSE_SHARE * values.size:
        return "mri", f"more than 1 % of the voxels lie above the scale of a CT, {_CT_DENSE_HU:g}"
    return "ct", f"voxels are as low as air ({least:g}) and 99 % are at most {_CT_DENSE_HU:g}"


def _strange(least: float, greatest: float) -> str:
    """What of the values no MRI scanner gives."""
    if least < 0:
        return f"; values below 0, down to {least:g}, are not those of a scanner: perhaps scaled before, or a map"
    if greatest > _MOST_OF_A_SCANNER:
        limit = f"{_MOST_OF_A_SCANNER:g}"
        return f"; values above {limit}, up to {greatest:g}, are not those of a scanner: perhaps a PET or a map"
    return ""
