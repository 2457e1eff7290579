# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Draw what happens to each sample of a batch."""

from collections.abc import Sequence

import torch
from torch import Tensor

from genesis_ext.ops._checks import TensorLike, as_ids, as_seed, got, refuse_vmap
from genesis_ext.ops.plan import Plan, PlanSpec, row_length


def draw_plan(sample_id: TensorLike, seed: int | Tensor, spec: PlanSpec) -> Plan:
    """Draw the plan of each sample: flips, shuffling, curves, boxes and the key of windows and noise.

    A plan depends on the seed, the sample's own id and the spec, and on nothing else: not on the batch, the order, the
    device or the number of threads. docs/determinism.md specifies every draw. Exactness class A: same bits on every
    device and in the reference.

    Args:
        sample_id: (N,) int64, any 64-bit numbers (read as uint64); equal ids draw equal plans. Lists and other
            integers, of 16 bits at least, are converted.
        seed: an int, counted modulo 2^64, or a (1,) int64 tensor beside `sample_id` (which a captured CUDA graph reads
            again at each replay).
        spec: rates and sizes, resolved for one patch shape; `GenesisTransform` makes it from a profile.

    Returns:
        The plan of N samples on the device of `sample_id`.

    Raises:
        TypeError, ValueError: an argument of another type, dtype, shape or device.

    Source: Models Genesis (MICCAI 2019), section 2 and supplement, in the reading of docs/determinism.md.
    """
    sample_id = as_ids("draw_plan", sample_id, "cpu")
    if not isinstance(spec, PlanSpec):
        raise TypeError(f"draw_plan: spec must be a PlanSpec, got {type(spec).__name__}")
    if sample_id.dtype != torch.int64 or sample_id.dim() != 1:
        raise ValueError(f"draw_plan: sample_id must be (N,) int64, got {got(sample_id)}")
    rows: Tensor = torch.ops.genesis_ext.draw_plan.default(
        sample_id, as_seed("draw_plan", seed, sample_id), spec.shape3, spec.rates, spec.numbers
    )
    return Plan(rows, spec)


def _fake(
    sample_id: Tensor, seed: Tensor, spatial_shape: Sequence[int], rates: Sequence[float], numbers: Sequence[int]
) -> Tensor:
    return sample_id.new_empty((sample_id.shape[0], row_length(numbers)), dtype=torch.int32)


torch.library.register_fake("genesis_ext::draw_plan", _fake)
torch.library.register_vmap("genesis_ext::draw_plan", refuse_vmap("draw_plan"))
