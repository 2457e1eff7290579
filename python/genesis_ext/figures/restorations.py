# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a run: restorations of validation patches, and the loss curve. Needs matplotlib (extra ``train``).

Slices are perpendicular to z, through the middle of a patch, with the patient's right on the left and the front up;
grey goes from 0 (black) to 1 (white).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genesis_ext import ops
from genesis_ext._extras import require
from genesis_ext._files import write_aside
from genesis_ext.transforms import COMBINATIONS, Combination, GenesisTransform, resolve

Image = NDArray[np.uint8]
"""(H, W, 3)."""

_DPI = 120
_MAX_COLUMNS = 8
_TILE_PIXELS = 128  # side of a slice, about
_GRID_TILE_PIXELS = 96
_GAP = 4  # pixels between slices
_GROUP_GAP = 16  # between groups of columns
_FRAME = 150  # grey level of the line around a slice
_BRIGHTEST_DIFFERENCE = 0.5
_TRIED_IDS = 16


class RestorationGrid:
    """Fixed patches under the twelve combinations of transformations, and what a network makes of them.

    A row for each combination; for each patch the columns input, restoration, target and |difference|. All rows of a
    patch share its curve, windows and boxes, and nothing is flipped.

    Args:
        targets: (N, 1, X, Y, Z) or (N, 1, X, Y), whole patches; some are taken, rich in contrast and unlike each
            other.
        transform: whose sizes, seed and value range are used. Its rates are not: every combination is forced.
        count: how many patches to take.

    Attributes:
        inputs: (count, 12, 1, X, Y, Z).
        targets: (count, 1, X, Y, Z).
    """

    def __init__(self, targets: Tensor, transform: GenesisTransform, count: int = 2) -> None:
        self.targets = targets[_telling_patches(targets, count)]
        inputs = []
        for patch in self.targets.split(1):
            sample_id = _telling_id(patch, transform)
            rows = [_forced(patch, transform, sample_id, combination) for combination in COMBINATIONS]
            inputs.append(torch.cat(rows))
        self.inputs = torch.stack(inputs)

    def draw(self, restore: Callable[[Tensor], Tensor], step: int) -> Image:
        """A picture of the grid; a number on a difference is its mean over the whole patch.

        restore: the network in evaluation mode, (12, 1, X, Y, Z) to the same shape.
        step: after how many training steps, for the title.
        """
        columns, numbers = [], []
        for x, y in zip(self.inputs, self.targets, strict=True):
            restored = restore(x)
            difference = (restored.float() - y.float()).abs()
            target = y.expand_as(x)
            columns += [_grey(x), _grey(restored), _grey(target), _heat(difference)]
            means = difference.flatten(1).mean(dim=1).tolist()
            numbers += [[""] * len(means)] * 3 + [[f"{mean:.3f}" for mean in means]]
        names = ["input", "restoration", "target", "|difference|"]
        return _mosaic(
            np.stack(columns, axis=1),
            f"validation patches under the twelve combinations of transformations, after {step:,} steps",
            [combination.name for combination in COMBINATIONS],
            names * len(self.targets),
            np.array(numbers).T,
            _GRID_TILE_PIXELS,
            group=len(names),
        )


def save_restorations(path: Path, x: Tensor, restored: Tensor, target: Tensor, step: int) -> None:
    """PNG with a column for each of the first patches, and rows input, restoration, target.

    x, restored, target: (N, 1, X, Y, Z).
    """
    rows = {"input": x, "restoration": restored, "target": target}
    tiles = np.stack([_grey(batch[:_MAX_COLUMNS]) for batch in rows.values()])
    title = f"validation patches as they are drawn, after {step:,} steps"
    save_picture(path, _mosaic(tiles, title, list(rows), [], np.empty((0, 0), dtype=str), _TILE_PIXELS))


def save_picture(path: Path, image: Image) -> None:
    """Write a PNG aside and rename it."""
    matplotlib_image = require("matplotlib.image", "train", "to draw pictures")
    write_aside(path, lambda stream: matplotlib_image.imsave(stream, image, format="png"))


def save_loss_curve(path: Path, entries: Iterable[dict[str, Any]]) -> None:
    """PNG of training and validation loss over the steps, with the baselines as level lines.

    entries: as ``RunLog`` writes them; without a validation nothing is drawn.
    """
    history = list(entries)
    training = [entry for entry in history if entry["kind"] == "training"]
    validation = [entry for entry in history if entry["kind"] == "validation"]
    if not validation:
        return
    figure = _figure(840, 500)
    axes = figure.subplots()
    axes.plot([e["step"] for e in training], [e["loss"] for e in training], color="0.6", lw=1, label="training")
    steps, losses = [e["step"] for e in validation], [e["loss"] for e in validation]
    axes.plot(steps, losses, color="tab:blue", marker="o", ms=3, label="validation")
    for name, colour in (("identity", "tab:red"), ("constant", "tab:orange"), ("blur", "tab:green")):
        if name in validation[-1]:
            axes.axhline(validation[-1][name], color=colour, ls="--", lw=1, label=name)
    axes.set(xlabel="step", ylabel="loss", yscale="log")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    write_aside(path, lambda stream: figure.savefig(stream, dpi=_DPI, bbox_inches="tight"))


