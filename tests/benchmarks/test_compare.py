# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Two results side by side: only what is beyond threshold and spreads counts, and only like is compared with like."""

from benchmarks.compare import compare
from tests.benchmarks.results import contender, entry, result, series


def timed(median, iqr=0.0, **changes):
    return entry(contenders=[contender("genesis_ext", median, iqr=iqr), contender("numpy", 1.0)], **changes)


def test_slower_beyond_the_threshold_is_found_and_named():
    found = compare(result(timed(1.0)), result(timed(1.2)), 0.1)
    assert found.slower == ("bezier_map, 64x64x32, float32",)
    assert "| 1.20 | slower |" in found.text


def test_within_the_threshold_or_within_the_spreads_nothing_is_slower():
    assert compare(result(timed(1.0)), result(timed(1.09)), 0.1).slower == ()
    assert compare(result(timed(1.0, iqr=0.1)), result(timed(1.2, iqr=0.1)), 0.1).slower == ()


def test_faster_is_said_and_is_no_failure():
    found = compare(result(timed(1.0)), result(timed(0.5)))
    assert found.slower == ()
    assert "| 0.500 | faster |" in found.text


def test_the_times_of_others_do_not_count():
    before, after = timed(1.0), timed(1.0)
    after["contenders"][1] = contender("numpy", 9.0)
    assert compare(result(before), result(after)).slower == ()


def test_what_differs_in_size_dtype_setting_threads_point_or_device_is_not_compared():
    for change in ({"size": [9, 9, 9]}, {"dtype": "float16"}, {"setting": "paper"}, {"threads": 2}):
        found = compare(result(timed(1.0)), result(timed(9.0, **change)))
        assert found.slower == ()
        assert "0 cases in both" in found.text
        assert "Only before: bezier_map, 64x64x32, float32." in found.text
        assert "Only after: bezier_map" in found.text
    one, two = (series("threads", "threads", {point: 1.0}) for point in (1, 2))
    assert "0 cases in both" in compare(result(*one), result(*two)).text
    assert "0 cases in both" in compare(result(), result(device="cuda")).text


def test_other_machines_and_trials_are_pointed_out():
    other = result(timed(1.0), quick=True)
    other["machine"]["cpu"] = "another"
    text = compare(result(timed(1.0)), other).text
    assert "Different machines" in text
    assert "quick trial" in text
