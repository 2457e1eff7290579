# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Signs that training goes wrong, with advice."""

import math
import statistics
from collections import deque
from collections.abc import Mapping

from genesis_ext.training.engine.options import Options
from genesis_ext.training.engine.validation import ValidationReport

_EXPLODED = 1000.0  # times the median of the norms before
_REMEMBERED = 50  # norms
_ENOUGH = 10  # norms that make a median


class TrainingDivergedError(RuntimeError):
    """The loss is not finite, or the gradients explode; the checkpoints on disk are older."""


class Health:
    """Watches one run."""

    def __init__(self, options: Options) -> None:
        self._lr = options.optim.lr
        self._clip = options.optim.clip
        self._goes_on = options.run.on_trouble == "go-on"
        self._scaled = options.run.precision == "fp16"
        self._norms: deque[float] = deque(maxlen=_REMEMBERED)

    def check_training(self, step: int, metrics: Mapping[str, float]) -> str | None:
        """Look at the means of the last steps; returns a warning where the run goes on all the same.

        Raises:
            TrainingDivergedError: a metric is not finite, or the norm of the gradients is a thousand times the usual.
        """
        advice = f"lower --lr (now {self._lr:g})"
        if not math.isfinite(metrics["loss"]):
            raise TrainingDivergedError(f"the loss is {metrics['loss']} at step {step}: {advice}")
        norm = metrics["gradient_norm"]
        if self._scaled and not math.isfinite(norm):  # the loss scale was too high: the step was skipped
            return None
        usual = statistics.median(self._norms) if len(self._norms) >= _ENOUGH else math.inf
        trouble = None
        if not math.isfinite(norm) or norm > _EXPLODED * usual:
            more = advice if self._clip else f"{advice}, or give --clip a value above the usual norm"
            trouble = f"the gradients explode: norm {norm:.3g} at step {step}, usually {usual:.3g}: {more}"
            if not self._goes_on:
                raise TrainingDivergedError(trouble)
        else:
            self._norms.append(norm)
        return trouble

    def remarks_on(self, report: ValidationReport) -> list[str]:
        """Warnings about a validation."""
        if not report.collapsed:
            return []
        return [
            f"warning: the outputs are nearly constant (standard deviation {report.output_std:.4f}, targets "
            f"{report.target_std:.4f}): if this stays, training has collapsed; lower --lr (now {self._lr:g})"
        ]
