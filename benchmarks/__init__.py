# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Benchmarks: one registry of what is timed (`registry.py`), one runner (`runner.py`), results as JSON in `results/`.

python -m benchmarks --help
"""
