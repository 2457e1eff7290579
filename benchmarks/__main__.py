# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks`: measure; `... report FILE ...`: print tables; `... verify`: check the contenders only."""

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from . import report, runner
from .case import Size
from .registry import BENCHMARKS

_EPILOG = """\
examples:
  python -m benchmarks --quick
  python -m benchmarks --only genesis_transform --size 64x64x32 160^3
  python -m benchmarks --threads 1 --out benchmarks/results/cpu.json
  python -m benchmarks --device cuda --out benchmarks/results/gpu.json
  python -m benchmarks report benchmarks/results/cpu.json
  python -m benchmarks report --into README.md
  python -m benchmarks verify --device cuda
"""


def parse_size(text: str) -> Size:
    """Read 64x64x32, 64x64 (one slice) or 160^3. ValueError otherwise."""
    side, power, exponent = text.partition("^")
    sides = [int(side)] * int(exponent) if power else [int(part) for part in text.split("x")]
    if len(sides) not in (2, 3) or min(sides) < 1:
        raise ValueError(f"a size must be 64x64x32, 64x64 or 160^3, got {text!r}")
    x, y, z = (*sides, 1)[:3]
    return x, y, z


def _run(argv: Sequence[str]) -> None:
    parser = _parser("measure the operators beside what other libraries have")
    parser.add_argument("--only", nargs="+", choices=sorted(BENCHMARKS), metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--size", nargs="+", type=parse_size, default=[], help="patches or scans, e.g. 64x64x32 160^3")
    parser.add_argument("--threads", type=int, default=1, help="of torch on the CPU (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="see that everything runs; the numbers mean nothing")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the result as JSON")
    _add_device(parser)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    result = runner.run(args.only or list(BENCHMARKS), args.size, args.device, args.quick, _say)
    print(report.markdown(result))
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        _say(f"written: {args.out}")


def _report(argv: Sequence[str]) -> None:
    parser = _parser("print results as Markdown, or put the newest one of a CPU into a page")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="results (default: the newest of a CPU)")
    parser.add_argument("--into", type=Path, metavar="PAGE", help="put the table between the marks of a page")
    args = parser.parse_args(argv)
    results = [json.loads(path.read_text(encoding="utf-8")) for path in args.files] or [report.newest("cpu")]
    if results == [None]:
        parser.error(f"no result of a CPU in {report.RESULTS}: run `python -m benchmarks --out ...` first")
    tables = "\n\n".join(map(report.markdown, results))
    if args.into:
        args.into.write_text(report.embed(args.into.read_text(encoding="utf-8"), tables), encoding="utf-8")
    else:
        print(tables)


def _verify(argv: Sequence[str]) -> None:
    parser = _parser("check on a small batch that all contenders do what they should")
    parser.add_argument("--ours", action="store_true", help="leave other libraries out as far as they can be")
    _add_device(parser)
    args = parser.parse_args(argv)
    runner.verify(BENCHMARKS, args.device, others=not args.ours)
    print(f"verified on {args.device}, {math.prod(runner.SMALL)} voxels a patch: {', '.join(BENCHMARKS)}")


def _parser(description: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=description,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"), help="default: %(default)s")


def _say(text: object) -> None:
    print(text, file=sys.stderr, flush=True)


COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {"report": _report, "verify": _verify}

if __name__ == "__main__":
    name, *rest = sys.argv[1:] or [""]
    COMMANDS[name](rest) if name in COMMANDS else _run(sys.argv[1:])
