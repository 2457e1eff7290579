# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""From rates and sizes to draws, and from draws to batches."""

from .combinations import COMBINATIONS, Combination
from .genesis import GenesisTransform
from .profiles import PROFILES, SCHEMES, Side, TransformConfig, make_config, resolve
from .value_range import minmax_range, percentile_range

__all__ = [
    "COMBINATIONS",
    "PROFILES",
    "SCHEMES",
    "Combination",
    "GenesisTransform",
    "Side",
    "TransformConfig",
    "make_config",
    "minmax_range",
    "percentile_range",
    "resolve",
]
