# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The pictures that were here are in ``figures``."""

from genesis_ext._renamed import old_names

_FIGURES = ("RestorationGrid", "save_loss_curve", "save_picture", "save_restorations")
__getattr__ = old_names(__name__, {name: f"genesis_ext.figures.{name}" for name in _FIGURES})
