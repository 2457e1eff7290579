# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Old place of the presets, which lie in ``training.pretraining``."""

from genesis_ext._renamed import old_names

__getattr__ = old_names(__name__, {"PRESETS": "genesis_ext.training.pretraining.presets.PRESETS"})
