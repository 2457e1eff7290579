# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`genesis predict`: images to label maps or classes by fine-tuned networks."""

import argparse
from pathlib import Path
from typing import Any

from genesis_ext.cli._inference import add_inference_arguments, finish, windows_of
from genesis_ext.cli._progress import WindowProgress
from genesis_ext.evaluation.candidates import predict_candidates
from genesis_ext.evaluation.inference import Windows
from genesis_ext.evaluation.prediction import predict

_EPILOG = """\
examples:
  genesis predict runs/liver scan.nii.gz --out predictions
  genesis predict runs/liver imagesTs --out predictions --flips xz --probabilities
  genesis predict runs/fold0 imagesTs --ensemble runs/fold1 runs/fold2 --out predictions
  genesis predict runs/nodules/best.pt 'studies/*' --out predictions --device cuda:1
  genesis predict runs/ncc stores/luna16 --candidates candidates.csv --out predictions

RUN is the folder of a fine-tuning, of which the best weights are taken, or a checkpoint. It says how images are
prepared. IMAGES are files, folders, folders of DICOM slices, patterns in quotes, or lists; channels are named as by
nnU-Net: CASE_0000.nii.gz, CASE_0001.nii.gz.
DIR gets CASE.nii.gz with the grid and the header of the image, or, of a classification, a row of predictions.csv.
With --candidates IMAGES is a store, of which the volumes marked "test" are taken, or a scan or folder of scans; DIR
gets a row of predictions.csv for each candidate.
What is there is kept, so a run that was ended in any way goes on when it is run again.
Exit status 1 if an image could not be predicted; the others are.
"""


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "predict",
        help="segment or classify images by fine-tuned networks",
        description="Segment or classify images by a fine-tuned network, or by several as an ensemble.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_inference_arguments(parser, Windows())
    parser.add_argument(
        "--ensemble", nargs="+", type=Path, default=[], metavar="RUN",
        help="further runs, folds say, whose probabilities are averaged with those of RUN",
    )  # fmt: skip
    parser.add_argument(
        "--candidates", type=Path, metavar="CSV",
        help="classify the points of this table, seriesuid, coordX, coordY, coordZ, by a network that learnt from such",
    )  # fmt: skip
    parser.add_argument(
        "--probabilities", action="store_true", help="also write CASE.npz with the probabilities of all classes"
    )


def run(args: argparse.Namespace) -> int:
    """Predict, naming each file once it is written; 1 if an image failed."""
    if args.candidates is not None:
        return _run_candidates(args)
    with WindowProgress() as view:
        done = predict(
            [args.run, *args.ensemble],
            args.images,
            args.out,
            windows=windows_of(args),
            probabilities=args.probabilities,
            modality=args.modality,
            device=args.device,
            report=view.say,
            tick=view,
        )
    return finish(done)


def _run_candidates(args: argparse.Namespace) -> int:
    usual = Windows()
    given = {
        "IMAGES": len(args.images) > 1,
        "--probabilities": args.probabilities,
        "--flips": args.flips != usual.flips,
        "--overlap": args.overlap != usual.overlap,
        "--modality": args.modality is not None,
    }
    for name in (name for name, wrong in given.items() if wrong):
        rule = "must be one store, scan or folder with" if name == "IMAGES" else "is not for"
        raise argparse.ArgumentError(None, f"{name} {rule} --candidates")
    size = {} if args.batch_size == usual.batch_size else {"batch_size": args.batch_size}
    networks = [args.run, *args.ensemble]
    print(predict_candidates(networks, args.images[0], args.candidates, args.out, device=args.device, **size))
    return 0
