# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The transforms of TorchIO that come nearest to the operators, where TorchIO is installed.

Each function gives no contender or one. TorchIO works on the CPU, a patch at a time; it has nothing that paints.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .case import Contender
from .peers import library, peer, simpleitk

TORCHIO = "torchio"
_LOG_GAMMA = (-1.0, 1.0)  # exponents from .37 to 2.7: as strong as an average curve


def gamma(x: Tensor) -> list[Contender]:
    """RandomGamma, next to `bezier_map`. x: (N, 1, X, Y, Z) float32 in [0, 1]."""

    def check(before: Tensor, after: Tensor) -> None:
        values = after.flatten()[before.flatten().argsort()]
        assert bool((values.diff() >= -1e-6).all()), "RandomGamma: increasing values were expected"

    differs = "RandomGamma: a power of the value, increasing only"
    return _contender(x, lambda tio: tio.RandomGamma(_LOG_GAMMA), check, differs)


def swap(x: Tensor, windows: int, max_window: Sequence[int]) -> list[Contender]:
    """RandomSwap, next to `local_shuffle`: pairs of windows change places, `windows` of them in all."""
    side = _mean_window(max_window)

    def check(before: Tensor, after: Tensor) -> None:
        assert not torch.equal(before, after)
        if math.prod(side) == 1:  # larger windows may overlap, and then values are lost
            assert torch.equal(before.flatten().sort().values, after.flatten().sort().values)

    size = " x ".join(map(str, side))
    differs = f"RandomSwap: {windows // 2:,} times two windows of {size} voxels change places, one pair after another"
    return _contender(x, lambda tio: tio.RandomSwap(side, windows // 2), check, differs)


def pipeline(x: Tensor, windows: int) -> list[Contender]:
    """What it has of the transformations, at the rates of the profile head; nothing paints."""
    max_window = [max(1, side // 10) for side in x.shape[2:]]

    def make(tio: Any) -> Any:
        swapping = tio.RandomSwap(_mean_window(max_window), windows // 2, p=0.5)
        return tio.Compose([tio.RandomFlip((0, 1), flip_probability=0.4), swapping, tio.RandomGamma(_LOG_GAMMA, p=0.9)])

    def check(before: Tensor, after: Tensor) -> None:
        assert after.shape == before.shape and bool(((after >= 0) & (after <= 1)).all())

    differs = (
        f"Compose of RandomFlip, RandomSwap ({windows // 2:,} times two windows change places) and RandomGamma with "
        "like rates; no painting, and no target"
    )
    return _contender(x, make, check, differs)


def _mean_window(max_window: Sequence[int]) -> tuple[int, ...]:
    return tuple((largest + 1) // 2 for largest in max_window)


def _contender(
    x: Tensor, make: Callable[[Any], Any], check: Callable[[Tensor, Tensor], None], differs: str
) -> list[Contender]:
    tio = library("torchio")
    if tio is None or x.is_cuda:
        return []
    transform = make(tio)

    def run(call: int) -> list[Tensor]:
        torch.manual_seed(call)  # from which it draws
        return [transform(patch) for patch in x]

    def check_all() -> None:
        for before, after in zip(x, run(0), strict=True):
            check(before, after)

    return [peer(TORCHIO, run, len(x), f"{differs}, a patch at a time", check_all)]


def affine(x: Tensor, turns: Tensor, check: Callable[[Tensor], None]) -> list[Contender]:
    """Affine with the angles of `turns`, (N, 4, 4) rotations times a scale about the centre of the patch."""
    tio = library("torchio")
    if tio is None or simpleitk() is None or x.is_cuda:
        return []
    transforms = [_affine(tio, turn[:3, :3].numpy()) for turn in turns]

    def run(call: int) -> list[Tensor]:
        return [transform(patch) for transform, patch in zip(transforms, x, strict=True)]

    differs = "Affine: SimpleITK, keeps values half a voxel beyond the border, a patch at a time"
    return [peer(TORCHIO, run, len(x), differs, lambda: check(torch.stack(run(0))))]


def _affine(tio: Any, turn: np.ndarray) -> Any:
    """What moves voxels by the inverse of `turn`, as Euler angles in ITK's order: R = Rz Rx Ry."""
    scale = np.cbrt(np.linalg.det(turn))
    r = (turn / scale).T
    about_x, about_y, about_z = math.asin(r[2, 1]), math.atan2(-r[2, 0], r[2, 2]), math.atan2(-r[0, 1], r[1, 1])
    degrees = tuple(map(math.degrees, (about_x, about_y, about_z)))
    return tio.Affine(scales=(1 / scale,) * 3, degrees=degrees, translation=(0, 0, 0), default_pad_value=0)


def resampled(volume: Tensor, out_shape: Sequence[int], order: int, check: Callable[[Tensor], None]) -> list[Contender]:
    """Resample onto a grid of `out_shape` voxels with the same outermost centres. volume: (1, X, Y, Z) float32."""
    tio = library("torchio")
    if tio is None or simpleitk() is None or volume.is_cuda:
        return []
    steps = [(n - 1) / max(m - 1, 1) for n, m in zip(volume.shape[1:], out_shape, strict=True)]
    target = tuple(out_shape), np.diag([*steps, 1.0])
    resample = tio.Resample(target, image_interpolation={1: "linear", 3: "bspline"}[order])

    def run(call: int) -> Any:
        return resample(volume)

    differs = f"Resample(image_interpolation='{resample.image_interpolation}') from float32: SimpleITK"
    return [peer(TORCHIO, run, 1, differs, lambda: check(run(0)))]
