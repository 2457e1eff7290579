# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`genesis preview`: pictures of what the transformations do to a scan, and of what a store holds."""

import argparse
from pathlib import Path
from typing import Any, get_args

from genesis_ext._options import positive_integer
from genesis_ext.data.prepare.intensity import IntensityWindow
from genesis_ext.data.readers import read_volume
from genesis_ext.data.sampling.settings import Sampling
from genesis_ext.data.store.volume_store import INDEX, VolumeStore
from genesis_ext.data.store.writer import SETTINGS
from genesis_ext.data.volume import Modality, is_picture
from genesis_ext.figures.content import richest_patch
from genesis_ext.figures.preview import write_preview
from genesis_ext.figures.store_sheets import write_store_preview
from genesis_ext.figures.subject import Subject, times
from genesis_ext.transforms import PROFILES, SCHEMES, make_config

_EPILOG = """\
examples:
  genesis preview scan.nii.gz --out pictures
  genesis preview chest.mhd --out pictures --profile paper --seed 3
  genesis preview scan.nii.gz --out pictures --patch 96 96 48 --start 40 60 20 --count 8
  genesis preview store --out pictures
  genesis preview store --out pictures --volumes patient7_t1 patient9_t1

Of an image DIR gets combinations.png, samples.png, curves.png, shuffling.png, out_painting.png and in_painting.png.
Of a store it gets volumes_01.png, ...: slices of the volumes and their histograms before and after normalisation;
histograms.png: those of the modalities beside each other; boxes_01.png, ...: boxes of every scale, and what training
gets of them; and where there are labels labels_01.png, ...: their outlines, patches that hold them, and the patches
augmented as fine-tuning gets them.
The same data and options give the same pictures.
"""
_OF_AN_IMAGE = ("profile", "scheme", "start", "count", "modality")
_OF_A_STORE = ("most", "volumes")


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "preview",
        help="draw what the transformations do to a scan, or what a store holds",
        description="Draw what the transformations do to a patch of a scan (NIfTI, MHD, MHA, NRRD, DICOM, PNG, JPEG): "
        "their combinations, samples as training draws them, and each transformation alone over its parameters. Or "
        "draw the volumes of a store, their histograms, and boxes as training cuts them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="a scan, or a store made by `genesis prepare`")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder of the pictures")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of all draws (default: %(default)s)")
    parser.add_argument(
        "--patch", type=positive_integer, nargs=3, metavar=("X", "Y", "Z"),
        help="sides in voxels (default: 64 64 32; of a picture 64 64 1)",
    )  # fmt: skip
    image = parser.add_argument_group("for an image")
    image.add_argument("--profile", choices=PROFILES, help="rates and sizes (default: head)")
    image.add_argument("--scheme", choices=SCHEMES, help="which transformations take part (default: unified)")
    image.add_argument(
        "--start", type=int, nargs=3, metavar=("X", "Y", "Z"),
        help="first voxel of the patch, axes in RAS order (default: where the grey values tell most)",
    )  # fmt: skip
    image.add_argument("--count", type=positive_integer, metavar="N", help="samples in samples.png (default: 6)")
    image.add_argument(
        "--modality", choices=get_args(Modality), help="what the scan is (default: from the file or its values)"
    )
    store = parser.add_argument_group("for a store")
    store.add_argument(
        "--most", type=positive_integer, metavar="N", help="volumes shown, evenly spread over the store (default: 24)"
    )
    store.add_argument("--volumes", nargs="+", metavar="NAME", help="show these volumes")


def run(args: argparse.Namespace) -> int:
    """Draw, naming each picture once it is written; returns 0."""
    # A store that is damaged or not finished shall say so, rather than be taken for a folder of slices.
    of_store = (args.data / INDEX).exists() or (args.data / SETTINGS).exists()
    for name in _OF_AN_IMAGE if of_store else _OF_A_STORE:
        if getattr(args, name) is not None:
            owner, other = ("an image", "a store") if of_store else ("a store", "an image")
            raise argparse.ArgumentError(None, f"--{name} is for {owner}, but {args.data} is {other}")
    if of_store:
        _preview_store(args)
    else:
        _preview_image(args)
    return 0


def _preview_store(args: argparse.Namespace) -> None:
    sampling = Sampling(out_shape=tuple(args.patch or (64, 64, 32)))
    most = {} if args.most is None else {"most": args.most}
    store = VolumeStore(args.data)
    for path in write_store_preview(
        store, args.out, names=args.volumes or (), sampling=sampling, seed=args.seed, **most
    ):
        print(path, flush=True)


def _preview_image(args: argparse.Namespace) -> None:
    volume = read_volume(args.data, args.modality)
    scan = IntensityWindow().apply(volume)
    flat = is_picture(volume.modality)
    patch = tuple(args.patch or map(min, (64, 64, 1 if flat else 32), scan.shape))
    for axis, side, size in zip("xyz", patch, scan.shape, strict=True):
        if side > size:
            raise ValueError(
                f"--patch must fit in the scan, got {side} along {axis} for a scan of {times(scan.shape)} voxels"
            )
    start = richest_patch(scan, patch) if args.start is None else tuple(args.start)
    profile, scheme = args.profile or "head", args.scheme or "unified"
    label = f"profile {profile}" + ("" if scheme == "unified" else f", scheme {scheme}")
    config = make_config(profile, scheme)
    subject = Subject(args.data.name, scan, volume.spacing_mm, start, patch, config, label, args.seed, flat)
    print(
        f"{args.data.name}: {volume.modality.upper()}, {times(scan.shape)} voxels of "
        f"{' × '.join(f'{mm:.3g}' for mm in volume.spacing_mm)} mm; the patch starts at {', '.join(map(str, start))}"
    )
    for path in write_preview(subject, args.out, args.count or 6):
        print(path, flush=True)
