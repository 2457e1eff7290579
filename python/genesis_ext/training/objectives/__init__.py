# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What is learnt: one module a method. The loop knows none of them by name."""

from genesis_ext.training.objectives.objective import Figures, Objective, Turn
from genesis_ext.training.objectives.registry import make_objective, make_transform

__all__ = ["Figures", "Objective", "Turn", "make_objective", "make_transform"]
