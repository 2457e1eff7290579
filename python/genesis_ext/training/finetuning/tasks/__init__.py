# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Tasks of fine-tuning, one module each, which is found by being here."""

from importlib import import_module
from pkgutil import iter_modules

from genesis_ext.training.finetuning.tasks.task import Task

_MODULES = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]

TASKS: dict[str, Task] = {module.TASK.name: module.TASK for module in _MODULES if hasattr(module, "TASK")}
"""Name -> task."""
