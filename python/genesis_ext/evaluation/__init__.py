# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of what the transformations do to a scan, and of what a store holds."""

from genesis_ext.evaluation.content import richest_patch
from genesis_ext.evaluation.preview import write_preview
from genesis_ext.evaluation.store_sheets import write_store_preview
from genesis_ext.evaluation.subject import Subject

__all__ = ["Subject", "richest_patch", "write_preview", "write_store_preview"]
