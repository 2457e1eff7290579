# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""How much a predicted region and its label overlap: masks (X, Y[, Z]) of bool, on any device.

Masks of other types or of different shapes are refused by a ValueError.
"""

import math

import torch
from torch import Tensor

THRESHOLDS = tuple(0.5 + 0.05 * i for i in range(10))
"""Of ``iou_keras``."""


def dice(prediction: Tensor, label: Tensor) -> float:
    """Twice the intersection by the sum of both; NaN where both are empty."""
    check_masks(prediction, label)
    both, sizes = _count(prediction & label), _count(prediction) + _count(label)
    return 2 * both / sizes if sizes else math.nan


def iou_foreground(prediction: Tensor, label: Tensor) -> float:
    """Intersection by union of the regions; NaN where both are empty."""
    check_masks(prediction, label)
    union = _count(prediction | label)
    return _count(prediction & label) / union if union else math.nan


def iou_keras(probability: Tensor, label: Tensor) -> float:
    """What the papers report as IoU: higher than ``iou_foreground``, since the background counts as a region.

    Mean of the IoU of region and background, averaged over the thresholds .5, .55, ... .95 of the probability. One of
    the two that is in neither prediction nor label does not count, so an empty image that is found empty gives 1.

    probability: floating in [0, 1], of the region; or a mask, for which all thresholds are one.
    """
    if not (probability.numel() and probability.min() >= 0 and probability.max() <= 1):  # False for NaN
        raise ValueError("iou_keras: probabilities must lie in [0, 1], got others, or none")
    bounds = THRESHOLDS if probability.is_floating_point() else THRESHOLDS[:1]
    means = []
    for bound in bounds:
        found = probability > bound
        parts = [iou_foreground(found, label), iou_foreground(~found, ~label)]
        present = [value for value in parts if not math.isnan(value)]
        means.append(sum(present) / len(present))
    return sum(means) / len(means)


def check_masks(prediction: Tensor, label: Tensor) -> None:
    """Raise ValueError unless both are bool and of one shape: ``&`` of numbers goes by bits, and shapes broadcast."""
    if prediction.dtype != torch.bool or label.dtype != torch.bool or prediction.shape != label.shape:
        raise ValueError(
            f"prediction and label must be masks of bool of one shape, got {prediction.dtype} "
            f"{tuple(prediction.shape)} and {label.dtype} {tuple(label.shape)}"
        )


def _count(mask: Tensor) -> int:
    return int(mask.sum())  # waits for the device
