# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Ranges taken from the data: exact, the same on every device, without waiting for it."""

import torch
from torch import Tensor

from genesis_ext.ops._checks import check_voxels

_STEPS = 10_000  # of a percent: ranks in integers are exact, and the same on every device
# In patches of 9 CT and MRI scans at least 7 % of the voxels lie farther outside [0, 1] than half its width where they
# are z-scored, raw or in [-1, 1], and at most .4 % where percentiles 5 and 95 became 0 and 1 without cutting.
_FAR = 0.5
_MANY = 0.02
_LOOKED_AT = 16  # voxels along an axis, or up to twice as many: enough for a share, and next to no memory


def minmax_range(x: Tensor, per_channel: bool = False, spatial_dims: int = 3) -> Tensor:
    """Smallest and largest finite voxel of each sample.

    x: (N, C, X, Y, Z), or (N, C, X, Y) with `spatial_dims=2`, floating-point.
    Returns (N, 1, 2) float32, or (N, C, 2) with `per_channel`; (0, 0) where no voxel is finite.
    """
    x = check_voxels("minmax_range", x, spatial_dims)
    values = x.flatten(2 if per_channel else 1)  # (N, C, M) or (N, M)
    finite = values.isfinite()
    lo = torch.where(finite, values, torch.inf).amin(-1)
    hi = torch.where(finite, values, -torch.inf).amax(-1)
    return _as_range(lo, hi, finite.any(-1))


def percentile_range(
    x: Tensor, lower: float = 0.1, upper: float = 99.9, per_channel: bool = False, spatial_dims: int = 3
) -> Tensor:
    """Two order statistics of the finite voxels of each sample: the value of rank floor(q / 100 * (n - 1)) of n.

    x: (N, C, X, Y, Z), or (N, C, X, Y) with `spatial_dims=2`, floating-point.   lower, upper: in [0, 100] in steps of
    1e-4, lower <= upper.
    Returns (N, 1, 2) float32, or (N, C, 2) with `per_channel`; (0, 0) where no voxel is finite. No interpolation: both
    are values of x, hence exact. Costs a sort of the voxels.
    """
    if not 0.0 <= lower <= upper <= 100.0:
        raise ValueError(f"percentile_range: lower <= upper must lie in [0, 100], got {lower!r} and {upper!r}")
    x = check_voxels("percentile_range", x, spatial_dims)
    values = x.flatten(2 if per_channel else 1)  # (N, C, M) or (N, M)
    finite = values.isfinite()
    ordered = torch.where(finite, values, torch.inf).sort(-1).values
    count = finite.sum(-1, keepdim=True)
    last = (count - 1).clamp_min(0)
    lo, hi = (ordered.gather(-1, last * round(q * _STEPS) // (100 * _STEPS)).squeeze(-1) for q in (lower, upper))
    return _as_range(lo, hi, count.squeeze(-1) > 0)


def voxels_outside(x: Tensor, value_range: tuple[float, float] | Tensor) -> str:
    """A remark on voxels far outside their range, empty if they are at most 2 %; waits for the device.

    x: (N, C, *spatial), of which a coarse grid is looked at.   value_range: (lo, hi), or (N, 2) or (N, C, 2).
    """
    grid = (slice(None, None, max(1, side // _LOOKED_AT)) for side in x.shape[2:])
    x = x[(slice(None), slice(None), *grid)]
    limits = value_range if isinstance(value_range, Tensor) else x.new_tensor([value_range], dtype=torch.float32)
    limits = limits.unsqueeze(1) if limits.dim() == 2 else limits  # (N or 1, C or 1, 2)
    lo, hi = limits.reshape(*limits.shape[:2], *(1,) * (x.dim() - 2), 2).unbind(-1)
    far = torch.where(hi > lo, _FAR * (hi - lo), torch.inf)  # an empty range stands for no curve
    finite = x.isfinite()
    outside, far_outside = ((finite & ((x < lo - d) | (x > hi + d))).sum() for d in (0.0, far))
    many, share, least, most = torch.stack(
        [
            (far_outside > _MANY * finite.sum()).double(),
            outside / finite.sum(),
            torch.where(finite, x, torch.inf).amin().double(),
            torch.where(finite, x, -torch.inf).amax().double(),
        ]
    ).tolist()
    return f"about {share:.0%} of the voxels lie outside, from {least:.4g} to {most:.4g}" if many else ""


def _as_range(lo: Tensor, hi: Tensor, any_finite: Tensor) -> Tensor:
    # Adding 0 makes 0 of -0: which of the two a reduction or a sort meets first is up to the device.
    pair = torch.stack([lo, hi], -1).to(torch.float32) + 0.0
    pair = torch.where(any_finite.unsqueeze(-1), pair, 0.0)
    return pair.unsqueeze(1) if pair.dim() == 2 else pair
