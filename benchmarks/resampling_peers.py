# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Other libraries that resample by splines, where they are installed, each called as its documentation advises.

All leave the centres of the outermost voxels in place and continue volumes by "mirror", unless they say otherwise. Each
gets the volume in the form that it works on; conversions to it are not timed.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from genesis_ext import ops

from . import torchio_peers
from .case import MONAI, Contender
from .peers import library, peer, simpleitk

BOUND = 1e-4  # of the largest magnitude: positions in float32, other orders of summation
_DOUBLE = 1e-5  # arithmetic in float64, as ours is promised to agree with

Expected = Callable[[], Tensor]


def _agrees(found: Any, expected: Expected, bound: float = BOUND) -> None:
    """Raise AssertionError unless one volume, of any library, is what is expected."""
    found = found.get() if hasattr(found, "get") else found  # of CuPy
    wanted = expected().double().cpu().squeeze()
    got = torch.as_tensor(found).double().cpu().reshape(wanted.shape)
    torch.testing.assert_close(got, wanted, rtol=0, atol=bound * wanted.abs().max().item())


def _contender(
    name: str, run: Callable[[], Any], expected: Expected, differs: str, bound: float = BOUND
) -> list[Contender]:
    return [peer(name, lambda call: run(), 1, differs, lambda: _agrees(run(), expected, bound))]


def resized(x: Tensor, out_shape: Sequence[int], order: int, ours: Expected) -> list[Contender]:
    """Contenders of `resample`. x: (1, 1, X, Y, Z) on the device where it shall run; ours: what they are checked by."""
    wide = x.float()
    peers = []
    if not x.is_cuda:
        zoom = np.divide(out_shape, x.shape[2:])
        peers += by_scipy("zoom", x[0, 0].numpy(), ours, zoom, order=order)
        peers += _by_skimage(wide[0, 0], out_shape, order)
        peers += _by_itk(x[0, 0].numpy(), out_shape, order, ours)
        peers += torchio_peers.resampled(wide[0], out_shape, order, partial(_agrees, expected=ours))
    if order == 1:
        peers += _by_torch(wide, out_shape, ours)
        peers += _by_monai(wide[0], out_shape, ours)
    if interpol := library("interpol"):
        peers += _contender(
            "torch-interpol",
            lambda: interpol.resize(wide, shape=list(out_shape), anchor="c", interpolation=order, bound="dct1"),
            ours,
            "resize(anchor='c', bound='dct1'), from float32, on which alone it interpolates",
        )
    if ndimage := library("cupyx.scipy.ndimage") if x.is_cuda else None:
        volume, zoom = library("cupy").asarray(wide[0, 0]), np.divide(out_shape, x.shape[2:])
        peers += _contender(
            "cupy",
            lambda: ndimage.zoom(volume, zoom, order=order, mode="mirror"),
            ours,
            "cupyx.scipy.ndimage.zoom(mode='mirror'), from float32",
        )
    return peers


def filtered(x: Tensor, ours: Expected) -> list[Contender]:
    """Contenders of `spline_prefilter`, boundary "mirror". x: (1, 1, X, Y, Z) on the device where it shall run."""
    wide = x.float()
    peers = [] if x.is_cuda else by_scipy("spline_filter", x[0, 0].numpy(), ours)
    if interpol := library("interpol"):
        peers += _contender(
            "torch-interpol",
            lambda: interpol.spline_coeff_nd(wide, interpolation=3, bound="dct1", dim=3),
            ours,
            "spline_coeff_nd(bound='dct1'), from float32, on which alone it works",
        )
    if ndimage := library("cupyx.scipy.ndimage") if x.is_cuda else None:
        volume = library("cupy").asarray(wide[0, 0])
        peers += _contender(
            "cupy",
            lambda: ndimage.spline_filter(volume, order=3, output=np.float32, mode="mirror"),
            ours,
            "cupyx.scipy.ndimage.spline_filter(mode='mirror')",
        )
    return peers


