# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`genesis evaluate`: predictions against labels."""

import argparse
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

from genesis_ext._options import percentage, positive_integer
from genesis_ext.data.prepare.workers import Workers
from genesis_ext.evaluation.classification import CLASSIFICATION_METRICS, evaluate_classifications
from genesis_ext.evaluation.detection import evaluate_detections, has_places
from genesis_ext.evaluation.label_maps import Classes
from genesis_ext.evaluation.report import EvaluationReport
from genesis_ext.evaluation.segmentation import SEGMENTATION_METRICS, evaluate_segmentations

_Kind = Literal["label maps", "classes", "candidates"]
_OPTIONS: dict[_Kind, tuple[str, ...]] = {
    "label maps": ("classes", "tolerance", "probabilities", "workers"),
    "candidates": ("excluded", "predicted_scans"),
}
_METRICS: dict[_Kind, tuple[str, ...]] = {
    "label maps": SEGMENTATION_METRICS,
    "classes": CLASSIFICATION_METRICS,
    "candidates": ("froc",),
}

_EPILOG = f"""\
examples:
  genesis evaluate predictions labelsTs --out scores
  genesis evaluate predictions labelsTs --classes liver=1 tumour=2 organ=1,2 --metrics dice surface_dice --tolerance 2
  genesis evaluate predictions.csv classes.csv --out scores
  genesis evaluate candidates.csv annotations.csv --excluded annotations_excluded.csv

Folders hold label maps of the same names, as nnU-Net has them: CASE.nii.gz in both.
Tables hold classes: PREDICTIONS the column case and a probability a class, as `genesis predict` writes them, LABELS the
columns case and class; with a column scan FROC is measured, too. Or candidates: PREDICTIONS the columns scan, x, y, z
and probability, LABELS scan, x, y, z and diameter_mm, or LUNA16's names. Or candidates by class: PREDICTIONS as
`genesis predict --candidates` writes them, LABELS the table of the candidates.
What cannot be compared is named before anything is computed. DIR gets cases.csv, summary.json and summary.md.

metrics:
  of label maps   {", ".join(SEGMENTATION_METRICS)}
  of classes      {", ".join(CLASSIFICATION_METRICS)}
"""


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "evaluate",
        help="compare predictions with labels",
        description="Compare predictions with labels: label maps, classes, or candidates. Prints means over cases with "
        "their 95 % intervals, and the cases that do not count, with the reason.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("predictions", type=Path, metavar="PREDICTIONS", help="a folder of label maps, or a CSV table")
    parser.add_argument("labels", type=Path, metavar="LABELS", help="a folder of label maps, or a CSV table")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the results (default: they are only printed)"
    )
    parser.add_argument(
        "--classes", nargs="+", type=_class, metavar="NAME=VALUE",
        help="classes of label maps; a region has several values, as in organ=1,2 (default: each value of LABELS)",
    )  # fmt: skip
    metrics = (*SEGMENTATION_METRICS, *CLASSIFICATION_METRICS)
    parser.add_argument("--metrics", nargs="+", choices=metrics, metavar="METRIC", help="(default: all)")
    parser.add_argument(
        "--tolerance",
        type=percentage,
        metavar="MM",
        help="distance up to which surface_dice takes surfaces for equal (default: 1)",
    )
    parser.add_argument(
        "--probabilities",
        action="store_true",
        default=None,
        help="take iou_keras of the CASE.npz that `genesis predict` wrote",
    )
    parser.add_argument(
        "--excluded", type=Path, metavar="CSV",
        help="as LABELS of candidates: what is neither right nor wrong to find, LUNA16's annotations_excluded.csv",
    )  # fmt: skip
    parser.add_argument(
        "--predicted-scans", action="store_true", default=None,
        help="of candidates: count only the scans of PREDICTIONS, where LABELS is of more",
    )  # fmt: skip
    parser.add_argument("--workers", type=positive_integer, metavar="N", help="processes (default: this one)")


def run(args: argparse.Namespace) -> int:
    """Evaluate and print the summary; returns 0."""
    found = _evaluate(args)
    print(found.markdown(), end="")
    if args.out is not None:
        print()
        for path in found.write(args.out):
            print(path)
    return 0


def _evaluate(args: argparse.Namespace) -> EvaluationReport:
    folders = [path.is_dir() for path in (args.predictions, args.labels)]
    for path in (args.predictions, args.labels):
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such file or folder")
    if folders[0] != folders[1]:
        raise argparse.ArgumentError(
            None, f"PREDICTIONS and LABELS must be two folders or two tables, got {args.predictions} and {args.labels}"
        )
    kind: _Kind = "label maps" if all(folders) else "candidates" if has_places(args.labels) else "classes"
    _check_options(args, kind)
    if kind == "candidates":
        return evaluate_detections(args.predictions, args.labels, args.excluded, bool(args.predicted_scans))
    if kind == "classes":
        return evaluate_classifications(args.predictions, args.labels, args.metrics)
    with nullcontext() if args.workers is None else Workers(args.workers) as executor:
        return evaluate_segmentations(
            args.predictions, args.labels, _classes(args.classes), args.metrics or SEGMENTATION_METRICS,
            1.0 if args.tolerance is None else args.tolerance, bool(args.probabilities), executor,
        )  # fmt: skip


def _check_options(args: argparse.Namespace, kind: _Kind) -> None:
    """Refuse options and metrics of another kind."""
    for owner, names in _OPTIONS.items():
        given = [name for name in names if getattr(args, name) is not None]
        if given and owner != kind:
            raise argparse.ArgumentError(
                None, f"--{given[0].replace('_', '-')} is for {owner}, but {args.labels} holds {kind}"
            )
    if wrong := [name for name in args.metrics or () if name not in _METRICS[kind]]:
        known = ", ".join(_METRICS[kind])
        raise argparse.ArgumentError(None, f"--metrics of {kind} must be of {known}, got {wrong[0]}")


def _class(text: str) -> tuple[str, tuple[int, ...]]:
    name, _, values = text.rpartition("=")
    try:
        numbers = tuple(int(value) for value in values.split(","))
    except ValueError:
        numbers = ()
    if not name or not numbers:
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE or NAME=VALUE,VALUE with whole numbers, got {text!r}")
    return name, numbers


def _classes(given: list[tuple[str, tuple[int, ...]]] | None) -> Classes | None:
    if given is None:
        return None
    if len(dict(given)) < len(given):
        raise argparse.ArgumentError(None, f"--classes must have different names, got {', '.join(n for n, _ in given)}")
    return dict(given)
