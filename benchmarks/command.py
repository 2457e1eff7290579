# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The command line of the benchmarks: light to import, for `genesis` imports it with every command."""

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from genesis_ext._options import percentage, positive_integer, positive_number
from genesis_ext._types import Shape3

DESCRIPTION = (
    "Measure the operators beside what other libraries have: single operators, pipelines, small batches, scaling and "
    "start-up. Contenders are verified before they are timed. Actions work on the result files."
)
_EXAMPLES = """\
examples:
  {prog} --quick                                        everything as a trial, in less than two minutes on a CPU
  {prog} --list                                         what there is
  {prog} --only genesis_transform --size 64x64x32 160^3
  {prog} --level scaling --out scaling.json
  {prog} --device cuda --dtype float32 bfloat16 --out gpu.json
  {prog} report gpu.json
  {prog} compare before.json after.json --threshold 5
  {prog} plot gpu.json --out pictures
  {prog} model gpu.json --gpus 1 8 64 --store-gb 900
  {prog} verify --device cuda
"""
_LEVELS = ("operators", "pipelines", "latency", "scaling", "startup")
_DTYPES = ("float32", "float16", "bfloat16")


def examples(prog: str) -> str:
    return _EXAMPLES.format(prog=prog)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of a measurement, and the actions."""
    parser.add_argument("--list", action="store_true", help="print the names of each level, and measure nothing")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="measure these alone; --list has the names")
    parser.add_argument("--level", nargs="+", choices=_LEVELS, help="measure these levels alone (default: all)")
    parser.add_argument(
        "--size", nargs="+", type=_size, default=[], help="of patches or scans, for operators, pipelines and latency"
    )
    parser.add_argument("--dtype", nargs="+", choices=_DTYPES, default=["float32"], help="of the patches")
    parser.add_argument(
        "--threads", type=positive_integer, default=1, help="of torch on the CPU (default: %(default)s)"
    )
    parser.add_argument("--quick", action="store_true", help="a trial: see that everything runs; no numbers to keep")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the result as JSON")
    _add_device(parser)
    actions = parser.add_subparsers(dest="action", metavar="ACTION")

    report = actions.add_parser("report", help="print results as Markdown")
    report.add_argument("files", nargs="*", type=Path, metavar="FILE", help="results (default: the newest of a CPU)")
    report.add_argument("--write", action="store_true", help="write README.md and docs/benchmarks.md of the checkout")

    compare = actions.add_parser("compare", help="compare two results; status 1 where the second one is slower")
    compare.add_argument("before", type=Path)
    compare.add_argument("after", type=Path)
    compare.add_argument(
        "--threshold", type=percentage, default=10.0, metavar="PERCENT",
        help="how much slower is too slow, beyond the spreads of both (default: %(default)s)",
    )  # fmt: skip

    plot = actions.add_parser("plot", help="draw a result: bars beside other libraries, curves of scaling")
    plot.add_argument("file", type=Path, metavar="FILE")
    plot.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the pictures")
    plot.add_argument("--format", choices=("svg", "png"), default="svg")

    model = actions.add_parser("model", help="reckon the throughput of many GPUs from a result")
    model.add_argument("file", type=Path, metavar="FILE")
    model.add_argument("--gpus", type=positive_integer, nargs="+", default=[1, 2, 4, 8], help="(default: 1 2 4 8)")
    model.add_argument("--store-gb", type=positive_number, required=True, help="size of the store, 10^9 bytes")
    model.add_argument(
        "--volume-mb", type=positive_number, default=54.0, help="of a volume, 10^6 bytes (default: 300^3 int16)"
    )
    model.add_argument("--samples-a-volume", type=positive_number, default=64.0, help="(default: %(default)s)")
    model.add_argument(
        "--network", type=positive_number, metavar="S", help="samples/s of a training step alone on one GPU"
    )
    model.add_argument("--device-gb", type=positive_number, metavar="GB", help="memory of a GPU for volumes")
    model.add_argument("--host-gb", type=positive_number, metavar="GB", help="memory of a host for one rank's volumes")
    model.add_argument(
        "--transfer-gb", type=positive_number, metavar="GB", help="per second from pinned memory to a GPU"
    )
    model.add_argument("--disk-gb", type=positive_number, metavar="GB", help="per second from the disk to one rank")

    verify = actions.add_parser("verify", help="check on a small batch that all contenders do what they should")
    verify.add_argument("--ours", action="store_true", help="leave other libraries out as far as they can be")
    _add_device(verify)


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say and return the exit status."""
    return _ACTIONS[args.action](args)


