# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Files that are there whole or not at all, and what they hold in a number."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

ASIDE = ".part"
"""At the end of names of files that are being written."""


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, as ``sha256sum`` prints it.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_aside(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file so that it is there whole or not at all: aside, flushed to the disk, renamed.

    Raises:
        OSError: the disk is full, or forbids it; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}{ASIDE}")
    try:
        with aside.open("wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
