# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Mirrors csrc/ops/spline_prefilter: samples to the coefficients of the spline that passes through them.

As `scipy.ndimage.spline_filter`: Unser, Aldroubi, Eden, "B-spline signal processing", IEEE TSP 1993.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_ext.reference.axis import GAIN, boundary_name, extended, filter_pad, filtered
from genesis_ext.reference.value_range import working_dtype

Array = NDArray[Any]

# There is no fill to filter with, and edges are taken as scipy takes them.
_EXTENSIONS = {"nearest": "reflect", "grid-constant": "mirror", "constant": "mirror"}


def spline_prefilter(x: Array, order: int = 3, boundary: str = "mirror") -> Array:
    """Return the coefficients of the cubic spline through x along all spatial axes.

    x: (N, C, *spatial), any real dtype.   order: 3; splines of order 0 and 1 are their own coefficients.
    boundary: how x goes on (`axis.BOUNDARIES`); as in scipy "nearest" filters as "reflect", and "constant" and
    "grid-constant" filter as "mirror".
    Returns the shape of x: float64 for float64, else float32. Exactness class B.
    """
    if order != 3:
        raise ValueError(f"order must be 3, got {order}")
    name = boundary_name(boundary)
    result = x.astype(working_dtype(x))
    pad = filter_pad(result.dtype)
    with np.errstate(all="ignore"):  # infinities and NaN go through
        for axis in range(2, x.ndim):
            if x.shape[axis] > 1:
                lines = extended(np.moveaxis(result, axis, 0), _EXTENSIONS.get(name, name), 0.0, pad)
                result = np.moveaxis(filtered(lines)[pad:-pad] * result.dtype.type(GAIN), 0, axis)
    return result
