# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""report.html of a run: one page that needs nothing else, neither files nor scripts nor a network."""

from genesis_ext.training.report.page import REPORT, write_report

__all__ = ["REPORT", "write_report"]
