# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`genesis demo`: a whole pre-training in minutes on the CPU, on scans that come with nibabel."""

import argparse
from pathlib import Path
from typing import Any

from genesis_ext._options import minutes, positive_integer
from genesis_ext.cli._training import summary
from genesis_ext.data.demo_scans import write_demo_scans
from genesis_ext.training.pretraining.config import PretrainConfig
from genesis_ext.training.pretraining.presets import PRESETS
from genesis_ext.training.pretraining.run import pretrain

_EPILOG = """\
examples:
  genesis demo
  genesis demo --data scan.nii.gz --out runs/mine
"""


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "demo",
        help="pre-train for less than three minutes on the CPU, on scans that come with nibabel",
        description="Pre-train a narrow network for at most three minutes, and draw what it restores.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, metavar="PATH", help="your own scan, folder of scans, or store")
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), metavar="DIR", help="default: %(default)s")
    parser.add_argument("--steps", type=positive_integer, metavar="N", help=f"default: {PRESETS['quick']['steps']}")
    parser.add_argument(
        "--minutes", type=minutes, default=2.25, help="stop training after so many (default: %(default)s)"
    )
    parser.add_argument("--device", default="cpu", help="default: %(default)s")


def run(args: argparse.Namespace) -> int:
    """Train and name the results; 1 if the network does not beat the baselines, 130 or 143 where a signal ended it."""
    data = args.data
    settings = dict(PRESETS["quick"])
    if args.steps is not None:
        settings["steps"] = args.steps
    if data is None:
        data = args.out / "scans"
        write_demo_scans(data)
        settings["split"] = "fifth"  # two of the three scans are of one head: as scans they could not be kept apart
    result = pretrain(
        PretrainConfig.of(**settings),
        data,
        args.out,
        cache=args.out / "cache",
        device=args.device,
        overwrite=(args.out / "cache").is_dir(),  # the folder is that of a demo
        time_limit_s=60 * args.minutes,
        report=lambda text: print(text, flush=True),
    )
    print(summary(result))
    if result.stopped_by is not None:
        return 128 + result.stopped_by
    newest = max((args.out / "pictures").glob("*.png"))
    print(f"look at {newest}: input, restoration and target of validation patches")
    if not result.validation.works:
        print("the baselines are not beaten: give it more time with --minutes or --steps")
        return 1
    return 0
