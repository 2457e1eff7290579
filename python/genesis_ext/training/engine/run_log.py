# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a run says: progress on the terminal, log.jsonl for programs, TensorBoard for eyes (extra ``train``).

``RunLog`` is that of the first rank, ``NullLog`` of the others.
"""

import json
import math
import os
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray

from genesis_ext._extras import require
from genesis_ext._files import write_aside
from genesis_ext.training.engine.run_folder import RunFolder

_SECONDS_BETWEEN_LINES = 10.0  # where no terminal can redraw a bar
_MARKS = 10  # entries over which the time left is estimated, validations and checkpoints between them included
_GIB = 2**30


class Log:
    """What the training loop says of itself. This one is silent; ``RunLog`` writes it down."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what is open."""

    def data(self) -> AbstractContextManager[None]:
        """Around the making of a step's batch, once a step."""
        return nullcontext()

    def step(self, step: int, loss: torch.Tensor) -> None:
        """After each step: its number, and its loss on the device."""

    def training(self, step: int, metrics: Mapping[str, float]) -> None:
        """Metrics of the steps since the last call, such as their mean "loss" and "lr"."""

    def validation(self, step: int, metrics: Mapping[str, float], note: str) -> None:
        """Metrics of a validation: "loss", the baselines and others by name; and the same in a sentence."""

    def message(self, text: str) -> None:
        """One line for the reader; a warning begins with "warning: ", so that the report finds it."""

    def picture(self, name: str, step: int, image: NDArray[np.uint8]) -> None:
        """A picture, (H, W, 3), for TensorBoard."""

    def entries(self) -> Iterator[dict[str, Any]]:
        """What log.jsonl holds so far."""
        return iter(())


NullLog = Log
"""The log of the ranks that say nothing."""


class RunLog(Log):
    """Log of one run; a context manager.

    On a terminal a bar shows step, loss, rates, memory and the time left; elsewhere (a file, a pipe) plain lines: after
    the first step, and then every ten seconds, however rare the entries of the log are. log.jsonl gets an object a
    line: its kind ("training", "validation" or "message"), its step, and its metrics by their names, null where one is
    not finite. A resumed run drops the entries after its first step: they will come again.

    The log adds to the metrics of a training entry what it measures itself, over the steps since the entry before.
    What lies between an entry and the next batch, such as a validation, is not counted; neither is the first step,
    which compiles and allocates.

    * steps_per_s, samples_per_s;
    * data_share: the part of that time, 0 to 1, that the host spent inside ``data()``. On CUDA the device works on
      while the host goes ahead, so it is the part in which the host itself made the batch or waited for it, not the
      device's;
    * memory_gib: on CUDA the most that torch has allocated on the current device, on the CPU the resident memory of
      the process;
    * elapsed_s: since the run began, without the time between a stop and the resumption.

    Args:
        out: folder of the run.
        steps: at which step it will end.
        samples_a_step: over all ranks, for the rate.
        first_step: where it starts; above 0 if it is resumed.
        console: show progress and messages on standard output; the files are written all the same.
    """

    def __init__(self, out: Path, steps: int, samples_a_step: int, first_step: int = 0, console: bool = True) -> None:
        rich_console = require("rich.console", "train", "to show progress")
        rich_progress = require("rich.progress", "train", "to show progress")
        board = require("tensorboard", "train", "to log") and require("torch.utils.tensorboard", "train", "to log")
        folder = RunFolder(out)
        self._path = folder.log
        self._steps = steps
        self._samples_a_step = samples_a_step
        self._step = first_step  # of the last entry
        self._clock = _Clock(first_step)
        self._console = rich_console.Console(soft_wrap=True, highlight=False, markup=False, quiet=not console)
        self._bar: Any = None
        if console and self._console.is_terminal:
            count, note = "{task.completed}/{task.total}", "{task.fields[note]}"
            self._bar = rich_progress.Progress("step", count, rich_progress.BarColumn(), note, console=self._console)
            self._task = self._bar.add_task("", total=steps, completed=first_step, note="")
            self._bar.start()
        kept = [entry for entry in read_log(self._path) if entry["step"] <= first_step]
        write_aside(self._path, lambda stream: stream.write("".join(map(_line, kept)).encode()))
        self._file = self._path.open("a", encoding="utf-8")
        self._board = board.SummaryWriter(str(folder.tensorboard), purge_step=first_step + 1 if first_step else None)
        self._first_step_shown = False
        self._last_line = time.monotonic()
        self._started = self._last_line - max((entry.get("elapsed_s", 0.0) for entry in kept), default=0.0)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        self._file.close()
        self._board.close()

    def data(self) -> AbstractContextManager[None]:
        """Count the time as that of making batches."""
        return self._clock.data()

    def step(self, step: int, loss: torch.Tensor) -> None:
        """Show that a step is done: the first one with its loss and its time, which waits for the device."""
        if not self._first_step_shown:
            self._first_step_shown = True
            note = f"loss {float(loss):.5f}"
            self._show(step, f"{note}  first step {self._clock.since_first_batch():.3g} s")
        elif self._bar is not None:
            self._bar.update(self._task, completed=step)
        elif self._is_silent():
            seconds = self._clock.seconds_a_step(step)
            self._show(step, f"{1 / seconds:.3g} steps/s  {duration(seconds * (self._steps - step))} left")

    def training(self, step: int, metrics: Mapping[str, float]) -> None:
        """Log them with what the log measures itself."""
        pace = self._clock.entry(step)
        measured = {"memory_gib": _memory_bytes() / _GIB, "elapsed_s": time.monotonic() - self._started}
        note = f"loss {metrics['loss']:.5f}"
        if pace is not None:
            measured |= {
                "steps_per_s": pace.steps_per_s,
                "samples_per_s": pace.steps_per_s * self._samples_a_step,
                "data_share": pace.data_share,
            }
            note += (
                f"  {pace.steps_per_s:.3g} steps/s  {measured['samples_per_s']:.3g} samples/s"
                f"  data {pace.data_share:.0%}  {measured['memory_gib']:.1f} GiB"
                f"  {duration(pace.seconds_a_step * (self._steps - step))} left"
            )
        self._add("training", step, {**metrics, **measured})
        if self._bar is not None or self._is_silent() or step == self._steps:
            self._show(step, note)

    def validation(self, step: int, metrics: Mapping[str, float], note: str) -> None:
        """Log them and print the sentence."""
        self._add("validation", step, metrics, note=note)
        self._console.print(f"step {step}/{self._steps}  {note}")

    def message(self, text: str) -> None:
        """Print and log it."""
        self._console.print(text)
        self._write({"kind": "message", "step": self._step, "text": text})

    def picture(self, name: str, step: int, image: NDArray[np.uint8]) -> None:
        """Show it in TensorBoard."""
        self._board.add_image(name, image, step, dataformats="HWC")

    def entries(self) -> Iterator[dict[str, Any]]:
        """Read them."""
        return read_log(self._path)

    def _is_silent(self) -> bool:
        return time.monotonic() - self._last_line >= _SECONDS_BETWEEN_LINES

    def _show(self, step: int, note: str) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=step, note=note)
        else:
            self._last_line = time.monotonic()
            self._console.print(f"step {step}/{self._steps}  {note}")

    def _add(self, kind: str, step: int, metrics: Mapping[str, float], **more: str) -> None:
        self._step = step
        self._write({"kind": kind, "step": step, **metrics, **more})
        for name, value in metrics.items():
            self._board.add_scalar(f"{name}/{kind}", value, step)

    def _write(self, entry: Mapping[str, Any]) -> None:
        self._file.write(_line(entry))
        self._file.flush()


