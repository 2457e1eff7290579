# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The transforms of MONAI that come nearest to the operators, where MONAI is installed.

Each function gives no contender or one. None does the same work: `Contender.differs` says what is different, and the
parameters are chosen so that the amount is alike.
"""

import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from .case import MONAI, Contender


def _transforms() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries that MONAI imports
        from monai import transforms
    return transforms


def _contender(
    x: Tensor, make: Callable[[Any], Any], check: Callable[[Tensor, Tensor], None], differs: str
) -> list[Contender]:
    if find_spec("monai") is None:
        return []
    transform = make(_transforms())

    def run(call: int) -> list[Any]:
        transform.set_random_state(call)
        return [transform(patch.clone()) for patch in x]  # these transforms write into what they are given

    def check_all() -> None:
        for before, after in zip(x, run(0), strict=True):
            check(before, after.as_tensor())

    return [Contender(MONAI, run, len(x), differs, check_all)]


def histogram_shift(x: Tensor) -> list[Contender]:
    """RandHistogramShift, next to `bezier_map`. x: (N, 1, X, Y, Z) on the device where it shall run."""

    def check(before: Tensor, after: Tensor) -> None:
        values = after.flatten()[before.flatten().argsort()]
        assert bool((values.diff() >= -1e-6).all()), "RandHistogramShift: increasing values were expected"

    return _contender(
        x,
        lambda transforms: transforms.RandHistogramShift(num_control_points=10, prob=1.0),
        check,
        "RandHistogramShift: linear pieces between 10 points, increasing only, a patch at a time",
    )


def coarse_shuffle(x: Tensor, windows: int, max_window: Sequence[int]) -> list[Contender]:
    """RandCoarseShuffle, next to `local_shuffle`; NumPy inside, so it runs on the CPU."""

    def check(before: Tensor, after: Tensor) -> None:
        assert torch.equal(before.flatten().sort().values, after.flatten().sort().values)

    return _contender(
        x.cpu(),
        lambda transforms: transforms.RandCoarseShuffle(
            holes=windows, spatial_size=1, max_spatial_size=tuple(max_window), prob=1.0
        ),
        check,
        "RandCoarseShuffle: windows one after another on the result so far, a patch at a time, on the CPU",
    )


def coarse_dropout(x: Tensor) -> list[Contender]:
    """RandCoarseDropout, next to `paint_boxes` that out-paints; NumPy inside, so it runs on the CPU."""
    sides = x.shape[2:]

    def check(before: Tensor, after: Tensor) -> None:
        kept = float((before == after).float().mean())
        assert 0.0 < kept < 1.0, f"RandCoarseDropout: some voxels should be kept and some painted, got {kept:.0%} kept"

    return _contender(
        x.cpu(),
        lambda transforms: transforms.RandCoarseDropout(
            holes=1,
            max_holes=5,
            spatial_size=tuple(side - 4 * side // 7 for side in sides),
            max_spatial_size=tuple(side - 3 * side // 7 for side in sides),
            dropout_holes=False,
            fill_value=(0.0, 1.0),
            prob=1.0,
        ),
        check,
        "RandCoarseDropout: draws its boxes too, without a margin, a patch at a time, on the CPU",
    )
