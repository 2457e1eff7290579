# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Libraries that come with an extra: imported where they are used, so that the package needs few and starts fast."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any


@contextmanager
def needed(library: str, extra: str, purpose: str) -> Iterator[None]:
    """Tell where the library comes from if an import in the block fails.

    purpose: what it is for, as in "to read scan.mhd"; part of the error.

    Raises:
        ImportError: it is not installed; the text names the command that installs it.
    """
    try:
        yield
    except ImportError as error:
        raise ImportError(f"{library} is needed {purpose}: pip install 'genesis_ext[{extra}]' ({error})") from error


def require(module: str, extra: str, purpose: str) -> Any:
    """Import a library of an extra; purpose and error as of `needed`."""
    with needed(module.partition(".")[0], extra, purpose):
        return import_module(module)
