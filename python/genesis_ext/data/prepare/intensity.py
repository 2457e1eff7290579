# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Which values of a scan become 0 and 1, and by which numbers they are stored."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from genesis_ext._settings import check_kinds
from genesis_ext.data.prepare.statistics import Distribution
from genesis_ext.data.store.entry import GREYS, TORCH_DTYPES, StoreDtype
from genesis_ext.data.volume import Volume, VolumeError, is_picture

_TOP = {"int16": 32767.0, "uint8": 255.0, "float16": 1.0}  # what the upper end of a scaled volume is stored as
_CUT_WORTH_A_NOTE = 0.01  # share of an MRI's voxels at one side of the window
_TRACE = 0.05  # percent of the voxels at each end, which do not count when a volume is called constant
_INT16 = (-32768.0, 32767.0)

MOST_ABOVE = 0.25
"""Share of an MRI's voxels above its window, where no background is: with more it is left out."""
MRI_PERCENTILES = (0.5, 99.5)
"""Where MRI is cut unless told otherwise; docs/store.md has the comparison."""
PAPER_MRI_WINDOW = (0.0, 4000.0)
"""Where the Universal Model cuts MRI."""


@dataclass(frozen=True)
class IntensityWindow:
    """Where intensities are cut.

    Attributes:
        ct_hu: CT is clipped to this and scaled by it, so that HU keep their meaning.
        mri: MRI is clipped to this, then scaled by the least and the greatest value left in that scan, as in the
            Universal Model. A scan that lies above it is refused.
        mri_percentiles: MRI is clipped to these percentiles of its own, whatever its units, and scaled by them: the
            lower one of all voxels, the upper one of the voxels above it, so that a background of one value does not
            count. Without `mri` it is ``MRI_PERCENTILES`` unless given.
        ct_own_range: CT is scaled by the least and the greatest value left in that scan instead, as the text of the
            Universal Model has it; equal HU then are no equal greys.
    """

    ct_hu: tuple[float, float] = (-1000.0, 1000.0)
    mri: tuple[float, float] | None = None
    mri_percentiles: tuple[float, float] | None = None
    ct_own_range: bool = False

    def __post_init__(self) -> None:
        check_kinds(self, "IntensityWindow: ")
        for name, ends in (("ct_hu", self.ct_hu), ("mri", self.mri)):
            if ends is not None and not ends[0] < ends[1]:
                raise ValueError(f"IntensityWindow: {name} must be (lo, hi) with lo < hi, got {ends}")
        if self.mri is None and self.mri_percentiles is None:
            object.__setattr__(self, "mri_percentiles", MRI_PERCENTILES)  # so that a store says which they were
        if self.mri_percentiles is not None:
            if self.mri is not None:
                raise ValueError(
                    f"IntensityWindow: of mri and mri_percentiles one must be None, got {self.mri} and "
                    f"{self.mri_percentiles}"
                )
            if not 0 <= self.mri_percentiles[0] < self.mri_percentiles[1] <= 100:
                raise ValueError(
                    "IntensityWindow: mri_percentiles must be (lo, hi) with 0 <= lo < hi <= 100, got "
                    f"{self.mri_percentiles}"
                )
        if not _INT16[0] <= self.ct_hu[0] <= self.ct_hu[1] <= _INT16[1]:
            raise ValueError(f"IntensityWindow: ct_hu must lie in the range of int16, got {self.ct_hu}")

    def describe(self) -> str:
        """What is done to CT and MRI, in a sentence without an end."""
        own = " and scaled by its own range" if self.ct_own_range else ""
        ct = f"CT is cut at {self.ct_hu[0]:g} and {self.ct_hu[1]:g} HU{own}"
        if self.mri is None:
            low, high = self.mri_percentiles or MRI_PERCENTILES
            return f"{ct}, MRI at its percentiles {low:g} and {high:g}"
        lo, hi = self.mri
        return f"{ct}, MRI at {lo:g} and {hi:g} (left out if more than {MOST_ABOVE:.0%} of its voxels lie above)"

    def apply(self, volume: Volume) -> Tensor:
        """Voxels in [0, 1]: (X, Y, Z) float32.

        Raises:
            VolumeError: nothing but one value is left inside the window, or a quarter of an MRI lies above it.
        """
        told = Distribution(volume.voxels)
        scale = scale_of(told, told, volume, self, "float16")
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
        rule: what chose `lo` and `hi`, in words.
    """

    lo: float
    hi: float
    slope: float
    intercept: float
    window: tuple[float, float]
    dtype: StoreDtype
    rule: str


def scale_of(
    read: Distribution, values: Distribution, volume: Volume, window: IntensityWindow, dtype: StoreDtype
) -> Scale:
    """The scale of one volume.

    CT: the window, as HU in int16. MRI: its own percentiles, or clipped to the window, then the least and the greatest
    value left. X-ray and ultrasound: nothing is clipped; 0 .. 255 for 8-bit pictures, else the least and the greatest
    value.

    read: of the voxels of `volume`; percentiles are theirs, since a spline leaves traces in an empty background.
    values: of the voxels resampled.

    Raises:
        VolumeError: no two values differ between the ends, or more than a quarter of an MRI lies above its window.
    """
    least, greatest = values.least, values.greatest
    if is_picture(volume.modality):
        lo, hi = (0.0, 255.0) if volume.voxels.dtype == torch.uint8 else (least, greatest)
        rule = "image"
    elif volume.modality == "ct":
        lo, hi = window.ct_hu
        if window.ct_own_range:
            lo, hi = max(least, lo), min(greatest, hi)
        rule = f"volume inside the CT window [{lo:g}, {hi:g}]"
    elif window.mri is not None:
        _refuse_above(read, volume, window.mri)
        lo, hi = max(least, window.mri[0]), min(greatest, window.mri[1])
        rule = f"volume inside the MRI window [{window.mri[0]:g}, {window.mri[1]:g}]"
    else:
        low, high = window.mri_percentiles or MRI_PERCENTILES
        lo, hi = read.ends(low, high)
        rule = f"volume between its percentiles {low:g} and {high:g}"
    if not max(lo, least) < min(hi, greatest):
        raise VolumeError(f"{volume.path}: there is nothing but one value in the {rule}")
    if volume.modality == "ct" and dtype == "int16":
        return Scale(lo, hi, 1.0, 0.0, (lo, hi), dtype, rule)
    top = _TOP[dtype]
    return Scale(lo, hi, (hi - lo) / top, lo, (0.0, top), dtype, rule)


def refuse_constant(volume: Volume, stored: Distribution, scale: Scale) -> None:
    """Raise VolumeError if all but a thousandth of the voxels have one grey of 255.

    stored: of the numbers that would be stored.
    """
    lo, hi = stored.without_ends(_TRACE)
    if hi - lo < (scale.window[1] - scale.window[0]) / GREYS:
        raise VolumeError(
            f"{volume.path}: 99.9 % of the voxels have one grey once [{scale.lo:g}, {scale.hi:g}] is scaled to [0, 1]: "
            "there is nothing to learn from"
        )


def outside_mri_window(values: Distribution, window: tuple[float, float]) -> list[str]:
    """Notes on an MRI of which the window cuts more than a hundredth at one end.

    values: of its voxels as they were read: a spline leaves traces below 0 in an empty background, which mean nothing.
    """
    return [
        f"{_percent(share)} of the voxels lie {where} {end:g}"
        for share, end, where in zip(
            values.shares_outside(*window),
            window,
            ("below the MRI window's beginning", "above the MRI window's end"),
            strict=True,
        )
        if share > _CUT_WORTH_A_NOTE
    ]


def _refuse_above(read: Distribution, volume: Volume, window: tuple[float, float]) -> None:
    """Raise VolumeError if a window takes the contrast of an MRI; what lies below it may be background."""
    _, above = read.shares_outside(*window)
    if above > MOST_ABOVE:
        raise VolumeError(
            f"{volume.path}: {_percent(above)} of the voxels lie above the MRI window's end {window[1]:g}, where all "
            "become one value: the units of MRI are arbitrary, so let percentiles decide, or give a window that fits"
        )


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
    return values.to(TORCH_DTYPES[scale.dtype])


def _percent(share: float) -> str:
    """A share that is not quite all does not look like all."""
    return f"{math.floor(1000 * share) / 10:g}%" if share > 0.99 else f"{share:.0%}"
