# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures and markers of all tests."""

import os
from pathlib import Path

import pytest
import torch

from tests.shared import shared_dir

# Processes that run tests side by side share the cores, and so do the programs that tests start.
if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
    threads = max(1, (os.cpu_count() or 1) // workers)
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    torch.set_num_threads(threads)

# Products of matrices on CUDA, of which gradients of resampling are made, are deterministic only with this; read once.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real scans and recorded results; see tests/shared.py."""
    return shared_dir()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("cuda") and not torch.cuda.is_available():
        reason = "needs a CUDA device, and torch finds none"
        if os.environ.get("GENESIS_REQUIRE_CUDA") in ("1", "2"):
            pytest.fail(reason)
        pytest.skip(reason)
