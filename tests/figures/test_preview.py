# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The pictures of a preview: all there, repeatable, honest in their numbers."""

import re

import pytest
import torch

from genesis_ext import ops
from genesis_ext.figures import write_preview
from genesis_ext.figures.page import AMBER
from genesis_ext.figures.single_transformations import _through_most, _window_sizes
from genesis_ext.figures.subject import evenly, painted
from tests.figures.scans import scan, subject

pytest.importorskip("matplotlib")
from genesis_ext.figures.combinations import combinations_sheet, samples_sheet
from genesis_ext.figures.single_transformations import curves_sheet, painting_sheet, shuffling_sheet

NAMES = ["combinations", "samples", "curves", "shuffling", "out_painting", "in_painting"]


def titles(sheet):
    return [ax.get_title(loc="left") for row in sheet.panels for ax in row if ax.get_title(loc="left")]


def notes(sheet):
    return [ax.get_xlabel() for row in sheet.panels for ax in row if ax.get_xlabel()]


def test_the_six_pictures_are_written_and_the_same_every_time(tmp_path):
    first = list(write_preview(subject(), tmp_path / "new" / "one", count=2))
    second = list(write_preview(subject(), tmp_path / "two", count=2))
    assert [path.name for path in first] == [f"{name}.png" for name in NAMES]
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes()
        assert one.read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in (tmp_path / "two").iterdir()) == sorted(f"{name}.png" for name in NAMES)


def test_no_sample_is_too_few(tmp_path):
    with pytest.raises(ValueError, match="preview: count must be at least 1, got 0"):
        next(write_preview(subject(), tmp_path, count=0))


def test_all_twelve_combinations_are_titled_with_how_often_they_are_drawn():
    sheet = combinations_sheet(subject())
    assert {"none: the original", "NL+LS+OUT", "LS+IN"} < set(titles(sheet))
    assert len(titles(sheet)) == 12 + 3  # with three slices of the scan
    assert sum(float(note.split()[2].rstrip(",")) for note in notes(sheet) if note.startswith("p =")) == pytest.approx(
        1
    )


@pytest.mark.parametrize(
    ("scheme", "names"),
    [
        ("painting", ["none: the original", "IN", "OUT"]),
        ("non-linear", ["NL"]),
        ("autoencoder", ["none: the original"]),
    ],
)
def test_a_scheme_shows_the_combinations_that_it_draws(scheme, names):
    sheet = combinations_sheet(subject(scheme=scheme))
    assert titles(sheet) == ["the scan, axial", *names]


def test_samples_are_the_draws_of_training():
    shown = subject()
    sheet = samples_sheet(shown, 5)
    plan = shown.draw(torch.arange(5), flip_rate=shown.config.flip_rate).to_dicts()
    for i, (title, draw) in enumerate(zip(titles(sheet), plan, strict=True)):
        assert title.startswith(f"{i}: ")
        assert ("LS" in title, "NL" in title) == (draw["shuffle"], draw["nonlinear"])
        assert {"none": "", "in": "IN", "out": "OUT"}[draw["paint"]] in title
    assert sum("flipped" in note for note in notes(sheet)) == sum(bool(draw["flips"]) for draw in plan)


def test_curves_start_and_end_where_they_should():
    sheet = curves_sheet(subject())
    assert titles(sheet)[:2] == ["the original", "rising"]
    for row, ends in ((0, [0, 1]), (2, [1, 0])):
        for ax in sheet.panels[row]:
            polygon, points, curve = ax.lines
            assert [curve.get_ydata()[i] for i in (0, -1)] == pytest.approx(ends, abs=1e-5)
            assert [polygon.get_ydata()[i] for i in (0, -1)] == ends
            assert list(points.get_ydata()) == list(polygon.get_ydata())[1:3]
            # A Bezier curve leaves its end points towards the inner points and stays in their hull.
            assert min(polygon.get_ydata()) - 1e-5 <= curve.get_ydata().min()
            assert curve.get_ydata().max() <= max(polygon.get_ydata()) + 1e-5
    straight = sheet.panels[0][0].lines[2]
    assert straight.get_ydata() == pytest.approx(straight.get_xdata(), abs=1e-5)


def test_sequential_shuffling_loses_nothing_and_the_rule_of_the_profile_is_marked():
    sheet = shuffling_sheet(subject("paper", shape=(20, 18, 14), start=(0, 0, 0)))
    lost = [[int(re.search(r"(\d+)% lost", ax.get_xlabel())[1]) for ax in row[1:]] for row in sheet.panels]
    assert max(lost[0]) > 0
    assert max(lost[1]) == 0
    marked = [
        (i, ax.get_title(loc="left"))
        for i, row in enumerate(sheet.panels)
        for ax in row
        if ax._left_title.get_color() == AMBER
    ]
    assert marked == [(1, "2 × 1 × 1")]


