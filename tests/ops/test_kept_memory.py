# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Memory of large results on a CPU that is kept for those of later calls."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import genesis_ext
from genesis_ext import ops

MIB = 2**20
LARGE = torch.rand(1, 1, 256, 256, 256)  # 64 MiB, and so is a result: the C library keeps none of that size


def result(x: torch.Tensor = LARGE) -> torch.Tensor:
    key = torch.zeros(len(x), 2, dtype=torch.int64)
    shuffled: torch.Tensor = ops.local_shuffle(x, key, num_windows=1)
    return shuffled


def test_a_result_takes_the_memory_of_one_that_is_gone() -> None:
    genesis_ext.empty_cache()
    first = result()
    expected, place = first.clone(), first.data_ptr()
    second = result()
    assert second.data_ptr() != place  # the first one is still in use
    del first
    third = result()
    assert third.data_ptr() == place
    assert torch.equal(third, expected)
    assert torch.equal(second, expected)


def test_a_view_keeps_its_memory() -> None:
    view = result()[..., 0]
    expected = view.clone()
    others = [result(LARGE + 1) for _ in range(3)]
    assert len({other.data_ptr() for other in others} | {view.data_ptr()}) == 4
    assert torch.equal(view, expected)


def resident_mib() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MIB


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_what_is_kept_has_a_bound_and_is_given_back() -> None:
    genesis_ext.empty_cache()
    before = resident_mib()
    made = [result() for _ in range(6)]
    del made  # 384 MiB, of which 256 are kept
    assert 240 < resident_mib() - before < 300
    genesis_ext.empty_cache()
    assert resident_mib() - before < 50


def test_results_of_many_threads_are_their_own() -> None:
    inputs = [LARGE + number for number in range(4)]
    expected = [result(x) for x in inputs]
    with ThreadPoolExecutor(4) as threads:
        for _ in range(5):
            for made, wanted in zip(threads.map(result, inputs), expected, strict=True):
                assert torch.equal(made, wanted)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize(("setting", "kept"), [("0", 0), ("63", 0), ("130", 128), ("much", 256), ("-1", 256)])
def test_the_bound_is_a_setting(setting: str, kept: int) -> None:
    code = """
from tests.ops.test_kept_memory import resident_mib, result
before = resident_mib()
made = [result() for _ in range(6)]
del made
print(resident_mib() - before)
"""
    environment = {**os.environ, "GENESIS_KEPT_MIB": setting}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert kept - 16 < float(done.stdout) < kept + 48