def main(argv: Sequence[str] | None = None) -> int:
    """`python -m benchmarks`: 0 success; 1 slower than before; 2 wrong use."""
    prog = "python -m benchmarks"
    parser = argparse.ArgumentParser(
        prog=prog,
        description=DESCRIPTION,
        epilog=examples(prog),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    args = parser.parse_args(argv)
    try:
        return run(args)
    except argparse.ArgumentError as error:
        print(f"{prog}: error: {error}", file=sys.stderr)
        return 2


def _measure(args: argparse.Namespace) -> int:
    import torch

    from . import files, machine, runner
    from .registry import LEVELS

    if args.list:
        for level, names in LEVELS.items():
            print(f"{level}: {', '.join(names)}")
        return 0
    device = _device(args)
    known = [name for level in args.level or LEVELS for name in LEVELS[level]]
    if unknown := [name for name in args.only or () if name not in known]:
        raise argparse.ArgumentError(None, f"--only: no {', '.join(unknown)}; there are {', '.join(known)}")
    if args.out and not args.out.resolve().parent.is_dir():
        raise argparse.ArgumentError(None, f"--out: no folder {args.out.parent}")
    torch.set_num_threads(args.threads)
    if missing := machine.missing_peers(device):
        _say(f"left out, for they are not installed: {', '.join(missing)} (pip install 'genesis_ext[bench]')")
    dtypes = tuple(getattr(torch, name) for name in args.dtype)
    request = runner.Request(args.only or known, device, dtypes, tuple(args.size), args.quick)
    result = runner.run(request, _say)
    from . import report

    print(report.markdown(result))
    if args.out:
        files.write(args.out, result)
        _say(f"written: {args.out}")
    return 0


def _report(args: argparse.Namespace) -> int:
    from . import files, report

    if args.write:
        for path in report.write_pages():
            print(path)
        return 0
    results = [_load(path) for path in args.files] or [files.newest("cpu")]
    if None in results:
        raise argparse.ArgumentError(None, "report: name a result file; none of a CPU lies beside the benchmarks")
    print("\n\n".join(report.markdown(result) for result in results if result))
    return 0


def _compare(args: argparse.Namespace) -> int:
    from .compare import compare

    comparison = compare(_load(args.before), _load(args.after), args.threshold / 100)
    print(comparison.text)
    return 1 if comparison.slower else 0


def _plot(args: argparse.Namespace) -> int:
    from .plot import write_plots

    for path in write_plots(_load(args.file), args.out, args.format):
        print(path)
    return 0


def _model(args: argparse.Namespace) -> int:
    from .model import Constants, UnknownConstantError, markdown

    giga = {name: value and 1e9 * value for name, value in vars(args).items() if name.endswith("_gb")}
    given = {
        "network": args.network,
        "device_bytes": giga["device_gb"],
        "host_bytes": giga["host_gb"],
        "transfer": giga["transfer_gb"],
        "disk": giga["disk_gb"],
    }
    try:
        constants = Constants.of(_load(args.file), **{name: value for name, value in given.items() if value})
        text = markdown(constants, args.gpus, giga["store_gb"], 1e6 * args.volume_mb, args.samples_a_volume)
    except UnknownConstantError as error:
        raise argparse.ArgumentError(None, f"model: {error}") from error
    print(text)
    return 0


def _verify(args: argparse.Namespace) -> int:
    from . import runner
    from .registry import CASES

    device = _device(args)
    runner.verify(CASES, device, others=not args.ours)
    print(f"verified on {device}, {math.prod(runner.SMALL)} voxels a patch: {', '.join(CASES)}")
    return 0


_ACTIONS: dict[str | None, Callable[[argparse.Namespace], int]] = {
    None: _measure,
    "report": _report,
    "compare": _compare,
    "plot": _plot,
    "model": _model,
    "verify": _verify,
}


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, ... (default: %(default)s)")


def _device(args: argparse.Namespace) -> Any:
    import torch

    try:
        device = torch.device(args.device)
    except RuntimeError as error:
        raise argparse.ArgumentError(None, f"--device: {args.device!r} is no device of torch") from error
    if device.type not in ("cpu", "cuda"):
        raise argparse.ArgumentError(None, f"--device: the operators run on cpu and cuda, not on {device.type}")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise argparse.ArgumentError(None, "--device: torch finds no CUDA device")
    return device


def _load(path: Path) -> dict[str, Any]:
    from . import files

    try:
        return files.load(path)
    except (OSError, ValueError) as error:
        raise argparse.ArgumentError(None, f"{path}: {error}") from error


def _size(text: str) -> Shape3:
    from .sizes import parse_size

    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be 64x64x32, 64x64 or 160^3, got {text!r}") from error


def _say(text: object) -> None:
    print(text, file=sys.stderr, flush=True)
