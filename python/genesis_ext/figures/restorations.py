# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Validation patches as a network restores them.

A patch is shown by its middle slice perpendicular to z, the patient's right on the left and the front up; 0 is black, 1
white.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from genesis_ext.figures.page import Image, Page, drawing, tiled
from genesis_ext.transforms import COMBINATIONS, GenesisTransform

_MOST_COLUMNS = 8
_GRID_TILE_PIXELS = 96  # longer side of a slice in a grid, about
_SCAN_TILE_PIXELS = 224
_BRIGHTEST_DIFFERENCE = 0.5
_TRIED_IDS = 16


class RestorationGrid:
    """Fixed patches under the twelve combinations of transformations, and how a network restores them.

    Each row is a combination; each patch has the columns input, restoration, target and |difference|. All rows of a
    patch share its curve, windows and boxes, and nothing is flipped.

    Args:
        targets: undistorted patches, (N, 1, X, Y, Z) or (N, 1, X, Y), in [0, 1].
        transform: gives sizes, seed and value range. Its rates are ignored, since every combination is forced.
        count: patches shown; those with high contrast that differ from each other are chosen.

    Attributes:
        inputs: (count, 12, 1, X, Y, Z).
        targets: (count, 1, X, Y, Z).
    """

    def __init__(self, targets: Tensor, transform: GenesisTransform, count: int = 2) -> None:
        self.targets = targets[_telling_patches(targets, count)]
        inputs = []
        for patch in self.targets.split(1):
            sample_id = _telling_id(patch, transform)
            rows = [combination.distort(transform, patch, sample_id) for combination in COMBINATIONS]
            inputs.append(torch.cat(rows))
        self.inputs = torch.stack(inputs)

    def draw(self, restore: Callable[[Tensor], Tensor], step: int) -> Image:
        """A picture of the grid; the number on a difference is its mean over the patch.

        restore: the network in evaluation mode; keeps the shape of its input, (12, 1, X, Y, Z).
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
        page = tiled(
            np.stack(columns, axis=1),
            f"validation patches under the twelve combinations of transformations, after {step:,} steps",
            [combination.name for combination in COMBINATIONS],
            names * len(self.targets),
            list(zip(*numbers, strict=True)),
            _GRID_TILE_PIXELS,
            group=len(names),
        )
        return page.pixels()


def save_restorations(path: Path, x: Tensor, restored: Tensor, target: Tensor, step: int) -> None:
    """Write a PNG: a column for each of the first eight patches, with input, restoration and target below each other.

    x, restored, target: (N, 1, X, Y, Z) or (N, 1, X, Y), in [0, 1].
    step: after how many training steps, for the title.
    """
    rows = {"input": x, "restoration": restored, "target": target}
    tiles = np.stack([_grey(batch[:_MOST_COLUMNS]) for batch in rows.values()])
    tiled(tiles, f"validation patches as they are drawn, after {step:,} steps", list(rows)).save(path)


def draw_scan(
    slices: Mapping[str, Tensor], numbers: Mapping[str, Sequence[str]], title: str, as_seen: bool = False
) -> Page:
    """A slice of a scan under the twelve combinations, each a row: as it was distorted, and as networks restore it.

    slices: by the name of the column, (12, X, Y) in [0, 1]; large ones are drawn smaller.
    numbers: by the same names, the texts on the tiles.
    as_seen: it is a picture: x runs to the right and y down.
    """
    tiles = []
    for column in slices.values():
        drawn = (column.flip(1, 2) if as_seen else column)[:, None]
        if (shrunk := _SCAN_TILE_PIXELS / max(drawn.shape[2:])) < 1:
            drawn = functional.interpolate(drawn, [max(1, round(n * shrunk)) for n in drawn.shape[2:]], mode="area")
        tiles.append(_grey(drawn))
    return tiled(
        np.stack(tiles, axis=1),
        title,
        [combination.name for combination in COMBINATIONS],
        list(slices),
        list(zip(*(numbers[name] for name in slices), strict=True)),
        _SCAN_TILE_PIXELS,
    )


def _telling_patches(targets: Tensor, count: int) -> list[int]:
    """Patches whose shown slices have high contrast and differ from each other."""
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
    """The sample id (1,) whose boxes and curve are most visible in the shown slice."""
    ids = torch.arange(_TRIED_IDS, device=patch.device)
    whole = _middle(patch)
    kinds = {c.name: c for c in COMBINATIONS}
    copies = patch.expand(len(ids), *patch.shape[1:])
    curve, inside, outside = (_middle(kinds[name].distort(transform, copies, ids)) for name in ("NL", "IN", "OUT"))
    contrast = (curve - whole).abs().mean(dim=(1, 2)) * curve.std(dim=(1, 2))  # a curve may flatten everything
    boxes = (inside != whole).float().mean(dim=(1, 2)) * (outside == whole).float().mean(dim=(1, 2))
    return ids[(contrast * boxes).argmax()].view(1)


def _middle(batch: Tensor) -> Tensor:
    """Middle slices of (N, 1, X, Y, Z), or (N, 1, X, Y) itself: (N, X, Y) float32."""
    slices = batch[:, 0, :, :, batch.shape[4] // 2] if batch.ndim == 5 else batch[:, 0]
    return slices.detach().float()


def _shown(batch: Tensor) -> NDArray[np.float32]:
    """Slices as they are displayed: (N, rows, columns), y up and x to the left."""
    slices: NDArray[np.float32] = _middle(batch).transpose(1, 2).flip(1, 2).cpu().numpy()
    return slices


def _grey(batch: Tensor) -> Image:
    """(N, 1, X, Y, Z) in [0, 1] to (N, rows, columns, 3)."""
    levels = np.rint(255 * np.clip(np.nan_to_num(_shown(batch)), 0, 1)).astype(np.uint8)
    return np.repeat(levels[..., None], 3, axis=-1)


def _heat(batch: Tensor) -> Image:
    """Differences from 0 (black) to .5 (bright), as ``_grey``."""
    heat = drawing("matplotlib").colormaps["inferno"]
    colours: Image = heat(np.nan_to_num(_shown(batch)) / _BRIGHTEST_DIFFERENCE, bytes=True)[..., :3]
    return colours
