# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`genesis pretrain`: train a U-Net to restore distorted patches of scans."""

import argparse
import ast
import inspect
import math
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from genesis_ext.training.checkpoint import read_checkpoint
from genesis_ext.training.config import CHOICES, PRESETS, PretrainConfig
from genesis_ext.training.pretrain import PretrainResult, pretrain

_EPILOG = """\
examples:
  genesis pretrain --data store --out runs/first
  genesis pretrain --data scan.nii.gz --out runs/one
  genesis pretrain --data scans --out runs/quick --preset quick --steps 1000
  genesis pretrain --data scans --validation-data held_out --out runs/released --preset released --lr 0.1
  genesis pretrain --data store --out runs/large --boxes scales --residence disk --budget 16
  genesis pretrain --out runs/one --data scan.nii.gz --resume --steps 40000

A store is what `genesis prepare` makes. Scans are prepared into a store of the cache, at their own spacing.
RUN gets report.html, last.pt and best.pt (weights under "state_dict"), log.jsonl, loss_curve.png, pictures/ and
tensorboard/.
Every validation prints the loss beside three baselines: the input as it is, the best constant, a blur of the input.
Training works when the loss beats all three.
"""


_METAVARS = {"patch": ("X", "Y", "Z"), **dict.fromkeys(("scales", "scale_weights"), ("LARGE", "MEDIUM", "SMALL"))}
_UNITS = ("_steps", "_validations", "_hu", "_mm", "_gib")  # in the names of fields, not in those of options


def add_parser(subparsers: Any) -> None:
    """Add the subcommand; most options are the fields of ``PretrainConfig``."""
    parser = subparsers.add_parser(
        "pretrain",
        help="train a U-Net to restore distorted patches of scans",
        description="Train a 3D U-Net to restore sub-volumes of scans that the operators distort.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", required=True, type=Path, metavar="PATH", help="store, scan, or folder of scans")
    parser.add_argument(
        "--validation-data", type=Path, metavar="PATH", help="the same, to validate; else a part of --data does"
    )
    parser.add_argument(
        "--cache", type=Path, metavar="DIR", help="for the stores of scans (default: $GENESIS_CACHE, or one at home)"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="RUN", help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on from RUN/last.pt, with the settings stored there")
    parser.add_argument("--overwrite", action="store_true", help="clear a run that RUN holds")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after so many; go on with --resume")
    parser.add_argument("--device", default="auto", help="cpu, cuda or cuda:N (default: CUDA where there is one)")
    parser.add_argument(
        "--preset", choices=sorted(PRESETS), help="starting point of the settings below (default: default)"
    )
    defaults = PretrainConfig()
    settings = parser.add_argument_group("settings")
    for name, text in _docstrings(PretrainConfig).items():
        # SUPPRESS, so that presets and stored settings fill in what is not given.
        settings.add_argument(
            _flag(name), dest=name, default=argparse.SUPPRESS, **_argument(name, getattr(defaults, name), text)
        )


def run(args: argparse.Namespace) -> int:
    """Train; returns 0."""
    try:
        config = config_of(args)
    except ValueError as error:
        raise argparse.ArgumentError(None, str(error)) from error
    result = pretrain(
        config,
        args.data,
        args.out,
        validation_data=args.validation_data,
        cache=args.cache,
        device=args.device,
        resume=args.resume,
        overwrite=args.overwrite,
        time_limit_s=60 * args.minutes,
        report=lambda text: print(text, flush=True),
    )
    print(summary(result))
    return 0


def config_of(args: argparse.Namespace) -> PretrainConfig:
    """The settings of a command line: given ones over those of the preset or, resuming, of the stored run.

    Raises:
        ValueError: a value breaks its rule, or a preset is given beside a stored run.
    """
    given = {option.name: getattr(args, option.name) for option in fields(PretrainConfig) if hasattr(args, option.name)}
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    last = args.out / "last.pt"
    if args.resume and last.exists():
        if args.preset:
            raise ValueError("--preset must not be given with --resume: a resumed run has its settings")
        return PretrainConfig.from_dict({**read_checkpoint(last)["config"], **given})
    return PretrainConfig(**{**PRESETS[args.preset or "default"], **given})


def summary(result: PretrainResult) -> str:
    """The last validation, and where everything lies."""
    return "\n".join([str(result.validation), *(f"{name}: {path}" for name, path in result.files.items())])


def _docstrings(config: type) -> dict[str, str]:
    """The text below each field of a dataclass, as help: in one line, without its full stop and code marks."""
    (body,) = (node.body for node in ast.parse(inspect.getsource(config)).body if isinstance(node, ast.ClassDef))
    texts = {}
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            help_text = " ".join(str(ast.literal_eval(text.value)).split())
            texts[field.target.id] = help_text.rstrip(".").replace("`", "").replace("%", "%%")
    return texts


def _flag(name: str) -> str:
    """--validate-every for validate_every_steps."""
    for unit in _UNITS:
        name = name.removesuffix(unit)
    return "--" + name.replace("_", "-")


def _argument(name: str, default: Any, text: str) -> dict[str, Any]:
    """Type, arity and help of an option, from its default."""
    if isinstance(default, bool):
        return {"action": argparse.BooleanOptionalAction, "help": text}
    if name in CHOICES:
        shown = "guessed" if default is None else default
        return {"choices": CHOICES[name], "help": f"{text} (default: {shown})"}
    if default is None:  # the spacing
        return {"type": float, "metavar": "MM", "help": f"{text} (default: as it is)"}
    if isinstance(default, tuple):
        shown = " ".join(f"{value:g}" for value in default)
        metavar = _METAVARS.get(name, ("LO", "HI"))
        return {
            "nargs": len(default),
            "type": type(default[0]),
            "metavar": metavar,
            "help": f"{text} (default: {shown})",
        }
    metavars = {int: "N", float: "VALUE", str: "NAME"}
    return {"type": type(default), "metavar": metavars[type(default)], "help": f"{text} (default: {default})"}
