# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The registry under pytest-benchmark, for its statistics and its comparison of stored runs: `pytest benchmarks`.

`python -m benchmarks` is the runner of record: it measures contenders in turn, with bandwidth and memory.
"""

import pytest
import torch

from benchmarks import runner
from benchmarks.case import MONAI, NUMPY, OURS
from benchmarks.registry import BENCHMARKS

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("contender", [OURS, NUMPY, MONAI])
@pytest.mark.parametrize(("name", "size"), [(name, size) for name, b in BENCHMARKS.items() for size in b.sizes])
def test_speed(benchmark, name, size, contender):
    case = BENCHMARKS[name].make(size, BENCHMARKS[name].batch(size, CPU, True), CPU)
    chosen = next((c for c in case.contenders if c.name == contender), None)
    if chosen is None:
        pytest.skip(f"{contender} has nothing like {name}, or is not installed")
    runner.verify([name], CPU)
    benchmark.group = f"{name} {'x'.join(map(str, size))}"
    benchmark.extra_info["samples"] = chosen.samples
    benchmark.pedantic(chosen.run, args=(0,), rounds=5, warmup_rounds=1)
