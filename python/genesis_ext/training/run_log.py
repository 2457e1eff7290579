# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The old place of ``RunLog`` and ``NullLog``, which are names of ``genesis_ext.training``."""

from typing import Any

from genesis_ext._renamed import warn_renamed
from genesis_ext.training.engine import run_log


def __getattr__(name: str) -> Any:
    """Know what was here, and warn."""
    if name not in ("NullLog", "RunLog"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warn_renamed(f"{__name__}.{name}", f"genesis_ext.training.{name}")
    return getattr(run_log, name)
