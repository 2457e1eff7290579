# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""From the words of a sample to what it undergoes; mirrored by reference/finetune_draws.py."""

from typing import Any

import torch
from torch import Tensor

from genesis_ext import ops
from genesis_ext.ops.philox_words import below
from genesis_ext.reference.finetune_draws import CHANNEL_CALLS, GEOMETRY_CALLS, SHEARS
from genesis_ext.reference.philox import Purpose
from genesis_ext.transforms.finetune.config import FinetuneTransformConfig
from genesis_ext.transforms.finetune.geometry import Grid
from genesis_ext.transforms.finetune.plan import INTENSITY, FinetunePlan

INTENSITY_RATES = {name: f"{name}_rate" for name in INTENSITY} | {"resolution": "low_resolution_rate"}
"""What changes values in a plan -> the name of its rate."""


def draw_plan(
    sample_id: Tensor,
    seed: Tensor,
    config: FinetuneTransformConfig,
    grid: Grid,
    spatial_shape: tuple[int, ...],
    groups: int,
) -> FinetunePlan:
    """Draw for (N,) int64 ids and a (1,) int64 seed; groups: of channels that differ, K."""
    words = ops.philox_words(sample_id, seed, Purpose.AUGMENTATION, GEOMETRY_CALLS + CHANNEL_CALLS * groups)
    channels = words[:, GEOMETRY_CALLS:].unflatten(1, (groups, CHANNEL_CALLS))  # (N, K, calls, 4)
    acting = tuple(name for name, rate in INTENSITY_RATES.items() if getattr(config, rate) > 0.0)
    if _moves(config, grid):
        acting = ("geometry", *acting)
    return FinetunePlan(
        spatial_shape, acting, seed, sample_id, **_geometry(words, config, grid), **_intensities(channels, config)
    )


def _moves(config: FinetuneTransformConfig, grid: Grid) -> bool:
    rates = config.flip_rate, config.transpose_rate, config.quarter_turn_rate, config.rotation_rate, config.scale_rate
    return any(rate > 0.0 for rate in (*rates, config.shear_rate)) or grid.shape != grid.out_shape


def _geometry(words: Tensor, config: FinetuneTransformConfig, grid: Grid) -> dict[str, Tensor]:
    axis = torch.arange(3, device=words.device)
    flips = _uniform(words[:, 0, :3]) < config.flip_rate
    if config.flip_axes is not None:
        flips = flips & _among(axis, config.flip_axes)

    turned = _uniform(words[:, 1, 1:2]) < config.quarter_turn_rate
    turnable = grid.turnable
    about = below(words[:, 1, 2:3], 3) if len(turnable) == 3 else torch.full_like(words[:, 1, 2:3], sum(turnable))
    number = torch.where(_among(about, grid.square), 1 + below(words[:, 1, 3:4], 3), 2)
    quarters = torch.where(turned & (axis == about) & _among(axis, turnable), number, 0)

    rotated = _uniform(words[:, 2, :1]) < config.rotation_rate
    degrees = [_between(words[:, 2, 1 + a], (-most, most)) for a, most in enumerate(config.degrees)]
    scaled = _uniform(words[:, 3, 0]) < config.scale_rate
    sheared = _uniform(words[:, 3, 2:3]) < config.shear_rate
    shear = _between(words[:, 4:6, :3].flatten(1), (-config.shear, config.shear))
    long = [number for number, (i, j) in enumerate(SHEARS) if grid.shape[i] > 1 and grid.shape[j] > 1]
    return {
        "axes": _axes(words[:, 0, 3], _uniform(words[:, 1, 0]) < config.transpose_rate, grid),
        "flips": flips,
        "quarters": quarters,
        "degrees": torch.where(rotated & _among(axis, turnable), torch.stack(degrees, 1), 0.0),
        "scale": torch.where(scaled, _factor(words[:, 3, 1], config.scale), 1.0),
        "shear": torch.where(sheared & _among(torch.arange(6, device=words.device), long), shear, 0.0),
    }


def _axes(word: Tensor, transposed: Tensor, grid: Grid) -> Tensor:
    """Orders of the axes, (N, 3): of those that may be exchanged any but the one that is there."""
    axis = torch.arange(3, device=word.device)
    pairs = grid.exchangeable
    if len(pairs) == 3:
        number = 1 + below(word, 5)  # of the orders, counted as they are sorted
        first, swapped = number // 2, number % 2 == 1
        low, high = torch.where(first == 0, 1, 0), torch.where(first == 2, 1, 2)
        order = torch.stack([first, torch.where(swapped, high, low), torch.where(swapped, low, high)], 1)
    elif pairs:
        ((a, b),) = pairs
        order = torch.where(axis == a, b, torch.where(axis == b, a, axis))
    else:
        order = axis
    return torch.where(transposed.unsqueeze(1), order, axis)


def _intensities(words: Tensor, config: FinetuneTransformConfig) -> dict[str, Tensor]:
    amount, more = words[:, :, 1], words[:, :, 3]
    drawn: dict[str, Any] = {
        "noise": _between(amount[..., 0], config.noise_std),
        "blur": _between(amount[..., 1], config.blur_sigma),
        "brightness": _factor(amount[..., 2], config.brightness),
        "contrast": _factor(amount[..., 3], config.contrast),
        "resolution": _between(more[..., 0], config.low_resolution),
        "inverted_gamma": _in_64ths(_factor(more[..., 1], config.gamma)),
        "gamma": _in_64ths(_factor(more[..., 2], config.gamma)),
        "curve": True,
    }
    for number, (name, neutral) in enumerate(INTENSITY.items()):
        event = _uniform(words[:, :, 2 * (number // 4), number % 4]) < getattr(config, INTENSITY_RATES[name])
        drawn[name] = event if name == "curve" else torch.where(event, drawn[name], neutral)
    drawn["decreasing"] = _uniform(more[..., 3]) < config.curve_decreasing_rate
    drawn["control_points"] = _uniform(words[:, :, 4]).float()
    return drawn


def _among(values: Tensor, numbers: tuple[int, ...] | list[int]) -> Tensor:
    """Which values are among the numbers, without a tensor of these."""
    found = torch.zeros_like(values, dtype=torch.bool)
    for number in numbers:
        found = found | (values == number)
    return found


def _uniform(word: Tensor) -> Tensor:
    """Words to multiples of 2^-24 in [0, 1), float64."""
    return (word >> 8).double() * 2.0**-24


def _between(word: Tensor, ends: tuple[float, float]) -> Tensor:
    return ends[0] + _uniform(word) * (ends[1] - ends[0])


def _factor(word: Tensor, ends: tuple[float, float]) -> Tensor:
    """Words to factors: where 1 lies inside the range, half of them below and half above, by the top bit."""
    lo, hi = ends
    if not lo < 1.0 < hi:
        return _between(word, ends)
    u = ((word & 0x7FFFFFFF) >> 7).double() * 2.0**-24
    return torch.where(word >> 31 == 1, 1.0 + u * (hi - 1.0), lo + u * (1.0 - lo))


def _in_64ths(exponent: Tensor) -> Tensor:
    return torch.floor(exponent * 64.0 + 0.5) * (1 / 64)
