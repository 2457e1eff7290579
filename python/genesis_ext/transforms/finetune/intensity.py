# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""All that changes values, in the order nnU-Net has; mirrored by reference/finetune_transform.py.

Only `+ - * /`, square roots and rounding, and sums of integers: the same bits on every device and in every batch.
"""

import torch
from torch import Tensor

from genesis_ext import ops
from genesis_ext.ops._checks import as_3d, got
from genesis_ext.reference.philox import Purpose
from genesis_ext.transforms.finetune.plan import INTENSITY, FinetunePlan

_MEAN_STEPS = 2.0**24
_BITS = 23  # of the fraction of a float32
_FIRST = 103 << _BITS  # the bits of 2^-24
_ONE = 127 << _BITS


def change_intensities(
    x: Tensor, plan: FinetunePlan, value_range: tuple[float, float] | Tensor, normal_table: Tensor
) -> Tensor:
    """Change values as planned, within a range.

    x: (N, C, X, Y, Z) or (N, C, X, Y), float32 or float64.   value_range: (lo, hi), or float32 (N, 2) or (N, C, 2).
    normal_table: (65536,) int32 on the device of x (docs/determinism.md).
    Returns the shape and dtype of x; of samples without a change its bits.
    """
    acting = [name for name in plan.acting if name in INTENSITY]
    if not acting:
        return x
    if isinstance(value_range, Tensor):
        value_range = _check_range(value_range, x)
    if torch.compiler.is_compiling() or type(x) is not Tensor or not x.is_cpu:
        # What does not act on a sample is computed too, so that nothing has to wait for the device.
        return _changed(x, plan, acting, value_range, normal_table)
    acts = torch.stack([(getattr(plan, name) != INTENSITY[name]).any(1) for name in acting], 1).tolist()
    parts = []
    for i, flags in enumerate(acts):
        of_sample = [name for name, flag in zip(acting, flags, strict=True) if flag]
        limits = value_range[i : i + 1] if isinstance(value_range, Tensor) else value_range
        part = x[i : i + 1]
        parts.append(_changed(part, plan[i : i + 1], of_sample, limits, normal_table) if of_sample else part)
    return torch.cat(parts) if parts else x


def _changed(
    x: Tensor, plan: FinetunePlan, acting: list[str], value_range: tuple[float, float] | Tensor, normal_table: Tensor
) -> Tensor:
    ones = (1,) * (x.dim() - 2)
    named = {name: getattr(plan, name) for name in acting}
    acts = {name: (amount != INTENSITY[name]).view(*amount.shape, *ones) for name, amount in named.items()}
    amounts = {name: amount.view(*amount.shape, *ones) for name, amount in named.items()}  # (N, K, 1, ...)
    lo, hi, inverse = _limits(x, value_range)
    u = ((x - lo) * inverse if inverse is not None else x).clamp(0.0, 1.0) + 0.0  # of -0 it makes 0
    if "noise" in acting:
        noise = _normals(plan, x, normal_table) * amounts["noise"].to(x.dtype)
        u = torch.where(acts["noise"], u + noise, u)
    if "blur" in acting:
        u = torch.where(acts["blur"], _blurred(u, amounts["blur"]), u)
    if "brightness" in acting or "contrast" in acting:
        neutral = torch.ones_like(plan.brightness).view(*plan.brightness.shape, *ones)
        brightness, contrast = (amounts.get(name, neutral) for name in ("brightness", "contrast"))
        stretched = _stretched(u, brightness, contrast)
        u = torch.where((brightness != 1.0) | (contrast != 1.0), stretched, u)
    u = u.clamp(0.0, 1.0)
    if "resolution" in acting:
        u = torch.where(acts["resolution"], _coarse(u, plan.resolution), u).clamp(0.0, 1.0)
    if "inverted_gamma" in acting:
        inverted = 1.0 - _power(1.0 - u, amounts["inverted_gamma"])
        u = torch.where(acts["inverted_gamma"], inverted, u)
    if "gamma" in acting:
        u = torch.where(acts["gamma"], _power(u, amounts["gamma"]), u)
    if "curve" in acting:
        dims = x.dim() - 2
        u = torch.where(acts["curve"], ops.bezier_map(u, plan.control_points, plan.decreasing, spatial_dims=dims), u)
    changes = torch.stack([*acts.values()]).any(0)
    if inverse is None:
        return torch.where(changes, u, x)
    return torch.where(changes & (inverse > 0.0), lo + u * (hi - lo), x)


def _check_range(value_range: Tensor, x: Tensor) -> Tensor:
    """The range as (N, 1 or C, 2)."""
    ranges = value_range.unsqueeze(1) if value_range.dim() == 2 else value_range
    fits = ranges.shape[:1] == x.shape[:1] and ranges.shape[1:] in ((1, 2), (x.shape[1], 2))
    if not fits or ranges.dtype != torch.float32 or ranges.device != x.device:
        raise ValueError(
            f"FinetuneTransform: value_range must be float32 (N, 2) or (N, C, 2) beside a batch {tuple(x.shape)} on "
            f"{x.device}, got {got(value_range)} on {value_range.device}"
        )
    return ranges


def _limits(x: Tensor, value_range: tuple[float, float] | Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
    """The ends of the range, to broadcast against x, and 1 / (hi - lo), 0 where there is no such number.

    None instead for (0, 1), which needs no scaling.
    """
    if not isinstance(value_range, Tensor) and tuple(value_range) == (0.0, 1.0):
        return x.new_zeros(()), x.new_ones(()), None
    if isinstance(value_range, Tensor):
        ends = value_range.reshape(*value_range.shape[:2], *(1,) * (x.dim() - 2), 2).unbind(-1)
    else:
        # Rounded to float32, as a tensor would be.
        ends = tuple(x.new_full((), end, dtype=torch.float32) for end in value_range)
    single = torch.ones_like(ends[0]) / (ends[1] - ends[0])
    lo, hi = (end.to(x.dtype) for end in ends)
    span = hi - lo
    return lo, hi, torch.where((single > 0.0) & single.isfinite(), torch.ones_like(span) / span, 0.0)


def _normals(plan: FinetunePlan, x: Tensor, table: Tensor) -> Tensor:
    """Normal numbers in the shape of x: sixteen bits of a word for each voxel, the low half first."""
    count = x[0].numel() if len(x) else 0
    words = ops.philox_words(plan.sample_id, plan.seed, Purpose.AUGMENTATION_NOISE, -(-count // 8))
    halves = torch.stack([words & 0xFFFF, words >> 16], -1).flatten(1)[:, :count]
    return (table[halves].to(x.dtype) * 2.0**-20).view(x.shape)


def _blurred(u: Tensor, sigma: Tensor) -> Tensor:
    """Along each axis twice (a, 1 - 2a, a), with a = sigma^2 / 4; voxels at the border are repeated."""
    a = sigma * sigma * 0.25
    own = ((1.0 - 2.0 * a) * (1.0 - 2.0 * a) + 2.0 * (a * a)).to(u.dtype)
    near, far = (2.0 * a * (1.0 - 2.0 * a)).to(u.dtype), (a * a).to(u.dtype)
    for axis in range(2, u.dim()):
        n = u.shape[axis]
        if n == 1:
            continue
        first, last = u.narrow(axis, 0, 1), u.narrow(axis, n - 1, 1)
        line = torch.cat([first, first, u, last, last], axis)
        at = [line.narrow(axis, k, n) for k in range(5)]
        u = own * at[2] + near * (at[1] + at[3]) + far * (at[0] + at[4])
    return u


def _stretched(u: Tensor, brightness: Tensor, contrast: Tensor) -> Tensor:
    """Values times brightness, then their distances from the mean of the channel times contrast."""
    spatial = tuple(range(2, u.dim()))
    values = u.detach()
    # In whole numbers, since sums of others depend on their order. NaN counts for nothing.
    steps = (values.nan_to_num(0.0) * _MEAN_STEPS).round().long().sum(spatial, keepdim=True)
    count = (~values.isnan()).sum(spatial, keepdim=True)
    mean = steps.double() / count.double() * (1.0 / _MEAN_STEPS)
    both = (brightness * contrast).to(u.dtype)
    return u * both + (mean * brightness * (1.0 - contrast)).to(u.dtype)


def _coarse(u: Tensor, share: Tensor) -> Tensor:
    """The nearest voxels at `share` (N, K) of the resolution, and lines between them."""
    groups = share.shape[1]
    share = share.flatten()
    inverse = torch.ones_like(share) / share
    grouped = as_3d(u).flatten(0, 1).unflatten(0, (len(share), u.shape[1] // groups))
    sides = grouped.shape[2:]
    few = ops.affine_sample(grouped, _about_edges(inverse), sides, 0, "nearest")
    return ops.affine_sample(few, _about_edges(share), sides, 1, "nearest").view(u.shape)


def _about_edges(factor: Tensor) -> Tensor:
    """Return (N, 4, 4): from output to input index, steps of `factor` voxels that begin at the edge of the first."""
    matrix = factor.new_zeros((len(factor), 4, 4))
    for axis in range(3):
        matrix[:, axis, axis] = factor
        matrix[:, axis, 3] = 0.5 * factor - 0.5
    matrix[:, 3, 3].fill_(1.0)
    return matrix


def _power(u: Tensor, exponent: Tensor) -> Tensor:
    """Values in [0, 1] to the power of exponents (N, K, 1, ...), in 64ths below 4: to 4e-6 up to 2.

    Lines between the powers of nodes: 0, and 256 an octave from 2^-24 to 1, which the bits of a float32 count.
    """
    per_node = _BITS - 8
    first = _FIRST >> per_node
    last = (_ONE >> per_node) - first + 1
    counted = torch.arange(first, first + last, device=u.device, dtype=torch.int32) << per_node
    nodes = torch.cat([u.new_zeros(1, dtype=torch.float32), counted.view(torch.float32)])
    powers = _power_of_nodes(nodes, exponent.flatten().unsqueeze(1)).to(u.dtype)  # (N K, nodes)
    slopes = (powers[:, 1:] - powers[:, :-1]) / (nodes[1:] - nodes[:-1]).to(u.dtype)
    slopes = torch.cat([slopes, slopes.new_zeros((len(slopes), 1))], 1)
    values = u.unflatten(1, (exponent.shape[1], -1)).flatten(2).flatten(0, 1)  # (N K, voxels)
    bits = values.detach().float().contiguous().view(torch.int32)
    at = ((bits >> per_node) - (first - 1)).clamp(0, last).long()
    line = values - nodes.to(u.dtype)[at]
    raised: Tensor = powers.gather(1, at) + line * slopes.gather(1, at)
    return raised.view(u.shape)


def _power_of_nodes(nodes: Tensor, exponent: Tensor) -> Tensor:
    """The product of x^2, x and six square roots, one after another, as the bits of 64 times the exponent say."""
    bits = (exponent * 64.0).long()
    result, factor = torch.ones_like(nodes), nodes * nodes
    for bit in range(7, -1, -1):
        result = torch.where((bits >> bit) & 1 == 1, result * factor, result)
        # Libraries err in the last bit. The root of a float32 is never so near to where rounding turns that the last
        # bits of a float64 root decide.
        factor = nodes if bit == 7 else factor.double().sqrt().float()
    return result
