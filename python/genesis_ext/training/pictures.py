# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a run: restorations of validation patches, and the loss curve. Needs matplotlib (extra ``train``)."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import Tensor

from genesis_ext._extras import require

_MAX_COLUMNS = 8
_INCH_PER_PATCH = 1.5


def save_restorations(path: Path, x: Tensor, restored: Tensor, target: Tensor, step: int) -> None:
    """PNG with a column for each of the first patches, and rows input, restoration, target: the middle slice along z.

    x, restored, target: (N, 1, X, Y, Z), shown from 0 (black) to 1 (white).
    """
    rows = {"input": x, "restoration": restored, "target": target}
    columns = min(len(x), _MAX_COLUMNS)
    wide, high = x.shape[2], x.shape[3]
    figure = _figure((_INCH_PER_PATCH * columns + 0.4, 3 * _INCH_PER_PATCH * high / wide + 0.4))
    axes = figure.subplots(3, columns, squeeze=False, gridspec_kw={"wspace": 0.04, "hspace": 0.04})
    for row, (name, batch) in zip(axes, rows.items(), strict=True):
        slices = batch[:columns, 0, :, :, batch.shape[4] // 2].detach().float().cpu().numpy()  # (columns, X, Y)
        for axis, image in zip(row, slices, strict=True):
            axis.imshow(image.T, cmap="gray", vmin=0.0, vmax=1.0, origin="lower", interpolation="nearest")
            axis.set(xticks=[], yticks=[])
        row[0].set_ylabel(name)
    axes[0, 0].set_title(f"validation patches after {step:,} steps", loc="left", fontsize="medium")
    _save(figure, path)


def save_loss_curve(path: Path, entries: Iterable[dict[str, Any]]) -> None:
    """PNG of training and validation loss over the steps, with the three baselines as level lines.

    entries: as ``RunLog`` writes them; without a validation nothing is drawn.
    """
    history = list(entries)
    training = [entry for entry in history if entry["kind"] == "training"]
    validation = [entry for entry in history if entry["kind"] == "validation"]
    if not validation:
        return
    figure = _figure((7.0, 4.2))
    axes = figure.subplots()
    axes.plot([e["step"] for e in training], [e["loss"] for e in training], color="0.6", lw=1, label="training")
    steps, losses = [e["step"] for e in validation], [e["loss"] for e in validation]
    axes.plot(steps, losses, color="tab:blue", marker="o", ms=3, label="validation")
    for name, colour in (("identity", "tab:red"), ("constant", "tab:orange"), ("blur", "tab:green")):
        axes.axhline(validation[-1][name], color=colour, ls="--", lw=1, label=name)
    axes.set(xlabel="step", ylabel="loss", yscale="log")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    _save(figure, path)


def _figure(size_inches: tuple[float, float]) -> Any:
    """A figure of its own, without pyplot and its global state."""
    return require("matplotlib.figure", "train", "to draw pictures").Figure(figsize=size_inches)


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, bbox_inches="tight")
