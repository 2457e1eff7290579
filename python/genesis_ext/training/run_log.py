# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The old place of ``RunLog`` and ``NullLog``, which are names of ``genesis_ext.training``."""

from genesis_ext._renamed import old_names

__getattr__ = old_names(__name__, {name: f"genesis_ext.training.{name}" for name in ("NullLog", "RunLog")})
