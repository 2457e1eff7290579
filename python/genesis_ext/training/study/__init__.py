# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Studies: many fine-tuning runs that differ in one thing at a time, and what the difference is."""

from genesis_ext.training.study.config import StudyConfig, read_study
from genesis_ext.training.study.results import StudyResults
from genesis_ext.training.study.run import study

__all__ = ["StudyConfig", "StudyResults", "read_study", "study"]