def by_scipy(function: str, volume: np.ndarray, ours: Expected, *arguments: Any, **options: Any) -> list[Contender]:
    """A function of scipy.ndimage, on the CPU."""
    ndimage = library("scipy.ndimage")
    if ndimage is None:
        return []
    call = partial(getattr(ndimage, function), volume, *arguments, **options, output=np.float32, mode="mirror")
    differs = f"scipy.ndimage.{function}(output=float32, mode='mirror'), one thread"
    return _contender("scipy", call, ours, differs, _DOUBLE)


def _by_skimage(volume: Tensor, out_shape: Sequence[int], order: int) -> list[Contender]:
    """Its grid is that of `grid_mode`: the outer edges of the volume stay in place."""
    transform = library("skimage.transform")
    if transform is None:
        return []
    options = {"mode": "reflect", "clip": False, "preserve_range": True, "anti_aliasing": False}

    def ours() -> Tensor:
        return ops.resample(volume[None, None], out_shape, order=order, grid_mode=True)

    differs = "resize(mode='reflect', clip=False), from float32: outer edges stay in place; one thread"
    resize = partial(transform.resize, volume.numpy(), tuple(out_shape), order, **options)
    return _contender("scikit-image", resize, ours, differs)


def _by_itk(volume: np.ndarray, out_shape: Sequence[int], order: int, ours: Expected) -> list[Contender]:
    sitk = simpleitk()
    if sitk is None:
        return []
    image = sitk.GetImageFromArray(volume.T)  # ITK names axes x first, NumPy last
    resample = sitk.ResampleImageFilter()
    resample.SetInterpolator({1: sitk.sitkLinear, 3: sitk.sitkBSpline}[order])
    resample.SetSize([int(m) for m in out_shape])
    resample.SetOutputSpacing([(n - 1) / max(m - 1, 1) for n, m in zip(volume.shape, out_shape, strict=True)])
    resample.SetOutputPixelType(sitk.sitkFloat32)

    def run() -> np.ndarray:
        result = resample.Execute(image)
        view: np.ndarray = sitk.GetArrayViewFromImage(result)
        return view.T.copy()  # a view dies with its image

    differs = f"ResampleImageFilter with {'sitkBSpline' if order == 3 else 'sitkLinear'}"
    return _contender("SimpleITK", run, ours, differs)


def _by_torch(x: Tensor, out_shape: Sequence[int], ours: Expected) -> list[Contender]:
    identity = torch.eye(3, 4, device=x.device)[None]

    def grid_sample() -> Tensor:
        grid = F.affine_grid(identity, [1, 1, *out_shape], align_corners=True)
        sampled: Tensor = F.grid_sample(x, grid, padding_mode="border", align_corners=True)
        return sampled

    return [
        *_contender(
            "F.interpolate",
            lambda: F.interpolate(x, tuple(out_shape), mode="trilinear", align_corners=True),
            ours,
            "trilinear, align_corners=True, from float32",
        ),
        *_contender("F.grid_sample", grid_sample, ours, "on the grid of F.affine_grid, from float32"),
    ]


def _by_monai(volume: Tensor, out_shape: Sequence[int], ours: Expected) -> list[Contender]:
    """At order 1; at order 3 it hands a grid of coordinates to scipy's or CuPy's map_coordinates."""
    transforms = library("monai.transforms")
    if transforms is None:
        return []
    steps = [(n - 1) / max(m - 1, 1) for n, m in zip(volume.shape[1:], out_shape, strict=True)]
    affine = torch.diag(torch.tensor([*steps, 1.0], dtype=torch.float64))
    resample = transforms.SpatialResample(dtype=torch.float32)
    differs = "SpatialResample: a grid and F.grid_sample, from float32"
    return _contender(MONAI, lambda: resample(volume, affine, tuple(out_shape)), ours, differs)
