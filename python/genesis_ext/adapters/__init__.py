# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The transforms by the rules of other libraries: one library a file, named as its package, which it imports."""
