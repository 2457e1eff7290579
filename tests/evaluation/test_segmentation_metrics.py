# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import math
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.spatial.distance import cdist
from torch import Tensor

from genesis_ext.evaluation.overlap import THRESHOLDS, dice, iou_foreground, iou_keras
from genesis_ext.evaluation.surfaces import surface_scores

SPACING = (1.0, 0.5, 3.0)
NOTHING = torch.zeros(6, 5, 4, dtype=torch.bool)


def box(shape: tuple[int, ...], *sides: tuple[int, int]) -> Tensor:
    mask = torch.zeros(shape, dtype=torch.bool)
    mask[tuple(slice(*side) for side in sides)] = True
    return mask


def blob(seed: int, shape: tuple[int, ...] = (14, 13, 9)) -> Tensor:
    noise = np.random.default_rng(seed).normal(size=shape)
    return torch.from_numpy(ndimage.gaussian_filter(noise, 1.5) > 0.05)


def some() -> Tensor:
    mask = NOTHING.clone()
    mask[2, 2:4, 1] = True
    return mask


def test_a_box_shifted_by_a_third_overlaps_as_it_must() -> None:
    label = box((12, 8, 6), (2, 8), (1, 7), (1, 5))  # 6 x 6 x 4
    prediction = label.roll(2, 0)
    assert dice(prediction, label) == pytest.approx(2 / 3)
    assert iou_foreground(prediction, label) == 0.5
    background = (576 - 192) / (576 - 96)
    assert iou_keras(prediction, label) == pytest.approx((0.5 + background) / 2)


@pytest.mark.parametrize("seed", [0, 1])
def test_overlaps_are_those_of_scikit_learn(seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    probability = torch.rand(blob(0).shape, generator=torch.Generator().manual_seed(seed))
    prediction, label = blob(2 + seed), blob(4 + seed)
    x, y = prediction.flatten().numpy(), label.flatten().numpy()
    assert dice(prediction, label) == pytest.approx(metrics.f1_score(y, x))
    assert iou_foreground(prediction, label) == pytest.approx(metrics.jaccard_score(y, x))
    means = [metrics.jaccard_score(y, (probability > bound).flatten().numpy(), average="macro") for bound in THRESHOLDS]
    assert iou_keras(probability, label) == pytest.approx(np.mean(means))
    assert pytest.approx((0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)) == THRESHOLDS


def test_empty_regions() -> None:
    assert math.isnan(dice(NOTHING, NOTHING))
    assert math.isnan(iou_foreground(NOTHING, NOTHING))
    assert iou_keras(NOTHING, NOTHING) == 1.0  # the background alone counts
    assert dice(some(), NOTHING) == dice(NOTHING, some()) == iou_foreground(some(), NOTHING) == 0.0
    assert iou_keras(NOTHING, some()) == pytest.approx((118 / 120) / 2)
    assert all(map(math.isnan, surface_scores(NOTHING, NOTHING, SPACING)))
    for found in (surface_scores(some(), NOTHING, SPACING), surface_scores(NOTHING, some(), SPACING)):
        assert math.isnan(found.hausdorff95_mm)
        assert math.isnan(found.distance_mm)
        assert found.dice == 0.0


def test_a_box_shifted_along_the_coarse_axis_lies_its_spacing_apart() -> None:
    label = box((44, 44, 14), (2, 42), (2, 42), (2, 12))
    prediction = label.roll(1, 2)
    found = surface_scores(prediction, label, (1.0, 1.0, 3.0), tolerance_mm=0.0)
    assert found.hausdorff95_mm == 3.0
    # Of 8,000 mm2 each, 4 x 40 x 27 of the sides coincide; elements of area that hold an edge count as a whole.
    assert found.dice == pytest.approx(4320 / 8000, abs=0.06)
    assert surface_scores(prediction, label, (1.0, 1.0, 3.0), tolerance_mm=2.9).dice < 0.75
    assert surface_scores(prediction, label, (1.0, 1.0, 3.0), tolerance_mm=3.0).dice == 1.0
    assert surface_scores(label, label, SPACING, tolerance_mm=0.0) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize("shape", [(14, 13, 9), (16, 15)])
def test_distances_are_those_between_all_pairs_of_surface_voxels(shape: tuple[int, ...]) -> None:
    prediction, label, spacing = blob(1, shape), blob(2, shape), SPACING[: len(shape)]
    edges = [
        np.argwhere(mask & ~ndimage.binary_erosion(mask)) * np.array(spacing)
        for mask in (prediction.numpy(), label.numpy())
    ]
    pairs = cdist(*edges)
    there, back = pairs.min(axis=1), pairs.min(axis=0)
    found = surface_scores(prediction, label, spacing)
    assert found.hausdorff95_mm == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)))
    assert found.distance_mm == pytest.approx(np.concatenate([there, back]).mean())


def test_the_surface_dice_is_that_of_monai() -> None:
    metrics = pytest.importorskip("monai.metrics")
    prediction, label = blob(1), blob(2)
    for tolerance in (0.0, 0.6, 1.5):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of MONAI about itself
            wanted = metrics.compute_surface_dice(
                prediction[None, None], label[None, None], [tolerance],
                include_background=True, spacing=SPACING, use_subvoxels=True,
            )  # fmt: skip
        found = surface_scores(prediction, label, SPACING, tolerance).dice
        assert found == pytest.approx(float(wanted), rel=1e-5)  # float32 sums


def test_the_surface_of_a_slice_is_its_outline() -> None:
    prediction, label = blob(1, (16, 15)), blob(2, (16, 15))
    flat = surface_scores(prediction, label, SPACING[:2])
    assert surface_scores(prediction[..., None], label[..., None], SPACING) == flat
    assert surface_scores(prediction[:, None], label[:, None], (1.0, 9.0, 0.5)) == flat


@pytest.mark.parametrize("metric", [dice, iou_foreground, iou_keras, partial(surface_scores, spacing_mm=SPACING)])
def test_other_shapes_and_numbers_for_masks_are_refused(metric: Callable[[Tensor, Tensor], object]) -> None:
    with pytest.raises(ValueError, match=r"of one shape, got torch\.bool \(6, 5, 4\) and torch\.bool \(6, 5, 1\)"):
        metric(NOTHING, NOTHING[..., :1])
    with pytest.raises(ValueError, match=r"must be masks of bool .* and torch\.uint8 \(6, 5, 4\)"):
        metric(NOTHING, NOTHING.byte())


def test_logits_are_no_probabilities() -> None:
    for value in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match=r"iou_keras: probabilities must lie in \[0, 1\]"):
            iou_keras(torch.full((2, 2, 2), value), torch.ones(2, 2, 2, dtype=torch.bool))


def test_spacings_of_other_axes_and_tolerances_below_zero_are_refused() -> None:
    with pytest.raises(ValueError, match=r"spacing_mm must have one number an axis of \(6, 5, 4\), got 2"):
        surface_scores(NOTHING, NOTHING, SPACING[:2])
    with pytest.raises(ValueError, match=r"tolerance_mm must be a finite number of at least 0, got -1"):
        surface_scores(NOTHING, NOTHING, SPACING, -1)
