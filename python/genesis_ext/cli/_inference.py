# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Options of the commands that lead stored networks over images, and how they end."""

import argparse
import sys
from pathlib import Path
from typing import get_args

from genesis_ext._options import positive_integer
from genesis_ext.data.volume import Modality
from genesis_ext.evaluation.cases import Outcome
from genesis_ext.evaluation.inference import Windows


def add_inference_arguments(parser: argparse.ArgumentParser, usual: Windows) -> None:
    """Run, images, folder and windows.

    usual: what is not given.
    """
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a run, or a checkpoint")
    parser.add_argument("images", nargs="+", metavar="IMAGES", help="files, folders, patterns in quotes, or lists")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder of the results")
    parser.add_argument(
        "--overlap", type=float, default=usual.overlap, metavar="SHARE",
        help="of neighbouring windows, of their side (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--batch-size", type=positive_integer, default=usual.batch_size, metavar="N",
        help="windows at once (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--flips", default=usual.flips, metavar="AXES",
        help="average over flips along these axes, such as xz, which the training should have flipped, too; 2 to the "
        "power of their number times the work (default: none)",
    )  # fmt: skip
    parser.add_argument(
        "--modality", choices=get_args(Modality),
        help="of images that do not tell, and against that of the training (default: that of the training, or guessed)",
    )  # fmt: skip
    parser.add_argument("--device", metavar="DEVICE", help="default: cuda where it is, else cpu")


def windows_of(args: argparse.Namespace) -> Windows:
    """The windows of a command line; wrong use if they cannot be."""
    try:
        return Windows(args.overlap, args.batch_size, args.flips)
    except ValueError as error:
        raise argparse.ArgumentError(None, str(error)) from error


def finish(done: Outcome) -> int:
    """Count the images and name those that failed; the exit status."""
    counts = {"written": len(done.written), "kept": len(done.kept), "failed": len(done.failed)}
    print(", ".join(f"{count} {what}" for what, count in counts.items() if count))
    for name, reason in done.failed:
        print(f"{name}: {reason}", file=sys.stderr)
    return 1 if done.failed else 0
