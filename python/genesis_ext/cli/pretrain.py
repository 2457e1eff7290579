# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`genesis pretrain`: train a network on sub-volumes that the operators make. Options are read by tyro."""

import argparse
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genesis_ext._extras import require
from genesis_ext.training.checkpoint import read_checkpoint
from genesis_ext.training.config import PretrainConfig
from genesis_ext.training.config_file import read_config
from genesis_ext.training.presets import PRESETS
from genesis_ext.training.pretrain import PretrainResult, pretrain

_STOPPED = 128 + 15  # as the shell says of a process that SIGTERM ended

_DESCRIPTION = f"""\
Train a network on sub-volumes of scans that the operators make: restore distorted ones (Models Genesis, Universal
Model), or tell what was done to them (3D Rotation, 3D Jigsaw).

examples:
  genesis pretrain --data store --out runs/first
  genesis pretrain --data scans --out runs/quick --preset quick --steps 1000
  genesis pretrain --data scans --validation-data held_out --out runs/released --preset released --lr 0.1
  genesis pretrain --data store --out runs/both --preset universal
  genesis pretrain --data store --out runs/large --boxes scales --residence disk --budget-gib 16
  genesis pretrain --data scan.nii.gz --out runs/one --resume --steps 40000
  torchrun --nproc-per-node 4 -m genesis_ext.cli.main pretrain --data store --out runs/four

A store is what `genesis prepare` makes. Scans are prepared into a store of the cache, at their own spacing.
RUN gets report.html, last.pt and best.pt (weights under "state_dict"), log.jsonl, loss_curve.png, pictures/ and
tensorboard/.
Every validation prints the loss beside three baselines: the input as it is, the best constant, a blur of the input.
Training works when the loss beats all three.

presets: {", ".join(PRESETS)}
"""


@dataclass(frozen=True)
class PretrainCommand:
    """What is typed: paths, how to begin, and the settings."""

    data: Path
    """Store, scan, or folder of scans."""
    out: Path
    """Folder of the run."""
    validation_data: Path | None = None
    """The same as data, to validate; else a part of the data does."""
    cache: Path | None = None
    """For the stores of scans (default: $GENESIS_CACHE, or one at home)."""
    resume: bool = False
    """Go on from RUN/last.pt, with the settings stored there."""
    fall_back: bool = False
    """Where last.pt is damaged, go on from previous.pt, the one before."""
    overwrite: bool = False
    """Clear a run that RUN holds."""
    minutes: float = math.inf
    """Stop after so many; go on with --resume."""
    device: str = "auto"
    """cpu, cuda or cuda:N (auto: CUDA where there is one)."""
    preset: str | None = None
    """Named settings, over which those below go."""
    config: Path | None = None
    """Settings from a YAML file, over which those below go."""
    debug: bool = False
    """Show the traceback of a failure."""
    settings: PretrainConfig = field(default_factory=PretrainConfig)

    def __post_init__(self) -> None:
        if not self.minutes > 0:
            raise ValueError(f"minutes must be above 0, got {self.minutes}")


def add_parser(subparsers: Any) -> None:
    """Name the subcommand; `parse` reads its options."""
    subparsers.add_parser("pretrain", help="train a network on distorted sub-volumes of scans", add_help=False)


def parse(words: Sequence[str]) -> PretrainCommand:
    """Read the options of a command line; exits as argparse does.

    Raises:
        argparse.ArgumentError: a setting breaks its rule, or two sources of settings are given.
    """
    tyro = require("tyro", "train", "to read options")
    try:
        base = _base(words)
        return tyro.cli(  # type: ignore[no-any-return]
            PretrainCommand,
            prog="genesis pretrain",
            description=_DESCRIPTION,
            args=list(words),
            default=PretrainCommand(data=tyro.MISSING, out=tyro.MISSING, settings=base),
            config=(tyro.conf.OmitArgPrefixes,),
        )
    except ValueError as error:
        raise argparse.ArgumentError(None, str(error)) from error


def run(args: PretrainCommand) -> int:
    """Train; returns 0, or 143 where SIGTERM ended it."""
    result = pretrain(
        args.settings,
        args.data,
        args.out,
        validation_data=args.validation_data,
        cache=args.cache,
        device=args.device,
        resume=args.resume,
        fall_back=args.fall_back,
        overwrite=args.overwrite,
        time_limit_s=60 * args.minutes,
        report=lambda text: print(text, flush=True),
    )
    if os.environ.get("RANK", "0") == "0":  # the first of the processes that torchrun starts
        print(summary(result))
    return _STOPPED if result.terminated else 0


def summary(result: PretrainResult) -> str:
    """The last validation, and where everything lies."""
    return "\n".join([str(result.validation), *(f"{name}: {path}" for name, path in result.files.items())])


def _base(words: Sequence[str]) -> PretrainConfig:
    """What the settings of a command line go over: a preset, a file, the run to go on with, or the defaults."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    first.add_argument("--preset", choices=PRESETS)
    first.add_argument("--config", type=Path)
    first.add_argument("--out", type=Path)
    first.add_argument("--resume", action="store_true")
    given, _ = first.parse_known_args(list(words))
    if given.preset and given.config:
        raise ValueError("--preset and --config must not both be given")
    last = given.out / "last.pt" if given.out else None
    if given.resume and last is not None and last.exists():
        if given.preset or given.config:
            raise ValueError("--preset and --config must not be given with --resume: a resumed run has its settings")
        return PretrainConfig.from_dict(_stored(last)["config"])
    if given.config:
        return read_config(given.config)
    return PretrainConfig.of(**PRESETS[given.preset or "default"])


def _stored(last: Path) -> dict[str, Any]:
    """The last checkpoint that can be read; which one trains is the run's to decide."""
    try:
        return read_checkpoint(last)
    except ValueError:
        previous = last.with_name("previous.pt")
        if not previous.exists():
            raise
        return read_checkpoint(previous)