@pytest.mark.parametrize("profile", ["head", "paper", "release-2019-11"])
@pytest.mark.parametrize("kind", ["in", "out"])
def test_painting_ends_with_the_whole_draw(profile, kind):
    shown = subject(profile)
    sheet = painting_sheet(shown, kind)
    shares = [int(re.search(r"(\d+)% painted", note)[1]) for note in notes(sheet)]
    assert shares == sorted(shares, reverse=kind == "out")
    sample_id = int(
        re.search(r"sample id (\d+)", " ".join(t.get_text() for t in sheet.figure.texts).replace("\n", " "))[1]
    )
    plan = shown.draw(torch.tensor([sample_id]), paint_rate=1.0, outpaint_rate=float(kind == "out"))
    assert shares[-1] == round(100 * float(painted(plan).float().mean()))
    assert titles(sheet)[-1] == f"{len(plan.to_dicts()[0]['boxes'])} boxes"
    rates = {"shuffle_rate": 0.0, "nonlinear_rate": 0.0, "paint_rate": 1.0, "outpaint_rate": float(kind == "out")}
    whole, _ = ops.genesis_transform(shown.patch, shown.draw(torch.tensor([sample_id]), **rates))
    coronal = torch.as_tensor(sheet.panels[0][-1].images[0].get_array().data)  # the lower slice is drawn first
    assert any(torch.equal(coronal, whole[0, 0, :, y].T) for y in range(shown.shape[1]))


def test_shown_shares_are_of_the_middle_slices():
    shown = subject()
    ids = shown.ids(4)
    shares = shown.shown_shares(ids, "out")
    for i in range(4):
        mask = painted(shown.draw(ids[[i]], paint_rate=1.0, outpaint_rate=1.0))
        parts = [float(mask[:, 7].float().mean()), float(mask[:, :, 5].float().mean())]
        assert float(shares[i]) == pytest.approx(min(min(p, 1 - p) for p in parts))


def test_window_sizes_stay_within_the_patch_and_the_limit():
    assert _window_sizes((6, 6, 3), (64, 64, 32)) == [(2, 2, 1), (4, 4, 2), (6, 6, 3), (12, 12, 6), (24, 24, 12)]
    assert _window_sizes((1, 1, 1), (3, 2, 1)) == [(1, 1, 1), (2, 2, 1), (3, 2, 1)]
    assert all(x * y * z <= 2**20 for x, y, z in _window_sizes((64, 64, 64), (640, 640, 640)))


def test_long_series_are_thinned_with_both_ends_kept():
    assert evenly(4, 6) == [0, 1, 2, 3]
    assert evenly(10, 6) == [0, 2, 4, 5, 7, 9]
    assert evenly(10, 1) == [0]
    assert evenly(0, 6) == []


def test_slices_go_through_most_boxes():
    boxes = torch.tensor([[0, 0, 0, 4, 4, 4], [2, 2, 2, 6, 6, 6], [3, 3, 3, 5, 5, 5]], dtype=torch.int32)
    assert _through_most(boxes, subject()) == (3, 3, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"shape": (21, 14, 10), "start": (0, 0, 0)},
            "patch must have 1 to 20 voxels along x, as the scan has, got 21",
        ),
        ({"shape": (16, 14, 0)}, "patch must have 1 to 14 voxels along z, as the scan has, got 0"),
        ({"start": (3, 5, 1)}, r"start must lie in \[0, 4\] along y, got 5"),
        ({"start": (-1, 0, 0)}, r"start must lie in \[0, 4\] along x, got -1"),
    ],
)
def test_a_patch_outside_the_scan_is_refused(changes, message):
    with pytest.raises(ValueError, match=f"preview: {message}"):
        subject(**changes)


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 3, 1), (20, 1, 4)])
def test_thin_patches_are_drawn_too(shape, tmp_path):
    paths = list(write_preview(subject(shape=shape, start=(0, 0, 0)), tmp_path, count=1))
    assert len(paths) == len(NAMES)


def test_a_scan_with_one_grey_value_is_drawn(tmp_path):
    flat = scan(20, 18, 14) * 0.0
    assert len(list(write_preview(subject(scan=flat), tmp_path, count=1))) == len(NAMES)
