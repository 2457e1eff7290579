# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Cases of the Genesis operators. Inputs are uniform noise: the hardest for caches, tables and branches."""

import math

import numpy as np
import torch
from torch import Tensor

from genesis_ext import GenesisTransform, ops
from genesis_ext.reference import bezier_map as bezier_reference
from genesis_ext.reference import draw_plan as plan_reference
from genesis_ext.reference import genesis_transform as genesis_reference
from genesis_ext.reference import local_shuffle as shuffle_reference
from genesis_ext.reference import paint_boxes as paint_reference
from genesis_ext.reference import philox_words as words_reference
from genesis_ext.reference import released
from genesis_ext.reference.philox import Purpose
from genesis_ext.transforms import make_config, resolve

from . import monai_peers
from .case import NUMPY, OURS, Case, Contender, Setup, voxels

SEED = 0
CURVE_TOLERANCE = 1e-5  # of the curve itself, class B
TABLE_TOLERANCE = 1e-4  # of the released pipeline's table of 100,000 points on curves without vertical tangents
_AS_RELEASED = "works like the released code: draws from NumPy's generator, a patch at a time, one thread"


def _few(x: Tensor, least: int = 2) -> list[np.ndarray]:
    """Patches for a slow contender: some 2 million voxels, or as many as make the mean of the draws meaningful."""
    return list(x[: max(least, 2**21 // x[0].numel())].float().cpu().numpy())


def _ids(call: int, batch: int, device: torch.device) -> Tensor:
    return torch.arange(call * batch, (call + 1) * batch, device=device)


def _keys(call: int, batch: int, device: torch.device) -> Tensor:
    ids = _ids(call, batch, device)
    return torch.stack([torch.full_like(ids, SEED), ids], dim=1)


def draw_plan(setup: Setup) -> Case:
    size, batch, device = setup.size, setup.batch, setup.device
    spec = resolve(make_config("head"), size)

    def ours(call: int) -> Tensor:
        return ops.draw_plan(_ids(call, batch, device), SEED, spec).tensor

    def reference(call: int) -> np.ndarray:
        ids = np.arange(call * batch, (call + 1) * batch)
        return plan_reference.draw_plan(ids, SEED, spec.shape3, spec.rates, spec.numbers)

    def verify() -> None:
        np.testing.assert_array_equal(ours(1).cpu().numpy(), reference(1))

    differs = "the project's own reference: the same bits"
    contenders = Contender(OURS, ours, batch), Contender(NUMPY, reference, batch, differs)
    return Case(size, 1, 8 + 4 * spec.row_length, contenders, verify)


def philox_words(setup: Setup) -> Case:
    size, batch, device = setup.size, setup.batch, setup.device
    count = 16

    def ours(call: int) -> Tensor:
        return ops.philox_words(_ids(call, batch, device), SEED, Purpose.SUBVOLUME, count)

    def reference(call: int) -> np.ndarray:
        ids = np.arange(call * batch, (call + 1) * batch)
        return words_reference.philox_words(ids, SEED, Purpose.SUBVOLUME, count)

    def verify() -> None:
        np.testing.assert_array_equal(ours(1).cpu().numpy(), reference(1))

    differs = "the project's own reference: the same bits"
    contenders = Contender(OURS, ours, batch), Contender(NUMPY, reference, batch, differs)
    return Case(size, count, 8 + 32 * count, contenders, verify)


def genesis_transform(setup: Setup) -> Case:
    size, batch, device = setup.size, setup.batch, setup.device
    x = voxels(setup)
    patches = _few(x, least=32 if math.prod(size) < 2**18 else 8)  # half are shuffled, and take much longer
    transform = GenesisTransform(profile="head", seed=SEED)

    def ours(call: int) -> tuple[Tensor, Tensor]:
        distorted, target = transform(x, _ids(call, batch, device))
        return distorted, target

    def pipeline(call: int) -> list[tuple[np.ndarray, np.ndarray]]:
        rng = np.random.default_rng(call)
        return [released.released_pair(patch, rng) for patch in patches]

    def verify() -> None:
        plan = transform.plan(_ids(0, batch, device), size)
        expected = genesis_reference.genesis_transform(x.cpu().numpy(), plan.tensor.cpu().numpy(), plan.spec.numbers)
        for got, wanted in zip(ours(0), expected, strict=True):
            np.testing.assert_allclose(got.cpu().numpy(), wanted, rtol=0, atol=CURVE_TOLERANCE)
        for distorted, target in pipeline(0):
            assert distorted.shape == target.shape == patches[0].shape

    contenders = Contender(OURS, ours, batch), Contender(NUMPY, pipeline, len(patches), _AS_RELEASED)
    return Case(size, x[0].numel(), 12 * x[0].numel(), contenders, verify)


def bezier_map(setup: Setup) -> Case:
    size, batch, device = setup.size, setup.batch, setup.device
    x = voxels(setup)
    patches = _few(x)
    generator = torch.Generator().manual_seed(SEED)
    points = 0.2 + 0.6 * torch.rand((batch, 1, 4), generator=generator)  # within [.2, .8]: a table can follow the curve
    decreasing = torch.rand((batch, 1), generator=generator) < 0.5
    device_points, device_decreasing = points.to(device), decreasing.to(device)

    def ours(call: int) -> Tensor:
        return ops.bezier_map(x, device_points, device_decreasing)

    def pipeline(call: int) -> list[np.ndarray]:
        curves = zip(patches, points[:, 0].numpy(), decreasing[:, 0].tolist(), strict=False)
        return [released.nonlinear(patch, curve, falls) for patch, curve, falls in curves]

    def verify() -> None:
        got = ours(0).cpu().numpy()
        exact = bezier_reference.bezier_map(x.cpu().numpy(), points.numpy(), decreasing.numpy())
        np.testing.assert_allclose(got, exact, rtol=0, atol=CURVE_TOLERANCE)
        np.testing.assert_allclose(got[: len(patches)], np.stack(pipeline(0)), rtol=0, atol=TABLE_TOLERANCE)

    contenders = (
        Contender(OURS, ours, batch),
        Contender(NUMPY, pipeline, len(patches), "a table of 100,000 points and linear interpolation, as released"),
        *monai_peers.histogram_shift(x[: len(patches)]),
    )
    return Case(size, x[0].numel(), 8 * x[0].numel(), contenders, verify)


def local_shuffle(setup: Setup) -> Case:
    size, batch, device = setup.size, setup.batch, setup.device
    x = voxels(setup)
    patches = _few(x)
    max_window = [max(1, side // 10) for side in size]

    def ours(call: int) -> Tensor:
        return ops.local_shuffle(x, _keys(call, batch, device))

    def pipeline(call: int) -> list[np.ndarray]:
        rng = np.random.default_rng(call)
        return [released.local_shuffling(patch, released.random_windows(size, rng)) for patch in patches]

    def verify() -> None:
        got = ours(0).cpu().numpy()
        keys = _keys(0, batch, torch.device("cpu")).numpy()
        np.testing.assert_array_equal(got, shuffle_reference.local_shuffle(x.cpu().numpy(), keys))
        for patch, (seed, sample_id), wanted in zip(patches, keys, got, strict=False):
            sizes, starts, window_keys = shuffle_reference.windows(
                seed, sample_id, size, released.NUM_WINDOWS, max_window
            )
            permutations = shuffle_reference.window_permutations(seed, sample_id, sizes, window_keys, "voxel")
            windows = zip(sizes, starts, permutations, strict=True)
            np.testing.assert_array_equal(released.local_shuffling(patch, windows), wanted)

    contenders = (
        Contender(OURS, ours, batch),
        Contender(NUMPY, pipeline, len(patches), _AS_RELEASED),
        *monai_peers.coarse_shuffle(x[: len(patches)], released.NUM_WINDOWS, max_window),
    )
    return Case(size, x[0].numel(), 8 * x[0].numel(), contenders, verify)


def paint_boxes(setup: Setup) -> Case:
    size, batch, device = setup.size, setup.batch, setup.device
    x = voxels(setup)
    patches = _few(x)
    spec = resolve(make_config("head", scheme="out-painting"), size)
    plan = ops.draw_plan(_ids(0, batch, device), SEED, spec)
    boxes = plan.boxes.contiguous()
    kept = [[(box[3:] - box[:3], box[:3]) for box in rows if box[3] > 0] for rows in boxes.cpu().numpy()]

    def ours(call: int) -> Tensor:
        return ops.paint_boxes(x, boxes, plan.kind, key=_keys(call, batch, device))

    def pipeline(call: int) -> list[np.ndarray]:
        rng = np.random.default_rng(call)
        pairs = zip(patches, kept, strict=False)
        return [released.out_painting(patch, rows, rng.random(patch.shape)) for patch, rows in pairs]

    def verify() -> None:
        got = ours(0).cpu().numpy()
        keys = _keys(0, batch, torch.device("cpu")).numpy()
        reference = paint_reference.paint_boxes(x.cpu().numpy(), boxes.cpu().numpy(), "out", keys)
        np.testing.assert_array_equal(got, reference)
        for patch, rows, (seed, sample_id), wanted in zip(patches, kept, keys, got, strict=False):
            noise = paint_reference.noise(seed, sample_id, patch.shape)
            np.testing.assert_array_equal(released.out_painting(patch, rows, noise), wanted)

    contenders = (
        Contender(OURS, ours, batch),
        Contender(NUMPY, pipeline, len(patches), _AS_RELEASED),
        *monai_peers.coarse_dropout(x[: len(patches)]),
    )
    return Case(size, x[0].numel(), 8 * x[0].numel(), contenders, verify)
