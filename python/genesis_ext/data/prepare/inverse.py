# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""From the grid of a store back to that of the file: turning, resampling and padding undone."""

import numpy as np
import torch
from torch import Tensor

from genesis_ext import ops
from genesis_ext._types import Shape3
from genesis_ext.data.prepare.preprocess import Grid
from genesis_ext.data.readers.orientation import Reorientation, spacing
from genesis_ext.data.store.entry import StoredVolume
from genesis_ext.data.volume import OriginalGrid

_EXACT = 1e-3  # of a voxel: rounding is far below, any other grid far above


def to_original_grid(prediction: Tensor, entry: StoredVolume) -> Tensor:
    """Bring what was predicted on a prepared volume back to the voxels of its file.

    With ``entry.original.affine`` the result can be saved next to the file. Whole numbers and bool are taken as labels
    and get the value of the nearest voxel; floating numbers, such as probabilities, are interpolated linearly, so that
    those of all classes still add up to 1. Beyond the outermost centres, values continue.

    Args:
        prediction: (X, Y, Z) or (C, X, Y, Z), the shape of the entry: any floating dtype, bool, or integers that int16
            can hold.
        entry: of the store, ``store.entries[i]``.

    Returns:
        The same with the shape ``entry.original.shape``, of one frame, axes in the order of the file; same dtype and
        device, contiguous.

    Raises:
        ValueError: another shape, labels beyond int16, or an entry of format 1, which does not know its file's grid.

    Example:
        >>> label = to_original_grid(logits.argmax(0), entry)
        >>> nibabel.save(nibabel.Nifti1Image(label.numpy().astype("uint8"), entry.original.affine), "predicted.nii.gz")
    """
    if entry.original is None:
        raise ValueError(
            f"to_original_grid: volume {entry.name!r} is of a store of format 1, which does not keep the grid of the "
            "file: prepare it anew"
        )
    grid = Grid(entry.shape, entry.spacing_mm, np.array(entry.affine))
    return from_grid(prediction, grid, entry.original, repr(entry.name))


def from_grid(prediction: Tensor, grid: Grid, original: OriginalGrid, name: str) -> Tensor:
    """What ``to_original_grid`` does, for a volume that is in no store.

    grid: of the prediction, as ``prepare_volume`` made it.   original: of the file.   name: of the volume, for errors.
    """
    if prediction.dim() not in (3, 4) or tuple(prediction.shape[-3:]) != grid.shape:
        raise ValueError(
            f"to_original_grid: prediction must be {grid.shape}, with or without channels before, got "
            f"{tuple(prediction.shape)}"
        )
    turn = Reorientation(np.array(original.affine), original.shape)
    scan = Grid(turn.shape, spacing(turn.affine), turn.affine).resampled(grid.spacing_mm)
    x, y, z = (round(n) for n in (np.linalg.inv(grid.affine) @ scan.affine[:, 3]).tolist()[:3])  # padding before it
    if np.abs(scan.padded((x, y, z), grid.shape).affine - grid.affine).max() > _EXACT * min(grid.spacing_mm):
        raise ValueError(f"to_original_grid: the affine of volume {name} must follow from that of its file")
    inner = prediction[..., x : x + scan.shape[0], y : y + scan.shape[1], z : z + scan.shape[2]]
    if scan.shape != turn.shape:
        inner = _resampled(inner, turn.shape)
    return turn.undo(inner).contiguous()


def _resampled(prediction: Tensor, shape: Shape3) -> Tensor:
    """(..., X, Y, Z) on another grid with the same outer edges, in the dtype that it has."""
    voxels, order = prediction, 1
    if not prediction.is_floating_point():
        voxels, order = prediction.to(torch.int16), 0
        if not torch.equal(voxels.to(prediction.dtype), prediction):
            raise ValueError(
                f"to_original_grid: labels must lie in int16, got {prediction.min()} to {prediction.max()}"
            )
    batch = voxels.reshape(1, -1, *prediction.shape[-3:])
    back: Tensor = ops.resample(batch, shape, order=order, boundary="nearest", grid_mode=True)
    return back.reshape(*prediction.shape[:-3], *shape).to(prediction.dtype)
