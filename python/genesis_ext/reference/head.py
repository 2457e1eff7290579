# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Profile "head": the released generator's rates and sizes (2020-02 and later), in the form a plan is drawn from."""

from collections.abc import Sequence

from genesis_ext.reference.draw_plan import Numbers, Rates

_MAX_BOXES = 5

RATES = Rates(
    flip=0.4,
    shuffle=0.5,
    nonlinear=0.9,
    paint=0.9,
    outpaint=0.8,
    in_more=0.95,
    out_more=0.95,
    in_max_fraction=float(_MAX_BOXES),  # no bound: so many boxes cannot add up to more
)


def numbers(spatial_shape: Sequence[int]) -> Numbers:
    """Numbers for patches (X, Y, Z). Short axes: no window, box or margin leaves the patch."""
    windows = [max(1, length // 10) for length in spatial_shape]
    filled = [side for length in spatial_shape for side in (max(1, length // 6), max(1, length // 3))]
    kept = [length - masked for length in spatial_shape for masked in (4 * length // 7, 3 * length // 7)]
    flips = 3, 1, 1, 1, 0  # tries; weights of none (the released code flips the channel axis instead), x, y, z
    painting_in, painting_out = (0, _MAX_BOXES, 0), (1, _MAX_BOXES, 0)  # fewest boxes, most, noise
    return Numbers._make([*flips, 10_000, *windows, 0, 0, 1, 3, *painting_in, *filled, *painting_out, *kept, *kept])
