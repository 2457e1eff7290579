# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Intensities of a scan to [0, 1], by modality (Universal Model, section 3; Models Genesis for CT)."""

from dataclasses import dataclass

from torch import Tensor

from genesis_ext.data.readers import Volume, VolumeError

CUT_WORTH_A_WARNING = 0.01  # share of an MRI's voxels above the window


@dataclass(frozen=True)
class IntensityWindow:
    """Where intensities are cut.

    Attributes:
        ct_hu: CT is clipped to this and scaled by it, so that HU keep their meaning.
        mri: MRI is clipped to this, then scaled by the least and the greatest value left in that scan: the units of
            MRI are arbitrary, and a fixed scale would leave many scans nearly black.
    """

    ct_hu: tuple[float, float] = (-1000.0, 1000.0)
    mri: tuple[float, float] = (0.0, 4000.0)

    def __post_init__(self) -> None:
        for name, (lo, hi) in (("ct_hu", self.ct_hu), ("mri", self.mri)):
            if not lo < hi:
                raise ValueError(f"IntensityWindow: {name} must be (lo, hi) with lo < hi, got {(lo, hi)}")

    def apply(self, volume: Volume) -> Tensor:
        """Voxels in [0, 1]: (X, Y, Z) float32.

        Raises:
            VolumeError: nothing but one value is left inside the window.
        """
        lo, hi = self.ct_hu if volume.modality == "ct" else self.mri
        cut = volume.voxels.clamp(lo, hi)
        least, greatest = float(cut.min()), float(cut.max())
        if least == greatest:
            raise VolumeError(f"{volume.path}: all voxels lie on one side of the {volume.modality} window [{lo}, {hi}]")
        if volume.modality == "mri":
            lo, hi = least, greatest
        return (cut - lo) / (hi - lo)

    def share_above(self, volume: Volume) -> float:
        """Share of the voxels that the upper end cuts, 0 .. 1."""
        hi = self.ct_hu[1] if volume.modality == "ct" else self.mri[1]
        return float((volume.voxels > hi).float().mean())
