# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Samples of a target task as a network answers them: the image, the outlines of the truth and of the answer.

A sample is shown by its slice perpendicular to z with the most truth, the patient's right on the left and the front up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genesis_ext.figures.page import Image, tiled
from genesis_ext.figures.slices import TINTS

_Pixel = TypeVar("_Pixel", bound=np.generic)

_TILE_PIXELS = 224  # width of a slice, about
_LETTERS = 24  # that it has room for


@dataclass(frozen=True)
class Case:
    """A sample.

    Attributes:
        image: (X, Y, Z) or (X, Y), in [0, 1].
        truth, answer: (K, X, Y, Z) or (K, X, Y) bool, the regions of K classes; None where none are told.
        title: above it.   name, note: on the first and the last of its pictures.
    """

    image: Tensor
    truth: Tensor | None = None
    answer: Tensor | None = None
    title: str = ""
    name: str = ""
    note: str = ""


def save_cases(path: Path, cases: Sequence[Case], step: int) -> None:
    """Write a PNG: a column for each case, of one shape, with the image, the truth and the answer below each other.

    step: after how many training steps, for the title.
    """
    rows = ["image", *(["truth", "answer"] if cases[0].truth is not None else [])]
    tiles = np.stack([_column(case) for case in cases], axis=1)
    title = f"validation samples after {step:,} steps"
    texts = [[""] * len(cases) for _ in rows]
    texts[0] = [_end_of(case.name) for case in cases]
    texts[-1] = [case.note for case in cases]
    columns = [case.title if len(rows) > 1 else f"{case.title}: {_end_of(case.name)}" for case in cases]
    page = tiled(tiles, title, rows, columns, texts, max(tiles.shape[2:4]))
    page.save(path)


def _column(case: Case) -> Image:
    """(rows, H, W, 3)."""
    image, truth, answer = (_at_best(part, case.truth) for part in (case.image[None], case.truth, case.answer))
    assert image is not None, "there is an image"
    factor = max(1, round(_TILE_PIXELS / image.shape[2]))
    levels = np.rint(255 * np.clip(np.nan_to_num(image[0]), 0, 1)).astype(np.uint8)
    grey = np.repeat(_larger(levels, factor)[..., None], 3, axis=-1)
    tiles = [grey]
    for regions in (truth, answer):
        if regions is not None:
            tiles.append(_outlined(grey, [_larger(region > 0, factor) for region in regions]))
    return np.stack(tiles)


def _at_best(part: Tensor | None, truth: Tensor | None) -> NDArray[np.float32] | None:
    """Slices (K, rows, columns) as they are displayed: y up and x to the left."""
    if part is None:
        return None
    if part.ndim == 4:
        amount = torch.zeros(1) if truth is None else truth.sum((0, 1, 2))
        most = (amount == amount.max()).nonzero()[:, 0].tolist() if amount.any() else range(part.shape[3])
        part = part[..., most[len(most) // 2]]
    shown: NDArray[np.float32] = part.detach().float().transpose(1, 2).flip(1, 2).cpu().numpy()
    return shown


def _outlined(grey: Image, regions: Sequence[NDArray[np.bool_]]) -> Image:
    """The picture with a line around each region, inside of it."""
    image = grey.copy()
    for number, region in enumerate(regions, start=1):
        padded = np.pad(region, 2)
        inner = region.copy()
        for y, x in ((0, 2), (4, 2), (2, 0), (2, 4), (1, 2), (3, 2), (2, 1), (2, 3)):
            inner &= padded[y : y + region.shape[0], x : x + region.shape[1]]
        tint = TINTS[number % len(TINTS)]
        image[region & ~inner] = [int(tint[at : at + 2], 16) for at in (1, 3, 5)]
    return image


def _end_of(name: str) -> str:
    """Names of one data set begin alike."""
    return name if len(name) <= _LETTERS else f"…{name[1 - _LETTERS :]}"


def _larger(pixels: NDArray[_Pixel], factor: int) -> NDArray[_Pixel]:
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)
