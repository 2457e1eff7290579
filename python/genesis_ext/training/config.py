# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Old place of the settings, which lie in ``training.engine`` and ``training.pretraining``."""

from genesis_ext._renamed import old_names

_ENGINE = "genesis_ext.training.engine.options"
_CONFIG = "genesis_ext.training.pretraining.config"
_GROUPS = "genesis_ext.training.engine.groups"

__getattr__ = old_names(
    __name__,
    {name: f"{_ENGINE}.{name}" for name in ("OptimizerConfig", "RunConfig")}
    | {name: f"{_CONFIG}.{name}" for name in ("MethodConfig", "PretrainConfig")}
    | {name: f"{_GROUPS}.{name}" for name in ("FilesConfig", "NetworkConfig")}
    | {"DataConfig": "genesis_ext.training.pretraining.groups.DataConfig"},
)
