# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Slices lie as a radiologist expects, in their true proportions."""

import numpy as np
import pytest
import torch

pytest.importorskip("matplotlib")
from genesis_ext.figures.page import Row, Sheet
from genesis_ext.figures.slices import (
    AXIAL,
    CORONAL,
    PICTURE,
    SAGITTAL,
    panel_height,
    panel_width,
    scale_bar,
    show_slices,
)


def rendered(sheet):
    """The panel alone: its pixels' grey values, row 0 on top."""
    image = sheet.pixels().astype(float)
    box = sheet.panels[0][0].get_window_extent()
    bottom, top = (round(image.shape[0] - y) for y in (box.y0, box.y1))
    return image[top:bottom, round(box.x0) : round(box.x1)]


def panel(voxels, planes, at, spacing=(1.0, 1.0, 1.0), **options):
    width = panel_width(voxels.shape[planes[0].across])
    sheet = Sheet("title", "caption", [width], [Row(panel_height(tuple(voxels.shape), spacing, width, planes))])
    show_slices(sheet.panels[0][0], voxels, spacing, at, planes=planes, **options)
    return rendered(sheet)


@pytest.mark.parametrize(
    ("plane", "bright", "where"),
    [
        (AXIAL, (7, 7, 2), "patient's right, front"),
        (CORONAL, (7, 2, 7), "patient's right, head"),
        (SAGITTAL, (2, 7, 7), "front, head"),
    ],
)
def test_right_front_and_head_lie_left_and_up(plane, bright, where):
    voxels = torch.zeros(8, 8, 8)
    voxels[bright] = 1.0
    image = panel(voxels, (plane,), bright).mean(axis=2)
    rows, columns = np.nonzero(image > 200)
    assert rows.max() < image.shape[0] * 0.15, where
    assert columns.max() < image.shape[1] * 0.15, where


def test_the_first_pixel_of_a_picture_is_at_the_upper_left():
    voxels = torch.zeros(8, 4, 1)
    voxels[0, 0] = 1.0
    box = (6, 3, 0, 8, 4, 1)  # lower right
    image = panel(voxels, (PICTURE,), (0, 0, 0), boxes=[(box, "#ff0000")], letters=True)
    rows, columns = np.nonzero(image.mean(axis=2) > 200)
    assert rows.max() < image.shape[0] * 0.3
    assert columns.max() < image.shape[1] * 0.15
    rows, columns = np.nonzero((image[..., 0] > 100) & (image[..., 1] < 100))
    assert rows.min() > image.shape[0] * 0.7
    assert columns.min() > image.shape[1] * 0.7


def test_labels_are_tinted_where_they_are():
    marks = torch.zeros(8, 8, 8, dtype=torch.int16)
    marks[4:, :4] = 300  # the patient's right, back
    image = panel(torch.full((8, 8, 8), 0.5), (AXIAL,), (0, 0, 2), marks=marks)
    rows, columns = np.nonzero(np.ptp(image, axis=2) > 20)
    half = np.array(image.shape[:2]) // 2
    assert (rows.min(), columns.max()) == pytest.approx((half[0], half[1]), abs=1)


@pytest.mark.parametrize(("width", "length"), [(300.0, 100), (90.0, 20), (13.0, 2), (2.0, None)])
def test_the_scale_bar_has_a_round_length_in_millimetres(width, length):
    sheet = Sheet("title", "caption", [2.0], [Row(2.0)])
    ax = sheet.panels[0][0]
    scale_bar(ax, width)
    if length is None:
        assert not ax.lines
    else:
        assert abs(np.diff(ax.lines[0].get_xdata())[0]) == pytest.approx(length)
        assert ax.texts[0].get_text() == (f"{length // 10} cm" if length >= 10 else f"{length} mm")


def test_the_first_plane_is_on_top():
    voxels = torch.zeros(8, 8, 8)
    voxels[:, :, 3] = 1.0  # the whole axial slice through z = 3, one line of the coronal one
    image = panel(voxels, (AXIAL, CORONAL), (4, 4, 3)).mean(axis=2)
    assert image[: image.shape[0] // 3].mean() > 250
    assert image[-image.shape[0] // 3 :].mean() < 100


def test_slices_have_the_proportions_of_the_body():
    voxels = torch.full((16, 8, 4), 0.5)
    for spacing, plane, expected in (((1.0, 2.0, 1.0), AXIAL, 1.0), ((1.0, 1.0, 5.0), CORONAL, 20 / 16)):
        image = panel(voxels, (plane,), (0, 0, 0), spacing)
        assert image.shape[0] / image.shape[1] == pytest.approx(expected, abs=0.02)
        assert abs(image - 127.5).max() < 3  # the slice fills its panel


def test_grey_runs_from_0_to_1_whatever_the_slice_holds():
    image = panel(torch.tensor([0.25, 0.5]).view(2, 1, 1).expand(2, 2, 2), (AXIAL,), (0, 0, 0))
    left, right = image[:, 10].mean(), image[:, -10].mean()
    assert left == pytest.approx(0.5 * 255, abs=2)  # x = 1: the patient's right
    assert right == pytest.approx(0.25 * 255, abs=2)


def test_voxels_have_the_same_whole_number_of_pixels():
    for voxels in (1, 7, 64, 96, 300):
        pixels = panel_width(voxels) * 150 / voxels
        assert pixels == pytest.approx(round(pixels))
        assert pixels >= 1


def test_a_box_is_outlined_where_it_lies_and_dashed_where_it_misses_the_slice():
    voxels = torch.zeros(16, 16, 16)
    box = (8, 8, 4, 16, 16, 8)  # the patient's right, front
    crossed = panel(voxels, (AXIAL,), (0, 0, 5), boxes=[(box, "#ff0000")])
    missed = panel(voxels, (AXIAL,), (0, 0, 8), boxes=[(box, "#ff0000")])  # half-open: 8 is outside
    for image in (crossed, missed):
        rows, columns = np.nonzero(image[..., 0] > 100)
        assert rows.max() == pytest.approx(image.shape[0] / 2, abs=3)
        assert columns.max() == pytest.approx(image.shape[1] / 2, abs=3)
    assert (missed[..., 0] > 100).sum() < 0.8 * (crossed[..., 0] > 100).sum()
