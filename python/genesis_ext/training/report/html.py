# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Pieces of HTML. ``Html`` is safe to put into a page; every other text is escaped on its way into a piece."""

import base64
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any


class Html(str):
    """Text that is HTML already."""


def html(value: Any) -> Html:
    """A value as HTML: text is escaped."""
    return value if isinstance(value, Html) else Html(escape(str(value)))


def section(title: str, *parts: str) -> Html:
    """A section with its heading."""
    return Html(f"<section>\n<h2>{html(title)}</h2>\n" + "\n".join(map(html, parts)) + "\n</section>")


def heading(title: str) -> Html:
    """A heading inside a section."""
    return Html(f"<h3>{html(title)}</h3>")


def paragraph(text: str, style: str = "") -> Html:
    """A paragraph; style: class of the style sheet."""
    return Html(f'<p class="{style}">{html(text)}</p>' if style else f"<p>{html(text)}</p>")


def bullets(texts: Sequence[str]) -> Html:
    """A list."""
    return Html("<ul>" + "".join(f"<li>{html(text)}</li>" for text in texts) + "</ul>")


def listing(text: str) -> Html:
    """Lines of code."""
    return Html(f"<pre><code>{html(text)}</code></pre>")


def folded(summary: str, content: Html) -> Html:
    """Content that opens with a click."""
    return Html(f"<details><summary>{html(summary)}</summary>{content}</details>")


def table(
    caption: str,
    head: Sequence[str],
    rows: Sequence[Sequence[Any]],
    own: Sequence[int] = (),
    numbers: Sequence[int] = (),
) -> Html:
    """A table whose first column names its rows.

    own: rows to stress.   numbers: columns to align as numbers.
    """
    style = [' class="number"' if column in numbers else "" for column in range(len(head))]
    titles = "".join(f'<th scope="col"{at}>{html(name)}</th>' for name, at in zip(head, style, strict=True))
    body = []
    for i, (name, *cells) in enumerate(rows):
        line = "".join(f"<td{at}>{html(cell)}</td>" for cell, at in zip(cells, style[1:], strict=True))
        body.append(f'<tr{" class=own" if i in own else ""}><th scope="row">{html(name)}</th>{line}</tr>')
    return Html(
        f'<div class="wide" tabindex="0" role="region" aria-label="{html(caption)}"><table><caption>{html(caption)}'
        f"</caption><thead><tr>{titles}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def bar(share: float) -> Html:
    """A bar for the cell of a table, of a share 0 to 1 of its width."""
    return Html(f'<span class="bar" style="width:{100 * share:.1f}%"></span>')


def picture(path: Path, caption: str, description: str) -> Html:
    """A PNG inside the page. description: for readers who cannot see it."""
    encoded = base64.b64encode(path.read_bytes()).decode("ascii")
    return Html(
        f"<figure><figcaption>{html(caption)}</figcaption>"
        f'<img src="data:image/png;base64,{encoded}" alt="{html(description)}"></figure>'
    )


def percent(share: float) -> str:
    """A share, 0 to 1, as text."""
    return f"{100 * share:.1f} %"


def document(title: str, subtitle: str, parts: Sequence[Html]) -> str:
    """A whole page, with the style sheet of all reports."""
    template = Template((files(__package__) / "template.html").read_text(encoding="utf-8"))
    return template.substitute(title=html(title), subtitle=html(subtitle), main="\n".join(parts))
