# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""How well probabilities rank positives before negatives: the area under the ROC curve. Extra ``evaluate``."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genesis_ext._extras import require


class Auc(NamedTuple):
    """Area under the ROC curve and its interval; all NaN without positives or without negatives.

    Attributes:
        value: probability that a positive ranks before a negative, ties counted by half.
        sd: standard error by DeLong.
        low, high: ends of the 95 % interval, within [0, 1]; NaN of a single positive or negative.
    """

    value: float
    sd: float
    low: float
    high: float


def auc(probability: NDArray[np.float64], positive: NDArray[np.bool_]) -> Auc:
    """AUC of one class. probability, positive: (N,).

    Source: DeLong, DeLong, Clarke-Pearson, Biometrics 44, 1988; by midranks: Sun, Xu, IEEE SPL 21(11), 2014.
    """
    ours, others = probability[positive], probability[~positive]
    m, n = len(ours), len(others)
    if not m or not n:
        return Auc(math.nan, math.nan, math.nan, math.nan)
    rank = require("scipy.stats", "evaluate", "for AUC").rankdata
    value = float(require("sklearn.metrics", "evaluate", "for AUC").roc_auc_score(positive, probability))
    if min(m, n) < 2:
        return Auc(value, math.nan, math.nan, math.nan)
    ranks = rank(probability)
    of_ours = (ranks[positive] - rank(ours)) / n  # share of the negatives that each positive ranks before
    of_others = 1 - (ranks[~positive] - rank(others)) / m
    error = math.sqrt(of_ours.var(ddof=1) / m + of_others.var(ddof=1) / n)
    half = 1.959964 * error
    return Auc(value, error, max(0.0, value - half), min(1.0, value + half))
