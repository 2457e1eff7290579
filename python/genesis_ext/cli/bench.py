# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`genesis bench`: how fast the operators are on this machine, beside other libraries."""

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import genesis_ext


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    command = _command()
    parser = subparsers.add_parser(
        "bench",
        help="measure the operators beside other libraries",
        description=command.DESCRIPTION,
        epilog=command.examples("genesis bench"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Measure, or do what the action says; returns the exit status."""
    return int(_command().run(args))


def _command() -> Any:
    """The command line of the benchmarks: a part of an installed package, beside the sources in a checkout."""
    package = Path(genesis_ext.__file__).parent
    if (package / "benchmarks").is_dir():
        return import_module("genesis_ext.benchmarks.command")
    checkout = str(package.parents[1])
    if checkout not in sys.path:
        sys.path.append(checkout)
    return import_module("benchmarks.command")
