# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`genesis prepare`: scans to a volume store."""

import argparse
import sys
from pathlib import Path
from typing import Any, get_args

from genesis_ext._types import Spacing3
from genesis_ext.cli._plain import plain
from genesis_ext.cli._progress import duration, showing_progress
from genesis_ext.data.prepare.dry_run import forecast, free_bytes
from genesis_ext.data.prepare.intensity import IntensityWindow
from genesis_ext.data.prepare.preprocess import PrepareSettings
from genesis_ext.data.prepare.report import Report
from genesis_ext.data.prepare.run import prepare
from genesis_ext.data.readers import readers
from genesis_ext.data.sources.find import find_sources
from genesis_ext.data.sources.recipes import RECIPES
from genesis_ext.data.sources.source import ClassRule, Found, PatientRule
from genesis_ext.data.store.entry import SplitName, StoreDtype
from genesis_ext.data.store.writer import check_settings
from genesis_ext.data.volume import Modality
from genesis_ext.training.pretraining.config import PretrainConfig
from genesis_ext.training.pretraining.presets import PRESETS

_EPILOG = """\
examples:
  genesis prepare scans --out store
  genesis prepare LUNA16 --recipe luna16 --out stores/luna16 --splits train validation
  genesis prepare images --labels labels --out store
  genesis prepare list.csv --out store --dtype uint8 --spacing native
  genesis prepare Task02_Heart/dataset.json 'more/**/*.nii.gz' --out store --dry-run

SOURCES are folders, image files, folders of DICOM slices, patterns in quotes, CSV tables with the columns path, label,
class, fold, case, channel, name, patient, modality, split (only path is needed; several classes as a|b, none as -), or
a dataset.json of MSD or nnU-Net.
A run that was ended in any way goes on when it is run again. STORE gets index.json, report.json and report.csv.
Exit status 1 if nothing could be taken, or if a file failed through no fault of its own (full disk, lost worker).

recipes:
"""


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    recipes = "\n".join(f"  {r.name:<14}{r.layout};\n{'':<16}{r.splits}" for r in RECIPES.values())
    formats = ", ".join(name for reader in readers() for name in reader.formats)
    parser = subparsers.add_parser(
        "prepare",
        help="resample, window and store scans for training",
        description=f"Turn scans ({formats}) into a volume store: axes to RAS, "
        "resampled by third-order splines, cut and scaled by modality.",
        epilog=_EPILOG + recipes,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sources", nargs="+", metavar="SOURCES", help="what to prepare")
    parser.add_argument("--out", required=True, type=Path, metavar="STORE", help="folder of the store")
    parser.add_argument(
        "--labels", type=Path, metavar="FOLDER", help="label maps, named as the images are or as nnU-Net names them"
    )
    parser.add_argument("--recipe", choices=RECIPES, help="layout of a public dataset that SOURCES hold")
    parser.add_argument(
        "--modality", choices=get_args(Modality), help="of scans that do not tell (default: guessed by their values)"
    )
    parser.add_argument(
        "--patient", choices=get_args(PatientRule), default="auto",
        help="what tells patients apart below a folder: the name of the file, its folder, or auto: the folder where "
        "names repeat from folder to folder (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--classes-from", choices=get_args(ClassRule),
        help="what tells the class of a scan: folders: that below SOURCES, as in SOURCES/benign/p7.nii, or in a folder "
        "of a split, SOURCES/train/benign/p7.nii (default: a CSV or a recipe alone)",
    )  # fmt: skip
    parser.add_argument(
        "--splits", nargs="+", choices=get_args(SplitName), metavar="SPLIT", help="take only train, validation, test"
    )
    parser.add_argument(
        "--frames", action="store_true", help="take 4D files, one volume a frame; else they are skipped"
    )
    parser.add_argument(
        "--spacing", nargs="+", metavar="MM",
        help="of the result: one number, three for x y z, or native (default: 1)",
    )  # fmt: skip
    parser.add_argument(
        "--preset", choices=PRESETS, metavar="PRESET",
        help="of genesis pretrain, for which to prepare: those with the released rules take --spacing native, those of "
        "the Universal Model --mri-window 0 4000, unless told otherwise",
    )  # fmt: skip
    parser.add_argument("--antialias", action="store_true", help="smooth before making a grid coarser")
    parser.add_argument(
        "--ct-window", nargs=2, type=float, default=IntensityWindow().ct_hu, metavar=("LO", "HI"),
        help="HU at which CT is clipped (default: -1000 1000)",
    )  # fmt: skip
    parser.add_argument(
        "--ct-own-range", action="store_true",
        help="scale each CT by its own range inside the window, as the text of the Universal Model has it: equal HU "
        "then are no equal greys",
    )  # fmt: skip
    mri = parser.add_mutually_exclusive_group()
    mri.add_argument(
        "--mri-percentiles", nargs=2, type=float, metavar=("LO", "HI"),
        help="of its own voxels at which each MRI is clipped: LO of all, HI of those above LO (default: .5 99.5)",
    )  # fmt: skip
    mri.add_argument(
        "--mri-window", nargs=2, type=float, metavar=("LO", "HI"),
        help="values at which MRI is clipped instead, before it is scaled by its own range (the Universal Model's: "
        "0 4000); a scan with more than a quarter of its voxels above is left out",
    )  # fmt: skip
    parser.add_argument(
        "--pad-to", nargs=3, type=int, metavar=("X", "Y", "Z"), help="widen smaller volumes to so many voxels"
    )
    parser.add_argument(
        "--dtype", choices=get_args(StoreDtype), default="int16", help="of the stored numbers (default: %(default)s)"
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", help="processes (default: the cores, 8 at most; 0: this one)"
    )
    parser.add_argument("--overwrite", action="store_true", help="clear what STORE holds of other settings")
    parser.add_argument(
        "--dry-run", action="store_true", help="tell what would be done and how large it gets, do nothing"
    )


def run(args: argparse.Namespace) -> int:
    """Prepare, or tell what would be; 1 if nothing could be taken or something failed."""
    try:
        settings = settings_of(args)
        if args.workers is not None and args.workers < 0:
            raise ValueError(f"--workers must be at least 0, got {args.workers}")
    except ValueError as error:
        raise argparse.ArgumentError(None, str(error)) from error
    found = find_sources(
        args.sources, args.recipe, args.modality, args.patient, args.splits, args.labels, args.classes_from
    )
    if args.dry_run:
        return _tell(found, args.out, settings, args.overwrite)
    try:
        with showing_progress() as view:
            report = prepare(found, args.out, settings, args.workers, args.overwrite, view)
    except KeyboardInterrupt:
        print(f"what is done stays in {args.out}: run the same command again to go on", file=sys.stderr)
        raise
    _summarise(report, args.out)
    return 0 if report.entries and not report.failed else 1


def settings_of(args: argparse.Namespace) -> PrepareSettings:
    """The settings of a command line.

    Raises:
        ValueError: one breaks its rule.
    """
    wanted = PretrainConfig.of(**PRESETS[args.preset or "default"])
    released = wanted.data.lung_content
    mri_window = args.mri_window or (None if args.mri_percentiles else wanted.files.mri_window)
    return PrepareSettings(
        spacing_mm=_spacing(args.spacing or ["native" if released else "1"]),
        dtype=args.dtype,
        window=IntensityWindow(
            tuple(args.ct_window),
            mri_window and tuple(mri_window),
            args.mri_percentiles and tuple(args.mri_percentiles),
            args.ct_own_range,
        ),
        pad_to=args.pad_to and tuple(args.pad_to),
        antialias=args.antialias,
        frames=args.frames,
    )


def _spacing(words: list[str]) -> Spacing3 | None:
    if words == ["native"]:
        return None
    try:
        numbers = [float(word) for word in words]
        x, y, z = numbers * 3 if len(numbers) == 1 else numbers
    except ValueError:
        raise ValueError(f"--spacing must be one number, three, or native, got {' '.join(words)}") from None
    return x, y, z


def _tell(found: Found, store: Path, settings: PrepareSettings, overwrite: bool) -> int:
    """The dry run."""
    if not overwrite:
        check_settings(store, settings.to_dict())
    volumes = size = new = 0
    for source in found.sources:
        what = forecast(source, store, settings)
        if what.reason:
            print(plain(f"skip  {what.reason}"))
            continue
        kept = what.kept and not overwrite
        volumes, size, new = volumes + len(what.after), size + what.bytes, new + (0 if kept else what.bytes)
        old = ", ".join(
            f"{_times(shape)} at {_times(mm)} mm" + (f" x {n}" if n > 1 else "") for n, shape, mm in what.before
        )
        print(
            f"{'keep' if kept else 'take'}  {source.path}: {old} -> {_times(what.after[0])}, "
            f"{what.bytes / 1e6:.1f} MB, patient {source.patient}, {source.split or 'no split'}"
            + (", with label" if source.label else "")
        )
    for path, reason in found.skipped:
        print(plain(f"skip  {path}: {reason}"))
    for note in found.notes:
        print(plain(f"note: {note}"))
    print(settings.window.describe())
    free = free_bytes(store)
    print(
        f"{volumes} volumes, {size / 1e9:.3f} GB without labels, {new / 1e9:.3f} GB to be written, "
        f"{free / 1e9:.1f} GB free"
    )
    if new > free:
        print(f"the disk of {store} is too small: choose another, --dtype uint8, or a larger --spacing")
    return 0 if volumes else 1


def _summarise(report: Report, store: Path) -> None:
    for note in report.found.notes:
        print(plain(f"note: {note}"))
    for path, reason in report.found.skipped:
        print(plain(f"skipped {path}: {reason}"))
    for outcome in report.outcomes:
        for file, reason in outcome.problems:
            print(plain(f"skipped {file}: {reason}"))
    counts = report.counts
    told = ", ".join(
        f"{counts[status]} {status}" for status in ("taken", "kept", "skipped", "failed", "ignored") if counts[status]
    )
    patients = len({entry.patient for entry in report.entries})
    print(f"{told} in {duration(report.seconds)}; {len(report.entries)} volumes of {patients} patients")
    if classes := report.volumes_by_class:
        print("classes: " + ", ".join(f"{name} {count}" for name, count in classes.items()))
    parts = report.time_by_part()
    if total := sum(parts.values()):
        print("work: " + ", ".join(f"{part} {seconds / total:.0%}" for part, seconds in parts.items()))
    print(store / "report.csv")
    if not report.entries:
        print(plain(report.why_nothing()), file=sys.stderr)


def _times(numbers: tuple[float, ...]) -> str:
    return "x".join(f"{number:.4g}" for number in numbers)
