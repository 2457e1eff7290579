# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Rotation prediction as a module: a batch in, rotated patches and the numbers of their rotations out."""

import itertools
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from genesis_ext import ops
from genesis_ext._arguments import check_choice
from genesis_ext.ops._checks import TensorLike, as_3d, as_ids, as_numbers, check_device, check_voxels, got
from genesis_ext.ops.philox_words import below
from genesis_ext.reference.philox import Purpose
from genesis_ext.transforms.seed import keep_seed, seed_text

ROTATIONS = ("axes", "cube")

_QUARTERS = np.array(  # right-handed, by 90 degrees about x (y to z), y (z to x) and z (x to y)
    [
        [[1, 0, 0], [0, 0, -1], [0, 1, 0]],
        [[0, 0, 1], [0, 1, 0], [-1, 0, 0]],
        [[0, -1, 0], [1, 0, 0], [0, 0, 1]],
    ]
)


@cache
def rotation_matrices(rotations: str = "axes") -> NDArray[np.int64]:
    """The rotations of a cube onto itself, in the order of their labels: (R, 3, 3), each entry -1, 0 or 1.

    rotations: "axes": the identity, then 90, 180 and 270 degrees about x, about y and about z: 10.   "cube": these and
        the other 14, in the order of their entries: all 24.

    A matrix turns directions of the patch into those of the rotated patch; about axis a, by k quarters, it is
    `np.rot90(patch, k, axes=(a + 1, a + 2))`, axes counted modulo 3.

    Raises:
        ValueError: an unknown set.
    """
    check_choice("rotation_matrices", "rotations", rotations, ROTATIONS)
    axes = [np.linalg.matrix_power(quarter, k) for quarter in _QUARTERS for k in (1, 2, 3)]
    matrices = [np.eye(3, dtype=np.int64), *axes]
    if rotations == "cube":
        known = {matrix.tobytes() for matrix in matrices}
        signed = (
            np.diag(signs)[list(order)]
            for order in itertools.permutations(range(3))
            for signs in itertools.product((-1, 1), repeat=3)
        )
        proper = (matrix for matrix in signed if round(np.linalg.det(matrix)) == 1)
        matrices += sorted((m for m in proper if m.tobytes() not in known), key=lambda m: m.ravel().tolist())
    table = np.stack(matrices)
    table.flags.writeable = False
    return table


