# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A run of ``prepare`` that ends at any moment leaves nothing half that is believed, and the next run finishes it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from genesis_ext.data.prepare.run import prepare_cached
from genesis_ext.data.store.volume_store import VolumeStore, is_store
from tests.data_layer.images import random_voxels, write_ct, write_nifti
from tests.data_layer.preparing import run, table

PATIENCE_S = 60.0
MANY = 60  # scans, so that a run still has some to do when its first is seen

# Runs `prepare` again and again into folders 0, 1, 2, ..., killed before the n-th time that a file is flushed or
# renamed, until it is no longer killed.
KILLED_AT_EVERY_STEP = """
import os, signal, sys
from pathlib import Path
from genesis_ext.data.prepare.run import prepare
from genesis_ext.data.sources.find import find_sources

sources, out = sys.argv[1], Path(sys.argv[2])
for moment in range(1000):
    child = os.fork()
    if child == 0:
        steps = 0
        def before(real):
            def step(*arguments, **options):
                global steps
                steps += 1
                if steps > moment:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*arguments, **options)
            return step
        os.fsync, os.replace, os.unlink = before(os.fsync), before(os.replace), before(os.unlink)
        prepare(find_sources(sources), out / str(moment), workers=0)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        sys.exit(os.WEXITSTATUS(status))
"""


def python(*arguments: str, **options: object) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)  # type: ignore[call-overload,no-any-return]


def genesis(*arguments: str) -> "subprocess.Popen[bytes]":
    # A shell without job control lets what it starts in the background ignore Ctrl-C, and so would the command.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return python("-m", "genesis_ext.cli.main", *arguments, start_new_session=True)
    finally:
        signal.signal(signal.SIGINT, before)


def wait_for(what: str, happens: object) -> None:
    end = time.monotonic() + PATIENCE_S
    while not happens():  # type: ignore[operator]
        assert time.monotonic() < end, f"waited {PATIENCE_S} s for {what}"
        time.sleep(0.005)


def write_many(folder: Path) -> None:
    first = write_ct(folder / "0.nii.gz", (40, 40, 40))
    for number in range(1, MANY):
        os.link(first, folder / f"{number}.nii.gz")


def children_of(pid: int) -> list[int]:
    lists = Path(f"/proc/{pid}/task").glob("*/children")  # each thread has its own
    return [int(word) for children in lists for word in children.read_text().split()]


def alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_a_run_killed_before_any_step_is_finished_by_the_next(tmp_path: Path) -> None:
    write_ct(tmp_path / "a.nii", (6, 6, 6))
    write_nifti(tmp_path / "a_seg.nii", (random_voxels((6, 6, 6), 0, 3)).astype("uint8"))
    write_ct(tmp_path / "b.nii", (5, 5, 5), seed=1)
    sources = table(tmp_path, "path,label\na.nii,a_seg.nii\nb.nii,\n")
    run(sources, tmp_path / "whole")
    wanted = VolumeStore(tmp_path / "whole").checksum
    (tmp_path / "killed").mkdir()
    with python("-W", "ignore", "-c", KILLED_AT_EVERY_STEP, str(sources), str(tmp_path / "killed")) as driver:
        assert driver.wait(PATIENCE_S) == 0, driver.stderr.read().decode()  # type: ignore[union-attr]
    folders = sorted((tmp_path / "killed").iterdir(), key=lambda path: int(path.name))
    assert len(folders) > 18  # nine files, each flushed and renamed; the last run was not killed
    finished = 0
    for folder in folders:
        if is_store(folder):
            finished += 1
            VolumeStore(folder).verify()
        report = run(sources, folder)
        assert VolumeStore(folder).checksum == wanted
        assert set(report.counts) <= {"taken", "kept"}
        assert not list(folder.rglob("*.part"))
    assert 1 < finished < 8  # at most the report was missing
    assert dict(run(sources, folders[len(folders) // 2]).counts) == {"kept": 2}


def test_a_killed_run_takes_its_workers_along_and_can_be_run_again(tmp_path: Path) -> None:
    write_many(tmp_path / "scans")
    store = tmp_path / "store"
    with genesis("prepare", str(tmp_path / "scans"), "--out", str(store), "--workers", "2") as process:
        records = store / "records"
        wait_for("the first volume", lambda: records.exists() and any(records.glob("*.json")))
        workers = children_of(process.pid)
        process.send_signal(signal.SIGKILL)
    assert len(workers) >= 2
    wait_for("the end of the workers", lambda: not any(alive(pid) for pid in workers))
    assert not is_store(store)
    done = len(list(records.glob("*.json")))
    report = run(tmp_path / "scans", store)
    assert dict(report.counts) == {"kept": done, "taken": MANY - done}
    VolumeStore(store).verify()
    assert not list(store.rglob("*.part"))


def test_an_interrupted_run_says_how_to_go_on(tmp_path: Path) -> None:
    write_many(tmp_path / "scans")
    store = tmp_path / "store"
    with genesis("prepare", str(tmp_path / "scans"), "--out", str(store), "--workers", "1") as process:
        wait_for("the first volume", lambda: any(store.glob("records/*.json")))
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does, to the workers too
        _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert said.decode().splitlines() == [
        f"what is done stays in {store}: run the same command again to go on",
        "genesis prepare: interrupted",
    ]
    assert run(tmp_path / "scans", store).counts["kept"] >= 1


def test_a_worker_that_is_killed_costs_one_file(tmp_path: Path) -> None:
    write_many(tmp_path / "scans")
    store = tmp_path / "store"
    with genesis("prepare", str(tmp_path / "scans"), "--out", str(store), "--workers", "1") as process:
        wait_for("the first volume", lambda: any(store.glob("records/*.json")))
        # The helper of multiprocessing that frees shared memory is a child too: it has no link to send.
        (worker,) = [
            pid for pid in children_of(process.pid) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        os.kill(worker, signal.SIGKILL)
        process.communicate(timeout=PATIENCE_S)
    report = json.loads((store / "report.json").read_text())
    assert report["counts"] == {"taken": MANY - 1, "failed": 1}
    assert process.returncode == 1
    (lost,) = [row for row in report["files"] if row["status"] == "failed"]
    assert lost["text"].startswith(f"{lost['source']}: the worker process was ended by SIGKILL")
    assert len(VolumeStore(store)) == MANY - 1


CACHED = (
    "import sys; from genesis_ext.data.prepare.run import prepare_cached; print(prepare_cached(*sys.argv[1:]).checksum)"
)


def test_two_processes_may_ask_the_cache_at_once(scans: Path, tmp_path: Path) -> None:
    asked = [python("-c", CACHED, str(scans), str(tmp_path / "cache")) for _ in range(2)]
    answers = [process.communicate(timeout=PATIENCE_S) for process in asked]
    assert [process.returncode for process in asked] == [0, 0], answers
    store = prepare_cached(scans, tmp_path / "cache", report=pytest.fail)
    assert {said.split()[-1].decode() for said, _ in answers} == {store.checksum}
    store.verify()
