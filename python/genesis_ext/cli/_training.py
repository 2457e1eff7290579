# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What the commands that train have in common: options read by tyro, presets and files, and how a run ends."""

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass, make_dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from genesis_ext._extras import require
from genesis_ext._renamed import warn_renamed
from genesis_ext.training.engine.processes import leave_together
from genesis_ext.training.engine.run import RunResult
from genesis_ext.training.engine.run_folder import RunFolder
from genesis_ext.training.engine.settings import Settings

_GOES_ON = "the same command with --resume goes on"


@dataclass(frozen=True)
class TrainingCommand:
    """What is typed: paths, and how to begin. A subclass adds `settings`."""

    data: Path
    """Store, scan, or folder of scans."""
    out: Path
    """Folder of the run."""
    validation_data: Path | None = None
    """The same as data, to validate; else a part of the data does."""
    cache: Path | None = None
    """For the stores of scans (default: $GENESIS_CACHE, or one at home)."""
    resume: bool = False
    """Go on from RUN/last.pt with the settings stored there. Those that are given must be the same, except lengths and
    intervals. Where nothing was saved, start."""
    fall_back: bool = False
    """Where last.pt is damaged or missing, go on from previous.pt, the one before."""
    overwrite: bool = False
    """Clear a run that RUN holds."""
    minutes: float = math.inf
    """Stop after so many since the start, preparing included; go on with --resume."""
    device: str = "auto"
    """cpu, cuda or cuda:N (auto: CUDA where there is one)."""
    preset: str | None = None
    """Named settings, over which those below go."""
    config: Path | None = None
    """Settings from a YAML file, over which those below go."""
    debug: bool = False
    """Show the traceback of a failure."""

    def __post_init__(self) -> None:
        if not self.minutes > 0:
            raise ValueError(f"minutes must be above 0, got {self.minutes}")

    @property
    def start(self) -> dict[str, Any]:
        """What functions that train take beside settings and data."""
        return {
            "validation_data": self.validation_data,
            "cache": self.cache,
            "device": self.device,
            "resume": self.resume,
            "fall_back": self.fall_back,
            "overwrite": self.overwrite,
            "time_limit_s": 60 * self.minutes,
            "report": lambda text: print(text, flush=True),
        }


class Kind(NamedTuple):
    """A command that trains.

    command: its options.   settings: of its runs, the field of that name.   presets: named settings.
    keywords: fields that are called otherwise on the command line, by a word that Python keeps to itself.
    """

    name: str
    description: str
    command: type[TrainingCommand]
    settings: type[Settings]
    presets: Mapping[str, Mapping[str, Any]]
    keywords: Mapping[str, str] = MappingProxyType({})

    def typed(self, tyro: Any) -> Any:
        """The class of the options, with their names on the command line."""
        hints = get_type_hints(self.command)
        renamed = [
            (name, Annotated[hints[name], tyro.conf.arg(name=word)], None) for name, word in self.keywords.items()
        ]
        return make_dataclass(self.command.__name__, renamed, bases=(self.command,), frozen=True)


def parse(kind: Kind, words: Sequence[str]) -> Any:
    """Read the options of a command line; exits as argparse does.

    Raises:
        argparse.ArgumentError: a setting breaks its rule, or two sources of settings are given.
        ValueError: the run that is to go on cannot be read.
    """
    tyro = require("tyro", "train", "to read options")
    words = [_new_name(word, kind.settings.renamed) for word in words]
    given, _ = _sources(kind).parse_known_args(list(words))
    stored = RunFolder(given.out).stored(given.fall_back) if given.resume and given.out else None
    try:
        base = _base(kind, given, None if stored is None else kind.settings.from_dict(stored.content["config"]))
        with _words(tyro.constructors):
            command = kind.typed(tyro)
            return tyro.cli(
                command,
                prog=f"genesis {kind.name}",
                description=kind.description,
                args=list(words),
                default=command(data=tyro.MISSING, out=tyro.MISSING, settings=base),
                config=(tyro.conf.OmitArgPrefixes,),
            )
    except ValueError as error:
        raise argparse.ArgumentError(None, str(error)) from error


def run(args: TrainingCommand, train: Callable[[], RunResult]) -> int:
    """Train; returns 0, or what a shell says of a process that a signal ended."""
    first = os.environ.get("RANK", "0") == "0"  # of the processes that torchrun starts
    try:
        result = train()
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


def summary(result: RunResult) -> str:
    """The last validation, and where everything lies."""
    return "\n".join([str(result.validation), *(f"{name}: {path}" for name, path in result.files.items())])


def _new_name(word: str, renamed: Mapping[str, str]) -> str:
    """An option by its name of today."""
    option, given, value = word.partition("=")
    name = option.removeprefix("--").replace("-", "_")
    if not option.startswith("--") or name not in renamed:
        return word
    new = f"--{renamed[name].replace('_', '-')}"
    warn_renamed(f"the option {option}", new)
    return f"{new}{given}{value}"


def _words(constructors: Any) -> Any:
    """A context in which one word is an option that a config file may hold more of.

    --profile is a name, where a file may hold rates and sizes instead; a mapping is JSON.
    """
    registry = constructors.ConstructorRegistry()

    def profile(info: Any) -> Any:
        kinds = [kind for kind in get_args(info.type) if is_dataclass(kind)]
        if not kinds or get_args(info.type)[0] is not str:
            return None
        return constructors.PrimitiveConstructorSpec(
            nargs=1,
            metavar="STR",
            instance_from_str=lambda words: words[0],
            is_instance=lambda value: isinstance(value, str) or is_dataclass(value),
            str_from_instance=lambda value: [value if isinstance(value, str) else "as-stored"],
        )

    def mapping(info: Any) -> Any:
        if get_origin(info.type) is not Mapping:
            return None
        return constructors.PrimitiveConstructorSpec(
            nargs=1,
            metavar="JSON",
            instance_from_str=lambda words: _from_json(words[0]),
            is_instance=lambda value: isinstance(value, Mapping),
            str_from_instance=lambda value: [json.dumps(value)],
        )

    registry.primitive_rule(profile)
    registry.primitive_rule(mapping)
    return registry


def _from_json(word: str) -> dict[str, Any]:
    try:
        value = json.loads(word)
    except json.JSONDecodeError as error:
        raise ValueError(f"must be JSON ({error})") from error
    if not isinstance(value, dict):
        raise ValueError("must be an object of JSON: {...}")
    return value


def _sources(kind: Kind) -> argparse.ArgumentParser:
    """Reads the options that say what the settings go over."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--preset", choices=kind.presets)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--fall-back", "--fall_back", action="store_true")
    return parser


def _base(kind: Kind, given: argparse.Namespace, stored: Settings | None) -> Settings:
    """What the options go over: the settings of the run to go on with, else the defaults, and on them preset or file.

    So a setting that is given nowhere is the run's, and one that is given is seen to differ from it.
    """
    if given.preset and given.config:
        raise ValueError("--preset and --config must not both be given")
    settings = kind.settings.named_in(given.config) if given.config else kind.presets[given.preset or "default"]
    if stored is None:
        return kind.settings.of(**settings)
    try:
        return stored.but(**settings)
    except ValueError as error:
        raise ValueError(f"{given.config or given.preset} is not what {given.out} was begun with: {error}") from error
