# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Whole runs on real scans give what they gave before."""

import json
from pathlib import Path

import pytest

from tests.golden.record import CONFIGS, path_of, record

pytest.importorskip("lightning_fabric")
pytest.importorskip("matplotlib")
pytest.importorskip("tensorboard")

_MEANT = "if that is meant, run python -m tests.golden.record, and say in the change why"
_TOLERANCE = 1e-3  # relative; convolutions sum in another order from one instruction set to another: 2e-5 in these runs


@pytest.mark.parametrize("method", CONFIGS)
def test_a_run_on_real_scans_is_the_golden_one(method: str, shared: Path, tmp_path: Path) -> None:
    golden = json.loads(path_of(method).read_text())
    steps = record(method, shared, tmp_path)
    assert len(steps) == len(golden) == CONFIGS[method].run.steps
    for number, (step, wanted) in enumerate(zip(steps, golden, strict=True), start=1):
        assert step["batch"] == wanted["batch"], f"the batch of step {number} has changed: {_MEANT}"
    for number, (step, wanted) in enumerate(zip(steps, golden, strict=True), start=1):
        expected = pytest.approx(wanted["losses"], rel=_TOLERANCE)
        assert step["losses"] == expected, f"the losses of step {number} have changed: {_MEANT}"
