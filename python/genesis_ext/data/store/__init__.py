# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Prepared volumes on disk: the store, its entries, and how it is written."""
