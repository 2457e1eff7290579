# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Libraries that come with an extra: imported where they are used, so that the package needs few and starts fast."""

from importlib import import_module
from typing import Any


def require(module: str, extra: str, purpose: str) -> Any:
    """Import a library of an extra.

    purpose: what it is for, as in "to read scan.mhd"; part of the error.

    Raises:
        ImportError: it is not installed; the text names the command that installs it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        raise ImportError(f"{library} is needed {purpose}: pip install 'genesis_ext[{extra}]' ({error})") from error
