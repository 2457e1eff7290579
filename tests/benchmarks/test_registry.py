# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Every operator has a benchmark whose contenders do what they should."""

import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

from benchmarks import peers, runner
from benchmarks.case import NUMPY, OURS, Setup
from benchmarks.registry import BENCHMARKS, OPERATORS, PIPELINES

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
OF_ANY_DTYPE = ("genesis_transform", "bezier_map", "local_shuffle", "paint_boxes", "affine_sample")
LIBRARIES = ("monai", "torchio", "batchgeneratorsv2", "skimage", "SimpleITK", "interpol", "kornia", "cupy")


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
    cases = [make(Setup((24, 21, 22), 2, CPU)) for make in BENCHMARKS[name].makes]
    for case in cases:
        assert case.contenders[0].name == OURS
        assert case.contenders[0].differs == ""
        assert all(contender.differs for contender in case.contenders[1:])
        names = [contender.name for contender in case.contenders]
        assert len({*names}) == len(names)
    assert any(case.contenders[1:] for case in cases)
    assert len({case.setting for case in cases}) == len(cases)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", OF_ANY_DTYPE)
def test_cases_of_patches_are_of_any_dtype(name, dtype):
    wide, narrow = (BENCHMARKS[name].make(Setup((20, 21, 22), 2, CPU, chosen)) for chosen in (torch.float32, dtype))
    narrow.verify()
    assert (wide.dtype, narrow.dtype) == ("float32", str(dtype).removeprefix("torch."))
    assert wide.least_bytes == 2 * narrow.least_bytes
    assert not any(contender.differs.endswith("on float32") for contender in wide.contenders)
    others = [contender for contender in narrow.contenders if not contender.name.startswith(OURS)]
    assert others and all(contender.differs.endswith("; on float32") for contender in others)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_where_other_libraries_are_missing_their_contenders_are_too(name, monkeypatch):
    monkeypatch.setattr(peers, "find_spec", lambda package: None)
    for make in BENCHMARKS[name].makes:
        for contender in make(Setup((24, 21, 22), 2, CPU)).contenders:
            assert contender.name.startswith((OURS, NUMPY, "torch", "F."))
            assert contender.name != "torch-interpol"


def test_the_list_of_benchmarks_imports_none_of_the_other_libraries():
    # But scipy, which nibabel imports.
    code = f"import sys, benchmarks.registry; print(*sys.modules.keys() & {set(LIBRARIES)})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_peer_is_silent():
    def warn(call: int) -> int:
        warnings.warn("of a library", UserWarning, stacklevel=1)
        return call

    assert peers.peer("loud", warn, 1, "warns").run(3) == 3


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_full_batch_fills_a_gpu_better_than_a_cpu(name):
    benchmark = BENCHMARKS[name]
    for size in benchmark.sizes_on(torch.device("cuda")):
        cpu, gpu = (benchmark.batch(size, torch.device(kind), False) for kind in ("cpu", "cuda"))
        assert 1 <= benchmark.batch(size, CPU, True) <= cpu <= gpu
