# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The transforms of batchgeneratorsv2 that come nearest to the operators, where it is installed.

Each function gives no contender or one. batchgeneratorsv2 works on the CPU, a patch at a time; it has nothing that
shuffles or resamples. Its transforms write into what they are given.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genesis_ext._types import Shape3

from .case import Contender
from .peers import library, peer

BATCHGENERATORS = "batchgeneratorsv2"
_PACKAGE = "batchgeneratorsv2.transforms"


def gamma(x: Tensor) -> list[Contender]:
    """GammaTransform, next to `bezier_map`. x: (N, 1, X, Y, Z) float32 in [0, 1]."""

    def check(before: Tensor, after: Tensor) -> None:
        values = after.flatten()[before.flatten().argsort()]
        assert bool((values.diff() >= -1e-6).all()), "GammaTransform: increasing values were expected"

    return _contender(x, _gamma, check, "GammaTransform: a power of the value, increasing only")


def blank_rectangles(x: Tensor) -> list[Contender]:
    """BlankRectangleTransform, next to `paint_boxes`."""

    def check(before: Tensor, after: Tensor) -> None:
        kept = float((before == after).float().mean())
        assert 0.5 < kept < 1.0, f"BlankRectangleTransform: most voxels should be kept, got {kept:.0%}"

    differs = "BlankRectangleTransform: in-paints only, a constant a box; draws its boxes too"
    return _contender(x, lambda: _rectangles(x.shape[2:]), check, differs)


def pipeline(x: Tensor) -> list[Contender]:
    """What it has of the transformations, at the rates of the profile head without shuffling; the target follows."""

    def make() -> Any:
        compose = library(f"{_PACKAGE}.utils.compose").ComposeTransforms
        at_random = library(f"{_PACKAGE}.utils.random").RandomTransform
        mirror = library(f"{_PACKAGE}.spatial.mirroring").MirrorTransform((0, 1))
        return compose([mirror, at_random(_gamma(), 0.9), at_random(_rectangles(x.shape[2:]), 0.9)])

    def check(before: Tensor, after: Tensor) -> None:
        assert after.shape == before.shape and bool(((after >= -1e-6) & (after <= 1 + 1e-6)).all())

    differs = (
        "ComposeTransforms of MirrorTransform, GammaTransform and BlankRectangleTransform with like rates; in-painting "
        "by constants only"
    )
    return _contender(x, make, check, differs, target=True)


def affine(x: Tensor, turns: Tensor, check: Callable[[Tensor], None]) -> list[Contender]:
    """SpatialTransform with given angles. turns: (N, 4, 4), rotations about z times about x times a scale."""
    if x.is_cuda or library(BATCHGENERATORS) is None:
        return []
    transforms = [_spatial(x.shape[2:], turn[:3, :3].numpy()) for turn in turns]

    def run(call: int) -> list[Tensor]:
        return [transform(image=patch)["image"] for transform, patch in zip(transforms, x, strict=True)]

    differs = "SpatialTransform: a grid and F.grid_sample, positions in float32, a patch at a time"
    return [peer(BATCHGENERATORS, run, len(x), differs, lambda: check(torch.stack(run(0))))]


def _spatial(size: Shape3, turn: np.ndarray) -> Any:
    scale = float(np.cbrt(np.linalg.det(turn)))
    rotation = turn / scale
    angles = math.atan2(rotation[2, 1], rotation[2, 2]), 0.0, math.atan2(rotation[1, 0], rotation[0, 0])
    return library(f"{_PACKAGE}.spatial.spatial").SpatialTransform(
        patch_size=tuple(size),
        patch_center_dist_from_border=0,
        random_crop=False,
        p_rotation=1,
        rotation=lambda image, dim: angles[dim],
        p_scaling=1,
        scaling=scale,
    )


def _gamma() -> Any:
    return library(f"{_PACKAGE}.intensity.gamma").GammaTransform(
        gamma=(0.4, 2.7), p_invert_image=0, synchronize_channels=True, p_per_channel=1, p_retain_stats=0
    )


def _rectangles(sides: Shape3) -> Any:
    """Boxes as `head` in-paints them: one to five, of a sixth to a third of each side."""
    return library(f"{_PACKAGE}.noise.blank_rectangle").BlankRectangleTransform(
        rectangle_size=tuple((side // 6, side // 3 + 1) for side in sides),
        rectangle_value=(0.0, 1.0),
        num_rectangles=(1, 6),
    )


def _contender(
    x: Tensor, make: Callable[[], Any], check: Callable[[Tensor, Tensor], None], differs: str, target: bool = False
) -> list[Contender]:
    """target: hand a copy of the patch along, to which it does only what moves voxels."""
    if x.is_cuda or library(BATCHGENERATORS) is None:
        return []
    transform = make()

    def run(call: int) -> list[dict[str, Tensor]]:
        np.random.seed(call)  # it draws from both
        torch.manual_seed(call)
        return [transform(image=patch.clone(), **({"regression_target": patch} if target else {})) for patch in x]

    def check_all() -> None:
        for before, after in zip(x, run(0), strict=True):
            check(before, after["image"])

    return [peer(BATCHGENERATORS, run, len(x), f"{differs}, a patch at a time", check_all)]
