# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Progress of ``genesis prepare``: a bar where rich is installed and the output is a terminal, else lines."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any

from genesis_ext._extras import require
from genesis_ext.cli._plain import plain
from genesis_ext.data.prepare.run import Step

_LINE_EVERY_S = 5.0
_TROUBLE = ("skipped", "failed")


@contextmanager
def showing_progress() -> Iterator[Callable[[Step], None]]:
    """A context with a function that shows a step, in the way that suits the output."""
    rich = None
    if sys.stdout.isatty():
        with suppress(ImportError):
            rich = require("rich.progress", "train", "to draw a progress bar")
    if rich is None:
        yield plain_progress()
        return
    with rich.Progress(rich.BarColumn(), rich.TaskProgressColumn(), rich.TextColumn("{task.description}")) as bar:
        yield bar_progress(bar)


def plain_progress() -> Callable[[Step], None]:
    """Shows a line for every file that is not used, and every five seconds one with rate and time left."""
    said = time.monotonic()

    def show(step: Step) -> None:
        nonlocal said
        if step.outcome.status in _TROUBLE:
            print(plain(f"{step.outcome.status} {step.outcome.reason}"), flush=True)
        if step.done == step.total or time.monotonic() - said >= _LINE_EVERY_S:
            said = time.monotonic()
            print(line_of(step), flush=True)

    return show


def bar_progress(bar: Any) -> Callable[[Step], None]:
    """Moves a bar of rich over the bytes of the files."""
    task = bar.add_task("", total=1)

    def show(step: Step) -> None:
        if step.outcome.status in _TROUBLE:
            bar.print(plain(f"{step.outcome.status} {step.outcome.reason}"), markup=False)
        total, done = (step.bytes_total, step.bytes_done) if step.bytes_total else (1, 1)
        bar.update(task, completed=done, total=total, description=line_of(step))

    return show


def line_of(step: Step) -> str:
    """Files done, rate, and time left."""
    text = f"{step.done} of {step.total} files"
    if step.seconds > 0 and step.bytes_done > 0:
        rate = step.bytes_done / step.seconds
        left = (step.bytes_total - step.bytes_done) / rate
        text += f", {rate / 1e6:.1f} MB/s, {duration(left)} left"
    return text


def duration(seconds: float) -> str:
    """As in 45 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class WindowProgress:
    """Lines as they come, and on a terminal below them the windows done of the image under way."""

    def __init__(self) -> None:
        self._shown = 0  # letters

    def __enter__(self) -> "WindowProgress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._show("")

    def __call__(self, done: int, total: int) -> None:
        if sys.stdout.isatty():
            self._show(f"{done} of {total} windows" if done < total else "")

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self._show("")
        print(text, flush=True)

    def _show(self, text: str) -> None:
        if text or self._shown:
            print(f"\r{text:<{self._shown}}\r{text}", end="", flush=True)
        self._shown = len(text)
