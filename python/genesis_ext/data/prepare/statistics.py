# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""How the values of a volume are distributed, at little cost beside reading it."""

import math
from collections.abc import Sequence

import numpy as np
from torch import Tensor

HISTOGRAM_BINS = 100
_PERCENTS = (1.0, 50.0, 99.0)
_SAMPLE = 1 << 20  # voxels


class Distribution:
    """Of the finite values of a volume.

    Least and greatest are those of all voxels; everything else comes from a regular sample of about a million.

    Args:
        voxels: any shape, on the CPU.

    Attributes:
        least, greatest: values.
    """

    def __init__(self, voxels: Tensor) -> None:
        array = voxels.reshape(-1).numpy()
        self.least, self.greatest = float(array.min()), float(array.max())
        step = -(-array.size // _SAMPLE)
        while math.gcd(step, array.size) > 1:  # else the sample could lie in a few planes of the volume
            step += 1
        sample = array[::step]
        # NumPy's stable sort of small integers is by radix, many times faster than by comparison.
        self._ordered = np.sort(sample, kind="stable" if sample.dtype.itemsize <= 2 else "quicksort")

    def percentiles(self, percents: Sequence[float]) -> list[float]:
        """Order statistics of rank floor(q / 100 * (n - 1))."""
        return [float(self._ordered[int(q / 100 * (self._ordered.size - 1))]) for q in percents]

    def without_ends(self, percent: float) -> tuple[float, float]:
        """Least and greatest once so many percent, rounded down, are taken off either end."""
        cut = int(percent / 100 * self._ordered.size)
        return float(self._ordered[cut]), float(self._ordered[-1 - cut])

    def ends(self, low: float, high: float) -> tuple[float, float]:
        """The percentile `low` of all values, and the percentile `high` of those above it; 0 and 100: of all voxels.

        A background of one value is the lower end itself, and does not count for the upper one however large it is.
        """
        lo = self.least if low == 0 else self.percentiles((low,))[0]
        above = self._ordered[np.searchsorted(self._ordered, lo, side="right") :]
        if high == 100 or not above.size:
            return lo, self.greatest
        return lo, float(above[int(high / 100 * (above.size - 1))])

    def shares_outside(self, lo: float, hi: float) -> tuple[float, float]:
        """Shares of the voxels below `lo` and above `hi`, 0 .. 1."""
        below = np.searchsorted(self._ordered, lo, side="left")
        above = self._ordered.size - np.searchsorted(self._ordered, hi, side="right")
        return float(below / self._ordered.size), float(above / self._ordered.size)

    def histogram(self, lo: float, hi: float) -> list[int]:
        """Sampled voxels in each of HISTOGRAM_BINS bins from `lo` to `hi`; those beyond are in the outermost bins."""
        inner = np.searchsorted(self._ordered, np.linspace(lo, hi, HISTOGRAM_BINS + 1)[1:-1])
        return [int(count) for count in np.diff([0, *inner, self._ordered.size])]

    def describe(self, slope: float = 1.0, intercept: float = 0.0) -> dict[str, float]:
        """min, max, mean, p1, p50 and p99 of the values * slope + intercept; how many differ in the sample."""
        values = {"min": self.least, "max": self.greatest, "mean": float(self._ordered.mean(dtype=np.float64))}
        values |= {f"p{q:g}": value for q, value in zip(_PERCENTS, self.percentiles(_PERCENTS), strict=True)}
        described = {name: value * slope + intercept for name, value in values.items()}
        return described | {"different": 1 + int(np.count_nonzero(np.diff(self._ordered)))}
