# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`genesis restore`: scans under the twelve combinations, and how pre-trained networks restore them."""

import argparse
from pathlib import Path
from typing import Any

from genesis_ext.cli._inference import add_inference_arguments, finish, windows_of
from genesis_ext.cli._progress import WindowProgress
from genesis_ext.evaluation.restored_scans import SIDE_BY_SIDE, restore
from genesis_ext.transforms import PROFILES

_EPILOG = """\
examples:
  genesis restore runs/first scan.nii.gz --out restored
  genesis restore runs/unified scans --beside runs/distortion runs/painting --out restored --volumes

RUN is the folder of a pre-training that restores, or a checkpoint. DIR gets, of every image, CASE.png (an axial
slice: a row a combination, a column a network) and CASE.csv (PSNR of the whole, SSIM of axial slices).
Exit status 1 if an image failed; the others are done.
"""


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "restore",
        help="distort scans in twelve ways, and let pre-trained networks restore them",
        description="Distort scans by each of the twelve combinations of transformations, patch by patch, and let one "
        "or several pre-trained networks restore them, side by side.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_inference_arguments(parser, SIDE_BY_SIDE)
    parser.add_argument(
        "--beside", nargs="+", type=Path, default=[], metavar="RUN", help="further runs, each a column beside RUN"
    )
    parser.add_argument("--profile", choices=PROFILES, default="head", help="of the distortions (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of all draws (default: %(default)s)")
    parser.add_argument(
        "--volumes", action="store_true", help="also write what is drawn as NIfTI on the grid of the image"
    )


def run(args: argparse.Namespace) -> int:
    """Restore, naming each picture once it is written; 1 if an image failed."""
    with WindowProgress() as view:
        done = restore(
            [args.run, *args.beside],
            args.images,
            args.out,
            windows=windows_of(args),
            profile=args.profile,
            seed=args.seed,
            volumes=args.volumes,
            modality=args.modality,
            device=args.device,
            report=view.say,
            tick=view,
        )
    return finish(done)
