# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""benchmarks/gpu.sh without a GPU: the order of its steps, their limits, and what it leaves."""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BEFORE_TESTS = ["preflight", "copy", "bits", "goals", "graphs"]
CASES = ["head", "head, nothing shuffled", "head, bfloat16", "head, 160^3", "paper", "paper, 160^3", "crop_resize"]


def run(out, *arguments):
    command = ["bash", str(ROOT / "benchmarks" / "gpu.sh"), *arguments, "--out", str(out)]
    env = {**os.environ, "PYTHON": sys.executable, "TMPDIR": str(out.parent)}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    out = tmp_path_factory.mktemp("gpu") / "results"
    return out, run(out, "--fake")


def test_numbers_come_first_and_every_step_has_a_limit_within_the_budget(trial):
    out, done = trial
    assert done.returncode == 0, done.stdout + done.stderr
    steps = lines(out / "steps.jsonl")
    names = [step["step"] for step in steps]
    assert names[: len(BEFORE_TESTS)] == BEFORE_TESTS
    order = [names.index(name) for name in ("goals", "profile-head", "tests-ops", "sanitizer-memcheck", "training")]
    assert order == sorted(order)
    assert {step["result"] for step in steps} == {"passed"}
    assert sum(step["limit_s"] for step in steps[:5]) <= 300
    assert all(5 <= step["limit_s"] <= 80 for step in steps)


def test_goals_are_lines_of_json_without_times_where_there_is_no_gpu(trial):
    rows = lines(trial[0] / "goals.jsonl")
    assert [row["name"] for row in rows if row["kind"] == "copy"] == ["copy"]
    assert [row["name"] for row in rows if row["kind"] == "goals"][: len(CASES)] == CASES
    for row in rows:
        assert row["bytes"] > 0
        assert row["device"] == "fake"
        assert {row[name] for name in ("ms", "iqr_ms", "a_second", "bytes_a_second")} == {None}
    assert {row["same_bits"] for row in lines(trial[0] / "bits.jsonl")} == {True}


def test_all_results_are_in_one_archive(trial):
    with tarfile.open(f"{trial[0]}.tar.gz") as archive:
        names = {Path(name).name for name in archive.getnames()}
    assert {"steps.jsonl", "goals.jsonl", "bits.jsonl", "goals.log", "training.log"} <= names


def test_no_step_begins_that_the_budget_does_not_hold(tmp_path):
    done = run(tmp_path / "results", "--fake", "--budget", "3")
    assert done.returncode == 1
    assert {step["result"] for step in lines(tmp_path / "results" / "steps.jsonl")} == {"no time"}
    assert "not passed: preflight copy bits goals" in done.stderr


def test_wrong_use_is_named(tmp_path):
    done = run(tmp_path / "results", "--budgt", "3")
    assert (done.returncode, done.stdout) == (2, "")
    assert "unknown argument --budgt" in done.stderr
