# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What the engine asks of a validation: a report that the schedule and the early stop go by, and pictures."""

from dataclasses import dataclass, field
from typing import Protocol

from torch import nn

from genesis_ext._renamed import warn_renamed
from genesis_ext.training.engine.run_folder import RunFolder
from genesis_ext.training.engine.run_log import Log

MARGIN = 0.01  # a baseline is beaten by at least 1 %, so that rounding of a constant's loss never counts
_FLAT = 0.05  # outputs that vary less than this share of the targets' variation are called constant


@dataclass(frozen=True)
class ValidationReport:
    """One validation.

    Attributes:
        metrics: "loss", and the other metrics of the objective, by name.
        baselines: losses of answers that need no learning, by name.
        output_std, target_std: of a restoration, mean over the patches of the standard deviation inside a patch.
    """

    metrics: dict[str, float]
    baselines: dict[str, float] = field(default_factory=dict)
    output_std: float = 1.0
    target_std: float = 1.0

    @property
    def figures(self) -> dict[str, float]:
        """The old name of `metrics`."""
        warn_renamed("ValidationReport.figures", "ValidationReport.metrics")
        return self.metrics

    @property
    def loss(self) -> float:
        """What schedules and the early stop go by: lower is better."""
        return self.metrics["loss"]

    @property
    def works(self) -> bool:
        """Whether training counts as working: the loss is at least 1 % below all baselines; False for NaN."""
        return self.loss < (1.0 - MARGIN) * min(self.baselines.values())

    @property
    def collapsed(self) -> bool:
        """Whether a restoration is (almost) one constant for each patch."""
        return not self.output_std >= _FLAT * self.target_std

    def __str__(self) -> str:
        beside = ", ".join(f"{name} {value:.5f}" for name, value in self.baselines.items())
        verdict = "works" if self.works else "does not beat them all" if len(self.baselines) > 1 else "does not beat it"
        further = "".join(f", {name} {value:.4f}" for name, value in self.metrics.items() if name != "loss")
        return f"validation loss {self.loss:.5f} ({beside}){further}: {verdict}"


class Evaluator(Protocol):
    """Evaluates a network on the same samples each time."""

    def __call__(self, network: nn.Module) -> ValidationReport:
        """Evaluate; all processes get the same report, and the modes of all networks stay as they are."""

    def draw(self, network: nn.Module, step: int, folder: RunFolder, log: Log) -> None:
        """Put pictures of what the network does after so many steps into the folder and the log; first process only."""
