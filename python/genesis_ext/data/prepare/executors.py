# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Where independent jobs run, behind the interface of ``concurrent.futures``: here, on a SLURM cluster, by Dask."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

from genesis_ext._extras import require
from genesis_ext.data.prepare.workers import Workers

ExecutorName = Literal["processes", "slurm", "dask"]

_P = ParamSpec("_P")
_T = TypeVar("_T")

_POLL_SECONDS = 2.0  # between two looks at the jobs of a cluster


@contextmanager
def make_executor(
    name: ExecutorName = "processes",
    workers: int = 0,
    folder: Path | None = None,
    scheduler: str = "",
    options: Mapping[str, Any] | None = None,
) -> Iterator[Executor | None]:
    """An executor, which ends with the block; None is this process itself.

    name: "processes": `workers` of them on this machine, or with 0 this process. "slurm": a job each, by
        submitit, its logs below `folder`. "dask": the workers of the Dask scheduler at the address `scheduler`.
    options: of submitit's ``update_parameters``, such as ``timeout_min`` and ``slurm_partition``.

    Functions, arguments and results must be picklable, and the processes must see files under the same paths.

    Raises:
        ValueError: the name or what it needs is missing.
        ImportError: its library is not installed.
    """
    if name == "processes":
        if workers < 0:
            raise ValueError(f"workers must be at least 0, got {workers}")
        with Workers(workers) if workers else nullcontext() as executor:
            yield executor
    elif name == "slurm":
        if folder is None:
            raise ValueError("folder must be given for the executor slurm, which keeps its logs there")
        submitit = require("submitit", "cluster", "to run jobs on SLURM")
        by = submitit.AutoExecutor(folder)
        by.update_parameters(**(options or {}))
        with Submitted(by) as executor:
            yield executor
    elif name == "dask":
        if not scheduler:
            raise ValueError("scheduler must be the address of a Dask scheduler, as tcp://host:8786, got none")
        distributed = require("distributed", "cluster", "to run jobs by Dask")
        with distributed.Client(scheduler) as client, client.get_executor() as executor:
            yield executor
    else:
        raise ValueError(f"executor must be processes, slurm or dask, got {name!r}")


class Submitted(Executor):
    """The executor of submitit, whose jobs are no futures: a thread looks after them.

    Jobs that run when the block is left by an exception go on; those that wait are cancelled.
    """

    def __init__(self, submitit_executor: Any) -> None:
        self._submitit = submitit_executor
        self._jobs: list[tuple[Any, Future[Any]]] = []
        self._lock = threading.Lock()
        self._open = True
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def submit(self, function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Queue a job."""
        future: Future[_T] = Future()
        job = self._submitit.submit(function, *args, **kwargs)
        with self._lock:
            self._jobs.append((job, future))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more jobs, and wait for those that were submitted."""
        self._open = False
        if cancel_futures:
            with self._lock:
                for job, future in self._jobs:
                    if future.cancel():
                        job.cancel()
        if wait:
            self._thread.join()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.shutdown(wait=kind is None, cancel_futures=kind is not None)

    def _look(self) -> None:
        while self._open or self._jobs:
            with self._lock:
                jobs = list(self._jobs)
            ended = [pair for pair in jobs if _ended(*pair)]
            with self._lock:
                self._jobs = [pair for pair in self._jobs if pair not in ended]
            time.sleep(_POLL_SECONDS if self._jobs else 0.05)


def _ended(job: Any, future: Future[Any]) -> bool:
    """Whether a job has ended, one way or the other; its future then knows."""
    if future.cancelled():
        job.cancel()
        return True
    try:
        if not job.done():
            return False
        result = job.result()
    except Exception as problem:  # of the job, or of a cluster that does not answer
        if future.set_running_or_notify_cancel():
            future.set_exception(problem)
        return True
    if future.set_running_or_notify_cancel():
        future.set_result(result)
    return True
