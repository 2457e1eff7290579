# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The probe that was here is in ``evaluation``."""

from genesis_ext._renamed import old_names

_EVALUATION = ("ProbeReport", "balanced_accuracy", "probe_modality", "probe_stores")
__getattr__ = old_names(__name__, {name: f"genesis_ext.evaluation.{name}" for name in _EVALUATION})
