# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Other libraries that resample by splines, where they are installed, each called as its documentation advises.

All leave the centres of the outermost voxels in place and continue volumes by "mirror". Each gets the volume in the
form that it works on; conversions to it are not timed.
"""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .case import Contender

TOLERANCE = 1e-4  # of the largest magnitude: positions in float32, other orders of summation
_DOUBLE = 1e-5  # arithmetic in float64, as ours is promised to agree with


def _module(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what these libraries import
        return import_module(name)


def _contender(
    name: str, run: Callable[[], Any], expected: Callable[[], Tensor], differs: str, tolerance: float = TOLERANCE
) -> Contender:
    def quietly(call: int) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return run()

    def check() -> None:
        got = quietly(0)
        got = (
            got if isinstance(got, Tensor) else torch.from_numpy(np.asarray(got.get() if hasattr(got, "get") else got))
        )
        wanted = expected().double().cpu().squeeze()
        bound = tolerance * wanted.abs().max().item()
        torch.testing.assert_close(got.double().cpu().reshape(wanted.shape), wanted, rtol=0, atol=bound)

    return Contender(name, quietly, 1, differs, check)


def resized(x: Tensor, out_shape: Sequence[int], order: int, ours: Callable[[], Tensor]) -> list[Contender]:
    """Contenders of `resample`. x: (1, 1, X, Y, Z) on the device where it shall run; ours: what they are checked by."""
    on_gpu, wide = x.is_cuda, x.float()
    peers = []
    if order == 1:
        peers.append(
            _contender(
                "F.interpolate",
                lambda: F.interpolate(wide, tuple(out_shape), mode="trilinear", align_corners=True),
                ours,
                "trilinear, align_corners=True, from float32",
            )
        )
    if find_spec("interpol"):
        interpol = _module("interpol")
        peers.append(
            _contender(
                "torch-interpol",
                lambda: interpol.resize(wide, shape=list(out_shape), anchor="c", interpolation=order, bound="dct1"),
                ours,
                "resize(anchor='c', bound='dct1'), from float32, on which alone it interpolates",
            )
        )
    if on_gpu and find_spec("cupy"):
        cupy, ndimage = _module("cupy"), _module("cupyx.scipy.ndimage")
        volume = cupy.asarray(wide[0, 0])
        zoom = np.divide(out_shape, volume.shape)
        peers.append(
            _contender(
                "cupy",
                lambda: ndimage.zoom(volume, zoom, order=order, mode="mirror"),
                ours,
                "cupyx.scipy.ndimage.zoom(mode='mirror'), from float32",
            )
        )
    if not on_gpu:
        peers += _resized_by_itk(x[0, 0].numpy(), out_shape, order, ours)
    return peers


def _resized_by_itk(
    volume: np.ndarray, out_shape: Sequence[int], order: int, ours: Callable[[], Tensor]
) -> list[Contender]:
    if not find_spec("SimpleITK"):
        return []
    sitk = _module("SimpleITK")
    image = sitk.GetImageFromArray(volume.T)  # ITK names axes x first, NumPy last
    resample = sitk.ResampleImageFilter()
    resample.SetInterpolator({1: sitk.sitkLinear, 3: sitk.sitkBSpline}[order])
    resample.SetSize([int(m) for m in out_shape])
    resample.SetOutputSpacing([(n - 1) / max(m - 1, 1) for n, m in zip(volume.shape, out_shape, strict=True)])
    resample.SetOutputPixelType(sitk.sitkFloat32)
    differs = f"ResampleImageFilter with {'sitkBSpline' if order == 3 else 'sitkLinear'}, on all cores"

    def run() -> np.ndarray:
        result = resample.Execute(image)
        view: np.ndarray = sitk.GetArrayViewFromImage(result)
        return view.T.copy()  # a view dies with its image

    return [_contender("SimpleITK", run, ours, differs)]


def filtered(x: Tensor, ours: Callable[[], Tensor]) -> list[Contender]:
    """Contenders of `spline_prefilter`, boundary "mirror". x: (1, 1, X, Y, Z) on the device where it shall run."""
    wide = x.float()
    peers = []
    if find_spec("interpol"):
        interpol = _module("interpol")
        peers.append(
            _contender(
                "torch-interpol",
                lambda: interpol.spline_coeff_nd(wide, interpolation=3, bound="dct1", dim=3),
                ours,
                "spline_coeff_nd(bound='dct1'), from float32, on which alone it works",
            )
        )
    if x.is_cuda and find_spec("cupy"):
        cupy, ndimage = _module("cupy"), _module("cupyx.scipy.ndimage")
        volume = cupy.asarray(wide[0, 0])
        peers.append(
            _contender(
                "cupy",
                lambda: ndimage.spline_filter(volume, order=3, output=np.float32, mode="mirror"),
                ours,
                "cupyx.scipy.ndimage.spline_filter(mode='mirror')",
            )
        )
    return peers


def by_scipy(
    function: str, volume: np.ndarray, ours: Callable[[], Tensor], *arguments: Any, **options: Any
) -> list[Contender]:
    """Contenders of a function of scipy.ndimage, on the CPU, with results in float32 and in float64."""
    if not find_spec("scipy"):
        return []
    call = getattr(_module("scipy.ndimage"), function)
    return [
        _contender(
            f"scipy, {np.dtype(dtype).name}",
            partial(call, volume, *arguments, **options, output=dtype, mode="mirror"),
            ours,
            f"scipy.ndimage.{function}(output={np.dtype(dtype).name}, mode='mirror'), one thread",
            _DOUBLE,
        )
        for dtype in (np.float32, np.float64)
    ]
