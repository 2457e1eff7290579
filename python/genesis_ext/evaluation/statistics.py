# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Means with their intervals, and tests of differences between methods. Needs SciPy (extra ``evaluate``).

Paired tests take values by case, and refuse two tables of different cases. What is not a finite number is refused where
cases have no names, and left out by name where they have.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from genesis_ext._extras import require

Cases: TypeAlias = Mapping[str, float]
"""Values by case."""

RESAMPLES = 9999  # of a bootstrap: the ends of 95 % fall on order statistics
_STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))
_DECIMALS = 12  # of differences that are ranked: .71 - .70 and .75 - .74 shall be equal
_AT_ONCE = 10**7  # numbers that a bootstrap holds


@dataclass(frozen=True)
class Estimate:
    """A mean and its interval.

    Attributes:
        n: values.
        mean: NaN of no values.
        sd: standard deviation of the values (n - 1); NaN below two.
        low, high: ends of the interval of the mean; NaN below two values.
        level: share of such intervals that hold the true mean.
        method: "t" or "bootstrap".
    """

    n: int
    mean: float
    sd: float
    low: float
    high: float
    level: float
    method: Literal["t", "bootstrap"]


@dataclass(frozen=True)
class Comparison:
    """A test of two methods, a minus b.

    Attributes:
        test: its name.
        n: values of a and of b; of a paired test, pairs twice.
        difference: of the means; of Wilcoxon's test the median of the differences.
        low, high: ends of the interval of the difference; NaN where the test has none.
        p: two-sided. NaN where it is not defined: fewer than two values, or differences that do not vary.
        left_out: cases without a number on either side.
    """

    test: str
    n: tuple[int, int]
    difference: float
    low: float
    high: float
    p: float
    left_out: tuple[str, ...] = ()


def t_interval(values: Sequence[float], level: float = 0.95) -> Estimate:
    """Mean with the interval of Student's t.

    Raises:
        ValueError: a value is not finite, or the level is not in (0, 1).
    """
    x, n = _numbers("values", values), len(values)
    mean, sd = _mean_sd(x)
    _check_level(level)
    half = math.nan if n < 2 else float(_scipy().t.ppf((1 + level) / 2, n - 1)) * sd / math.sqrt(n)
    return Estimate(n, mean, sd, mean - half, mean + half, level, "t")


def bootstrap_interval(
    values: Sequence[float], level: float = 0.95, seed: int = 0, resamples: int = RESAMPLES
) -> Estimate:
    """Mean with the percentile interval of means of values drawn anew; equal seeds give equal intervals.

    Raises:
        ValueError: as for ``t_interval``.
    """
    x = _numbers("values", values)
    low, high = _bootstrap((x,), lambda x, axis: x.mean(axis=axis), level, seed, resamples)
    return Estimate(len(x), *_mean_sd(x), low, high, level, "bootstrap")


def t_test(a: Sequence[float], b: Sequence[float], pooled: bool = False, level: float = 0.95) -> Comparison:
    """Independent two-sample t-test: Welch's, or Student's with the variances pooled.

    Raises:
        ValueError: as for ``t_interval``.
    """
    x, y = _numbers("a", a), _numbers("b", b)
    _check_level(level)
    difference = _mean_sd(x)[0] - _mean_sd(y)[0]
    name = "t-test, variances pooled" if pooled else "Welch's t-test"
    n = len(x), len(y)
    if min(n) < 2 or (_constant(x) and _constant(y)):
        return Comparison(name, n, difference, math.nan, math.nan, math.nan)
    return _of_t_test(name, n, difference, _scipy().ttest_ind(x, y, equal_var=pooled), level)


def paired_t_test(a: Cases, b: Cases, level: float = 0.95) -> Comparison:
    """t-test of the differences of the same cases; p is 1 where all are 0.

    Raises:
        ValueError: the cases differ, one is infinite, or the level is not in (0, 1).
    """
    d, left_out = _differences(a, b)
    _check_level(level)
    mean, n = _mean_sd(d)[0], (len(d), len(d))
    if len(d) < 2 or _constant(d):
        p = 1.0 if len(d) > 1 and mean == 0 else math.nan
        return Comparison("paired t-test", n, mean, math.nan, math.nan, p, left_out)
    return _of_t_test("paired t-test", n, mean, _scipy().ttest_1samp(d, 0.0), level, left_out)


def wilcoxon(a: Cases, b: Cases) -> Comparison:
    """Wilcoxon's signed-rank test of the differences of the same cases; those of 0 are dropped, p is 1 if all are.

    Raises:
        ValueError: the cases differ, or one is infinite.
    """
    d, left_out = _differences(a, b)
    d = np.round(d, _DECIMALS)
    moved = d[d != 0]
    p = math.nan if not len(d) else float(_scipy().wilcoxon(moved).pvalue) if len(moved) else 1.0
    median = float(np.median(d)) if len(d) else math.nan
    return Comparison("Wilcoxon's signed-rank test", (len(d), len(d)), median, math.nan, math.nan, p, left_out)


