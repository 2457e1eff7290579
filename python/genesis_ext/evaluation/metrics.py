# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Metrics of a batch of logits, for training loops and probes."""

import torch
from torch import Tensor


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of right answers, a scalar: logits (N, classes), labels (N,)."""
    return (logits.argmax(dim=1) == labels).float().mean()


def balanced_accuracy(logits: Tensor, labels: Tensor) -> float:
    """Accuracy averaged over the two classes, so that a rare class counts as much as a frequent one.

    logits: (N,), positive for class 1.   labels: (N,), 0 or 1, both present.
    """
    right = (logits > 0) == (labels > 0)
    return float(torch.stack([right[labels == label].double().mean() for label in (0, 1)]).mean())
