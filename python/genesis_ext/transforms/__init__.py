# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""From rates and sizes to draws, and from draws to batches."""

from genesis_ext.transforms.combinations import COMBINATIONS, Combination
from genesis_ext.transforms.finetune import (
    FINETUNE_PROFILES,
    FinetunePlan,
    FinetuneTransform,
    FinetuneTransformConfig,
    make_finetune_config,
)
from genesis_ext.transforms.genesis import GenesisTransform
from genesis_ext.transforms.jigsaw import JigsawTransform, Puzzles
from genesis_ext.transforms.permutations import distant_permutations
from genesis_ext.transforms.profiles import PROFILES, SCHEMES, Side, TransformConfig, make_config, resolve
from genesis_ext.transforms.rotation import ROTATIONS, RotationTransform, rotation_matrices
from genesis_ext.transforms.value_range import minmax_range, percentile_range

__all__ = [
    "COMBINATIONS",
    "FINETUNE_PROFILES",
    "PROFILES",
    "ROTATIONS",
    "SCHEMES",
    "Combination",
    "FinetunePlan",
    "FinetuneTransform",
    "FinetuneTransformConfig",
    "GenesisTransform",
    "JigsawTransform",
    "Puzzles",
    "RotationTransform",
    "Side",
    "TransformConfig",
    "distant_permutations",
    "make_config",
    "make_finetune_config",
    "minmax_range",
    "percentile_range",
    "resolve",
    "rotation_matrices",
]
