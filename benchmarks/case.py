# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a benchmark is made of: contenders that do the same work on the same data, and proof that they do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from genesis_ext._types import Shape3

OURS, NUMPY, MONAI = "genesis_ext", "numpy", "monai"


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    Attributes:
        name: OURS, or the library that does it.
        run: `run(call)` does it once and returns the result; the number of the call changes what is drawn.
        samples: of one call. Slow contenders take fewer than the first one, for times are compared a sample.
        differs: what it does otherwise than the first contender; empty for that one.
        check: its own part of `Case.verify`.
    """

    name: str
    run: Callable[[int], object]
    samples: int
    differs: str = ""
    check: Callable[[], None] | None = None


@dataclass(frozen=True)
class Case:
    """The contenders of one operator on one batch.

    Attributes:
        size: of a sample, in voxels.
        items: voxels, or whatever the benchmark's unit says, of a sample.
        least_bytes: what a sample must at least read and write: the input once, each output once.
        contenders: the operator itself first.
        verify: raises AssertionError unless the contenders agree with each other and with the reference; meant for
            small batches.
        setting: what is done, where an operator has several cases.
        dtype: of the input.
    """

    size: Shape3
    items: int
    least_bytes: int
    contenders: tuple[Contender, ...]
    verify: Callable[[], None]
    setting: str = ""
    dtype: str = "float32"


@dataclass(frozen=True)
class Setup:
    """On what a case is made: `batch` samples of `size` voxels on a device; dtype: of those inputs that may be any."""

    size: Shape3
    batch: int
    device: torch.device
    dtype: torch.dtype = torch.float32


Make: TypeAlias = Callable[[Setup], Case]


@dataclass(frozen=True)
class Benchmark:
    """One operator, or a pipeline of several.

    Attributes:
        make: of its cases, the first one.
        sizes: that are measured.
        batch: batch(size, device, quick) -> samples a call.
        unit: what `Case.items` counts.
        more: further cases of the operator.
        gpu_sizes: that are measured on a GPU too.
    """

    make: Make
    sizes: tuple[Shape3, ...]
    batch: Callable[[Shape3, torch.device, bool], int]
    unit: str = "voxels"
    more: tuple[Make, ...] = ()
    gpu_sizes: tuple[Shape3, ...] = ()

    @property
    def makes(self) -> tuple[Make, ...]:
        return (self.make, *self.more)

    def sizes_on(self, device: torch.device) -> tuple[Shape3, ...]:
        return self.sizes if device.type == "cpu" else self.sizes + self.gpu_sizes


def voxels(setup: Setup) -> Tensor:
    """Uniform noise (N, 1, X, Y, Z) in [0, 1]: the hardest input for caches, tables and branches."""
    shape = (setup.batch, 1, *setup.size)
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(setup.device, setup.dtype)


def as_numpy(x: Tensor) -> np.ndarray:
    """The values of a tensor of any device; in float32 where NumPy lacks the dtype or computes slowly in it."""
    return (x.float() if x.is_floating_point() else x).cpu().numpy()


def name_of(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def rounding(dtype: torch.dtype) -> float:
    """By what share of itself a value moves at most when it is rounded to a floating-point type."""
    return torch.finfo(dtype).eps / 2
