# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Cases of `resample` and `spline_prefilter`: whole scans, to 1 mm."""

import math

import numpy as np
import torch
from torch import Tensor

from genesis_ext import ops
from genesis_ext._types import Shape3
from genesis_ext.reference import resample as resample_reference
from genesis_ext.reference import spline_prefilter as prefilter_reference

from . import resampling_peers
from .case import OURS, Case, Contender, Setup, name_of

SCAN: Shape3 = (256, 256, 120)
LARGE_SCAN: Shape3 = (512, 512, 300)
SPACING_MM = {SCAN: (0.74, 0.74, 1.25), LARGE_SCAN: (0.7, 0.7, 0.7)}
"""Of the sizes that are measured; others are taken to be spaced as the first one."""

BOUND = 1e-5  # of the range, class B


def one_scan(size: Shape3, device: torch.device, quick: bool) -> int:
    return 1


def _scan(size: Shape3, batch: int, device: torch.device) -> Tensor:
    """Noise in Hounsfield units: (N, 1, X, Y, Z) int16."""
    rng = torch.Generator().manual_seed(0)
    return torch.randint(-1024, 1024, (batch, 1, *size), dtype=torch.int16, generator=rng).to(device)


def _mm_shape(size: Shape3) -> Shape3:
    x, y, z = (max(1, round(n * mm)) for n, mm in zip(size, SPACING_MM.get(size, SPACING_MM[SCAN]), strict=True))
    return x, y, z


def _resample(setup: Setup, order: int, dtype: torch.dtype) -> Case:
    size, batch, device = setup.size, setup.batch, setup.device
    x, out_shape = _scan(size, batch, device), _mm_shape(size)

    def ours(call: int) -> Tensor:
        return ops.resample(x, out_shape, order=order, dtype=dtype)

    def first() -> Tensor:
        return ops.resample(x[:1], out_shape, order=order, dtype=torch.float32)

    def verify() -> None:
        expected = resample_reference.resample(x.cpu().numpy(), out_shape, order=order, dtype=np.float32)
        # Half a unit is what rounding to integers moves.
        bound = BOUND * 2048 + (0 if dtype.is_floating_point else 0.5)
        np.testing.assert_allclose(ours(0).double().cpu().numpy(), expected, rtol=0, atol=bound)

    # What they all give is float32.
    peers = resampling_peers.resized(x[:1], out_shape, order, first) if dtype == torch.float32 else []
    voxels = math.prod(out_shape)
    return Case(
        size,
        voxels,
        2 * math.prod(size) + dtype.itemsize * voxels,
        (Contender(OURS, ours, batch), *peers),
        verify,
        f"order {order}, to {' x '.join(map(str, out_shape))} {name_of(dtype)}",
        name_of(x.dtype),
    )


def cubic(setup: Setup) -> Case:
    return _resample(setup, 3, torch.float32)


def cubic_stored(setup: Setup) -> Case:
    return _resample(setup, 3, torch.int16)


def linear(setup: Setup) -> Case:
    return _resample(setup, 1, torch.float32)


def prefilter(setup: Setup) -> Case:
    size, batch, device = setup.size, setup.batch, setup.device
    x = _scan(size, batch, device)

    def ours(call: int) -> Tensor:
        return ops.spline_prefilter(x)

    def first() -> Tensor:
        return ops.spline_prefilter(x[:1])

    def verify() -> None:
        expected = prefilter_reference.spline_prefilter(x.cpu().numpy())
        bound = BOUND * np.abs(expected).max()
        np.testing.assert_allclose(ours(0).double().cpu().numpy(), expected, rtol=0, atol=bound)

    contenders = Contender(OURS, ours, batch), *resampling_peers.filtered(x[:1], first)
    voxels = math.prod(size)
    return Case(size, voxels, 6 * voxels, contenders, verify, "to float32", name_of(x.dtype))
