# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Cases of the Genesis operators. Inputs are uniform noise: the hardest for caches, tables and branches."""

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from genesis_ext import GenesisTransform, ops
from genesis_ext.reference import bezier_map as bezier_reference
from genesis_ext.reference import draw_plan as plan_reference
from genesis_ext.reference import genesis_transform as genesis_reference
from genesis_ext.reference import paint_boxes as paint_reference
from genesis_ext.reference import philox_words as words_reference
from genesis_ext.reference import released
from genesis_ext.reference.philox import Purpose
from genesis_ext.transforms import make_config, resolve

from . import batchgenerators_peers, monai_peers, torchio_peers
from .case import NUMPY, OURS, Case, Contender, Setup, as_numpy, name_of, rounding, voxels
from .inputs import AS_RELEASED, SEED, case_of_patches, few_of, ids_of, keys_of

CURVE_TOLERANCE = 1e-5  # of the curve itself, class B
TABLE_TOLERANCE = 1e-4  # of the released pipeline's table of 100,000 points on curves without vertical tangents


def draw_plan(setup: Setup) -> Case:
    size, batch, device = setup.size, setup.batch, setup.device
    spec = resolve(make_config("head"), size)

    def ours(call: int) -> Tensor:
        return ops.draw_plan(ids_of(call, batch, device), SEED, spec).tensor

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
        return ops.philox_words(ids_of(call, batch, device), SEED, Purpose.SUBVOLUME, count)

    def reference(call: int) -> np.ndarray:
        ids = np.arange(call * batch, (call + 1) * batch)
        return words_reference.philox_words(ids, SEED, Purpose.SUBVOLUME, count)

    def verify() -> None:
        np.testing.assert_array_equal(ours(1).cpu().numpy(), reference(1))

    differs = "the project's own reference: the same bits"
    contenders = Contender(OURS, ours, batch), Contender(NUMPY, reference, batch, differs)
    return Case(size, count, 8 + 32 * count, contenders, verify)


def genesis_transform(setup: Setup) -> Case:
    x = voxels(setup)
    few = few_of(x)
    peers = [
        _released_pairs(few_of(x, least=32 if math.prod(setup.size) < 2**18 else 8)),  # the shuffled half takes longer
        *monai_peers.pipeline(few[:4], released.NUM_WINDOWS),
        *torchio_peers.pipeline(few[:2], released.NUM_WINDOWS),
    ]
    return _transform(setup, x, GenesisTransform(profile="head", seed=SEED), "profile head", peers)


def genesis_transform_float16(setup: Setup) -> Case:
    return _beside_float32(replace(setup, dtype=torch.float16))


def genesis_transform_bfloat16(setup: Setup) -> Case:
    return _beside_float32(replace(setup, dtype=torch.bfloat16))


def genesis_transform_unshuffled(setup: Setup) -> Case:
    x = voxels(setup)
    few = few_of(x)
    peers = [
        _released_pairs(few, shuffle_rate=0.0),
        *monai_peers.pipeline(few, windows=0),
        *batchgenerators_peers.pipeline(few),
    ]
    transform = GenesisTransform(profile="head", seed=SEED, shuffle_rate=0.0)
    return _transform(setup, x, transform, "profile head without shuffling", peers)


def genesis_transform_paper(setup: Setup) -> Case:
    x = voxels(setup)
    transform = GenesisTransform(profile="paper", seed=SEED)
    peers = [
        replace(peer, differs=f"{peer.differs}; flips, boxes and noise as in the profile head")
        for peer in monai_peers.pipeline(few_of(x), transform.config.num_windows)
    ]
    return _transform(setup, x, transform, "profile paper", peers)


def _beside_float32(setup: Setup) -> Case:
    """Profile head in a half type, beside the same patches in float32."""
    x, transform = voxels(setup), GenesisTransform(profile="head", seed=SEED)
    wide = x.float()

    def in_float32(call: int) -> tuple[Tensor, ...]:
        return transform(wide, ids_of(call, len(x), x.device))

    peer = Contender(f"{OURS}, float32", in_float32, len(x), "float32 in and out")
    return _transform(setup, x, transform, f"profile head, {name_of(setup.dtype)}", [peer])


