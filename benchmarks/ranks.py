# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The loader in several processes at once, each a rank with its own share of every batch, as in a distributed run.

Each process has one thread, or a GPU of its own; all read one store. `python -m benchmarks.ranks` is such a process: it
says that it is ready, and then makes as many batches as each line that it reads says.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from genesis_ext import GenesisTransform
from genesis_ext._types import Shape3
from genesis_ext.data import GenesisLoader, Sampling, VolumeStore, whole_regions

from .case import OURS
from .crops import SIDE
from .inputs import SEED
from .loading import made_store
from .machine import usable_cores
from .timing import Effort, times


class RankError(RuntimeError):
    """A process ended before it should."""


def most_ranks(device: torch.device) -> int:
    """One a GPU, or one a core."""
    return torch.cuda.device_count() if device.type == "cuda" else usable_cores()


def measure(ranks: int, device: torch.device, size: Shape3, samples: int, effort: Effort) -> dict[str, Any]:
    """Time of one sample over all ranks, from the moment all are told to go until the last one is done.

    samples: of a batch, for each rank.

    Raises:
        RankError: a process failed; its own words are on standard error.
    """
    with TemporaryDirectory() as folder:
        made_store(Path(folder), min(SIDE, 5 * max(size)))
        with _started(ranks, device, size, samples, Path(folder)) as processes:
            count = max(1, round(effort.seconds / _go(processes, 1)))
            seconds = [_go(processes, count) / (count * samples * ranks) for _ in range(effort.rounds)]
    return {"name": OURS, "differs": "", "samples": samples * ranks, "calls": count, **times(seconds)}


@contextmanager
def _started(
    ranks: int, device: torch.device, size: Shape3, samples: int, folder: Path
) -> Iterator[Sequence["subprocess.Popen[str]"]]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    with ExitStack() as stack:
        processes = []
        for rank in range(ranks):
            command = [
                *(sys.executable, "-m", f"{__package__}.ranks", str(folder), str(rank), str(ranks)),
                *("--device", device.type, "--samples", str(samples), "--size", *map(str, size)),
            ]
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
            )
            stack.enter_context(process)  # closes its pipes, so that it ends, and waits
            stack.callback(_close, process)
            processes.append(process)
        _answers(processes)
        yield processes


def _go(processes: Sequence["subprocess.Popen[str]"], batches: int) -> float:
    """Seconds until all have made so many batches."""
    start = time.perf_counter()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(f"{batches}\n")
        process.stdin.flush()
    _answers(processes)
    return time.perf_counter() - start


def _answers(processes: Sequence["subprocess.Popen[str]"]) -> None:
    for rank, process in enumerate(processes):
        assert process.stdout is not None
        if not process.stdout.readline():
            raise RankError(f"rank {rank} of {len(processes)} ended with status {process.wait()}")


def _close(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.close()


def _serve(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("store", type=Path)
    parser.add_argument("rank", type=int)
    parser.add_argument("ranks", type=int)
    parser.add_argument("--device", required=True)
    parser.add_argument("--samples", type=int, required=True)
    parser.add_argument("--size", type=int, nargs=3, required=True)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    device = torch.device(args.device, args.rank if args.device == "cuda" else None)
    store = VolumeStore(args.store)
    loader = GenesisLoader(
        store,
        args.samples * args.ranks,
        Sampling(out_shape=tuple(args.size)),
        GenesisTransform(seed=SEED),
        regions=whole_regions(store.entries),
        seed=SEED,
        rank=args.rank,
        world_size=args.ranks,
        device=device,
        report=lambda text: None,
    )
    with loader:
        _make(loader, 2, device)
        print("ready", flush=True)
        for line in sys.stdin:
            _make(loader, int(line), device)
            print("done", flush=True)


def _make(loader: GenesisLoader, batches: int, device: torch.device) -> None:
    for _ in range(batches):
        next(loader)
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    _serve(sys.argv[1:])
