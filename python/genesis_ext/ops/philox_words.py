# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Random words that are a pure function of (seed, sample id, purpose, index)."""

import torch
from torch import Tensor

from genesis_ext.ops._checks import TensorLike, as_ids, as_seed, got, refuse_vmap


def philox_words(sample_id: TensorLike, seed: int | Tensor, purpose: int, count: int) -> Tensor:
    """Draw the words of Philox4x32-10 for one purpose: those of the counter indices 0 .. count-1 of each sample.

    What is drawn from them (uniform numbers, integers below n) depends on the seed, the sample's own id and the
    purpose, and on nothing else. Exactness class A: same bits on every device and in the reference.

    Args:
        sample_id: (N,) int64, any 64-bit numbers (read as uint64); equal ids draw equal words. Lists and other
            integers, of 16 bits at least, are converted.
        seed: an int, counted modulo 2^64, or a (1,) int64 tensor beside `sample_id` (which a captured CUDA graph reads
            again at each replay).
        purpose: what the words are for, a number of the table in docs/determinism.md: words of different purposes are
            independent of each other.
        count: calls of Philox a sample, at least 0; each gives four words.

    Returns:
        (N, count, 4) int64, each in [0, 2^32), on the device of `sample_id`.

    Raises:
        TypeError, ValueError: an argument of another type, dtype, shape or device, a purpose that has no meaning, or
            more than 2^34 calls altogether.

    Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
    """
    sample_id = as_ids("philox_words", sample_id, "cpu")
    if sample_id.dtype != torch.int64 or sample_id.dim() != 1:
        raise ValueError(f"philox_words: sample_id must be (N,) int64, got {got(sample_id)}")
    for name, number in (("purpose", purpose), ("count", count)):
        if isinstance(number, bool) or not isinstance(number, int):
            raise TypeError(f"philox_words: {name} must be an int, got {type(number).__name__}")
        if not -(2**63) <= number < 2**63:
            raise ValueError(f"philox_words: {name} must fit 64 bits, got {number}")
    words: Tensor = torch.ops.genesis_ext.philox_words.default(
        sample_id, as_seed("philox_words", seed, sample_id), int(purpose), count
    )
    return words


def below(word: Tensor, n: Tensor | int) -> Tensor:
    """Words in [0, 2^32) to integers in [0, n), n < 2^31, by the upper half of the product."""
    return (word * n) >> 32


def _fake(sample_id: Tensor, seed: Tensor, purpose: int, count: int) -> Tensor:
    return sample_id.new_empty((sample_id.shape[0], count, 4))


torch.library.register_fake("genesis_ext::philox_words", _fake)
torch.library.register_vmap("genesis_ext::philox_words", refuse_vmap("philox_words"))
