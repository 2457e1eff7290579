# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What the cases of patches share: ids and keys of a call, patches for slow contenders, bytes and names."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import torch
from torch import Tensor

from .case import OURS, Case, Contender, Setup, name_of

SEED = 0
AS_RELEASED = "works like the released code: draws from NumPy's generator, a patch at a time, one thread"


def ids_of(call: int, batch: int, device: torch.device) -> Tensor:
    return torch.arange(call * batch, (call + 1) * batch, device=device)


def keys_of(call: int, batch: int, device: torch.device) -> Tensor:
    ids = ids_of(call, batch, device)
    return torch.stack([torch.full_like(ids, SEED), ids], dim=1)


def few_of(x: Tensor, least: int = 2, voxels: int = 2**21) -> Tensor:
    """Patches in float32 for a slow contender: about `voxels` of them; at least `least` patches, for draws differ."""
    return x[: max(least, voxels // x[0].numel())].float()


def case_of_patches(
    setup: Setup, contenders: Iterable[Contender], verify: Callable[[], None], setting: str = "", outputs: int = 1
) -> Case:
    """The case of an operator that reads patches and writes as many voxels `outputs` times, all in their dtype.

    Contenders of other libraries work on what `few_of` gives.
    """
    x, y, z = setup.size
    number, dtype = x * y * z, setup.dtype
    least_bytes = (1 + outputs) * dtype.itemsize * number
    ours, *others = contenders
    if dtype != torch.float32:
        others = [
            other if other.name.startswith(OURS) else replace(other, differs=f"{other.differs}; on float32")
            for other in others
        ]
    return Case(setup.size, number, least_bytes, (ours, *others), verify, setting, name_of(dtype))
