# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Candidates for detection: a table of points with classes, and loaders that cut a patch around each."""

from genesis_ext.data.candidates.loader import CandidateLoader, EveryCandidate
from genesis_ext.data.candidates.table import Candidates

__all__ = ["CandidateLoader", "Candidates", "EveryCandidate"]
