# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Probabilities beside a predicted label map, as ``genesis predict --probabilities`` writes them."""

import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genesis_ext.data.readers import label_turn
from genesis_ext.evaluation.report import EvaluationError


def read_probabilities(path: Path, label_map: Path, classes: Collection[str]) -> dict[str, Tensor]:
    """Probabilities (X, Y, Z) float32 by class, their axes turned as those of label maps are.

    path: an NPZ file with ``probabilities`` (K, X, Y, Z), in the axes of the file `label_map`, and K ``classes``.

    Raises:
        EvaluationError: unreadable, no such arrays, a class that is missing, another grid, or a value beyond [0, 1].
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            values, names = content["probabilities"], [str(name) for name in content["classes"]]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise EvaluationError(f"{path}: must hold probabilities and classes: {error}") from error
    if missing := [name for name in classes if name not in names]:
        raise EvaluationError(f"{path}: must hold the class {missing[0]}, got {', '.join(names)}")
    turn = label_turn(label_map)
    turned = [turn.view(one) for one in values] if values.ndim == 4 and len(values) == len(names) else []
    if not turned or turned[0].shape != turn.shape:
        raise EvaluationError(
            f"{path}: probabilities must be {len(names)} classes on the grid of {label_map}, got {values.shape}"
        )
    if not (values.min() >= 0 and values.max() <= 1):
        raise EvaluationError(f"{path}: probabilities must lie in [0, 1], got {values.min():g} to {values.max():g}")
    return {
        name: torch.from_numpy(np.ascontiguousarray(one, np.float32))
        for name, one in zip(names, turned, strict=True)
        if name in classes
    }
