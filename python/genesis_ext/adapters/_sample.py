# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""One sample without a batch axis, as most libraries hand it over."""

import torch
from torch import Tensor

from genesis_ext.ops._checks import plain
from genesis_ext.transforms import GenesisTransform


def distort_sample(
    caller: str, transform: GenesisTransform, x: Tensor, sample_id: int
) -> tuple[Tensor, Tensor, list[int]]:
    """Distort one sample as `transform` does a batch that holds it alone.

    caller: the adapter, named in errors.   x: (C, X, Y, Z), or (C, X, Y) with `spatial_dims=2`.
    Returns input, target: shape and dtype of x; and the axes of (X, Y, Z) along which both are flipped. The plan is
    drawn on the CPU, so that reading these does not wait for the device of x.

    Raises:
        ValueError: x has another rank.
    """
    if x.dim() != 1 + transform.spatial_dims:
        axes, batch = ("(C, X, Y, Z)", 5) if transform.spatial_dims == 3 else ("(C, X, Y)", 4)
        way_out = "; it takes one sample at a time, without a batch axis" if x.dim() == batch else ""
        raise ValueError(
            f"{caller}: a sample must be {axes} with spatial_dims={transform.spatial_dims}, got {x.dtype} "
            f"{list(x.shape)}{way_out}"
        )
    plan = transform.plan(torch.tensor([sample_id]), x.shape[1:], x.shape[0])
    distorted, target = transform.replay(plain(x)[None], plan)
    return distorted[0], target[0], plan.flips[0].nonzero().flatten().tolist()
