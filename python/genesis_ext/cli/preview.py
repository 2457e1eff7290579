# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`genesis preview`: pictures of what the transformations do to a scan."""

import argparse
from pathlib import Path
from typing import Any

from genesis_ext.data.preprocess import IntensityWindow
from genesis_ext.data.readers import read_volume
from genesis_ext.evaluation.content import richest_patch
from genesis_ext.evaluation.preview import write_preview
from genesis_ext.evaluation.subject import Subject, times
from genesis_ext.transforms import PROFILES, SCHEMES, make_config

_EPILOG = """\
examples:
  genesis preview scan.nii.gz --out pictures
  genesis preview chest.mhd --out pictures --profile paper --seed 3
  genesis preview scan.nii.gz --out pictures --patch 96 96 48 --start 40 60 20 --count 8

DIR gets combinations.png, samples.png, curves.png, shuffling.png, out_painting.png and in_painting.png.
The same image and options give the same pictures.
"""


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "preview",
        help="draw what the transformations do to a scan",
        description="Draw what the transformations do to a patch of a scan (NIfTI, MHD, MHA, NRRD): their "
        "combinations, samples as training draws them, and each transformation alone over its parameters.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("image", type=Path, metavar="IMAGE", help="the scan")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder of the pictures")
    parser.add_argument("--profile", choices=PROFILES, default="head", help="rates and sizes (default: %(default)s)")
    parser.add_argument(
        "--scheme", choices=SCHEMES, default="unified", help="which transformations take part (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of all draws (default: %(default)s)")
    parser.add_argument(
        "--patch", type=_positive, nargs=3, default=(64, 64, 32), metavar=("X", "Y", "Z"),
        help="sides in voxels (default: 64 64 32)",
    )  # fmt: skip
    parser.add_argument(
        "--start", type=int, nargs=3, metavar=("X", "Y", "Z"),
        help="first voxel of the patch, axes in RAS order (default: where the grey values tell most)",
    )  # fmt: skip
    parser.add_argument(
        "--count", type=_positive, default=6, metavar="N", help="samples in samples.png (default: %(default)s)"
    )
    parser.add_argument("--modality", choices=("ct", "mri"), help="what the scan is (default: told by its values)")


def run(args: argparse.Namespace) -> int:
    """Draw, naming each picture once it is written; returns 0."""
    volume = read_volume(args.image, args.modality)
    scan = IntensityWindow().apply(volume)
    patch = tuple(args.patch)
    for axis, side, size in zip("xyz", patch, scan.shape, strict=True):
        if side > size:
            raise ValueError(
                f"--patch must fit in the scan, got {side} along {axis} for a scan of {times(scan.shape)} voxels"
            )
    start = richest_patch(scan, patch) if args.start is None else tuple(args.start)
    label = f"profile {args.profile}" + ("" if args.scheme == "unified" else f", scheme {args.scheme}")
    config = make_config(args.profile, args.scheme)
    subject = Subject(args.image.name, scan, volume.spacing_mm, start, patch, config, label, args.seed)
    print(
        f"{args.image.name}: {volume.modality.upper()}, {times(scan.shape)} voxels of "
        f"{' × '.join(f'{mm:.3g}' for mm in volume.spacing_mm)} mm; the patch starts at {', '.join(map(str, start))}"
    )
    for path in write_preview(subject, args.out, args.count):
        print(path, flush=True)
    return 0


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number
