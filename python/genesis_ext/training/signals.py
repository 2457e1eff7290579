# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""SIGTERM, as batch systems and `torchrun` send it, asks the loop to write a checkpoint and end."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class StopRequest:
    """While it is entered, SIGTERM only sets a mark. In other threads than the main one it never is."""

    def __init__(self) -> None:
        self.requested = False
        self._before: Any = None

    @property
    def reason(self) -> str:
        """What asked; empty if nothing did."""
        return "asked to by SIGTERM" if self.requested else ""

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
