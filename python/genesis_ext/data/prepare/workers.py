# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A process pool in which a process may die and cost one task, behind the interface of ``concurrent.futures``.

The pool of the standard library gives up every task as soon as one of its processes dies, since it cannot tell which
task killed it; pebble can, and would be a dependency of the core. Here each process has one task at a time.
"""

import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

import torch

_P = ParamSpec("_P")
_T = TypeVar("_T")

_STOP_SECONDS = 5.0  # for a process to end by itself


class WorkerLost(Exception):
    """The process that had a task ended before it gave a result.

    Attributes:
        exit_code: of the process; -n if signal n ended it.
    """

    def __init__(self, exit_code: int | None) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code

    def __str__(self) -> str:
        if self.exit_code is None or self.exit_code >= 0:
            return f"the worker process ended with status {self.exit_code}"
        hint = ": perhaps the memory did not suffice" if self.exit_code == -signal.SIGKILL else ""
        return f"the worker process was ended by {signal.Signals(-self.exit_code).name}{hint}"


class WorkersNotStarted(RuntimeError):
    """Worker processes cannot be started; the text says what to change."""


class Workers(Executor):
    """An executor of tasks in processes of their own.

    The future of a task whose process dies raises ``WorkerLost``; the next task gets a new process. If this process
    dies, so do the workers. Left by an exception, as on Ctrl-C, a ``with`` block ends the workers at once.

    Args:
        workers: processes at most; each starts with its first task, and gets its share of the cores for torch.

    Example:
        >>> with Workers(4) as executor:
        ...     futures = [executor.submit(len, text) for text in ("a", "bc")]
    """

    def __init__(self, workers: int) -> None:
        self._threads = ThreadPoolExecutor(workers, "worker")  # each looks after one process
        self._torch_threads = max(1, len(os.sched_getaffinity(0)) // workers)
        self._own = threading.local()  # of each thread its worker
        self._workers: set[_Worker] = set()
        self._lock = threading.RLock()  # starting a process reaps others: not while another thread asks how one ended
        self._ended = False

    def submit(self, function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Run ``function(*args, **kwargs)`` in a worker; all three, and the result, must be picklable.

        The future raises what the function raises, ``WorkerLost``, or ``WorkersNotStarted``.
        """
        return self._threads.submit(self._call, function, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks, and end the processes when the last task is done.

        wait: return when they have ended.
        cancel_futures: tasks that have not begun.
        """
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
        if not wait:
            threading.Thread(target=self.shutdown).start()
            return
        while self._workers:
            self._workers.pop().end()

    def terminate_workers(self) -> None:
        """End all processes now: tasks that have begun fail, the others are cancelled."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._ended = True
            for worker in self._workers:
                worker.end()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.terminate_workers()
        self.shutdown()

    def _call(self, function: Callable[..., _T], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> _T:
        worker: _Worker | None = getattr(self._own, "worker", None)
        if worker is None:
            with self._lock:
                if self._ended:
                    raise WorkerLost(-signal.SIGTERM)
                worker = self._own.worker = _Worker(self._torch_threads, self._lock)
                self._workers.add(worker)
        try:
            result: _T = worker.call(function, args, kwargs)
            return result
        except (WorkerLost, WorkersNotStarted):
            self._own.worker = None
            with self._lock:
                self._workers.remove(worker)
            raise


class _Worker:
    """A process, and the pipe to it."""

    def __init__(self, torch_threads: int, lock: threading.RLock) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would inherit locks of the threads of torch
        self._link, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, torch_threads), daemon=True)
        self._process.start()
        other.close()  # so that the end of the process is the end of the pipe
        self._started = False
        self._lock = lock

    def call(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """What the function returns there; raises what it raises."""
        task = pickle.dumps((function, args, kwargs))  # a task that cannot be sent leaves the worker as it is
        try:
            if not self._started:
                self._link.recv()
                self._started = True
            self._link.send_bytes(task)
            result, error = self._link.recv()
        except (EOFError, OSError):
            with self._lock:
                self._process.join()
                code = self._process.exitcode
            if self._started:
                raise WorkerLost(code) from None
            raise WorkersNotStarted(
                f"a worker process ended with status {code} before it began: call this from under "
                "`if __name__ == '__main__':`, or with workers=0"
            ) from None
        if error is not None:
            raise error
        return result

    def end(self) -> None:
        """Ask the process to end, then make it."""
        with self._lock:
            self._process.terminate()
            self._process.join(_STOP_SECONDS)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()


def _serve(link: Connection, torch_threads: int) -> None:
    """Life of a worker: tasks in, results or errors out, until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(torch_threads)
    try:
        link.send(None)
        while True:
            link.send_bytes(_answer(link.recv_bytes()))
    except (EOFError, OSError):
        return


def _answer(task: bytes) -> bytes:
    try:
        function, args, kwargs = pickle.loads(task)
        return pickle.dumps((function(*args, **kwargs), None))
    except Exception as error:
        error.add_note("In the worker process:\n" + traceback.format_exc())
        return pickle.dumps((None, error))


def _end_with_parent() -> None:
    """A worker must not go on writing when its parent was killed, for the next run writes the same files."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
