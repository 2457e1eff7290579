# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Named settings: the target tasks of both papers, and small runs."""

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {"default": {}}
"""Name -> fields that differ from the defaults."""
