# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Which boxes are cut: settings, draws, rules on content, and the split by patient."""
