# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""From rates and sizes to draws, and from draws to batches."""

from .combinations import COMBINATIONS, Combination
from .genesis import GenesisTransform
from .jigsaw import JigsawTransform, Puzzles
from .permutations import distant_permutations
from .profiles import PROFILES, SCHEMES, Side, TransformConfig, make_config, resolve
from .rotation import ROTATIONS, RotationTransform, rotation_matrices
from .value_range import minmax_range, percentile_range

__all__ = [
    "COMBINATIONS",
    "PROFILES",
    "ROTATIONS",
    "SCHEMES",
    "Combination",
    "GenesisTransform",
    "JigsawTransform",
    "Puzzles",
    "RotationTransform",
    "Side",
    "TransformConfig",
    "distant_permutations",
    "make_config",
    "minmax_range",
    "percentile_range",
    "resolve",
    "rotation_matrices",
]
