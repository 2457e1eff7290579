# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a run says: progress on the terminal, log.jsonl for programs, TensorBoard for eyes (extra ``train``)."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from genesis_ext._extras import require
from genesis_ext.training.validation import ValidationReport

_SECONDS_BETWEEN_LINES = 10.0  # where no terminal can redraw a bar


class RunLog:
    """Log of one run; a context manager.

    On a terminal a bar shows step, loss, patches a second and the time left; elsewhere (a file, a pipe) plain lines at
    most every ten seconds. log.jsonl gets one object a line: kind ("training" or "validation"), step, loss and more.
    A resumed run drops the entries after its first step: they will come again.

    Args:
        out: folder of the run.
        steps: at which step it will end.
        batch_size: patches a step, for the rate.
        first_step: where it starts; above 0 if it is resumed.
    """

    def __init__(self, out: Path, steps: int, batch_size: int, first_step: int = 0) -> None:
        rich_console = require("rich.console", "train", "to show progress")
        rich_progress = require("rich.progress", "train", "to show progress")
        board = require("tensorboard", "train", "to log") and require("torch.utils.tensorboard", "train", "to log")
        self._path = out / "log.jsonl"
        self._steps = steps
        self._batch_size = batch_size
        self._first_step = first_step
        self._console = rich_console.Console(soft_wrap=True, highlight=False, markup=False)
        self._bar: Any = None
        if self._console.is_terminal:
            count, note = "{task.completed}/{task.total}", "{task.fields[note]}"
            self._bar = rich_progress.Progress("step", count, rich_progress.BarColumn(), note, console=self._console)
            self._task = self._bar.add_task("", total=steps, completed=first_step, note="")
            self._bar.start()
        self._keep_entries_until(first_step)
        self._file = self._path.open("a", encoding="utf-8")
        self._board = board.SummaryWriter(str(out / "tensorboard"), purge_step=first_step + 1 if first_step else None)
        self._started = self._last_line = time.monotonic()

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        self._file.close()
        self._board.close()

    def message(self, text: str) -> None:
        """One line for the reader."""
        self._console.print(text)

    def training(self, step: int, loss: float, learning_rate: float) -> None:
        """Mean loss of the steps since the last call."""
        now = time.monotonic()
        seconds_a_step = (now - self._started) / max(1, step - self._first_step)
        rate = self._batch_size / max(seconds_a_step, 1e-9)
        self._write({"kind": "training", "step": step, "loss": loss, "lr": learning_rate, "patches_per_s": rate})
        self._board.add_scalar("loss/training", loss, step)
        self._board.add_scalar("learning_rate", learning_rate, step)
        note = f"loss {loss:.5f}  {rate:.1f} patches/s  {_clock(seconds_a_step * (self._steps - step))} left"
        if self._bar is not None:
            self._bar.update(self._task, completed=step, note=note)
        elif now - self._last_line >= _SECONDS_BETWEEN_LINES or step == self._steps:
            self._last_line = now
            self.message(f"step {step}/{self._steps}  {note}")

    def validation(self, step: int, report: ValidationReport) -> None:
        """One validation beside its baselines."""
        baselines = report.baselines
        losses = {
            "loss": report.loss,
            "identity": baselines.identity,
            "constant": baselines.constant,
            "blur": baselines.blur,
        }
        self._write({"kind": "validation", "step": step, **losses, "works": report.works})
        for name, value in losses.items():
            self._board.add_scalar("loss/validation" if name == "loss" else f"baseline/{name}", value, step)
        self.message(f"step {step}/{self._steps}  {report}")

    def entries(self) -> Iterator[dict[str, Any]]:
        """What log.jsonl holds so far."""
        return _entries(self._path)

    def _write(self, entry: dict[str, Any]) -> None:
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()

    def _keep_entries_until(self, step: int) -> None:
        kept = [json.dumps(entry) + "\n" for entry in _entries(self._path) if entry["step"] <= step]
        aside = self._path.with_suffix(".part")
        aside.write_text("".join(kept), encoding="utf-8")
        os.replace(aside, self._path)


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    """Objects of a log; a last line cut short by a kill is left out."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                yield json.loads(line)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
