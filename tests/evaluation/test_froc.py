# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import math
from pathlib import Path

import numpy as np
import pytest

from genesis_ext.evaluation import EvaluationError, evaluate_detections
from genesis_ext.evaluation.detection import has_places
from genesis_ext.evaluation.froc import RATES, Detections, froc


def detections(false: list[tuple[float, int]], found: list[tuple[float, int]], scans: int) -> Detections:
    """(probability, scan) of the candidates that are false, and of the findings."""
    columns = [np.array(column) for pairs in (false, found) for column in zip(*pairs, strict=True)]
    return Detections(columns[0], columns[1].astype(np.int64), columns[2], columns[3].astype(np.int64), scans)


def test_a_curve_by_hand() -> None:
    # By falling probability: a finding, a false candidate, a finding, two false ones at once; the third is missed.
    found = froc(detections([(0.8, 0), (0.5, 1), (0.5, 1)], [(0.9, 0), (0.7, 1), (-math.inf, 1)], scans=2))
    wanted = [1 / 3, 1 / 3, 2 / 3, 2 / 3, 2 / 3, 2 / 3, 2 / 3]
    assert [result.metric for result in found] == [*(f"sensitivity_at_{rate:g}" for rate in RATES), "cpm"]
    assert [result.value for result in found] == pytest.approx([*wanted, np.mean(wanted)])
    assert all(result.low <= result.value <= result.high for result in found)


def test_between_two_thresholds_the_curve_is_a_line() -> None:
    found = froc(detections([(0.5, 0)], [(0.9, 0), (0.5, 0)], scans=1))  # from (0, .5) to (1, 1)
    assert [result.value for result in found[:5]] == [0.5625, 0.625, 0.75, 1.0, 1.0]


def test_the_curve_is_that_of_monai() -> None:
    metrics = pytest.importorskip("monai.metrics")
    draws = np.random.default_rng(0)
    false, found = draws.random(400), draws.random(40)
    curve = metrics.compute_froc_curve_data(false, found, num_targets=40, num_images=10)
    wanted = metrics.compute_froc_score(*curve, eval_thresholds=RATES)
    of = detections([(p, i % 10) for i, p in enumerate(false)], [(p, i % 10) for i, p in enumerate(found)], 10)
    assert froc(of)[-1].value == pytest.approx(wanted)


def test_the_interval_is_that_of_scans_drawn_anew() -> None:
    # Of two scans one has its finding above all false candidates, the other has no candidate at all: of the four
    # resamples that are as likely, one finds all, two find half, one finds nothing.
    found = froc(detections([(0.1, 0)], [(0.9, 0), (-math.inf, 1)], scans=2))[-1]
    assert (found.low, found.value, found.high) == (0.0, 0.5, 1.0)
    assert froc(detections([(0.1, 0)], [(0.9, 0), (-math.inf, 1)], scans=2))[-1] == found


CANDIDATES = """seriesuid,coordX,coordY,coordZ,probability
s1,10,0,0,0.9
s1,10,2,0,0.6
s1,50,0,0,0.8
s2,10,0,0,0.7
s3,0,0,0,0.2
"""
FINDINGS = """seriesuid,coordX,coordY,coordZ,diameter_mm
s1,10,1,0,4
s2,10,0,5,10
s4,,,,
"""


def tables(folder: Path, candidates: str = CANDIDATES, findings: str = FINDINGS) -> tuple[Path, Path]:
    (folder / "candidates.csv").write_text(candidates)
    (folder / "findings.csv").write_text(findings)
    return folder / "candidates.csv", folder / "findings.csv"


def test_candidates_within_the_radius_belong_to_the_finding(tmp_path: Path) -> None:
    paths = tables(tmp_path)
    assert has_places(paths[1])
    found = evaluate_detections(*paths)
    # The finding of s1 has two candidates, that of s2 one at its radius, which is too far: three of five are false.
    assert found.notes == ("4 scans, 2 findings, 1 of them with a candidate, 3 of 5 candidates false.",)
    assert [row[0] for row in found.cases.rows] == ["s1", "s2"]
    assert found.cases.rows[0][-1] == 0.9
    assert math.isnan(found.cases.rows[1][-1])
    assert found.result("cpm").value == 0.5


def test_what_is_excluded_is_neither_right_nor_wrong(tmp_path: Path) -> None:
    paths = tables(tmp_path)
    # Near the candidate of s1 that is false by 4 mm, as near to that of s3 but small, and near one that is right.
    rows = "s1,54,0,0,-1\ns3,4,0,0,6\ns1,10,0,0,4\ns9,0,0,0,3\n"
    (tmp_path / "excluded.csv").write_text("seriesuid,coordX,coordY,coordZ,diameter_mm\n" + rows)
    found = evaluate_detections(*paths, tmp_path / "excluded.csv")
    assert found.notes == ("4 scans, 2 findings, 1 of them with a candidate, 2 of 5 candidates false.",)
    assert found.cases == evaluate_detections(*paths).cases


@pytest.mark.parametrize(
    ("candidates", "findings", "rule"),
    [
        (CANDIDATES.replace("0.9", "9"), FINDINGS, r"line 2: probability must be in \[0, 1\], got 9"),
        (CANDIDATES.replace("0.9", "high"), FINDINGS, "line 2: probability must be a number, got 'high'"),
        (CANDIDATES.replace(",0.9", ""), FINDINGS, "line 2: must have 5 cells as the first line has"),
        (CANDIDATES, FINDINGS.replace("0,4", "0,0"), "line 2: diameter_mm must be above 0, got 0"),
        (CANDIDATES, FINDINGS.replace("s2,10", "s2,"), "line 3: x must be a number, got ''"),
        (CANDIDATES, FINDINGS.replace("s4", ""), "line 4: scan must not be empty"),
        (CANDIDATES, "seriesuid,coordX,coordY,coordZ,diameter_mm\ns1,,,,\n", "must hold one finding at least"),
        (CANDIDATES, "scan,x,y,z\n", "must have the columns scan, x, y, z, diameter_mm, got no diameter_mm"),
        (CANDIDATES, "scan,x,y,z,x\n", "columns must have different names, got x twice"),
    ],
)
def test_rows_that_break_a_rule_are_named(tmp_path: Path, candidates: str, findings: str, rule: str) -> None:
    with pytest.raises(EvaluationError, match=rule):
        evaluate_detections(*tables(tmp_path, candidates, findings))
