# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A function over many tasks in processes of their own, one of which may die without taking the others along.

The pools of the standard library cannot tell which task killed a worker; here each worker has one task at a time.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext
from typing import Generic, TypeVar

import torch

Task = TypeVar("Task")
Result = TypeVar("Result")

_READY = "ready"
_STOP_SECONDS = 5.0  # for a worker to end by itself


@dataclass(frozen=True)
class WorkerLost:
    """The process that had a task ended before it gave a result.

    Attributes:
        exit_code: of the process; -n if signal n ended it.
    """

    exit_code: int | None

    def __str__(self) -> str:
        if self.exit_code is not None and self.exit_code < 0:
            name = signal.Signals(-self.exit_code).name
            hint = ": perhaps the memory did not suffice" if self.exit_code == -signal.SIGKILL else ""
            return f"the worker process was ended by {name}{hint}"
        return f"the worker process ended with status {self.exit_code}"


def run_in_workers(
    function: Callable[[Task], Result], tasks: Sequence[Task], workers: int
) -> Iterator[tuple[int, Result | WorkerLost]]:
    """Number of the task and result, as they come.

    function: importable by its name; its exceptions must be caught by itself.
    workers: processes; 0 does everything in this one, in order.

    Raises:
        RuntimeError: worker processes cannot be started.
    """
    if workers == 0 or not tasks:
        for number, task in enumerate(tasks):
            yield number, function(task)
        return
    workers = min(workers, len(tasks))
    context = multiprocessing.get_context("spawn")  # a fork would inherit locks of the threads of torch
    threads = max(1, len(os.sched_getaffinity(0)) // workers)
    pool = [_Worker(context, function, threads) for _ in range(workers)]
    left = iter(range(len(tasks)))
    try:
        for worker in pool:
            worker.number = next(left)
            worker.task = tasks[worker.number]
        while pool:
            ready = wait([worker.link for worker in pool])
            for place, worker in enumerate(pool):
                if worker.link in ready and (answer := worker.receive()) is not None:
                    yield worker.number, answer.result
                    following = next(left, None)
                    if isinstance(answer.result, WorkerLost) and following is not None:
                        pool[place] = worker = _Worker(context, function, threads)
                    worker.give(following, None if following is None else tasks[following])
            pool = [worker for worker in pool if worker.number >= 0]
    finally:
        for worker in pool:
            worker.end()


@dataclass(frozen=True)
class _Answer(Generic[Result]):
    result: Result | WorkerLost


class _Worker(Generic[Task, Result]):
    """A process, and the task that it has; it takes one as soon as it has started."""

    def __init__(self, context: SpawnContext, function: Callable[[Task], Result], threads: int) -> None:
        self.link, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, function, threads), daemon=True)
        self._process.start()
        other.close()  # so that the end of the process is the end of the pipe
        self._started = False
        self.number = -1
        self.task: Task | None = None

    def give(self, number: int | None, task: Task | None) -> None:
        """The next task, or None to end."""
        self.number, self.task = (-1, None) if number is None else (number, task)
        if number is None:
            self.end()
        elif self._started:
            self._send()

    def receive(self) -> _Answer[Result] | None:
        """What it says; None if that is no answer to a task."""
        try:
            said = self.link.recv()
        except (EOFError, OSError):
            self._process.join()
            code = self._process.exitcode
            if not self._started:
                raise RuntimeError(
                    f"a worker process ended with status {code} before it began: call this from under "
                    "`if __name__ == '__main__':`, or with workers=0"
                ) from None
            return _Answer(WorkerLost(code))
        if self._started:
            return _Answer(said)
        self._started = True
        self._send()
        return None

    def end(self) -> None:
        """Ask it to end, then make it."""
        self.link.close()
        self._process.terminate()
        self._process.join(_STOP_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _send(self) -> None:
        try:
            self.link.send(self.task)
        except OSError:
            return  # it is gone: receive() tells


def _serve(link: Connection, function: Callable[[Task], Result], threads: int) -> None:
    """Life of a worker: tasks in, results out, until the link is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)
    try:
        link.send(_READY)
        while True:
            link.send(function(link.recv()))
    except (EOFError, OSError):
        return


def _end_with_parent() -> None:
    """A worker must not go on writing when its parent was killed, for the next run writes the same files."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
