# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Every operator has a benchmark whose contenders do what they should."""

from pathlib import Path

import pytest
import torch

from benchmarks import runner
from benchmarks.case import OURS, Setup
from benchmarks.registry import BENCHMARKS, OPERATORS, PIPELINES

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")


def test_every_operator_has_a_benchmark():
    assert set(OPERATORS) == {folder.name for folder in (ROOT / "csrc" / "ops").iterdir()}


def test_a_pipeline_is_no_operator_and_measured_all_the_same():
    assert PIPELINES
    assert set(OPERATORS).isdisjoint(PIPELINES)
    assert [*BENCHMARKS] == [*OPERATORS, *PIPELINES]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_contenders_do_what_they_should(name):
    runner.verify([name], CPU)


@pytest.mark.cuda
@pytest.mark.parametrize("name", BENCHMARKS)
def test_contenders_do_what_they_should_on_a_gpu(name):
    runner.verify([name], torch.device("cuda"))


@pytest.mark.parametrize("name", BENCHMARKS)
def test_our_operator_comes_first_and_others_are_beside_it(name):
    cases = [make(Setup((20, 21, 22), 2, CPU)) for make in BENCHMARKS[name].makes]
    for case in cases:
        assert case.contenders[0].name == OURS
        assert case.contenders[0].differs == ""
        assert all(contender.differs for contender in case.contenders[1:])
        names = [contender.name for contender in case.contenders]
        assert len({*names}) == len(names)
    assert any(case.contenders[1:] for case in cases)
    assert len({case.setting for case in cases}) == len(cases)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_full_batch_fills_a_gpu_better_than_a_cpu(name):
    benchmark = BENCHMARKS[name]
    for size in benchmark.sizes_on(torch.device("cuda")):
        cpu, gpu = (benchmark.batch(size, torch.device(kind), False) for kind in ("cpu", "cuda"))
        assert 1 <= benchmark.batch(size, CPU, True) <= cpu <= gpu
