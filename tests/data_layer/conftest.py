# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests of the data layer."""

from pathlib import Path

import pytest

from tests.data_layer.preparing import write_scans


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder of three small scans, see ``write_scans``."""
    return write_scans(tmp_path / "scans")
