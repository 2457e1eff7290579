# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Entry point of the `genesis` command.

Exit status: 0 success; 1 failure, with one line on standard error (a traceback only with --debug); 2 wrong use;
130 interrupted.
"""

import argparse
import io
import sys
from collections.abc import Sequence
from importlib import import_module

import genesis_ext
from genesis_ext import _library
from genesis_ext.cli._plain import plain

COMMANDS = (
    *("prepare", "pretrain", "finetune", "predict", "evaluate", "study"),
    *("restore", "preview", "bench", "demo", "doctor"),
)

OWN_OPTIONS = ("pretrain", "finetune")
"""Commands whose modules read their options themselves, by `parse(words)`."""

EXAMPLES = """\
examples:
  genesis doctor
  genesis prepare scans --out store
  genesis preview scan.nii.gz --out pictures
  genesis pretrain --data scans --out runs/first --steps 2000
  genesis predict runs/liver scans --out predictions
  genesis evaluate predictions labelsTs --out scores
  genesis bench --quick
"""


def build_parser(commands: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """Make the parser of the command with the subcommands `commands`."""
    parser = argparse.ArgumentParser(
        prog="genesis",
        description="Self-supervised pre-training on 3D medical volumes.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"genesis_ext {genesis_ext.__version__}")
    help_text = "show the traceback of a failure"
    parser.add_argument("--debug", action="store_true", help=help_text)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in commands:
        import_module(f"genesis_ext.cli.{name}").add_parser(subparsers)
        # Accepted after the subcommand too; SUPPRESS keeps its absence there from undoing the one before.
        subparsers.choices[name].add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=help_text)
    return parser


def _one_line(error: BaseException) -> str:
    return plain(" ".join(str(error).split())) or type(error).__name__


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: that of the process) and return the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # paths need not fit the character set of the terminal
    if not _library.cpu.loaded and "doctor" not in words:
        print(f"genesis: error: {_library.cpu.why_not}", file=sys.stderr)
        return 1
    parser = build_parser(COMMANDS if _library.cpu.loaded else ("doctor",))
    at = next((i for i, word in enumerate(words) if word in OWN_OPTIONS), len(words))
    args = parser.parse_args(words[: at + 1])
    try:
        command = import_module(f"genesis_ext.cli.{args.command}")
        if args.command in OWN_OPTIONS:
            return int(command.run(command.parse(words[at + 1 :])))
        return int(command.run(args))
    except KeyboardInterrupt:
        print(f"genesis {args.command}: interrupted", file=sys.stderr)
        return 130
    except argparse.ArgumentError as error:
        print(f"genesis {args.command}: error: {_one_line(error)}", file=sys.stderr)
        return 2
    except Exception as error:
        if args.debug:
            raise
        print(f"genesis {args.command}: error: {_one_line(error)}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
