# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`genesis study`: compare what networks start from, over seeds, numbers of patients and corrupted labels."""

import argparse
import json
import math
from pathlib import Path
from typing import Any, get_args

from genesis_ext._options import minutes
from genesis_ext.data.prepare.executors import ExecutorName, make_executor
from genesis_ext.training.engine.config_file import parse_yaml
from genesis_ext.training.study import read_study, study
from genesis_ext.training.study.page import PAGE

_EPILOG = """\
examples:
  genesis study studies/hippocampus_small.yaml --data Task04_Hippocampus/dataset.json --out studies/small --workers 2
  genesis study studies/hippocampus.yaml --data store --out studies/night --minutes 480
  genesis study studies/models_genesis.yaml --data stores/lidc-idri --out studies/ncs --finetuning preset=ncs
  genesis study studies/hippocampus.yaml --data store --out /shared/study --executor slurm \\
    --options '{"timeout_min": 120, "slurm_partition": "gpu", "gpus_per_node": 1}'

STUDY.yaml names sources (scratch, files of weights, pre-trainings that the study makes), settings of all fine-tuning
runs, numbers of patients, shares of corrupted labels, seeds, and settings of which the validation chooses. The same
command goes on where a study was ended. OUT gets study.html, study.md, results.csv and cases.csv.
Exit status 1 if a run gave no result.
"""


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "study",
        help="compare what networks start from, over seeds and numbers of patients",
        description="Run a grid of fine-tunings, test them on held-out patients, and compare by paired tests.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("study", type=Path, metavar="STUDY.yaml", help="the grid")
    parser.add_argument("--data", required=True, type=Path, help="store, scans with labels, or list of them")
    parser.add_argument("--out", required=True, type=Path, help="folder of the study")
    parser.add_argument(
        "--finetuning", nargs="+", type=_setting, default=[], metavar="NAME=VALUE",
        help="settings of fine-tuning over those of the study: preset=ncs lr=0.003; lists and numbers as in YAML",
    )  # fmt: skip
    parser.add_argument(
        "--executor", choices=get_args(ExecutorName), default="processes",
        help="where runs take place: processes here, slurm (a job each, by submitit), dask (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="of processes; 0: this one (default: 0)")
    parser.add_argument("--scheduler", default="", metavar="ADDRESS", help="of dask: tcp://host:8786")
    parser.add_argument("--options", default="{}", metavar="JSON", help="of slurm: what submitit's executors take")
    parser.add_argument("--device", default="auto", help="of all runs: cpu, cuda (auto: CUDA where there is one)")
    parser.add_argument("--minutes", type=minutes, default=math.inf, help="begin no run after so many; go on later")
    parser.add_argument("--dry-run", action="store_true", help="name the runs, do nothing")


def run(args: argparse.Namespace) -> int:
    """Run the study; 1 if a run gave no result."""
    config = read_study(args.study, **dict(args.finetuning))
    if args.dry_run:
        for name in config.pretraining:
            print(f"pretraining/{name}")
        for cell in config.cells():
            print(f"runs/{cell.name}")
        return 0
    try:
        options = json.loads(args.options)
    except json.JSONDecodeError as error:
        raise ValueError(f"--options must be JSON ({error}), got {args.options}") from error
    with make_executor(args.executor, args.workers, args.out / "jobs", args.scheduler, options) as executor:
        results = study(
            config,
            args.data,
            args.out,
            executor,
            args.device,
            60 * args.minutes,
            report=lambda text: print(text, flush=True),
        )
    print(f"study: {args.out / PAGE}")
    if not results.finished and not results.failed:
        print("the study is not finished: the same command goes on")
    return 1 if results.failed else 0


def _setting(text: str) -> tuple[str, Any]:
    name, given, value = text.partition("=")
    if not name or not given:
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE, got {text!r}")
    try:
        return name, parse_yaml(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{name} must be YAML, got {value!r}") from error