class RotationTransform(nn.Module):
    """Rotate every patch by one of a fixed set of rotations: `(batch, sample_id) -> (rotated, label)`.

    The task of the "3D Rotation" baseline: a classifier on the encoder has to tell the label. Which rotation a sample
    gets follows from the seed and its id alone (docs/determinism.md). Values only move, so the result is the same on
    every device. Nothing waits for the device: the module can be compiled and captured in a CUDA graph. It keeps its
    rotations as a buffer: move it to the device of the batches.

    Args:
        seed: an int, counted modulo 2^64; or a (1,) int64 tensor, kept as a buffer that a captured graph reads again.
        rotations: "axes": by 0, 90, 180 and 270 degrees about x, y or z, which are 10 rotations, as published; "cube":
            all 24 orientations of a cube.
        spatial_shape: (X, Y, Z) or (X, Y) of the patches to come: only the rotations of the set that keep it are drawn
            (of (64, 64, 32) 6 and 8; of (64, 64) the 4 in the plane), and their labels are renumbered. Batches have
            its number of axes. Default: all rotations of the set, for cubes alone.

    Attributes:
        num_classes: how many rotations there are; labels lie in [0, num_classes).
        rotations: (num_classes, 3, 3) int64, the matrix of each label (see `rotation_matrices`).

    Raises:
        TypeError, ValueError: an argument of another type, an unknown set, or a shape without two or three sides.

    Example:
        >>> t = RotationTransform(seed=0)
        >>> x, label = t(torch.rand(2, 1, 32, 32, 32), torch.arange(2))

    Source: Taleb et al., "3D Self-Supervised Methods for Medical Imaging", NeurIPS 2020, section 3.4; in 2D Gidaris,
    Singh and Komodakis, "Unsupervised Representation Learning by Predicting Image Rotations", ICLR 2018.
    """

    seed: int | Tensor
    rotations: Tensor

    def __init__(
        self, seed: int | Tensor = 0, rotations: str = "axes", spatial_shape: Sequence[int] | None = None
    ) -> None:
        super().__init__()
        keep_seed(self, seed)
        matrices = rotation_matrices(rotations)
        if spatial_shape is not None:
            matrices = matrices[[_keeps(matrix, spatial_shape) for matrix in matrices]]
        self._spatial_dims = 3 if spatial_shape is None else len(spatial_shape)
        self.num_classes = len(matrices)
        self._name = rotations
        # Axes that some rotation exchanges: patches must be equally long along them.
        exchanged = np.abs(matrices).sum(axis=0)
        self._equal = [(a, b) for a in range(3) for b in range(a) if exchanged[a, b]]
        self.register_buffer("rotations", torch.from_numpy(matrices.copy()), persistent=False)

    def forward(self, batch: Tensor, sample_id: TensorLike) -> tuple[Tensor, Tensor]:
        """Rotate a batch.

        batch: (N, C, X, Y, Z), or (N, C, X, Y) where `spatial_shape` has two sides, floating point.   sample_id: (N,)
        int64 beside it, or a list.
        Returns the rotated batch, of its shape and dtype, contiguous, and (N,) int64 labels: plain tensors.
        """
        batch = self._check(batch)
        label = self.draw(as_ids("RotationTransform", sample_id, batch.device))
        return self.replay(batch, label), label

    def draw(self, sample_id: TensorLike) -> Tensor:
        """The labels of samples: (N,) int64 ids to (N,) int64."""
        words = ops.philox_words(sample_id, self.seed, Purpose.ORIENTATION, 1)  # (N, 1, 4)
        return below(words[:, 0, 0], self.num_classes)

    def replay(self, batch: Tensor, label: TensorLike) -> Tensor:
        """Rotate each patch as its label says; label: (N,) int64 in [0, num_classes), beside the batch.

        Raises:
            ValueError: patches that not all of the rotations keep, or a batch on another device than the transform.
        """
        batch = self._check(batch)
        label = as_numbers("RotationTransform", "label", label, torch.int64, batch.device)
        volumes = as_3d(batch)
        shape = volumes.shape[2:]
        if any(shape[a] != shape[b] for a, b in self._equal):
            raise ValueError(
                f"RotationTransform: x must keep its shape under all {self.num_classes} rotations, got {got(batch)}; "
                f"give spatial_shape={tuple(batch.shape[2:])} for the rotations that keep it"
            )
        # The inverse of a rotation is its transpose; it takes output voxels to those of the patch. An axis that runs
        # backwards starts at its last voxel.
        linear = self.rotations[label].transpose(1, 2)
        backwards = linear.sum(dim=2) < 0
        matrix = batch.new_zeros((len(label), 4, 4), dtype=torch.float64)
        matrix[:, :3, :3] = linear
        for axis, side in enumerate(shape):
            matrix[:, axis, 3] = backwards[:, axis] * (side - 1)
        matrix[:, 3, 3].fill_(1)
        return ops.affine_sample(volumes, matrix, shape, order=0).view(batch.shape)

    def extra_repr(self) -> str:
        """Name the set, and how many of it are drawn."""
        return f"rotations={self._name!r}, num_classes={self.num_classes}, seed={seed_text(self.seed)}"

    def _check(self, batch: Tensor) -> Tensor:
        batch = check_voxels("RotationTransform", batch, self._spatial_dims, "spatial_shape=(X, Y)")
        check_device("RotationTransform", batch, self.rotations.device)
        return batch


def _keeps(matrix: NDArray[np.int64], spatial_shape: Sequence[int]) -> bool:
    """Whether a patch has the same sides after the rotation; a 2D patch must also stay in its plane."""
    sides = tuple(spatial_shape)
    if len(sides) not in (2, 3):
        raise ValueError(f"RotationTransform: spatial_shape must be (X, Y, Z) or (X, Y), got {spatial_shape!r}")
    if len(sides) == 2:
        return bool(matrix[2, 2] == 1) and _keeps(matrix, (*sides, 1))
    return bool((np.abs(matrix) @ np.array(sides) == sides).all())
