# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""How a transform keeps its seed."""

import numpy as np
from torch import Tensor, nn

from genesis_ext.ops._checks import plain


def keep_seed(module: nn.Module, seed: int | Tensor) -> None:
    """Set `module.seed`: an int, or a (1,) int64 tensor as a buffer that moves with the module and is never saved.

    Raises:
        TypeError: the seed is neither.
    """
    if isinstance(seed, Tensor):
        module.register_buffer("seed", plain(seed), persistent=False)
    elif isinstance(seed, np.integer):
        module.seed = int(seed)
    elif isinstance(seed, int) and not isinstance(seed, bool):
        module.seed = seed  # type: ignore[assignment]
    else:
        raise TypeError(f"{type(module).__name__}: seed must be an int or a (1,) int64 tensor, got {seed!r}")


def seed_text(seed: int | Tensor) -> str:
    """A seed as it prints."""
    return str(seed.tolist() if isinstance(seed, Tensor) else seed)
