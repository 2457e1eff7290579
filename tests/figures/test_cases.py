# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Cases: the slice with the most truth, and lines around truth and answer where they are."""

from pathlib import Path

import numpy as np
import pytest
import torch

from genesis_ext.figures import Case, save_cases
from genesis_ext.figures.slices import TINTS

pytest.importorskip("matplotlib")
Image = pytest.importorskip("PIL.Image")


def tinted(path: Path, tint: str) -> np.ndarray:
    """Rows and columns of the pixels of a colour."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    return np.argwhere((pixels == [int(tint[at : at + 2], 16) for at in (1, 3, 5)]).all(-1))


def test_truth_and_answer_are_outlined_below_each_other_in_the_slice_with_the_most_truth(tmp_path: Path) -> None:
    truth = torch.zeros(2, 32, 32, 5, dtype=torch.bool)
    truth[0, 2:10, 4:12, 1:3], truth[0, 0, 0, 4], truth[1, 20:28, 20:28, 2] = True, True, True
    answer = truth.roll(4, 2)
    save_cases(tmp_path / "cases.png", [Case(torch.rand(32, 32, 5), truth, answer, "worst", "p1", "Dice 0.50")], 10)
    first, second = (tinted(tmp_path / "cases.png", TINTS[number]) for number in (1, 2))
    assert len(first) and len(second)  # the second class is in slice 2 alone
    factor, gap = 7, 4  # pixels a voxel, and between tiles
    rows = [part[:, 0] for part in (first[first[:, 0] < first[:, 0].mean()], first[first[:, 0] > first[:, 0].mean()])]
    assert [own.max() - own.min() + 1 for own in rows] == [8 * factor] * 2
    assert rows[1].min() - rows[0].min() == 32 * factor + gap - 4 * factor  # to the front is up
    columns = [part[:, 1].mean() for part in (first, second)]
    assert columns[0] > columns[1]  # the patient's right is on the left


def test_a_case_without_regions_is_an_image_with_words(tmp_path: Path) -> None:
    case = Case(torch.rand(16, 16), title="best", name="a" * 60, note="ball; answer ball 0.98")
    save_cases(tmp_path / "cases.png", [case, case], 10)
    with Image.open(tmp_path / "cases.png") as image:
        assert image.size[0] > 2 * 16 * 14 > image.size[1]
