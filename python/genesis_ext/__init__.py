# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Self-supervised training batches from 3D medical volumes, as exact PyTorch operators for CPU and CUDA.

`import genesis_ext` loads the operator libraries, then registers fake kernels and gradients, and only then gives names
to use: a gradient registered after an operator was first traced would be ignored. Without a usable library the package
can still be imported, so that `genesis doctor` can tell why; the first use of a name raises that sentence.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from genesis_ext import _library
from genesis_ext._library import empty_cache
from genesis_ext._renamed import warn_renamed

if TYPE_CHECKING or _library.cpu.loaded:
    from genesis_ext import ops
    from genesis_ext.transforms import FinetuneTransform, GenesisTransform

__all__ = ["FinetuneTransform", "GenesisTransform", "__version__", "empty_cache", "ops"]

__version__ = version("genesis_ext")

# Imported when first used, so that `import genesis_ext` stays light.
_LAZY = ("data", "evaluation", "figures", "models", "reference", "training")


def __getattr__(name: str) -> Any:
    """Import a layer on its first use; know old names."""
    if name in _LAZY:
        return import_module(f"genesis_ext.{name}")
    if name in __all__:
        _library.require()
    if name == "give_back_memory":
        warn_renamed("genesis_ext.give_back_memory", "genesis_ext.empty_cache")
        return empty_cache
    raise AttributeError(f"module 'genesis_ext' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
