# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The rules on content by the book, voxel by voxel."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_ext.data.sampling.content import ContentRule, Foreground
from genesis_ext.data.store.entry import StoredVolume


def lung_score(hu: NDArray[Any], x: int, y: int, z: int) -> float:
    """The released rule by the book, for one voxel."""
    for depth in range(3):
        if z + depth < hu.shape[2] and hu[x, y, z + depth] >= -150:
            return max(0.0, 1 - depth / 2)
    return 0.0


def score_map(entry: StoredVolume, voxels: NDArray[Any], rule: ContentRule) -> NDArray[np.int64]:
    """Integer scores by the book: twice those of the lung rule, 1 for background."""
    if isinstance(rule, Foreground):
        lo, hi = entry.window
        return (voxels.astype(np.float64) < lo + rule.above * (hi - lo)).astype(np.int64)
    hu = voxels.astype(np.float64) * entry.slope + entry.intercept
    return np.array([round(2 * lung_score(hu, *at)) for at in np.ndindex(hu.shape)]).reshape(hu.shape)
