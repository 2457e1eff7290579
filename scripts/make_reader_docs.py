# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Write the table of formats in docs/data.md from what the readers say of themselves."""

import re
from pathlib import Path

from genesis_ext.data.readers import Reader, readers

PAGE = Path(__file__).parent.parent / "docs" / "data.md"
_TABLE = re.compile(r"(?<=<!-- Written by scripts/make_reader_docs.py\. -->\n\n).*?(?=\n\n)", re.DOTALL)


def page() -> str:
    """The text of docs/data.md with the table as it should be."""
    rows = ["| format | by | told by | rules |", "|---|---|---|---|", *map(_row, readers())]
    return _TABLE.sub("\n".join(rows).replace("\\", r"\\"), PAGE.read_text(encoding="utf-8"), count=1)


def _row(reader: Reader) -> str:
    told_by = ", ".join(f"`{suffix}`" for suffix in reader.suffixes) or "what a file or folder holds"
    return f"| {', '.join(reader.formats)} | {reader.library} | {told_by} | {reader.rules} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
