# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Jobs run where they are told to: here, in processes, as jobs of submitit, by the workers of a Dask scheduler."""

import os
import subprocess
import sys
from concurrent.futures import as_completed
from pathlib import Path

import pytest

from genesis_ext.data.prepare.executors import Submitted, make_executor


def test_without_workers_there_is_no_executor() -> None:
    with make_executor("processes", 0) as executor:
        assert executor is None


def test_processes_run_elsewhere() -> None:
    with make_executor("processes", 1) as executor:
        assert executor is not None
        assert executor.submit(os.getpid).result() != os.getpid()


def test_jobs_of_submitit_are_futures_in_processes_of_their_own(tmp_path: Path) -> None:
    submitit = pytest.importorskip("submitit")
    with Submitted(submitit.AutoExecutor(tmp_path, cluster="local")) as executor:
        futures = {executor.submit(divmod, 7, number): number for number in (2, 0)}
        other = executor.submit(os.getpid)
        done = {futures[future]: future for future in as_completed(futures, timeout=120)}
        assert other.result(timeout=120) != os.getpid()
    assert done[2].result() == (3, 1)
    with pytest.raises(Exception, match=r"ZeroDivisionError|by zero"):
        done[0].result()


def test_a_dask_scheduler_hands_jobs_to_its_workers() -> None:
    pytest.importorskip("distributed")
    # A scheduler and a worker as on a cluster: processes of their own.
    code = "from distributed import LocalCluster\n"
    code += "if __name__ == '__main__':\n"
    code += "    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:\n"
    code += "        print(cluster.scheduler_address, flush=True)\n        input()\n"
    cluster = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert cluster.stdout is not None
        address = cluster.stdout.readline().strip()
        with make_executor("dask", scheduler=address) as executor:
            assert executor is not None
            assert executor.submit(os.getpid).result(timeout=60) not in (os.getpid(), cluster.pid)
    finally:
        cluster.communicate("\n", timeout=60)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"name": "threads"}, "executor must be processes, slurm or dask, got 'threads'"),
        ({"workers": -1}, "workers must be at least 0, got -1"),
        ({"name": "slurm"}, "folder must be given for the executor slurm"),
        ({"name": "dask"}, "scheduler must be the address of a Dask scheduler"),
    ],
)
def test_what_is_missing_is_said(given: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says), make_executor(**given):  # type: ignore[arg-type]
        pass
