# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The options that every kind of run has: how weights change, how long a run is, and how often it reports.

The name of a field is that of its option on the command line, and its docstring the help.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from genesis_ext._settings import check_kinds

Optimizer = Literal["adamw", "adam", "sgd"]
Schedule = Literal["plateau", "step", "cosine", "polynomial", "constant"]
Precision = Literal["fp32", "tf32", "bf16", "fp16"]
OnTrouble = Literal["stop", "rollback", "go-on"]


@dataclass(frozen=True)
class OptimizerConfig:
    """How weights change."""

    batch_size: int = 6
    """Samples a step, over all processes."""
    accumulate: int = 1
    """Split the samples of a step, in each process, into so many parts: the same step with less memory."""
    optimizer: Optimizer = "adamw"
    """AdamW, Adam, or SGD with `momentum` as released."""
    lr: float = 1e-3
    """Learning rate at the start, of the network."""
    momentum: float = 0.9
    """Momentum of SGD, in [0, 1)."""
    weight_decay: float = 0.0
    """Weight decay of the optimiser."""
    warmup: int = 0
    """Steps over which the learning rates rise to their value."""
    schedule: Schedule = "plateau"
    """plateau: half the learning rate after `patience` validations without progress; step: after every 40; cosine and
    polynomial (power .9): down to 0 at the last step; or constant."""
    patience: int = 10
    """Validations of `plateau`."""
    clip: float = 0.0
    """Largest norm of the gradients of each network; 0: any."""
    ema: float = 0.0
    """Decay a step of a moving average of the weights, which then validates and is kept as best, in [0, 1); 0: none."""

    def __post_init__(self) -> None:
        check_kinds(self)
        for name in ("batch_size", "accumulate", "patience"):
            check(self, name, getattr(self, name) >= 1, "be at least 1")
        for name in ("weight_decay", "warmup", "clip"):
            check(self, name, getattr(self, name) >= 0, "not be negative")
        check(self, "lr", self.lr > 0, "be positive")
        for name in ("momentum", "ema"):
            check(self, name, 0 <= getattr(self, name) < 1, "be in [0, 1)")


@dataclass(frozen=True)
class RunConfig:
    """How long a run is, how it computes, and how often it reports."""

    steps: int = 20_000
    """Training steps at most."""
    seed: int = 0
    """Decides weights, boxes and transformations; in [0, 2^63)."""
    precision: Precision = "fp32"
    """fp32; tf32: fp32 with faster products (CUDA); bf16, fp16: mixed."""
    compile: bool = False
    """Compile the networks by torch.compile."""
    cuda_graph: bool = False
    """Capture whole steps, batches included, in one CUDA graph: one launch a step. For one process whose volumes all
    lie on the device."""
    deterministic: bool = False
    """Use deterministic algorithms only, and fail where there is none."""
    validate_every: int = 250
    """Steps between validations."""
    validation_patches: int = 48
    """Fixed patches that validate; rounded up to whole batches."""
    early_stop: int = 50
    """Stop after so many validations without a better loss."""
    checkpoint_every: int = 250
    """Steps between writes of last.pt."""
    keep_every: int = 0
    """Steps between checkpoints that are kept for good; 0: only last.pt, previous.pt and best.pt."""
    log_every: int = 10
    """Steps between log entries; each waits for the device."""
    on_trouble: OnTrouble = "stop"
    """What to do when a loss is not finite or gradients explode: stop; roll back to last.pt and halve the learning
    rates (three times at most); or go on where that is possible. It is always reported."""

    def __post_init__(self) -> None:
        check_kinds(self)
        for name in ("steps", "validate_every", "validation_patches", "early_stop", "checkpoint_every", "log_every"):
            check(self, name, getattr(self, name) >= 1, "be at least 1")
        check(self, "keep_every", self.keep_every >= 0, "not be negative")
        check(self, "seed", 0 <= self.seed < 2**63, "be in [0, 2^63)")


LENGTH_DECIDES = ("cosine", "polynomial")
"""Schedules whose rates depend on the number of steps: it must not change once a run has begun."""


class Options(Protocol):
    """What the engine reads of a configuration; that of every kind of run has these two groups."""

    @property
    def optim(self) -> OptimizerConfig:
        """How weights change."""

    @property
    def run(self) -> RunConfig:
        """How long, and how often."""


MAY_CHANGE = frozenset({"steps", "early_stop", "checkpoint_every", "keep_every", "log_every", "on_trouble"})
"""Fields that a resumed run may change: how long it runs and how often it writes, not what it computes."""


def check(config: object, name: str, holds: bool, rule: str) -> None:
    """Raise a ValueError with field, rule and value unless the rule holds."""
    if not holds:
        raise ValueError(f"{name} must {rule}, got {getattr(config, name)}")


def check_batch(options: OptimizerConfig, processes: int) -> None:
    """Raise a ValueError unless the batch can be dealt to so many processes, and cut into their parts."""
    size, parts = options.batch_size, options.accumulate
    if size % processes:
        raise ValueError(f"batch_size must be a multiple of the processes, got {size} for {processes}")
    if size // processes < parts:
        raise ValueError(
            f"accumulate must be at most the samples of a process, got {parts} parts of {size // processes} samples"
        )
