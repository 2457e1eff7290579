# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`genesis pretrain`: train a network on sub-volumes that the operators make. Options are read by tyro."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from genesis_ext.cli import _training
from genesis_ext.cli._training import TrainingCommand
from genesis_ext.training.pretraining.config import PretrainConfig
from genesis_ext.training.pretraining.presets import PRESETS
from genesis_ext.training.pretraining.run import pretrain

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
class PretrainCommand(TrainingCommand):
    """What is typed: paths, how to begin, and the settings."""

    settings: PretrainConfig = field(default_factory=PretrainConfig)


_KIND = _training.Kind("pretrain", _DESCRIPTION, PretrainCommand, PretrainConfig, PRESETS)


def add_parser(subparsers: Any) -> None:
    """Name the subcommand; `parse` reads its options."""
    subparsers.add_parser("pretrain", help="train a network on distorted sub-volumes of scans", add_help=False)


def parse(words: Sequence[str]) -> PretrainCommand:
    """Read the options of a command line; raises what ``_training.parse`` does."""
    command: PretrainCommand = _training.parse(_KIND, words)
    return command


def run(args: PretrainCommand) -> int:
    """Train; returns 0, or what a shell says of a process that a signal ended."""
    return _training.run(args, lambda: pretrain(args.settings, args.data, args.out, **args.start))
