# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""How far the surfaces of a predicted region and its label lie apart, by MONAI (extra ``evaluate``)."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from genesis_ext._extras import require
from genesis_ext.evaluation.overlap import check_masks


class SurfaceScores(NamedTuple):
    """Of one region; NaN where not defined.

    Attributes:
        hausdorff95_mm: 95 % of the surface voxels of each region lie nearer to the other's; the greater of the two.
        distance_mm: mean distance of the surface voxels of both regions from the other's.
        dice: share of both surfaces, by area, that lies within the tolerance of the other.
    """

    hausdorff95_mm: float
    distance_mm: float
    dice: float


def surface_scores(
    prediction: Tensor, label: Tensor, spacing_mm: Sequence[float], tolerance_mm: float = 1.0
) -> SurfaceScores:
    """Compare the surfaces of two masks (X, Y[, Z]) of bool.

    An axis of one voxel does not count: the surface of a slice is its outline. Regions end at the edge of the image.
    Where one region is empty, distances are not defined and the surface Dice is 0; where both are, none is defined.
    Numbers are those of MONAI's ``compute_hausdorff_distance``, ``compute_average_surface_distance`` (symmetric) and
    ``compute_surface_dice`` (``use_subvoxels``), the last by Nikolov et al., arXiv 1809.04430.

    Raises:
        ValueError: the masks are not of bool and of one shape, the spacing is of other axes, or the tolerance is
            negative or not finite.
        ImportError: MONAI or SciPy is not installed.
    """
    check_masks(prediction, label)
    if len(spacing_mm) != label.ndim:
        raise ValueError(f"spacing_mm must have one number an axis of {tuple(label.shape)}, got {len(spacing_mm)}")
    if not 0 <= tolerance_mm < math.inf:
        raise ValueError(f"tolerance_mm must be a finite number of at least 0, got {tolerance_mm}")
    full = bool(prediction.any()), bool(label.any())
    if not all(full):
        return SurfaceScores(math.nan, math.nan, 0.0 if any(full) else math.nan)
    thin = [axis for axis, side in enumerate(label.shape) if side == 1][: label.ndim - 2]
    spacing = [float(mm) for axis, mm in enumerate(spacing_mm) if axis not in thin]
    x, y = (np.squeeze(mask.cpu().numpy(), axis=tuple(thin)) for mask in (prediction, label))
    metrics = require("monai.metrics", "evaluate", "for distances of surfaces")

    edges, others = metrics.get_mask_edges(x, y)
    there, back = _distances(metrics, edges, others, spacing)
    hausdorff95 = max(float(np.percentile(side, 95)) for side in (there, back))
    mean = float(np.concatenate([there, back]).mean(dtype=np.float64))

    edges, others, area_of_edges, area_of_others = metrics.get_mask_edges(x, y, spacing=spacing)
    there, back = _distances(metrics, edges, others, spacing)
    area = np.concatenate([area_of_edges[edges], area_of_others[others]]).astype(np.float64)
    near = np.concatenate([there, back]) <= tolerance_mm
    return SurfaceScores(hausdorff95, mean, float(area[near].sum() / area.sum()))


def _distances(
    metrics: Any, edges: NDArray[np.bool_], others: NDArray[np.bool_], spacing: list[float]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Of each edge voxel from the nearest of the other, mm, both ways."""
    there, back = (metrics.get_surface_distance(*pair, spacing=spacing) for pair in ((edges, others), (others, edges)))
    return there, back
