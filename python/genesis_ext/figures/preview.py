# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""All pictures of the transformations of one patch."""

from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path

from genesis_ext.figures.combinations import combinations_sheet, samples_sheet
from genesis_ext.figures.page import Sheet
from genesis_ext.figures.single_transformations import curves_sheet, painting_sheet, shuffling_sheet
from genesis_ext.figures.subject import Subject


def write_preview(subject: Subject, folder: str | PathLike[str], count: int = 6) -> Iterator[Path]:
    """Write the pictures one by one, and yield the path of each once it is written.

    combinations.png: those of the twelve combinations that the config can draw.
    samples.png: ``count`` inputs above their targets, at the rates of the config.
    curves.png, shuffling.png, out_painting.png, in_painting.png: each transformation alone, whatever the rates.

    Raises:
        ValueError: ``count`` is less than 1.
        ImportError: matplotlib is not installed; the text says how to install it.
        OSError: the folder cannot be made or written to.
    """
    if count < 1:
        raise ValueError(f"preview: count must be at least 1, got {count}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    pictures: dict[str, Callable[[], Sheet]] = {
        "combinations": lambda: combinations_sheet(subject),
        "samples": lambda: samples_sheet(subject, count),
        "curves": lambda: curves_sheet(subject),
        "shuffling": lambda: shuffling_sheet(subject),
        "out_painting": lambda: painting_sheet(subject, "out"),
        "in_painting": lambda: painting_sheet(subject, "in"),
    }
    for name, draw in pictures.items():
        yield draw().save(folder / f"{name}.png")
