# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures and markers of all tests."""

import os
from pathlib import Path

import pytest
import torch

from tests.shared import shared_dir

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
