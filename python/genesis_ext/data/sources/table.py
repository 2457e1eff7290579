# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Rows of a CSV file, each with its place for errors."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        line: its number in the file.
        place: file and line, as errors begin.
        cells: by column, without spaces around them.
    """

    line: int
    place: str
    cells: dict[str, str]


def delimiter_of(first: str) -> str:
    """What stands between the cells of a table, by its first line: comma, semicolon or tab."""
    return max(",;\t", key=first.count)


def read_rows(
    path: Path, error: Callable[[str], Exception], rename: Callable[[str], str] = str
) -> tuple[Sequence[str], list[Row]]:
    """Columns and rows of a table, with comma, semicolon or tab between cells; empty lines are passed over.

    error: makes what is raised of a text.   rename: of a column's name, the one that is used here.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as reason:
        raise error(f"{path}: unreadable: {reason}") from reason
    reader = csv.DictReader(text.splitlines(), delimiter=delimiter_of(text.partition("\n")[0]))
    columns = [rename(name.strip()) for name in reader.fieldnames or ()]
    if twice := [name for name in columns if columns.count(name) > 1]:
        raise error(f"{path}: columns must have different names, got {twice[0]} twice")
    reader.fieldnames = columns
    rows = []
    for cells in reader:
        place = f"{path}: line {reader.line_num}"
        if None in cells or None in cells.values():
            raise error(f"{place}: must have {len(columns)} cells as the first line has")
        rows.append(Row(reader.line_num, place, {name: cell.strip() for name, cell in cells.items()}))
    return columns, rows
