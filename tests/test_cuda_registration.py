# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The CUDA library registers a kernel for every operator, seen without a GPU and without a CUDA torch."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from genesis_ext import _library

STUB = Path(__file__).parent / "cuda_stub" / "stub.c"

# Run in a process of its own: the library stays loaded, and registers kernels that nothing here could run.
PROGRAM = """
import ctypes, sys
import torch, genesis_ext
ctypes.CDLL(sys.argv[1], mode=ctypes.RTLD_GLOBAL)
torch.ops.load_library(sys.argv[2])
has = torch._C._dispatch_has_kernel_for_dispatch_key
names = [name for name in torch._C._dispatch_get_all_op_names() if name.startswith("genesis_ext::")]
for name in sorted(names):
    print(name, has(name, "CPU"), has(name, "CUDA"))
"""


def cuda_library() -> Path:
    path = _library.cuda.path
    if not path.exists():
        reason = f"{path.name} was not built: nvcc is needed for it"
        if os.environ.get("GENESIS_REQUIRE_NVCC") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def test_every_operator_has_a_cpu_and_a_cuda_kernel(tmp_path):
    library = cuda_library()
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler for the stub library")
    stub = tmp_path / "libstub.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", stub, STUB], check=True)
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, stub, library], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    rows = [line.split() for line in result.stdout.splitlines()]
    schema = (Path(__file__).parents[1] / "csrc" / "schema.cpp").read_text(encoding="utf-8")
    defined = set(re.findall(r'"(\w+)\(', schema))
    assert len(defined) > 10
    assert {name.removeprefix("genesis_ext::") for name, _, _ in rows} == defined
    assert [name for name, cpu, cuda in rows if (cpu, cuda) != ("True", "True")] == []
