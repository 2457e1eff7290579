# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError
from pathlib import Path

import pytest
import torch

from genesis_ext.data.prepare import run as module
from genesis_ext.data.prepare.outcome import Outcome, Task, prepare_source
from genesis_ext.data.prepare.workers import WorkerLost, Workers
from tests.data_layer.preparing import run


def squared(number: int) -> int:
    """Of a task; some end their process."""
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 5:
        os._exit(7)
    return number * number


def refuse(number: int) -> int:
    raise KeyError(number, os.getpid())


def process(seconds: float = 0.0) -> tuple[int, int]:
    time.sleep(seconds)
    return os.getpid(), torch.get_num_threads()


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_worker_that_dies_takes_only_its_own_task_along() -> None:
    with Workers(2) as executor:
        futures = [executor.submit(squared, number) for number in (1, 2, 3, 4, 5, 6)]
    errors = {number: future.exception() for number, future in enumerate(futures) if future.exception()}
    assert [future.result() for number, future in enumerate(futures) if number not in errors] == [1, 4, 16, 36]
    assert [(number, type(error), error.args) for number, error in errors.items()] == [
        (2, WorkerLost, (-9,)),
        (4, WorkerLost, (7,)),
    ]
    assert str(errors[2]) == "the worker process was ended by SIGKILL: perhaps the memory did not suffice"
    assert str(errors[4]) == "the worker process ended with status 7"


def test_a_worker_outlives_what_its_tasks_raise_and_what_cannot_be_sent_and_ends_behind_the_last() -> None:
    executor = Workers(1)
    raised, sent = executor.submit(refuse, 3).exception(), executor.submit(lambda: 0).exception()
    last = executor.submit(process, seconds=0.2)
    executor.shutdown(wait=False)
    assert not last.done()
    pid, threads = last.result()
    assert threads == len(os.sched_getaffinity(0))  # its share of the cores
    assert isinstance(raised, KeyError)
    assert raised.args == (3, pid)
    assert "in refuse" in raised.__notes__[0]
    assert sent is not None
    assert "pickle" in str(sent)
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(30)
    assert is_gone(pid)


def test_workers_end_with_the_block_that_an_exception_leaves() -> None:
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), Workers(1) as executor:
        pid, _ = executor.submit(process).result()
        slow, waiting = (executor.submit(process, 60.0) for _ in range(2))
        while not slow.running():
            time.sleep(0.01)
        raise KeyboardInterrupt
    assert is_gone(pid)
    assert time.monotonic() - began < 30
    assert str(slow.exception()) == "the worker process was ended by SIGTERM"
    with pytest.raises(CancelledError):
        waiting.result()
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(process)


def test_a_script_without_a_main_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from genesis_ext.data.prepare.workers import Workers\n"
        "with Workers(1) as executor:\n    print(executor.submit(abs, -1).result())\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "before it began: call this from under `if __name__ == '__main__':`, or with workers=0" in done.stderr


def test_without_workers_everything_is_done_here_in_order(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = []

    def noted(task: Task) -> Outcome:
        done.append((task.source.name, threading.current_thread()))
        return prepare_source(task)

    monkeypatch.setattr(module, "prepare_source", noted)
    run(scans, tmp_path / "store", workers=0)
    assert done == [(name, threading.main_thread()) for name in ("a", "b", "c")]
    assert dict(run(scans, tmp_path / "store", workers=2).counts) == {"kept": 3}  # there is nothing to do
