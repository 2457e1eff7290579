# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""SIGTERM, which batch systems and `torchrun` send, and Ctrl-C: both ask the loop to write a checkpoint and end."""

import os
import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

_ONE_PRESS_S = 1.0  # the terminal sends Ctrl-C to every process, and `torchrun` sends it to its own once more


class StopRequest:
    """A context in which SIGTERM and the first Ctrl-C are only noted. Signals reach the main thread alone.

    A Ctrl-C at least a second after the first interrupts at once.

    Attributes:
        signal: what asked for the stop; None if nothing did.

    Args:
        says: tell on standard error what a first Ctrl-C does.
    """

    def __init__(self, says: bool = True) -> None:
        self.signal: signal.Signals | None = None
        self._says = says
        self._since = 0.0
        self._before: dict[signal.Signals, Any] = {}

    @property
    def reason(self) -> str:
        """What asked for the stop, as a phrase; empty if nothing did."""
        return "" if self.signal is None else f"asked to by {self.signal.name}"

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                if signal.getsignal(number) is not signal.SIG_IGN:  # a shell ignores it for background jobs
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal is None:
            self.signal, self._since = signal.Signals(number), time.monotonic()
            if number == signal.SIGINT and self._says:  # not print(), which the handler may have interrupted
                os.write(2, b"\nending after this step, with a checkpoint; Ctrl-C again ends at once\n")
        elif number == signal.SIGINT and time.monotonic() - self._since > _ONE_PRESS_S:
            raise KeyboardInterrupt
