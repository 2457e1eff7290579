# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Old place of what reads and writes a config, which lies in ``training.pretraining``."""

from genesis_ext._renamed import old_names

_HOME = "genesis_ext.training.pretraining.config_file"

__getattr__ = old_names(__name__, {name: f"{_HOME}.{name}" for name in ("read_config", "write_config")})
