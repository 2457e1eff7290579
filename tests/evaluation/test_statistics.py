# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from genesis_ext.evaluation.statistics import (
    Cases,
    Comparison,
    bootstrap_difference,
    bootstrap_interval,
    holm,
    paired_bootstrap,
    paired_t_test,
    stars,
    t_interval,
    t_test,
    wilcoxon,
)

A = [0.71, 0.78, 0.66, 0.81, 0.74, 0.69, 0.80]
B = [0.70, 0.72, 0.61, 0.79, 0.745, 0.60, 0.71]
paired = pytest.mark.parametrize("test", [paired_t_test, wilcoxon, paired_bootstrap])


def by_case(values: list[float]) -> dict[str, float]:
    return {f"case{i}": value for i, value in enumerate(values)}


def test_the_interval_of_t_by_hand() -> None:
    found = t_interval([1.0, 2.0, 3.0, 4.0])
    half = 3.182446 * math.sqrt(5 / 3) / 2  # the quantile for three degrees of freedom, from a table
    assert (found.n, found.mean, found.sd) == (4, 2.5, pytest.approx(math.sqrt(5 / 3)))
    assert (found.low, found.high) == (pytest.approx(2.5 - half, abs=1e-5), pytest.approx(2.5 + half, abs=1e-5))


def test_one_value_has_no_interval_and_none_no_mean() -> None:
    for interval in (t_interval, bootstrap_interval):
        one, none = interval([0.5]), interval([])
        assert (one.n, one.mean, none.n) == (1, 0.5, 0)
        assert all(math.isnan(value) for value in (one.sd, one.low, one.high, none.mean, none.sd, none.low))


def test_the_bootstrap_is_that_of_all_resamples_and_repeats() -> None:
    values = [0.0, 1.0, 5.0]
    means = np.array([np.mean([x, y, z]) for x in values for y in values for z in values])  # all 27 are as likely
    found = bootstrap_interval(values, level=0.5)
    assert found == bootstrap_interval(values, level=0.5)
    assert (found.low, found.high) == tuple(np.percentile(means, (25, 75), method="inverted_cdf"))
    other = bootstrap_difference(A, B, seed=1)
    assert (other.low, other.high) != (bootstrap_difference(A, B).low, bootstrap_difference(A, B).high)
    assert other.difference == pytest.approx(np.mean(A) - np.mean(B))
    assert other.low < other.difference < other.high


@pytest.mark.parametrize("pooled", [False, True])
def test_independent_groups_by_their_formulas(pooled: bool) -> None:
    a, b = np.array(A), np.array(B[:5])
    va, vb = a.var(ddof=1), b.var(ddof=1)
    if pooled:
        freedom = len(a) + len(b) - 2
        error = math.sqrt(((len(a) - 1) * va + (len(b) - 1) * vb) / freedom * (1 / len(a) + 1 / len(b)))
    else:
        qa, qb = va / len(a), vb / len(b)
        freedom = (qa + qb) ** 2 / (qa**2 / (len(a) - 1) + qb**2 / (len(b) - 1))
        error = math.sqrt(qa + qb)
    difference, half = a.mean() - b.mean(), stats.t.ppf(0.975, freedom) * error
    found = t_test(A, B[:5], pooled)
    assert found.n == (7, 5)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(difference) / error, freedom))
    assert (found.difference, found.low, found.high) == pytest.approx(
        (difference, difference - half, difference + half)
    )


def test_paired_tests_are_those_of_scipy_and_go_by_name() -> None:
    a, b = by_case(A), dict(reversed(by_case(B).items()))
    t, w, boot = paired_t_test(a, b), wilcoxon(a, b), paired_bootstrap(a, b)
    wanted = stats.ttest_rel(A, B)
    assert (t.difference, t.p) == pytest.approx((np.mean(A) - np.mean(B), wanted.pvalue))
    assert (t.low, t.high) == pytest.approx(tuple(wanted.confidence_interval(0.95)))
    assert w.p == 4 / 2**7  # of the 128 signings, the rank sums 0, 1, 27 and 28 are as extreme as the one of 1
    assert boot.low < boot.difference < boot.high
    assert boot.low > 0  # pairing helps: independent groups do not tell these apart
    assert bootstrap_difference(A, B).low < 0


@paired
def test_tables_of_different_cases_are_refused(test: Callable[[Cases, Cases], Comparison]) -> None:
    a, b = by_case(A), by_case(B)
    other = {f"x{name}": value for name, value in b.items()}
    with pytest.raises(ValueError, match="only a has case0, case1, case2 and 4 more; only b has xcase0"):
        test(a, other)
    with pytest.raises(ValueError, match=r"needs the same cases on both sides, got others: only a has case6$"):
        test(a, by_case(B[:6]))


@paired
def test_a_case_without_a_number_is_left_out_by_name(test: Callable[[Cases, Cases], Comparison]) -> None:
    a, b = by_case(A), by_case(B)
    found = test(a | {"case3": math.nan}, b)
    less = test({n: v for n, v in a.items() if n != "case3"}, {n: v for n, v in b.items() if n != "case3"})
    assert found.left_out == ("case3",)
    assert found.n == less.n == (6, 6)
    assert (found.difference, found.low, found.p) == pytest.approx((less.difference, less.low, less.p), nan_ok=True)
    with pytest.raises(ValueError, match="a must be a row of finite numbers"):
        test(a | {"case3": math.inf}, b)


def test_what_does_not_vary_has_no_p_but_equality_has() -> None:
    a = by_case(A)
    assert paired_t_test(a, a).p == wilcoxon(a, a).p == 1.0
    assert math.isnan(paired_t_test(a, {name: value - 0.1 for name, value in a.items()}).p)
    assert math.isnan(t_test([1.0, 1.0], [2.0, 2.0]).p)
    assert math.isnan(t_test([1.0], A).p)
    assert math.isnan(wilcoxon({}, {}).p)


def test_holm_by_hand() -> None:
    p = {"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}
    assert holm(p) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert holm({"a": 0.4, "b": 0.9}) == pytest.approx({"a": 0.8, "b": 0.9})
    assert holm({"a": 0.02, "b": math.nan})["a"] == 0.04
    assert math.isnan(holm({"a": 0.02, "b": math.nan})["b"])
    with pytest.raises(ValueError, match=r"p must lie in \[0, 1\], got 1\.5 of b"):
        holm({"a": 0.1, "b": 1.5})


def test_rounding_breaks_no_ties() -> None:
    hundredths = {
        "a": (71, 70),
        "b": (78, 72),
        "c": (66, 61),
        "d": (81, 79),
        "e": (74, 75),
        "f": (69, 60),
        "g": (71, 80),
    }
    whole = wilcoxon(
        {n: float(x) for n, (x, _) in hundredths.items()}, {n: float(y) for n, (_, y) in hundredths.items()}
    )
    parts = wilcoxon({n: x / 100 for n, (x, _) in hundredths.items()}, {n: y / 100 for n, (_, y) in hundredths.items()})
    assert parts.p == whole.p


def test_stars() -> None:
    assert [stars(p) for p in (0.0009, 0.001, 0.01, 0.049, 0.05, math.nan)] == ["***", "**", "*", "*", "n.s.", ""]


def test_numbers_that_are_none_and_levels_beyond_one_are_refused() -> None:
    with pytest.raises(ValueError, match="values must be a row of finite numbers"):
        t_interval([1.0, math.nan])
    for call in (lambda: t_interval(A, 95), lambda: bootstrap_interval(A, 0), lambda: t_test(A, B, level=1)):
        with pytest.raises(ValueError, match=r"level must lie in \(0, 1\)"):
            call()
