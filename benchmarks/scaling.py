# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Series: one operation at several points along one axis, ours alone."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from genesis_ext import ops
from genesis_ext._types import Shape3
from genesis_ext.reference import local_shuffle as shuffle_reference

from . import operators, resampling
from .case import OURS, Case, Contender, Setup, name_of, voxels
from .inputs import SEED
from .machine import usable_cores
from .ranks import most_ranks
from .sizes import PATCH

Points = Callable[[torch.device, bool], Sequence[int]]


@dataclass(frozen=True)
class Series:
    """An operation along one axis.

    Attributes:
        axis: what a point is the number of.
        points: points(device, quick).
        make: make(point, setup) -> its case. None: a point is a number of processes, which `ranks.measure` starts.
        size: of a sample, where it is not the axis.
        threads: whether a point is the number of threads to run on.
        devices: of which there is such a series.
        unit: what `Case.items` counts.
    """

    axis: str
    points: Points
    make: Callable[[int, Setup], Case] | None
    size: Shape3 = PATCH
    threads: bool = False
    devices: tuple[str, ...] = ("cpu", "cuda")
    unit: str = "voxels"


def transform_of_batch(point: int, setup: Setup) -> Case:
    return operators.genesis_transform(replace(setup, batch=point))


def transform_of_side(point: int, setup: Setup) -> Case:
    return operators.genesis_transform(replace(setup, size=(point,) * 3, batch=_batch(point**3, setup)))


def transform(point: int, setup: Setup) -> Case:
    return operators.genesis_transform(setup)


def resample(point: int, setup: Setup) -> Case:
    return resampling.cubic(replace(setup, batch=1))


def shuffle_of_windows(point: int, setup: Setup) -> Case:
    return _shuffle(point, setup, "last_writer")


def shuffle_in_sequence(point: int, setup: Setup) -> Case:
    return _shuffle(point, setup, "sequential")


def _shuffle(num_windows: int, setup: Setup, order: str) -> Case:
    x = voxels(setup)
    ids = torch.arange(setup.batch, device=setup.device)
    keys = torch.stack([torch.full_like(ids, SEED), ids], dim=1)

    def ours(call: int) -> torch.Tensor:
        keys[:, 0] = call
        return ops.local_shuffle(x, keys, num_windows=num_windows, order=order)

    def verify() -> None:
        got = ours(SEED).cpu().numpy()
        wanted = shuffle_reference.local_shuffle(
            x.cpu().numpy(), keys.cpu().numpy(), num_windows=num_windows, order=order
        )
        assert (got == wanted).all()

    contenders = (Contender(OURS, ours, setup.batch),)
    return Case(
        setup.size, x[0].numel(), 2 * x[0].nbytes, contenders, verify, order.replace("_", " "), name_of(setup.dtype)
    )


def _batch(number: int, setup: Setup) -> int:
    """Samples of `number` voxels that have as many as the setup's; at least 8, for what is drawn differs."""
    return max(8, setup.batch * math.prod(setup.size) // number)


def _fixed(full: Sequence[int], quick: Sequence[int]) -> Points:
    return lambda device, is_quick: quick if is_quick else full


def doubling(most: int) -> list[int]:
    """1, 2, 4, ... and the most itself."""
    return sorted({*(2**n for n in range(most.bit_length())), most})


def _cores(device: torch.device, quick: bool) -> Sequence[int]:
    return doubling(usable_cores())


def _ranks(device: torch.device, quick: bool) -> Sequence[int]:
    return doubling(most_ranks(device))


SERIES = {
    "batch_size": Series("batch size", _fixed((1, 4, 16, 64, 256, 1024), (1, 8)), transform_of_batch),
    "patch_size": Series("patch side", _fixed((32, 48, 64, 96, 128, 160), (32, 48)), transform_of_side),
    "windows": Series("windows", _fixed((100, 1000, 10_000, 30_000), (100, 10_000)), shuffle_of_windows),
    "windows_in_sequence": Series("windows", _fixed((10, 100, 1000, 10_000), (100, 1000)), shuffle_in_sequence),
    "threads": Series("threads", _cores, transform, threads=True, devices=("cpu",)),
    "threads_of_one_scan": Series("threads", _cores, resample, size=resampling.SCAN, threads=True, devices=("cpu",)),
    "ranks": Series("ranks", _ranks, None, unit="samples"),
}
"""Name -> series."""
