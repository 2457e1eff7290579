# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Methods of pre-training, one module each, which is found by being here."""

from importlib import import_module
from pkgutil import iter_modules

from genesis_ext.training.pretraining.methods.method import Method

_MODULES = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]

METHODS: dict[str, Method] = {module.METHOD.name: module.METHOD for module in _MODULES if hasattr(module, "METHOD")}
"""Name -> method."""
