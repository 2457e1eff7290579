# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A network led over a whole volume: overlapping windows, test-time flips, and what they give put together."""

import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from genesis_ext import ops
from genesis_ext._extras import require
from genesis_ext._settings import check_kinds
from genesis_ext.models import WholeImages

Network = Callable[[Tensor], Tensor]
Tick = Callable[[int, int], object]
"""Told how many windows are done, and of how many."""

_AXES = "xyz"


@dataclass(frozen=True)
class Windows:
    """How a network is led over a volume.

    Attributes:
        overlap: of neighbouring windows along each axis, a share of the window's side in [0, 1).
        batch_size: windows that go through the network at once.
        flips: axes, such as "xz": the mean over the windows flipped along none, some and all of them, 2 to the power of
            their number. Only axes that the training flipped, too: a network need not know a turned body.
    """

    overlap: float = 0.5
    batch_size: int = 4
    flips: str = ""

    def __post_init__(self) -> None:
        check_kinds(self, "Windows: ")
        if not 0 <= self.overlap < 1:
            raise ValueError(f"Windows: overlap must lie in [0, 1), got {self.overlap}")
        if self.batch_size < 1:
            raise ValueError(f"Windows: batch_size must be at least 1, got {self.batch_size}")
        if len(set(self.flips) & set(_AXES)) != len(self.flips):
            raise ValueError(f"Windows: flips must be axes out of {_AXES}, each once, got {self.flips!r}")


def over_volume(
    network: Network,
    volume: Tensor,
    patch: Sequence[int],
    windows: Windows | None = None,
    device: torch.device | str = "cpu",
    tick: Tick | None = None,
) -> Tensor:
    """What a network gives of a volume, voxel by voxel: overlapping windows are averaged, their middle counting most.

    The weights are Gaussian, of a standard deviation of an eighth of the window's side (nnU-Net's; MONAI's inferer). A
    volume smaller than the window is widened at both ends by zeros, which are cut off again. What the windows give is
    gathered on the device, and in the memory of the host where the device has not enough.

    Args:
        network: (N, C, *patch) -> (N, K, *patch), on ``device`` and in evaluation mode.
        volume: (C, X, Y, Z) float32, wherever it is.
        patch: sides of the window in voxels; of two sides, the network sees every slice (X, Y) alone.
        windows: overlap, batch size, flips; None for ``Windows()``.
        device: of the network.
        tick: told of every batch.

    Returns:
        (K, X, Y, Z) float32, on the CPU.

    Raises:
        ImportError: MONAI is not installed.
        ValueError: a flip along an axis that the patch has not.
        torch.OutOfMemoryError: the device cannot hold a batch of windows.
    """
    windows = windows or Windows()
    slide = require("monai.inferers", "monai", "to lead a network over a volume").sliding_window_inference
    call = _flipped(network, windows.flips, patch)
    batch = volume[None] if len(patch) == 3 else volume.permute(3, 0, 1, 2)  # a slice is a sample
    total = len(batch) * math.prod(len(starts) for starts in _starts(batch.shape[2:], patch, windows.overlap))

    def gathered(on: torch.device) -> Tensor:
        with warnings.catch_warnings():  # of MONAI 1.5: it takes windows by lists of slices
            warnings.filterwarnings("ignore", "Using a non-tuple sequence", UserWarning)
            out: Tensor = slide(
                batch,
                tuple(patch),
                windows.batch_size,
                _counted(call, total, tick),
                overlap=windows.overlap,
                mode="gaussian",
                sw_device=torch.device(device),
                device=on,
            )
        return out.cpu()

    with torch.no_grad():
        out = None
        if torch.device(device).type != "cpu":
            try:
                out = gathered(torch.device(device))
            except torch.OutOfMemoryError:
                torch.cuda.empty_cache()
        if out is None:
            out = gathered(torch.device("cpu"))
        return out[0] if len(patch) == 3 else out.permute(1, 2, 3, 0).contiguous()


