# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The registry under pytest-benchmark, for its statistics and its comparison of stored runs: `pytest benchmarks`.

`python -m benchmarks` is the runner of record: it measures contenders in turn, with bandwidth and memory.
"""

import pytest
import torch

from benchmarks import runner
from benchmarks.case import Setup
from benchmarks.registry import BENCHMARKS

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


TIMED = [
    (name, case, size, contender.name)
    for name, benchmark in BENCHMARKS.items()
    for case, make in enumerate(benchmark.makes)
    for contender in make(Setup(runner.SMALL, 2, CPU)).contenders
    for size in benchmark.sizes
]


@pytest.mark.parametrize(("name", "case", "size", "contender"), TIMED)
def test_speed(benchmark, name, case, size, contender):
    made = BENCHMARKS[name].makes[case](Setup(size, BENCHMARKS[name].batch(size, CPU, True), CPU))
    (chosen,) = (c for c in made.contenders if c.name == contender)
    runner.verify([name], CPU)
    benchmark.group = f"{name} {'x'.join(map(str, size))} {made.setting}"
    benchmark.extra_info["samples"] = chosen.samples
    benchmark.pedantic(chosen.run, args=(0,), rounds=5, warmup_rounds=1)