class _Pace(NamedTuple):
    """Over the steps of a window; ``seconds_a_step`` over the last entries, with all that lies between them."""

    steps_per_s: float
    data_share: float
    seconds_a_step: float


class _Clock:
    """Measures windows of steps, each from the start of a batch to the next entry of the log."""

    def __init__(self, first_step: int) -> None:
        self._first_step = first_step
        self._batches = 0
        self._steps = first_step  # done when the window begins
        self._begun: float | None = None
        self._data_seconds = 0.0
        self._marks: deque[tuple[int, float]] = deque(maxlen=_MARKS + 1)  # steps done, when
        self._first_batch = 0.0  # when it was begun

    @contextmanager
    def data(self) -> Iterator[None]:
        """Count the time inside."""
        begun = time.perf_counter()
        if self._batches == 0:
            self._first_batch = begun
        if self._batches > 0 and self._begun is None:
            self._begun, self._data_seconds = begun, 0.0
            self._steps = max(self._steps, self._first_step + 1)  # the first step is left out
            if not self._marks:
                self._marks.append((self._steps, begun))
        self._batches += 1
        yield
        self._data_seconds += time.perf_counter() - begun

    def since_first_batch(self) -> float:
        """Seconds since it was begun."""
        return time.perf_counter() - self._first_batch

    def seconds_a_step(self, step: int) -> float:
        """Over the last entries and the steps since, with all that lies between them; at the second step or later."""
        first_step, first_time = self._marks[0]
        return (time.perf_counter() - first_time) / (step - first_step)

    def entry(self, step: int) -> _Pace | None:
        """End the window; None if there was no whole step in it."""
        begun, now, steps = self._begun, time.perf_counter(), step - self._steps
        self._begun, self._steps = None, step
        if begun is None or steps < 1:
            return None
        pace = _Pace(steps / (now - begun), self._data_seconds / (now - begun), self.seconds_a_step(step))
        self._marks.append((step, now))
        return pace


def read_log(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a log.jsonl; none if there is no file, and without a last line that a kill cut short."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                yield json.loads(line)


def _line(entry: Mapping[str, Any]) -> str:
    """JSON knows neither NaN nor infinity."""
    finite = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in entry.items()}
    return json.dumps(finite, allow_nan=False) + "\n"


def _memory_bytes() -> int:
    if torch.cuda.is_initialized():
        return int(torch.cuda.max_memory_allocated())
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except OSError:  # no Linux: the most that was resident, in KiB but for macOS
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def duration(seconds: float) -> str:
    """As in 0:45 or 2:05:00."""
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
