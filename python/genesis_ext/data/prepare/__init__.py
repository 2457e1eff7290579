# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Scans to a store: resampled, cut and scaled by modality, in parallel and safe to interrupt."""