def over_windows(
    network: Network,
    volume: Tensor,
    patch: Sequence[int],
    windows: Windows | None = None,
    device: torch.device | str = "cpu",
    tick: Tick | None = None,
) -> Tensor:
    """The mean of what a network gives of the windows of a volume: (N, C, *patch) -> (N, K) becomes (K,), on the CPU.

    Windows and arguments are those of ``over_volume``; all windows count the same.

    Raises:
        ValueError, torch.OutOfMemoryError: as ``over_volume``.
    """
    windows = windows or Windows()
    batch = volume[None] if len(patch) == 3 else volume.permute(3, 0, 1, 2)
    sides = list(zip(batch.shape[2:], patch, strict=True))
    gaps = [max(0, side - size) for size, side in sides]
    batch = torch.nn.functional.pad(batch, [n for gap in reversed(gaps) for n in (gap // 2, gap - gap // 2)])
    places = list(itertools.product(range(len(batch)), *_starts(batch.shape[2:], patch, windows.overlap)))
    call = _counted(_flipped(network, windows.flips, patch), len(places), tick)
    sums = []
    with torch.no_grad():
        for first in range(0, len(places), windows.batch_size):
            cut = []
            for sample, *at in places[first : first + windows.batch_size]:
                part = batch[sample]
                for axis, (start, side) in enumerate(zip(at, patch, strict=True), start=1):
                    part = part.narrow(axis, start, side)
                cut.append(part)
            sums.append(call(torch.stack(cut).to(device)).sum(dim=0, dtype=torch.float64).cpu())
    return (torch.stack(sums).sum(dim=0) / len(places)).float()


def over_whole(
    network: Network,
    volume: Tensor,
    patch: Sequence[int],
    how: WholeImages,
    windows: Windows | None = None,
    device: torch.device | str = "cpu",
    tick: Tick | None = None,
) -> Tensor:
    """What a network gives of a whole volume, resized to the patch: (K,), on the CPU; of slices, the mean over them.

    how: as in training. The other arguments are those of ``over_volume``, without the overlap.

    Raises:
        ValueError, torch.OutOfMemoryError: as ``over_volume``.
    """
    windows = windows or Windows()
    channels, x, y, z = volume.shape
    slices = [(0, 0, 0, x, y, z)] if len(patch) == 3 else [(0, 0, at, x, y, at + 1) for at in range(z)]
    call = _counted(_flipped(network, windows.flips, patch), len(slices), tick)
    offset = torch.arange(channels) * (x * y * z)
    packed = ops.PackedVolumes(
        volume.contiguous().view(-1), offset, torch.tensor([[x, y, z]] * channels), torch.zeros(channels, 2)
    )
    sums = []
    with torch.no_grad():
        for first in range(0, len(slices), windows.batch_size):
            boxes = slices[first : first + windows.batch_size]
            cut = [
                ops.crop_resize(packed, [channel] * len(boxes), boxes, patch, how.order, how.antialias)
                for channel in range(channels)
            ]
            sums.append(call(torch.cat(cut, dim=1).to(device)).sum(dim=0, dtype=torch.float64).cpu())
    return (torch.stack(sums).sum(dim=0) / len(slices)).float()


def _starts(sizes: Sequence[int], patch: Sequence[int], overlap: float) -> list[range | list[int]]:
    """Where the windows begin along each axis, as in MONAI: evenly, but the last one ends with the volume."""
    found: list[range | list[int]] = []
    for size, side in zip(sizes, patch, strict=True):
        last = max(0, size - side)
        step = max(1, int(side * (1 - overlap)))
        found.append([*range(0, last, step), last])
    return found


def _flipped(network: Network, flips: str, patch: Sequence[int]) -> Network:
    """The mean over flips along every set of these axes."""
    if strange := set(flips) - set(_AXES[: len(patch)]):
        raise ValueError(f"flips must be along axes of the patch {tuple(patch)}, got {strange.pop()}")
    call = network
    for axis in flips:
        call = _both(call, 2 + _AXES.index(axis))
    return call


def _both(network: Network, axis: int) -> Network:
    def mean(x: Tensor) -> Tensor:
        turned = network(x.flip(axis))
        return (network(x) + (turned.flip(axis) if turned.ndim == x.ndim else turned)) / 2

    return mean


def _counted(network: Network, total: int, tick: Tick | None) -> Network:
    seen = 0

    def told(x: Tensor) -> Tensor:
        nonlocal seen
        out = network(x)
        seen += len(x)
        if tick is not None:
            tick(seen, total)
        return out

    return told
