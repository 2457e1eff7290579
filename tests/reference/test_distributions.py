# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""20,000 drawn plans are distributed as 20,000 recorded draws of the released generator."""

import json
from collections import Counter
from math import sqrt

import numpy as np
import pytest
from scipy import stats

from genesis_ext.reference import head
from genesis_ext.reference.draw_plan import decode, draw_plan
from genesis_ext.reference.paint_boxes import mask

SHAPE = (64, 64, 32)
DRAWS = 20_000
SIGNIFICANT = 0.001


@pytest.fixture(scope="module")
def drawn():
    numbers = head.numbers(SHAPE)
    return [decode(row, numbers) for row in draw_plan(np.arange(DRAWS), 2026, SHAPE, head.RATES, numbers)]


@pytest.fixture
def recorded(shared):
    counts = json.loads((shared / "golden" / "distributions_64x64x32.json").read_text())
    assert counts["draws"] == DRAWS and counts["shape"] == list(SHAPE)
    return counts


def assert_same_distribution(ours, recorded):
    """Chi-square test of homogeneity of two tables of counts."""
    ours = Counter(str(value) for value in ours)
    assert set(ours) == set(recorded)
    table = [[ours[value] for value in recorded], [recorded[value] for value in recorded]]
    assert stats.chi2_contingency(table).pvalue > SIGNIFICANT


def test_the_twelve_combinations_are_as_frequent_as_recorded(drawn, recorded):
    combinations = (
        "|".join(["shuffle" if d.shuffle else "-", "nonlinear" if d.nonlinear else "-", d.paint]) for d in drawn
    )
    assert len(recorded["combinations"]) == 12
    assert_same_distribution(combinations, recorded["combinations"])


def test_net_flips_are_as_frequent_as_recorded(drawn, recorded):
    assert not any(d.flips[2] for d in drawn)
    assert_same_distribution(((int(d.flips[0]), int(d.flips[1])) for d in drawn), recorded["net_flips_axis1_axis2"])


@pytest.mark.parametrize("kind", ["in", "out"])
def test_numbers_of_boxes_are_as_frequent_as_recorded(drawn, recorded, kind):
    assert_same_distribution((len(d.boxes) for d in drawn if d.paint == kind), recorded[f"{kind}paint"]["boxes"])


@pytest.mark.parametrize("kind", ["in", "out"])
@pytest.mark.parametrize(
    ("what", "axis"), [("size", "x"), ("size", "y"), ("size", "z"), ("start", "x"), ("start", "z")]
)
def test_sizes_and_starts_of_boxes_are_as_frequent_as_recorded(drawn, recorded, kind, what, axis):
    boxes = np.concatenate([d.boxes for d in drawn if d.paint == kind])
    values = boxes[:, :3] if what == "start" else boxes[:, 3:] - boxes[:, :3]
    assert_same_distribution(values[:, "xyz".index(axis)], recorded[f"{kind}paint"][f"{what}_{axis}"])


@pytest.mark.parametrize("kind", ["in", "out"])
def test_replaced_fractions_are_distributed_as_recorded(drawn, recorded, kind):
    inside = np.array([mask(d.boxes, SHAPE).mean() for d in drawn if d.paint == kind])
    fractions = inside if kind == "in" else 1 - inside
    percentiles = np.array(recorded[f"{kind}paint"]["replaced_fraction_percentiles"])
    level = np.linspace(0, 1, len(percentiles))
    inner = (level > 0) & (level < 1) & (percentiles > 0)  # in-painting without a box replaces nothing: an atom at 0
    ours = (fractions[:, np.newaxis] <= percentiles[inner]).mean(axis=0)
    # Two-sample Kolmogorov-Smirnov at the recorded percentiles.
    there = sum(recorded[f"{kind}paint"]["boxes"].values())
    distance = np.abs(ours - level[inner]).max()
    assert stats.kstwobign.sf(distance * sqrt(len(fractions) * there / (len(fractions) + there))) > SIGNIFICANT
