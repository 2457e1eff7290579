# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A study finds the differences that there are, and no others, at its stated error rates."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genesis_ext.evaluation.statistics import paired_t_test, t_test
from genesis_ext.training.study.config import StudyConfig
from genesis_ext.training.study.page import CASES, MARKDOWN, PAGE, RESULTS, write_study
from genesis_ext.training.study.results import Result, StudyResults

pytest.importorskip("lightning_fabric")
pytest.importorskip("scipy")

STUDY = StudyConfig(
    task="segmentation", sources=("scratch", "a.pt"), train_patients=(5, 20), choose={"lr": (1e-3, 1e-2)}, seeds=4
)


def made(study: StudyConfig, generator: np.random.Generator, gain: float, run_sd: float = 0.02) -> StudyResults:
    """Results as runs give them: patients differ, runs differ, and patients respond differently to a run."""
    patients = generator.normal(0.7, 0.1, 30)
    results = []
    for cell in study.cells():
        better = gain if cell.source != study.baseline else 0.0
        values = patients + better + generator.normal(0, run_sd) + generator.normal(0, 0.03, 30)
        chosen = 0.01 if cell.chosen.get("lr") == 1e-2 else 0.0  # the second candidate validates better
        test = {"dice": {f"p{i}": float(value) for i, value in enumerate(values)}, "hausdorff95_mm": {"p0": math.nan}}
        results.append(Result(cell, {}, 0.5 + chosen, ((10, 0.3), (20, 0.5 + chosen)), test, 1.0))
    return StudyResults(study, tuple(results))


def test_rows_are_the_tests_of_scipy_on_the_candidate_that_validates_best() -> None:
    results = made(STUDY, np.random.default_rng(0), 0.1)
    rows = results.rows()
    assert [(row.patients, row.source) for row in rows] == [(5, "scratch"), (5, "a.pt"), (20, "scratch"), (20, "a.pt")]
    assert all(row.chosen == {"lr": 1e-2} and len(row.results) == len(row.others) == 4 for row in rows)
    scratch, other = rows[:2]
    assert scratch.by_case is scratch.by_seed is None
    assert math.isnan(scratch.p)
    means = [[result.mean("dice") for result in row.results] for row in (other, scratch)]
    assert other.estimate.mean == pytest.approx(np.mean(means[0]))
    assert other.by_seed == t_test(*means[:1], means[1])
    by_hand = {
        case: np.mean([result.test["dice"][case] for result in other.results]) for case in other.results[0].test["dice"]
    }
    assert other.cases == pytest.approx(by_hand)
    assert other.by_case == paired_t_test(other.cases, scratch.cases)
    assert other.by_case is not None
    assert other.by_seed is not None
    assert other.p >= max(other.by_case.p, other.by_seed.p)  # corrected for the other number of patients


def test_what_helps_is_found_and_what_does_not_is_not_at_the_stated_rates() -> None:
    study = replace(STUDY, train_patients=(5,), choose={}, seeds=5)
    generator = np.random.default_rng(1)

    def found(gain: float, run_sd: float, studies: int) -> int:
        return sum(made(study, generator, gain, run_sd).rows()[1].p < 0.05 for _ in range(studies))

    assert found(0.0, 0.02, 100) <= 10  # 5 are expected; more than 10 have a probability of 1 %
    # Runs that differ much are no gain, though the same runs differ alike for all patients.
    assert found(0.0, 0.2, 100) <= 10
    assert found(0.1, 0.02, 50) >= 45


def test_unfinished_candidates_do_not_win_by_their_luckiest_seed() -> None:
    results = made(STUDY, np.random.default_rng(2), 0.0)
    first = replace(results.results[0], score=0.99)  # lr 1e-3, seed 0
    only = [r for r in results.results[1:] if r.cell.chosen != first.cell.chosen]
    rows = replace(results, results=(first, *only)).rows()
    assert rows[0].chosen == {"lr": 1e-2}


def test_a_metric_without_cases_is_compared_by_its_seeds() -> None:
    study = replace(STUDY, task="classification", metric="auc", choose={}, train_patients=(5,))
    generator = np.random.default_rng(3)
    results = StudyResults(
        study,
        tuple(
            Result(cell, {}, 0.5, ((1, 0.5),), {"auc": {"all": float(generator.normal(mean, 0.01))}}, 1.0)
            for cell in study.cells()
            for mean in [0.9 if cell.source == "a.pt" else 0.7]
        ),
    )
    row = results.rows()[1]
    assert row.by_case is None
    assert row.by_seed is not None
    assert row.p == row.by_seed.p < 0.05


def test_pages_and_tables_tell_what_was_found(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    results = replace(made(STUDY, np.random.default_rng(4), 0.1), failed={"a.pt/5-patients/seed-9": "no <space> left"})
    results = replace(results, config=replace(STUDY, target=0.505))
    write_study(tmp_path, results)
    page, text = (tmp_path / PAGE).read_text(), (tmp_path / MARKDOWN).read_text()
    assert "no &lt;space&gt; left" in page
    assert page.count("data:image/png") == 4  # bars, over the labels, convergence twice
    assert "a.pt, 5 patients: better (+0." in text
    assert "steps to 0.505" in page
    assert "20, 20, 20, 20" in page  # of the chosen candidate
    assert "never, never, never, never" in page  # of the other one
    rows = (tmp_path / RESULTS).read_text().splitlines()
    assert len(rows) == 1 + 32
    assert rows[0].startswith("source,patients,corruption,seed,lr,validation,dice")
    assert len((tmp_path / CASES).read_text().splitlines()) == 1 + 32 * 31


def test_a_result_comes_back_from_its_file_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    result = made(STUDY, np.random.default_rng(5), 0.1).results[0]
    result.write(tmp_path / "result.json")
    read = Result.read(tmp_path / "result.json")
    assert (read.cell, read.curve, read.score) == (result.cell, result.curve, result.score)
    assert read.test["dice"] == result.test["dice"]
    values: dict[str, Any] = json.loads((tmp_path / "result.json").read_text())
    del values["test"]
    (tmp_path / "result.json").write_text(json.dumps(values))
    with pytest.raises(ValueError, match=r"result.json is no result of a study"):
        Result.read(tmp_path / "result.json")
