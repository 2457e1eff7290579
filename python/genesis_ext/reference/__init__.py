# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The specification in code: every operator in plain NumPy, one file each, under the operator's name.

Written for reading, not for speed. Nothing here imports another part of the package, so that the compiled operators
have an independent witness. Volumes are arrays of shape (N, C, X, Y, Z); a 2D batch is one with Z = 1. NumPy has no
bfloat16: give float32 and round the result once.
"""
