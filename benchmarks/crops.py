# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Cases of `crop_resize`: boxes at three scales out of one stored scan, beside libraries that cut first."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from genesis_ext import ops
from genesis_ext._types import Shape3
from genesis_ext.reference import crop_resize as crop_reference

from .case import MONAI, OURS, Case, Contender, Setup
from .peers import library, peer

SIDE = 300  # of the scan; boxes are cubes of a half, a quarter and an eighth of it, in the mix 1 : 1 : 2
SHARES = (2, 4, 8, 8)
WINDOW = (-1000.0, 1000.0)
SETS = 4  # of boxes, one a call: what the call before has read is not read again
BOUND = 1e-5  # of the range, class B

Boxes = list[tuple[int, ...]]


def boxes_a_call(size: Shape3, device: torch.device, quick: bool) -> int:
    return 4 if quick else 1024 if device.type == "cuda" else 64


def linear(setup: Setup) -> Case:
    return _crops(setup, antialias=False)


def smoothed(setup: Setup) -> Case:
    return _crops(setup, antialias=True)


def _crops(setup: Setup, antialias: bool) -> Case:
    size, batch, device = setup.size, setup.batch, setup.device
    rng = torch.Generator().manual_seed(0)
    side = min(SIDE, 5 * max(size))
    scan = torch.randint(-1000, 1000, (side,) * 3, dtype=torch.int16, generator=rng).to(device)
    volumes = ops.PackedVolumes(
        scan.flatten(),
        torch.zeros(1, dtype=torch.int64, device=device),
        torch.tensor([scan.shape], dtype=torch.int32, device=device),
        torch.tensor([WINDOW], device=device),
    )
    index = torch.zeros(batch, dtype=torch.int64, device=device)
    sides = torch.tensor([side // SHARES[n % len(SHARES)] for n in range(batch)])
    sets = [_random_boxes(sides, side, rng) for _ in range(SETS)]
    on_device = [torch.tensor(boxes, dtype=torch.float32, device=device) for boxes in sets]

    def ours(call: int) -> Tensor:
        return ops.crop_resize(volumes, index, on_device[call % SETS], size, antialias=antialias)

    def verify() -> None:
        arrays = tuple(t.cpu().numpy() for t in volumes)
        boxes = on_device[0].cpu().numpy()
        expected = crop_reference.crop_resize(arrays, index.cpu().numpy(), boxes, size, antialias=antialias)
        np.testing.assert_allclose(ours(0).cpu().numpy(), expected, rtol=0, atol=BOUND)

    def cut(boxes: Boxes) -> list[Tensor]:
        return [scan[x0:x1, y0:y1, z0:z1].float()[None] for x0, y0, z0, x1, y1, z1 in boxes]

    def torch_s(call: int) -> Tensor:
        resize = _smoothed_by_torch if antialias else linear_by_torch
        return torch.stack([resize(crop, size) for crop in cut(sets[call % SETS])])

    def check(found: Tensor, exact: bool) -> None:
        lo, hi = WINDOW
        expected, found = ours(0)[: len(found)], ((found - lo) / (hi - lo)).clamp(0, 1)
        assert found.shape == expected.shape
        # Cut boxes end where they were cut: their outermost voxels know nothing of the neighbours.
        difference = (found - expected).abs()[..., 1:-1, 1:-1, 1:-1]
        assert difference.max() < 1e-4 if exact else difference.mean() < 0.1, difference.max()

    def some(call: int, count: int) -> list[Tensor]:
        return cut(sets[call % SETS][:count])

    name = "F.interpolate(antialias=True) along y and z, then x" if antialias else "F.interpolate"
    contenders = [
        Contender(OURS, ours, batch),
        Contender(
            "torch",
            torch_s,
            batch,
            f"the crop and {name}, a box at a time; without the window",
            lambda: check(torch_s(0), exact=True),
        ),
        *([] if antialias else _by_grid_sample(scan, sets, size, check)),
        *_by_monai(size, some, batch, antialias, check),
        *([] if device.type == "cuda" else _by_skimage(size, some, batch, antialias, check)),
    ]
    voxels = math.prod(size)
    read = sum(min(8 * voxels, int(n) ** 3) for n in sides) // batch
    setting = "order 1, antialias" if antialias else "order 1"
    return Case(size, voxels, 2 * read + 4 * voxels, tuple(contenders), verify, setting, "int16")


def _random_boxes(sides: Tensor, side: int, rng: torch.Generator) -> Boxes:
    starts = (torch.rand(len(sides), 3, generator=rng) * (side + 1 - sides[:, None])).long()
    return [tuple(box) for box in torch.cat([starts, starts + sides[:, None]], 1).tolist()]


def linear_by_torch(crop: Tensor, size: Shape3) -> Tensor:
    resized: Tensor = functional.interpolate(crop[None], size, mode="trilinear", align_corners=False)[0]
    return resized


def _smoothed_by_torch(crop: Tensor, size: Shape3) -> Tensor:
    """For torch has antialias in 2D only."""
    resize = functional.interpolate
    planes = resize(crop, size[1:], mode="bilinear", align_corners=False, antialias=True)
    lines = planes.flatten(2).transpose(1, 2)[None]  # (1, 1, Y Z, X)
    lines = resize(lines, (lines.shape[2], size[0]), mode="bilinear", align_corners=False, antialias=True)
    return lines[0].transpose(1, 2).reshape(1, *size)


# Boxes of a call, the first so many of them, as float32 crops (1, X, Y, Z).
Some = Callable[[int, int], Sequence[Tensor]]
# Raises AssertionError unless the sub-volumes of call 0 are ours: everywhere (True), or on average (False).
Check = Callable[[Tensor, bool], None]


def _by_grid_sample(scan: Tensor, sets: Sequence[Boxes], size: Shape3, check: Check) -> list[Contender]:
    """All boxes at once, out of one scan that is float32 already."""
    wide = scan.float()[None, None]
    sides = torch.tensor(scan.shape)
    thetas = []
    for boxes in sets:
        lo, hi = torch.tensor(boxes, dtype=torch.float64).split(3, dim=1)
        scale, shift = ((hi - lo) / sides).flip(1), ((hi + lo) / sides - 1).flip(1)  # axes from last to first
        thetas.append(torch.cat([torch.diag_embed(scale), shift[:, :, None]], 2).float().to(scan.device))

    def run(call: int) -> Tensor:
        theta = thetas[call % len(thetas)]
        grid = functional.affine_grid(theta, [len(theta), 1, *size], align_corners=False)
        volumes = wide.expand(len(theta), -1, -1, -1, -1)
        sampled: Tensor = functional.grid_sample(volumes, grid, padding_mode="border", align_corners=False)
        return sampled

    differs = "all boxes in one call, on grids of F.affine_grid, from one float32 volume; without the window"
    return [peer("F.grid_sample", run, len(sets[0]), differs, lambda: check(run(0), True))]


def _by_monai(size: Shape3, some: Some, batch: int, antialias: bool, check: Check) -> list[Contender]:
    transforms = library("monai.transforms")
    if transforms is None:
        return []
    resize = transforms.Resize(size, mode="trilinear", anti_aliasing=antialias)
    count = min(batch, len(SHARES)) if antialias else batch  # its Gaussian takes a third of a second a box

    def run(call: int) -> Tensor:
        return torch.stack([resize(crop).as_tensor() for crop in some(call, count)])

    kernel = "a Gaussian, then " if antialias else ""
    differs = f"the crop and Resize: {kernel}F.interpolate, a box at a time; without the window"
    return [peer(MONAI, run, count, differs, lambda: check(run(0), not antialias))]


def _by_skimage(size: Shape3, some: Some, batch: int, antialias: bool, check: Check) -> list[Contender]:
    transform = library("skimage.transform")
    if transform is None:
        return []
    count = min(batch, len(SHARES) if antialias else 4 * len(SHARES))
    options = {"mode": "edge", "clip": False, "preserve_range": True, "anti_aliasing": antialias}

    def run(call: int) -> list[np.ndarray]:
        return [transform.resize(crop[0].numpy(), size, 1, **options) for crop in some(call, count)]

    def check_all() -> None:
        check(torch.from_numpy(np.stack(run(0)))[:, None], not antialias)

    kernel = "a Gaussian, then " if antialias else ""
    differs = f"the crop and resize: {kernel}linear interpolation, a box at a time, one thread; without the window"
    return [peer("scikit-image", run, count, differs, check_all)]
