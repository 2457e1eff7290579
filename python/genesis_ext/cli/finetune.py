# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`genesis finetune`: train a network on labels or classes. Options are read by tyro."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from genesis_ext.cli import _training
from genesis_ext.cli._training import TrainingCommand
from genesis_ext.training.finetuning.config import FinetuneConfig
from genesis_ext.training.finetuning.presets import PRESETS
from genesis_ext.training.finetuning.run import finetune

_DESCRIPTION = f"""\
Train a network on labels (segmentation) or classes (classification), from fresh weights or from a checkpoint of
pre-training.

examples:
  genesis finetune --data store --out runs/liver --from runs/pretrained
  genesis finetune --data store --out runs/scratch --from scratch --classes liver=1,2 --no-exclusive
  genesis finetune --task classification --data nodules.csv --out runs/nodules --from Genesis_Chest_CT.pt
  genesis finetune --data store --out runs/few --from runs/pretrained/best.pt --train-patients 10 --fold 2
  genesis finetune --data store --out runs/bms --preset bms --from runs/pretrained --train staged
  torchrun --nproc-per-node 4 -m genesis_ext.cli.main finetune --data store --out runs/four

The same command line starts a run, and goes on with it when it is repeated with --resume. Ctrl-C and SIGTERM end a run
after a step, with a checkpoint; the exit status is 130 or 143 then.

A store is what `genesis prepare` makes. Scans are prepared into a store of the cache, at their own spacing.
RUN gets report.html, last.pt and best.pt (weights under "state_dict"), log.jsonl, loss_curve.png, pictures/ and
tensorboard/.
Patients never train and validate both. What validates are fixed patches, a share of which holds a labelled voxel: good
for the schedule and the choice of the best weights, no measure of whole scans.

presets: {", ".join(PRESETS)}
"""


@dataclass(frozen=True)
class FinetuneCommand(TrainingCommand):
    """What is typed: paths, how to begin, and the settings."""

    source: str | None = None
    """scratch, the folder of a run, or a file of weights (default: that of the run to go on with, else scratch)."""
    settings: FinetuneConfig = field(default_factory=FinetuneConfig)


_KIND = _training.Kind("finetune", _DESCRIPTION, FinetuneCommand, FinetuneConfig, PRESETS, {"source": "from"})


def add_parser(subparsers: Any) -> None:
    """Name the subcommand; `parse` reads its options."""
    subparsers.add_parser("finetune", help="train a network on labels or classes", add_help=False)


def parse(words: Sequence[str]) -> FinetuneCommand:
    """Read the options of a command line; raises what ``_training.parse`` does."""
    command: FinetuneCommand = _training.parse(_KIND, words)
    return command


def run(args: FinetuneCommand) -> int:
    """Train; returns 0, or what a shell says of a process that a signal ended."""
    return _training.run(args, lambda: finetune(args.settings, args.data, args.out, args.source, **args.start))
