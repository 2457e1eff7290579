# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Mirrors csrc/math/convert.h: results of the arithmetic in the dtype asked for."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]


def convert(values: Array, dtype: DTypeLike) -> Array:
    """Integers: round half away from zero and saturate, NaN becomes 0. float16: round once from float32."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        with np.errstate(over="ignore"):  # beyond the largest number lies infinity
            return values.astype(np.float32 if dtype == np.float16 else dtype).astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    cut = np.where(np.isnan(values), 0, np.clip(values, limits.min, limits.max))
    whole = np.trunc(cut)
    return np.asarray((whole + np.trunc(2 * (cut - whole))).astype(dtype))  # a rest of a half or more is one more
