# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a page holds lies where it belongs; files are whole or not there."""

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imread

from genesis_ext.figures.page import Row, Sheet


def test_headings_lie_between_their_rows():
    rows = [Row(1.0, heading="one" * 90, details=("a", "b")), Row(1.0, heading="two", details=("c",))]
    sheet = Sheet("title", "caption", [1.5], rows)
    renderer = FigureCanvasAgg(sheet.figure).get_renderer()
    places = {text.get_text()[:3]: text.get_window_extent(renderer) for text in sheet.figure.texts}
    upper, lower = (row[0].get_window_extent(renderer) for row in sheet.panels)
    above = [places[name].y0 for name in ("tit", "one", "a", "b")]
    assert above == sorted(above, reverse=True)
    assert places["b"].y0 > upper.y1
    assert upper.y0 > places["two"].y1 > places["two"].y0 > places["c"].y1 > places["c"].y0 > lower.y1
    assert places["one"].x1 < sheet.figure.bbox.x1  # too long a name is cut


def test_a_saved_picture_replaces_an_older_one_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(b"old")
    Sheet("title", "caption", [1.0], [Row(1.0)]).save(path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_keeps_the_older_picture(tmp_path, monkeypatch):
    def fail(self, stream, **_):
        stream.write(b"half")
        raise OSError("disk full")

    path = tmp_path / "picture.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(FigureCanvasAgg, "print_png", fail)
    with pytest.raises(OSError, match="disk full"):
        Sheet("title", "caption", [1.0], [Row(1.0)]).save(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_long_titles_and_captions_are_wrapped_into_the_sheet():
    sheet = Sheet("a title " * 30, "a caption " * 60, [1.7, 1.7], [Row(1.0)])
    renderer = FigureCanvasAgg(sheet.figure).get_renderer()
    for text in sheet.figure.texts:
        extent = text.get_window_extent(renderer)
        assert 0 <= extent.x0 < extent.x1 <= sheet.figure.bbox.x1
        assert 0 <= extent.y0 < extent.y1 <= sheet.figure.bbox.y1
        assert "\n" in text.get_text()


def test_neither_import_nor_drawing_brings_pyplot_and_only_drawing_brings_matplotlib(tmp_path):
    code = """
import sys
from pathlib import Path
from genesis_ext.figures.page import Row, Sheet
assert "matplotlib" not in sys.modules
sheet = Sheet("title", "caption", [1.0], [Row(1.0)])
assert "matplotlib" in sys.modules
sheet.pixels()
sheet.save(Path(sys.argv[1]) / "whole.png")
sheet.save(Path(sys.argv[1]) / "tight.png", tight=True)
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


def test_a_sheet_has_the_same_pixels_whatever_the_settings_of_the_user(tmp_path):
    sheet = Sheet("title", "caption", [1.0], [Row(1.0)])
    with rc_context({"savefig.dpi": 40, "savefig.bbox": "tight"}):
        path = sheet.save(tmp_path / "sheet.png")
    assert np.array_equal(np.rint(255 * imread(path)[..., :3]), sheet.pixels())