def _released_pairs(few: Tensor, shuffle_rate: float = released.SHUFFLE_RATE) -> Contender:
    patches = list(as_numpy(few))

    def pipeline(call: int) -> list[tuple[np.ndarray, np.ndarray]]:
        rng = np.random.default_rng(call)
        return [released.released_pair(patch, rng, shuffle_rate) for patch in patches]

    def check() -> None:
        for distorted, target in pipeline(0):
            assert distorted.shape == target.shape == patches[0].shape

    return Contender(NUMPY, pipeline, len(patches), AS_RELEASED, check)


def _transform(setup: Setup, x: Tensor, transform: GenesisTransform, setting: str, peers: Iterable[Contender]) -> Case:
    def ours(call: int) -> tuple[Tensor, Tensor]:
        distorted, target = transform(x, ids_of(call, len(x), x.device))
        return distorted, target

    def verify() -> None:
        plan = transform.plan(ids_of(0, len(x), x.device), setup.size)
        rows, numbers = plan.tensor.cpu().numpy(), plan.spec.numbers
        expected, whole = genesis_reference.genesis_transform(as_numpy(x), rows, numbers)
        distorted, target = map(as_numpy, ours(0))
        np.testing.assert_array_equal(target, whole)
        np.testing.assert_allclose(distorted, expected, rtol=rounding(x.dtype), atol=CURVE_TOLERANCE)

    return case_of_patches(setup, (Contender(OURS, ours, len(x)), *peers), verify, setting, outputs=2)


def bezier_map(setup: Setup) -> Case:
    batch, device = setup.batch, setup.device
    x = voxels(setup)
    few = few_of(x)
    patches = list(as_numpy(few))
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
        got = as_numpy(ours(0))
        exact = bezier_reference.bezier_map(as_numpy(x), points.numpy(), decreasing.numpy())
        rtol = rounding(x.dtype)
        np.testing.assert_allclose(got, exact, rtol=rtol, atol=CURVE_TOLERANCE)
        np.testing.assert_allclose(got[: len(patches)], np.stack(pipeline(0)), rtol=rtol, atol=TABLE_TOLERANCE)

    table = "a table of 100,000 points and linear interpolation, as released"
    contenders = (
        Contender(OURS, ours, batch),
        Contender(NUMPY, pipeline, len(patches), table),
        *monai_peers.histogram_shift(few),
        *torchio_peers.gamma(few),
        *batchgenerators_peers.gamma(few),
    )
    return case_of_patches(setup, contenders, verify)


def paint_boxes(setup: Setup) -> Case:
    size, batch, device = setup.size, setup.batch, setup.device
    x = voxels(setup)
    few = few_of(x)
    patches = list(as_numpy(few))
    spec = resolve(make_config("head", scheme="out-painting"), size)
    plan = ops.draw_plan(ids_of(0, batch, device), SEED, spec)
    boxes = plan.boxes.contiguous()
    kept = [[(box[3:] - box[:3], box[:3]) for box in rows if box[3] > 0] for rows in boxes.cpu().numpy()]

    def ours(call: int) -> Tensor:
        return ops.paint_boxes(x, boxes, plan.kind, key=keys_of(call, batch, device))

    def pipeline(call: int) -> list[np.ndarray]:
        rng = np.random.default_rng(call)
        pairs = zip(patches, kept, strict=False)
        return [released.out_painting(patch, rows, rng.random(patch.shape)) for patch, rows in pairs]

    def verify() -> None:
        got = ours(0).cpu()
        keys = keys_of(0, batch, torch.device("cpu")).numpy()
        reference = paint_reference.paint_boxes(as_numpy(x), boxes.cpu().numpy(), "out", keys)
        assert torch.equal(got, torch.from_numpy(reference).to(x.dtype))  # noise is rounded once
        for patch, rows, (seed, sample_id), wanted in zip(patches, kept, keys, got, strict=False):
            painted = released.out_painting(patch, rows, paint_reference.noise(seed, sample_id, patch.shape))
            assert torch.equal(torch.from_numpy(painted).to(x.dtype), wanted)

    contenders = (
        Contender(OURS, ours, batch),
        Contender(NUMPY, pipeline, len(patches), AS_RELEASED),
        *monai_peers.coarse_dropout(few),
        *batchgenerators_peers.blank_rectangles(few),
    )
    return case_of_patches(setup, contenders, verify)
