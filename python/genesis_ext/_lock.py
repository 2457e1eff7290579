# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Folders that one process at a time writes."""

import fcntl
import os
import socket
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

LOCK = ".lock"
"""Name of the file. It stays when the lock is freed, since waiting processes have it open."""


class LockedError(Exception):
    """Another process has the folder; the text says which one."""


class NoLocksError(Exception):
    """The file system has no locks; the text says what it answered."""


class FolderLock:
    """Keeps two processes from writing one folder; freed by the system when the process ends, however it ends.

    folder: made if it is not there.
    wait: for the other process to end, else refuse.

    Raises:
        LockedError: another process has it, and `wait` is not set.
        NoLocksError: the file system of the folder, such as some network file systems, has none.
        OSError: the folder cannot be written.
    """

    def __init__(self, folder: Path, wait: bool = False) -> None:
        self.folder = folder
        self._wait = wait

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file = (self.folder / LOCK).open("a+b", buffering=0)  # some file systems lock only what is open to write
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | (0 if self._wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            self._file.seek(0)
            holder = self._file.read().decode()
            self._file.close()
            raise LockedError(holder or "another process") from error
        except OSError as error:
            self._file.close()
            raise NoLocksError(error.strerror) from error
        self._say(f"process {os.getpid()} on {socket.gethostname()} since {datetime.now():%Y-%m-%d %H:%M:%S}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._say("")
        self._file.close()

    def _say(self, holder: str) -> None:
        with suppress(OSError):  # on a full disk the lock holds all the same
            self._file.truncate(0)
            self._file.write(holder.encode())
