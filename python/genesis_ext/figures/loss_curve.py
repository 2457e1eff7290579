# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The loss over a run."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from genesis_ext.figures.chart import Chart


def save_loss_curve(path: Path, entries: Iterable[dict[str, Any]]) -> None:
    """Write a PNG of the training and validation loss over the steps, with the baselines as level lines.

    entries: of a run's log; nothing is written if none is of a validation.
    """
    history = list(entries)
    training = [entry for entry in history if entry["kind"] == "training"]
    validation = [entry for entry in history if entry["kind"] == "validation"]
    if not validation:
        return
    chart = Chart("step", "loss")
    axes = chart.axes
    axes.plot([e["step"] for e in training], [e["loss"] for e in training], color="0.6", lw=1, label="training")
    steps, losses = [e["step"] for e in validation], [e["loss"] for e in validation]
    axes.plot(steps, losses, color="tab:blue", marker="o", ms=3, label="validation")
    for name, colour in (("identity", "tab:red"), ("constant", "tab:orange"), ("blur", "tab:green")):
        if name in validation[-1]:
            axes.axhline(validation[-1][name], color=colour, ls="--", lw=1, label=name)
    axes.set_yscale("log")
    chart.save_with_legend(path)
