# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`genesis pretrain`: train a network on sub-volumes that the operators make. Options are read by tyro."""

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_origin

from genesis_ext._extras import require
from genesis_ext._renamed import warn_renamed
from genesis_ext.training.engine.processes import leave_together
from genesis_ext.training.engine.run_folder import RunFolder
from genesis_ext.training.pretraining.config import RENAMED, PretrainConfig
from genesis_ext.training.pretraining.config_file import read_settings
from genesis_ext.training.pretraining.presets import PRESETS
from genesis_ext.training.pretraining.run import PretrainResult, pretrain
from genesis_ext.transforms import TransformConfig

_GOES_ON = "the same command with --resume goes on"

_DESCRIPTION = f"""\
Train a network on sub-volumes of scans that the operators make: restore distorted ones (Models Genesis, Universal
Model), or tell what was done to them (3D Rotation, 3D Jigsaw).

examples:
  genesis pretrain --data store --out runs/first
  genesis pretrain --data scans --out runs/quick --preset quick --steps 1000
  genesis pretrain --data scans --validation-data held_out --out runs/released --preset released --lr 0.1
  genesis pretrain --data store --out runs/both --preset universal
  genesis pretrain --data store --out runs/large --boxes scales --placement disk --budget-gib 16
  genesis pretrain --data scan.nii.gz --out runs/one --resume --steps 40000
  genesis pretrain --data store --out runs/nnunet --network ResidualEncoderUNet --network-arguments '{{"n_stages": 6}}'
  torchrun --nproc-per-node 4 -m genesis_ext.cli.main pretrain --data store --out runs/four

With --resume, repeating a command continues its run. Ctrl-C and SIGTERM end a run after a step, with a checkpoint and
exit status 130 or 143.

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
    """Separate data to validate on (default: a part of the data)."""
    cache: Path | None = None
    """Folder for the stores of scans (default: $GENESIS_CACHE, or one in the home folder)."""
    resume: bool = False
    """Continue from RUN/last.pt with the settings stored there; any that are given must be the same, except lengths and
    intervals. Start if nothing was saved."""
    fall_back: bool = False
    """Continue from previous.pt if last.pt is damaged or missing."""
    overwrite: bool = False
    """Clear a run that RUN holds."""
    minutes: float = math.inf
    """Stop after so many minutes, preparation included; --resume continues."""
    device: str = "auto"
    """cpu, cuda or cuda:N (auto: CUDA where there is one)."""
    preset: str | None = None
    """Named settings, which the options below override."""
    config: Path | None = None
    """Settings from a YAML file, which the options below override."""
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
        ValueError: the run that is to go on cannot be read.
    """
    tyro = require("tyro", "train", "to read options")
    words = [_new_name(word) for word in words]
    given, _ = _sources().parse_known_args(list(words))
    stored = RunFolder(given.out).stored(given.fall_back) if given.resume and given.out else None
    try:
        base = _base(given, None if stored is None else PretrainConfig.from_dict(stored.content["config"]))
        with _words(tyro.constructors):
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


def _new_name(word: str) -> str:
    """An option by its name of today."""
    option, given, value = word.partition("=")
    name = option.removeprefix("--").replace("-", "_")
    if not option.startswith("--") or name not in RENAMED:
        return word
    new = f"--{RENAMED[name].replace('_', '-')}"
    warn_renamed(f"the option {option}", new)
    return f"{new}{given}{value}"


def run(args: PretrainCommand) -> int:
    """Train; returns 0, or what a shell says of a process that a signal ended."""
    first = os.environ.get("RANK", "0") == "0"  # of the processes that torchrun starts
    try:
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
        leave_together()
    except KeyboardInterrupt:
        if first:
            print(f"what was saved stays in {args.out}: {_GOES_ON}", file=sys.stderr)
        raise
    if first:
        print(summary(result))
        if not result.finished:
            print(f"the run is not finished: {_GOES_ON}")
    return 0 if result.stopped_by is None else 128 + result.stopped_by


def summary(result: PretrainResult) -> str:
    """The last validation, and where everything lies."""
    return "\n".join([str(result.validation), *(f"{name}: {path}" for name, path in result.files.items())])


def _words(constructors: Any) -> Any:
    """A context in which one word is an option that a config file may hold more of.

    --profile is a name, where a file may hold rates and sizes instead; a mapping is JSON.
    """
    registry = constructors.ConstructorRegistry()

    def add(takes: Callable[[Any], bool], kinds: Any, metavar: str, read: Any, write: Callable[[Any], str]) -> None:
        spec = constructors.PrimitiveConstructorSpec(
            nargs=1,
            metavar=metavar,
            instance_from_str=lambda words: read(words[0]),
            is_instance=lambda value: isinstance(value, kinds),
            str_from_instance=lambda value: [write(value)],
        )
        registry.primitive_rule(lambda info: spec if takes(info.type) else None)

    profile = str | TransformConfig
    add(lambda kind: kind == profile, profile, "STR", str, lambda v: v if isinstance(v, str) else "as-stored")
    add(lambda kind: get_origin(kind) is Mapping, Mapping, "JSON", _from_json, json.dumps)
    return registry


def _from_json(word: str) -> dict[str, Any]:
    try:
        value = json.loads(word)
    except json.JSONDecodeError as error:
        raise ValueError(f"must be JSON ({error})") from error
    if not isinstance(value, dict):
        raise ValueError("must be an object of JSON: {...}")
    return value


def _sources() -> argparse.ArgumentParser:
    """Reads the options that say what the settings go over."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--preset", choices=PRESETS)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--fall-back", "--fall_back", action="store_true")
    return parser


def _base(given: argparse.Namespace, stored: PretrainConfig | None) -> PretrainConfig:
    """What the options go over: the settings of the run to go on with, else the defaults, and on them preset or file.

    So a setting that is not given is the run's, and one that differs from it is noticed.
    """
    if given.preset and given.config:
        raise ValueError("--preset and --config must not both be given")
    settings = read_settings(given.config) if given.config else PRESETS[given.preset or "default"]
    if stored is None:
        return PretrainConfig.of(**settings)
    try:
        return stored.but(**settings)
    except ValueError as error:
        raise ValueError(f"{given.config or given.preset} is not what {given.out} was begun with: {error}") from error
