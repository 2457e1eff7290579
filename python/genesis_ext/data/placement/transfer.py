# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Voxels of a store to a device: from mapped files through small pinned buffers, or from host memory."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genesis_ext.data.store.volume_store import VolumeStore

# Writes a volume of a store, or its label, by its number into a flat tensor on the device, on the current stream.
CopyVoxels = Callable[[Tensor, int], None]

_CHUNK = 1 << 25  # voxels copied at once from disk to a CUDA device


class _Staging:
    """Copies from memory that cannot be pinned, such as mapped files, through two pinned buffers."""

    def __init__(self, dtype: torch.dtype) -> None:
        self._buffers = [torch.empty(_CHUNK, dtype=dtype, pin_memory=True) for _ in range(2)]
        self._left = [torch.cuda.Event() for _ in range(2)]
        self._next = 0

    def copy(self, target: Tensor, source: NDArray[Any]) -> None:
        """Copy flat voxels to the device on the current stream; the host waits for a buffer, not for the end."""
        for begin in range(0, len(source), _CHUNK):
            part = source[begin : begin + _CHUNK]
            buffer, left = self._buffers[self._next], self._left[self._next]
            self._next = 1 - self._next
            left.synchronize()
            np.copyto(buffer.numpy()[: len(part)], part)
            target[begin : begin + len(part)].copy_(buffer[: len(part)], non_blocking=True)
            left.record()


def copy_from_disk(store: VolumeStore, device: torch.device, label: torch.dtype | None = None) -> CopyVoxels:
    """Copies from the mapped files.

    label: copy labels, in this type.
    """
    staging = _Staging(label or store.dtype) if device.type == "cuda" else None

    def copy(target: Tensor, volume: int) -> None:
        source = store.array(volume, label is not None).reshape(-1)
        if staging is None:
            np.copyto(target.numpy(), source)
        else:
            staging.copy(target, source)

    return copy


def copy_from_host(
    store: VolumeStore, volumes: Sequence[int], device: torch.device, label: torch.dtype | None = None
) -> CopyVoxels:
    """Copies from host memory, into which the volumes are read now.

    label: copy labels, in this type.
    """
    pinned = device.type == "cuda"
    held: dict[int, Tensor] = {}
    for volume in volumes:
        held[volume] = torch.empty(store.entries[volume].voxels, dtype=label or store.dtype, pin_memory=pinned)
        np.copyto(held[volume].numpy(), store.array(volume, label is not None).reshape(-1))

    def copy(target: Tensor, volume: int) -> None:
        target.copy_(held[volume], non_blocking=True)

    return copy
