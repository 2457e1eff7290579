# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Which values of a scan become 0 and 1, and by which numbers they are stored."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from genesis_ext._settings import check_kinds
from genesis_ext.data.prepare.statistics import Distribution
from genesis_ext.data.store.entry import StoreDtype
from genesis_ext.data.volume import Volume, VolumeError

_TOP = {"int16": 32767.0, "uint8": 255.0, "float16": 1.0}  # what the upper end of a scaled volume is stored as
_TORCH_DTYPES = {"int16": torch.int16, "uint8": torch.uint8, "float16": torch.float16}
_CUT_WORTH_A_NOTE = 0.01  # share of an MRI's voxels at one side of the window
_INT16 = (-32768.0, 32767.0)


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
        check_kinds(self, "IntensityWindow: ")
        for name, (lo, hi) in (("ct_hu", self.ct_hu), ("mri", self.mri)):
            if not lo < hi:
                raise ValueError(f"IntensityWindow: {name} must be (lo, hi) with lo < hi, got {(lo, hi)}")
        if not _INT16[0] <= self.ct_hu[0] <= self.ct_hu[1] <= _INT16[1]:
            raise ValueError(f"IntensityWindow: ct_hu must lie in the range of int16, got {self.ct_hu}")

    def apply(self, volume: Volume) -> Tensor:
        """Voxels in [0, 1]: (X, Y, Z) float32.

        Raises:
            VolumeError: nothing but one value is left inside the window.
        """
        scale = scale_of(Distribution(volume.voxels), volume, self, None, "float16")
        values = volume.voxels.to(torch.float32, copy=True).clamp_(scale.lo, scale.hi)
        return values.sub_(scale.lo).div_(scale.hi - scale.lo)


@dataclass(frozen=True)
class Scale:
    """What stored numbers mean.

    Attributes:
        lo, hi: values in the units of the scan that become 0 and 1; beyond them it is clipped.
        slope, intercept: value = stored * slope + intercept.
        window: stored numbers that become 0 and 1.
        dtype: of the stored numbers.
    """

    lo: float
    hi: float
    slope: float
    intercept: float
    window: tuple[float, float]
    dtype: StoreDtype


def scale_of(
    values: Distribution,
    volume: Volume,
    window: IntensityWindow,
    percentiles: tuple[float, float] | None,
    dtype: StoreDtype,
) -> Scale:
    """The scale of one volume.

    CT: the window, as HU in int16. MRI: clipped to the window, then the least and the greatest value left. X-ray and
    ultrasound: nothing is clipped; 0 .. 255 for 8-bit pictures, else the least and the greatest value.

    values: of the voxels of `volume`, resampled.   percentiles: cut CT and MRI there instead, 0 .. 100.

    Raises:
        VolumeError: no two values differ between the ends.
    """
    least, greatest = values.least, values.greatest
    if volume.modality in ("xray", "us"):
        lo, hi = (0.0, 255.0) if volume.voxels.dtype == torch.uint8 else (least, greatest)
        what = "image"
    elif percentiles is not None:
        lo, hi = values.percentiles(percentiles)
        what = f"volume between its percentiles {percentiles[0]:g} and {percentiles[1]:g}"
    elif volume.modality == "ct":
        lo, hi = window.ct_hu
        what = f"volume inside the CT window [{lo:g}, {hi:g}]"
    else:
        lo, hi = max(least, window.mri[0]), min(greatest, window.mri[1])
        what = f"volume inside the MRI window [{window.mri[0]:g}, {window.mri[1]:g}]"
    if not max(lo, least) < min(hi, greatest):
        raise VolumeError(f"{volume.path}: there is nothing but one value in the {what}")
    if volume.modality == "ct" and dtype == "int16":
        return Scale(lo, hi, 1.0, 0.0, (lo, hi), dtype)
    top = _TOP[dtype]
    return Scale(lo, hi, (hi - lo) / top, lo, (0.0, top), dtype)


def outside_mri_window(values: Distribution, window: IntensityWindow) -> list[str]:
    """Notes on an MRI of which the window cuts more than a hundredth at one end.

    values: of its voxels as they were read: a spline leaves traces below 0 in an empty background, which mean nothing.
    """
    return [
        f"{share:.0%} of the voxels lie {where} {end:g}"
        for share, end, where in zip(
            values.shares_outside(*window.mri),
            window.mri,
            ("below the MRI window's beginning", "above the MRI window's end"),
            strict=True,
        )
        if share > _CUT_WORTH_A_NOTE
    ]


def stored_numbers(voxels: Tensor, scale: Scale, owned: bool) -> Tensor:
    """Voxels clipped, scaled, rounded to the nearest (halves away from zero), in the dtype of the scale.

    owned: `voxels` may be overwritten.
    """
    in_units = scale.slope == 1.0 and scale.intercept == 0.0
    if in_units and voxels.dtype == torch.int16 and scale.dtype == "int16":
        lo, hi = math.floor(scale.lo), math.ceil(scale.hi)  # what is left beyond the window is clipped with the rest
        return voxels.clamp_(lo, hi) if owned else voxels.clamp(lo, hi)
    values = voxels if owned and voxels.dtype == torch.float32 else voxels.to(torch.float32, copy=True)
    values.clamp_(scale.lo, scale.hi)
    if not in_units:
        values.sub_(scale.intercept).mul_(1.0 / scale.slope).clamp_(0.0, scale.window[1])
    if scale.dtype != "float16":
        values.add_(values.sign().mul_(0.5) if scale.lo < scale.intercept else 0.5)  # then cut towards zero
    return values.to(_TORCH_DTYPES[scale.dtype])
