# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`genesis pretrain`: train a network on sub-volumes that the operators make. Options are read by tyro."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from genesis_ext.cli import _training
from genesis_ext.cli._progress import duration
from genesis_ext.cli._training import TrainingCommand
from genesis_ext.training.pretraining.config import PretrainConfig
from genesis_ext.training.pretraining.presets import PRESETS
from genesis_ext.training.pretraining.run import pretrain
from genesis_ext.training.pretraining.sizes import SUSTAINED_FLOPS, size_of

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
(genesis pretrain --list-presets tells how long they are)
"""


@dataclass(frozen=True)
class PretrainCommand(TrainingCommand):
    """What is typed: paths, how to begin, and the settings."""

    settings: PretrainConfig = field(default_factory=PretrainConfig)


_TIMES = (
    f"expected: at most, for the network alone, where {SUSTAINED_FLOPS / 1e12:.0f} TFLOP/s are sustained; a run stops "
    "early where validation\nno longer improves, and tells its own rate and the time left every ten seconds"
)

_KIND = _training.Kind("pretrain", _DESCRIPTION, PretrainCommand, PretrainConfig, PRESETS)


def add_parser(subparsers: Any) -> None:
    """Name the subcommand; `parse` reads its options."""
    subparsers.add_parser("pretrain", help="train a network on distorted sub-volumes of scans", add_help=False)


def parse(words: Sequence[str]) -> PretrainCommand:
    """Read the options of a command line; raises what ``_training.parse`` does."""
    if "--list-presets" in words:
        print(presets_text())
        raise SystemExit(0)
    command: PretrainCommand = _training.parse(_KIND, words)
    return command


def presets_text() -> str:
    """Steps, samples and expected time of every preset, as a table."""
    rows = [("preset", "steps", "batch", "samples", "expected")]
    for name, values in PRESETS.items():
        config = PretrainConfig.of(**values)
        try:
            size = size_of(config)
        except ImportError as error:
            rows.append((name, f"{config.run.steps:,}", str(config.optim.batch_size), "", str(error)))
            continue
        batch = str(config.optim.batch_size)
        rows.append((name, f"{size.steps:,}", batch, f"{size.samples:,}", duration(size.seconds)))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        f"{row[0]:<{widths[0]}}  " + "  ".join(f"{row[i]:>{widths[i]}}" for i in (1, 2, 3)) + f"  {row[4]}"
        for row in rows
    ]
    return "\n".join([*lines, "", _TIMES])


def run(args: PretrainCommand) -> int:
    """Train; returns 0, or what a shell says of a process that a signal ended."""
    return _training.run(args, lambda: pretrain(args.settings, args.data, args.out, **args.start))