def _forced(patch: Tensor, transform: GenesisTransform, sample_id: Tensor, combination: Combination) -> Tensor:
    """The input of a patch (1, 1, X, Y, Z) for each id (N,), under a combination and without flips: (N, 1, X, Y, Z)."""
    config = replace(transform.config, **{"flip_rate": 0.0, **combination.rates})  # type: ignore[arg-type]
    plan = ops.draw_plan(sample_id, transform.seed, resolve(config, patch.shape[2:], patch.shape[1]))
    return transform.replay(patch.expand(len(sample_id), *patch.shape[1:]), plan)[0]


def _telling_patches(targets: Tensor, count: int) -> list[int]:
    """Where the shown slices have much contrast and differ from those already chosen."""
    slices = _middle(targets).flatten(1)
    contrast = slices.std(dim=1)
    distance = torch.ones_like(contrast)
    chosen: list[int] = []
    for _ in range(min(count, len(targets))):
        chosen.append(int((contrast * distance).argmax()))
        to_last = (slices - slices[chosen[-1]]).abs().mean(dim=1)
        distance = to_last if len(chosen) == 1 else torch.minimum(distance, to_last)
    return chosen


def _telling_id(patch: Tensor, transform: GenesisTransform) -> Tensor:
    """The sample id (1,) whose boxes and curve show well in the shown slice of a patch."""
    ids = torch.arange(_TRIED_IDS, device=patch.device)
    whole = _middle(patch)
    kinds = {c.name: c for c in COMBINATIONS}
    curve, inside, outside = (_middle(_forced(patch, transform, ids, kinds[name])) for name in ("NL", "IN", "OUT"))
    contrast = (curve - whole).abs().mean(dim=(1, 2)) * curve.std(dim=(1, 2))  # a curve may flatten everything
    boxes = (inside != whole).float().mean(dim=(1, 2)) * (outside == whole).float().mean(dim=(1, 2))
    return ids[(contrast * boxes).argmax()].view(1)


def _middle(batch: Tensor) -> Tensor:
    """(N, 1, X, Y, Z) to the slices in the middle, (N, X, Y) float32; of (N, 1, X, Y) all there is."""
    slices = batch[:, 0, :, :, batch.shape[4] // 2] if batch.ndim == 5 else batch[:, 0]
    return slices.detach().float()


def _shown(batch: Tensor) -> NDArray[np.float32]:
    """Slices as they are looked at: (N, rows, columns), y up and x to the left."""
    slices: NDArray[np.float32] = _middle(batch).transpose(1, 2).flip(1, 2).cpu().numpy()
    return slices


def _grey(batch: Tensor) -> Image:
    """(N, 1, X, Y, Z) in [0, 1] to (N, rows, columns, 3)."""
    levels = np.rint(255 * np.clip(np.nan_to_num(_shown(batch)), 0, 1)).astype(np.uint8)
    return np.repeat(levels[..., None], 3, axis=-1)


def _heat(batch: Tensor) -> Image:
    """Differences from 0 (black) to .5 (bright), as ``_grey``."""
    heat = require("matplotlib", "train", "to draw pictures").colormaps["inferno"]
    colours: Image = heat(np.nan_to_num(_shown(batch)) / _BRIGHTEST_DIFFERENCE, bytes=True)[..., :3]
    return colours


def _mosaic(
    tiles: Image,
    title: str,
    rows: Sequence[str],
    columns: Sequence[str],
    numbers: NDArray[np.str_],
    tile_pixels: int,
    group: int = _MAX_COLUMNS,
) -> Image:
    """Tiles (R, C, rows, columns, 3) on a page, with names of rows and columns, and numbers (R, C) on the tiles.

    group: so many columns belong together.
    """
    factor = max(1, round(tile_pixels / max(tiles.shape[2:4])))
    tiles = tiles.repeat(factor, axis=2).repeat(factor, axis=3)
    high, wide = tiles.shape[2:4]
    letters = 9 * max(map(len, rows), default=0)
    left, top = 16 + letters, 34 + (18 if columns else 0)
    across = [left + j * (wide + _GAP) + j // group * (_GROUP_GAP - _GAP) for j in range(tiles.shape[1])]
    down = [top + i * (high + _GAP) for i in range(tiles.shape[0])]
    page = np.full((down[-1] + high + 8, max(across[-1] + wide + 8, 7 * len(title)), 3), 255, dtype=np.uint8)
    for i, y in enumerate(down):
        for j, x in enumerate(across):
            page[y - 1 : y + high + 1, x - 1 : x + wide + 1] = _FRAME
            page[y : y + high, x : x + wide] = tiles[i, j]

    figure = _figure(page.shape[1], page.shape[0])
    figure.figimage(page)

    def write(x: float, y: float, text: str, **style: Any) -> None:
        place = x / page.shape[1], 1 - y / page.shape[0]
        figure.text(*place, text, parse_math=False, fontsize=7.5, **style)

    write(left, 18, title, fontweight="bold")
    for x, name in zip(across, columns, strict=False):
        write(x, top - 6, name)
    for y, name in zip(down, rows, strict=True):
        write(left - 8, y + high / 2, name, ha="right", va="center")
    for (i, j), number in np.ndenumerate(numbers):
        if number:
            box = {"facecolor": "black", "alpha": 0.6, "edgecolor": "none", "pad": 1.5}
            write(across[j] + 4, down[i] + high - 5, number, color="white", bbox=box)
    canvas = require("matplotlib.backends.backend_agg", "train", "to draw pictures").FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3].copy()


def _figure(wide: int, high: int) -> Any:
    """A figure of so many pixels of its own, without pyplot and its global state."""
    figure = require("matplotlib.figure", "train", "to draw pictures")
    return figure.Figure(figsize=(wide / _DPI, high / _DPI), dpi=_DPI, facecolor="white")
