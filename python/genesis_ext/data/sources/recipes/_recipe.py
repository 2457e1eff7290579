# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What all recipes share: their form, and the search for files of known names."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from genesis_ext.data.sources.source import Found, SourceError
from genesis_ext.data.sources.walk import image_files


@dataclass(frozen=True)
class Recipe:
    """One layout.

    Attributes:
        name: as typed.
        layout: of the files below the folder that is given, in a line.
        splits: how they are split, in a line.
        collect: puts the sources below a folder into ``Found``.
    """

    name: str
    layout: str
    splits: str
    collect: Callable[[Path, Found], object]

    def find(self, root: Path) -> Found:
        """The sources of the dataset below `root`.

        Raises:
            SourceError: there are none.
        """
        found = Found()
        self.collect(root, found)
        if not found.sources:
            why = f" ({found.skipped[0][0]}: {found.skipped[0][1]})" if found.skipped else ""
            raise SourceError(f"{root}: recipe {self.name} needs {self.layout}, found none{why}")
        return found


def files_named(root: Path, pattern: str, found: Found) -> Iterator[tuple[Path, re.Match[str]]]:
    """The image files below a folder whose whole name matches, sorted by path."""
    expression = re.compile(pattern)
    for path in image_files(root, found):
        if match := expression.fullmatch(path.name):
            yield path, match


def with_label(label: Path, path: Path, found: Found) -> Path | None:
    """The label if it is there; told if not."""
    if label.is_file():
        return label
    found.notes.append(f"{path}: has no label, {label.name} is missing")
    return None


def read_rows(path: Path, columns: Sequence[str]) -> list[tuple[str, ...]]:
    """Some columns of a table of a dataset, row by row.

    Raises:
        SourceError: unreadable, or one of them is missing.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as stream:
            reader = csv.DictReader(stream)
            if missing := [name for name in columns if name not in (reader.fieldnames or ())]:
                raise SourceError(f"{path}: must have the columns {', '.join(columns)}: {missing[0]} is missing")
            return [tuple((row[name] or "").strip() for name in columns) for row in reader]
    except (OSError, csv.Error) as error:
        raise SourceError(f"{path}: unreadable: {error}") from error
