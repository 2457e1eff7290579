# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Fine-tuning: what a network learns from labels and classes; ``tasks/`` has one file a task."""
