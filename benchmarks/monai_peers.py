# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The transforms of MONAI that come nearest to the operators, where MONAI is installed.

Each function gives no contender or one. None of the random ones does the same work: `Contender.differs` says what is
different, and the parameters are chosen so that the amount is alike. All take patches (N, 1, X, Y, Z) float32 one by
one, on their device; those that work in NumPy inside carry a patch of a GPU to the host and back.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from genesis_ext._types import Shape3

from .case import MONAI, Contender
from .peers import library, peer

IN_NUMPY = "in NumPy on the CPU"


def _contender(
    x: Tensor, make: Callable[[Any], Any], check: Callable[[Tensor, Tensor], None], differs: str
) -> list[Contender]:
    transforms = library("monai.transforms")
    if transforms is None:
        return []
    transform = make(transforms)

    def run(call: int) -> list[Any]:
        transform.set_random_state(call)
        return [transform(patch.clone()) for patch in x]  # these transforms write into what they are given

    def check_all() -> None:
        for before, after in zip(x, run(0), strict=True):
            check(before, after.as_tensor())

    return [peer(MONAI, run, len(x), f"{differs}, a patch at a time", check_all)]


def histogram_shift(x: Tensor) -> list[Contender]:
    """RandHistogramShift, next to `bezier_map`."""

    def check(before: Tensor, after: Tensor) -> None:
        values = after.flatten()[before.flatten().argsort()]
        assert bool((values.diff() >= -1e-6).all()), "RandHistogramShift: increasing values were expected"

    differs = "RandHistogramShift: linear pieces between 10 points, increasing only"
    return _contender(x, _histogram_shift, check, differs)


def coarse_shuffle(x: Tensor, windows: int, max_window: Sequence[int]) -> list[Contender]:
    """RandCoarseShuffle, next to `local_shuffle`."""

    def check(before: Tensor, after: Tensor) -> None:
        assert torch.equal(before.flatten().sort().values, after.flatten().sort().values)

    differs = f"RandCoarseShuffle: windows one after another on the result so far, {IN_NUMPY}"
    return _contender(x, lambda transforms: _coarse_shuffle(transforms, windows, max_window), check, differs)


def coarse_dropout(x: Tensor) -> list[Contender]:
    """RandCoarseDropout, next to `paint_boxes` that out-paints."""

    def check(before: Tensor, after: Tensor) -> None:
        kept = float((before == after).float().mean())
        assert 0.0 < kept < 1.0, f"RandCoarseDropout: some voxels should be kept and some painted, got {kept:.0%} kept"

    differs = f"RandCoarseDropout: draws its boxes too, without a margin, {IN_NUMPY}"
    return _contender(x, lambda transforms: _out_painting(transforms, x.shape[2:]), check, differs)


def pipeline(x: Tensor, windows: int) -> list[Contender]:
    """The transformations of its recipe for self-supervised training with rates and amounts of the profile head.

    windows: of the shuffling, 0 leaves it out.
    """
    transforms = library("monai.transforms")
    if transforms is None:
        return []
    sides = x.shape[2:]
    flips = transforms.Compose([transforms.RandFlip(prob=0.4, spatial_axis=axis) for axis in (0, 1)])
    painting = [_out_painting(transforms, sides), _in_painting(transforms, sides)]
    steps = [
        _histogram_shift(transforms, prob=0.9),
        transforms.OneOf([*painting, transforms.Identity()], weights=(0.72, 0.18, 0.1)),
    ]
    names = "RandHistogramShift and RandCoarseDropout"
    if windows:
        largest = [max(1, side // 10) for side in sides]
        steps.insert(0, _coarse_shuffle(transforms, windows, largest, prob=0.5))
        names = f"RandCoarseShuffle ({windows:,} windows, one after another), {names}"
    distort = transforms.Compose(steps)

    def run(call: int) -> list[tuple[Any, Any]]:
        flips.set_random_state(call)
        distort.set_random_state(call)
        targets = map(flips, x)
        return [(distort(target.clone()), target) for target in targets]

    def check() -> None:
        for patch, (distorted, target) in zip(x, run(0), strict=True):
            assert torch.equal(target.as_tensor().flatten().sort().values, patch.flatten().sort().values)
            assert distorted.shape == patch.shape and bool(((distorted >= 0) & (distorted <= 1)).all())

    differs = f"Compose of RandFlip, {names} with like rates; shuffling and painting {IN_NUMPY}, a patch at a time"
    return [peer(MONAI, run, len(x), differs, check)]


def affine(x: Tensor, turns: Tensor, check: Callable[[Tensor], None]) -> list[Contender]:
    """Affine, which gives what `affine_sample` gives at order 1. turns: (N, 4, 4) about the centre of the patch."""
    transforms = library("monai.transforms")
    if transforms is None:
        return []
    grids = [
        transforms.Affine(affine=turn, padding_mode="zeros", device=x.device, align_corners=False, image_only=True)
        for turn in turns
    ]

    def run(call: int) -> list[Any]:
        return [transform(patch) for transform, patch in zip(grids, x, strict=True)]

    differs = "Affine: a grid and F.grid_sample, positions in float32, a patch at a time"
    return [peer(MONAI, run, len(x), differs, lambda: check(torch.stack([y.as_tensor() for y in run(0)])))]


def _histogram_shift(transforms: Any, prob: float = 1.0) -> Any:
    return transforms.RandHistogramShift(num_control_points=10, prob=prob)


def _coarse_shuffle(transforms: Any, windows: int, max_window: Sequence[int], prob: float = 1.0) -> Any:
    return transforms.RandCoarseShuffle(holes=windows, spatial_size=1, max_spatial_size=tuple(max_window), prob=prob)


def _out_painting(transforms: Any, sides: Shape3) -> Any:
    smallest, largest = ([side - parts * side // 7 for side in sides] for parts in (4, 3))
    return _dropout(transforms, smallest, largest, dropout_holes=False)


def _in_painting(transforms: Any, sides: Shape3) -> Any:
    return _dropout(transforms, [side // 6 for side in sides], [side // 3 for side in sides], dropout_holes=True)


def _dropout(transforms: Any, smallest: Sequence[int], largest: Sequence[int], dropout_holes: bool) -> Any:
    return transforms.RandCoarseDropout(
        holes=1,
        max_holes=5,
        spatial_size=tuple(smallest),
        max_spatial_size=tuple(largest),
        dropout_holes=dropout_holes,
        fill_value=(0.0, 1.0),
        prob=1.0,
    )
