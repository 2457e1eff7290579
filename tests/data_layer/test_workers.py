# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from genesis_ext.data.prepare.workers import WorkerLost, run_in_workers


def squared(number: int) -> int:
    """Of a task; some end their process."""
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 5:
        os._exit(7)
    return number * number


def process(number: int) -> int:
    return os.getpid() + 0 * number


def test_a_worker_that_dies_takes_only_its_own_task_along() -> None:
    results = dict(run_in_workers(squared, [1, 2, 3, 4, 5, 6], workers=2))
    assert results == {0: 1, 1: 4, 2: WorkerLost(-9), 3: 16, 4: WorkerLost(7), 5: 36}
    assert str(results[2]) == "the worker process was ended by SIGKILL: perhaps the memory did not suffice"
    assert str(results[4]) == "the worker process ended with status 7"


def test_without_workers_everything_is_done_here_in_order() -> None:
    assert list(run_in_workers(process, [1, 2], workers=0)) == [(0, os.getpid()), (1, os.getpid())]
    assert list(run_in_workers(process, [], workers=2)) == []


def test_workers_end_with_the_loop_that_leaves_them() -> None:
    results = run_in_workers(process, list(range(50)), workers=1)
    _, pid = next(results)
    assert isinstance(pid, int)
    results.close()  # type: ignore[attr-defined]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_script_without_a_main_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from genesis_ext.data.prepare.workers import run_in_workers\n"
        "print(dict(run_in_workers(abs, [-1], workers=1)))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "before it began: call this from under `if __name__ == '__main__':`, or with workers=0" in done.stderr