def bootstrap_difference(
    a: Sequence[float], b: Sequence[float], level: float = 0.95, seed: int = 0, resamples: int = RESAMPLES
) -> Comparison:
    """Difference of the means of two independent groups, with its percentile interval; it has no p.

    Raises:
        ValueError: as for ``t_interval``.
    """
    x, y = _numbers("a", a), _numbers("b", b)
    low, high = _bootstrap((x, y), lambda x, y, axis: x.mean(axis=axis) - y.mean(axis=axis), level, seed, resamples)
    difference = _mean_sd(x)[0] - _mean_sd(y)[0]
    return Comparison("bootstrap of groups", (len(x), len(y)), difference, low, high, math.nan)


def paired_bootstrap(a: Cases, b: Cases, level: float = 0.95, seed: int = 0, resamples: int = RESAMPLES) -> Comparison:
    """Mean difference of the same cases, with its percentile interval: cases are drawn anew; it has no p.

    Raises:
        ValueError: as for ``paired_t_test``.
    """
    d, left_out = _differences(a, b)
    low, high = _bootstrap((d,), lambda x, axis: x.mean(axis=axis), level, seed, resamples)
    return Comparison("bootstrap of cases", (len(d), len(d)), _mean_sd(d)[0], low, high, math.nan, left_out)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """p of several tests, so corrected that the chance of one false finding among all stays at the level of one.

    p_values: by test. NaN stays NaN and counts as a test.   Source: Holm, Scand. J. Statist. 6, 1979.

    Raises:
        ValueError: a p lies outside [0, 1].
    """
    for name, p in p_values.items():
        if not (math.isnan(p) or 0 <= p <= 1):
            raise ValueError(f"holm: p must lie in [0, 1], got {p} of {name}")
    order = sorted(p_values, key=lambda name: (math.isnan(p_values[name]), p_values[name]))
    corrected, least = dict(p_values), 0.0
    for rank, name in enumerate(order):
        if not math.isnan(p_values[name]):
            corrected[name] = least = max(least, min(1.0, (len(order) - rank) * p_values[name]))
    return corrected


def stars(p: float) -> str:
    """``***`` below .001, ``**`` below .01, ``*`` below .05, "n.s." above; "" of NaN."""
    return "" if math.isnan(p) else next((text for bound, text in _STARS if p < bound), "n.s.")


def _differences(a: Cases, b: Cases) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """a minus b, sorted by case, and the cases where one is NaN."""
    only_a, only_b = sorted(set(a) - set(b)), sorted(set(b) - set(a))
    if only_a or only_b:
        found = [
            f"only {name} has {', '.join(only[:3])}" + (f" and {len(only) - 3} more" if len(only) > 3 else "")
            for name, only in (("a", only_a), ("b", only_b))
            if only
        ]
        raise ValueError(f"a paired test needs the same cases on both sides, got others: {'; '.join(found)}")
    names = sorted(a)
    left_out = tuple(name for name in names if math.isnan(a[name]) or math.isnan(b[name]))
    kept = [name for name in names if name not in set(left_out)]
    return _numbers("a", [a[name] for name in kept]) - _numbers("b", [b[name] for name in kept]), left_out


def _numbers(name: str, values: Sequence[float]) -> NDArray[np.float64]:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or not np.isfinite(x).all():
        raise ValueError(f"{name} must be a row of finite numbers, got {values}")
    return x


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), got {level}")


def _mean_sd(x: NDArray[np.float64]) -> tuple[float, float]:
    return float(x.mean()) if len(x) else math.nan, float(x.std(ddof=1)) if len(x) > 1 else math.nan


def _constant(x: NDArray[np.float64]) -> bool:
    """Whether values vary by rounding only."""
    return bool(np.ptp(x) <= 1e-12 * np.abs(x).max())


def _of_t_test(
    name: str, n: tuple[int, int], difference: float, result: Any, level: float, left_out: tuple[str, ...] = ()
) -> Comparison:
    interval = result.confidence_interval(level)
    return Comparison(name, n, difference, float(interval.low), float(interval.high), float(result.pvalue), left_out)


def _bootstrap(
    groups: tuple[NDArray[np.float64], ...], statistic: Any, level: float, seed: int, resamples: int
) -> tuple[float, float]:
    _check_level(level)
    if min(map(len, groups)) < 2:
        return math.nan, math.nan
    interval = (
        _scipy()
        .bootstrap(
            groups,
            statistic,
            n_resamples=resamples,
            batch=max(1, _AT_ONCE // max(map(len, groups))),
            vectorized=True,
            confidence_level=level,
            method="percentile",
            rng=np.random.default_rng(seed),
        )
        .confidence_interval
    )
    return float(interval.low), float(interval.high)


def _scipy() -> Any:
    return require("scipy.stats", "evaluate", "for intervals and tests")
