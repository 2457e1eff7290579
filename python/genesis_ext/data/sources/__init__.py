# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""From what a user names (folders, patterns, lists, datasets) to the scans to prepare."""
