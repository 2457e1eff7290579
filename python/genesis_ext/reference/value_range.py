# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The intensity range that values are normalised to, for the operators that take `value_range`."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]
Float32 = NDArray[np.float32]


def working_dtype(x: Array) -> np.dtype[Any]:
    """Return the dtype that arithmetic on x is done in: float64 for float64, float32 for everything smaller."""
    return np.dtype(np.float64 if x.dtype == np.float64 else np.float32)


def has_span(lo: Array, hi: Array) -> NDArray[np.bool_]:
    """Tell where a range can be divided by: hi > lo, and 1 / (hi - lo) is a positive finite float32."""
    with np.errstate(all="ignore"):
        inverse = np.float32(1) / (hi.astype(np.float32) - lo.astype(np.float32))
    return np.asarray((inverse > 0) & np.isfinite(inverse))


def bounds(value_range: ArrayLike, x: Array) -> tuple[Float32, Float32]:
    """Return (lo, hi), each of a shape that broadcasts against x (N, C, ...).

    value_range: (2,) for the batch, (N, 2) a sample, or (N, 1 or C, 2) a sample and channel.
    """
    limits = np.asarray(value_range, np.float32)
    if limits.ndim == 1:
        limits = limits[np.newaxis]
    if limits.ndim == 2:
        limits = limits[:, np.newaxis]
    if limits.ndim != 3 or limits.shape[2] != 2:
        raise ValueError(f"value_range must be (2,), (N, 2) or (N, C, 2), got shape {np.shape(value_range)}")
    limits = limits.reshape(*limits.shape[:2], *(1,) * (x.ndim - 2), 2)  # (N, C, 1, ..., 2)
    return limits[..., 0], limits[..., 1]
