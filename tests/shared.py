# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The folder of real scans and recorded results, which is not part of the project: named by GENESIS_SHARED."""

import os
from pathlib import Path

import pytest


def shared_dir() -> Path:
    """The folder; skips the test where it is absent, fails it when GENESIS_REQUIRE_SHARED=1."""
    default = Path(__file__).resolve().parent.parent.parent / "shared"
    folder = Path(os.environ.get("GENESIS_SHARED", default)).resolve()
    if not (folder / "golden").is_dir():
        reason = f"no scans and recorded results in {folder}: set GENESIS_SHARED to their folder"
        if os.environ.get("GENESIS_REQUIRE_SHARED") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
