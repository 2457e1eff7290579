# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Sensitivity at false positives a scan, and their mean over LUNA16's seven rates (CPM)."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genesis_ext.evaluation.report import Result

RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""False positives a scan: those of LUNA16."""

_RESAMPLES = 1000  # as LUNA16 has them
_LEVEL = (2.5, 97.5)


class Detections(NamedTuple):
    """What a detector said, and what there was. Several candidates of one finding count once, by the most probable.

    Attributes:
        false_probability, false_scan: (N,) of the candidates that belong to no finding; numbers of scans from 0 on.
        probability, scan: (F,) of the findings, that of the most probable candidate, -inf where there is none.
        scans: how many there are, those without findings and candidates too.
    """

    false_probability: NDArray[np.float64]
    false_scan: NDArray[np.int64]
    probability: NDArray[np.float64]
    scan: NDArray[np.int64]
    scans: int


def froc(detections: Detections, seed: int = 0) -> list[Result]:
    """Sensitivities at ``RATES`` and the CPM, with the percentile intervals of a bootstrap over scans.

    Between two thresholds the curve is a line, and beyond the last one it is level, as in LUNA16's evaluation.
    Resamples without findings do not count; all numbers are NaN where there are none at all.
    """
    d = detections
    names = [*(f"sensitivity_at_{rate:g}" for rate in RATES), "cpm"]
    if not len(d.scan):
        return [Result(name, "", math.nan, 0, left_out={"there are no findings": ()}) for name in names]
    found = np.isfinite(d.probability)
    probability = np.concatenate([d.false_probability, d.probability[found]])
    order = np.argsort(-probability, kind="stable")
    scan = np.concatenate([d.false_scan, d.scan[found]])[order]
    true = (np.arange(len(order)) >= len(d.false_scan))[order]
    ends = np.flatnonzero(np.append(np.diff(probability[order]) != 0, True)) if len(order) else np.arange(0)

    def sensitivities(weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """At the rates, (7,), where a scan counts so many times."""
        of = weight[scan]
        rates = np.cumsum(np.where(true, 0, of))[ends] / weight.sum()
        shares = np.cumsum(np.where(true, of, 0))[ends] / weight[d.scan].sum()
        at: NDArray[np.float64] = np.interp(RATES, np.append(0, rates), np.append(0, shares))
        return at

    values = sensitivities(np.ones(d.scans))
    draws = np.random.default_rng(seed).multinomial(d.scans, np.full(d.scans, 1 / d.scans), size=_RESAMPLES)
    drawn = np.array([sensitivities(weight.astype(np.float64)) for weight in draws if weight[d.scan].any()])
    low, high = np.percentile(np.column_stack([drawn, drawn.mean(axis=1)]), _LEVEL, axis=0)
    return [
        Result(name, "", float(value), d.scans, low=float(a), high=float(b), interval="bootstrap of scans")
        for name, value, a, b in zip(names, [*values, values.mean()], low, high, strict=True)
    ]
