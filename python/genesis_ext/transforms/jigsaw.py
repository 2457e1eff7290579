# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Jigsaw puzzles as a module: a batch in, tiles in another order and the number of that order out."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from genesis_ext import ops
from genesis_ext._arguments import check_choice
from genesis_ext.ops._checks import TensorLike, as_ids, check_device, check_voxels, plain
from genesis_ext.ops.philox_words import below
from genesis_ext.reference.philox import Purpose
from genesis_ext.transforms.permutations import distant_permutations
from genesis_ext.transforms.seed import keep_seed, seed_text

OUTPUTS = ("tiles", "volume")


class Puzzles(NamedTuple):
    """What was drawn for N samples with T tiles on D axes.

    label: (N,) int64, the place of the order among the fixed ones.
    starts: (N, T, D) int64, the first voxel in the patch of each tile that is put out.
    """

    label: Tensor
    starts: Tensor


class JigsawTransform(nn.Module):
    """Cut every patch into tiles and put them out in one of a fixed set of orders: `(batch, sample_id) -> (x, label)`.

    The task of the "3D Jigsaw" baseline: a classifier has to tell the label. Which order a sample gets, and where in
    its cell each tile is cut, follow from the seed and its id alone (docs/determinism.md). Values only move, so the
    result is the same on every device. Nothing waits for the device: the module can be compiled and captured in a CUDA
    graph. It keeps its orders as a buffer: move it to the device of the batches.

    A patch is divided into cells of `side // grid` voxels along each axis; what is left over at the upper end is not
    used. A tile has `side // grid - gap` voxels, rounded down to a multiple of `multiple`, and lies anywhere in its
    cell, so that what it is next to cannot be told from its rim. An axis with a single cell is kept whole.

    Args:
        seed: an int, counted modulo 2^64; or a (1,) int64 tensor, kept as a buffer that a captured graph reads again.
        num_permutations: how many orders there are, see `distant_permutations`; 100, as the published 3D code has.
        grid: cells along each axis of the patches to come, three numbers or, for 2D, two.
        gap: voxels that a tile is smaller than its cell at least. The published 3D code has 3 (cells of 42), the
            first paper on jigsaw puzzles 11 (cells of 75 pixels).
        multiple: what divides the sides of a tile; 8 for `UNet3D`.
        output: "tiles": (N, T, C, *tile), for an encoder that sees every tile alone and a classifier that sees the
            features of all, as published; "volume": the tiles put together, (N, C, *(grid * tile)), for an encoder that
            sees them at once.

    Attributes:
        num_classes: how many orders there are; labels lie in [0, num_classes).
        permutations: (num_classes, T) int64: tile t that is put out is cut from cell `permutations[label, t]`, cells
            counted in row-major order.

    Raises:
        TypeError, ValueError: an argument that breaks its rule.

    Example:
        >>> t = JigsawTransform(seed=0, multiple=8)
        >>> tiles, label = t(torch.rand(2, 1, 64, 64, 32), torch.arange(2))  # (2, 27, 1, 16, 16, 8)

    Source: Noroozi and Favaro, "Unsupervised Learning of Visual Representations by Solving Jigsaw Puzzles", ECCV 2016;
    in 3D Taleb et al., "3D Self-Supervised Methods for Medical Imaging", NeurIPS 2020, section 3.3. The 3x3x3 grid with
    predefined permutations is what the Universal Model (arXiv:2010.06107) is compared with.
    """

    seed: int | Tensor
    permutations: Tensor
    _cells: Tensor

    def __init__(
        self,
        seed: int | Tensor = 0,
        num_permutations: int = 100,
        grid: Sequence[int] = (3, 3, 3),
        gap: int = 0,
        multiple: int = 1,
        output: str = "tiles",
    ) -> None:
        super().__init__()
        keep_seed(self, seed)
        self.grid = tuple(grid)
        if len(self.grid) not in (2, 3) or min(self.grid) < 1:
            raise ValueError(f"JigsawTransform: grid must be two or three numbers of at least 1, got {grid!r}")
        if gap < 0 or multiple < 1:
            raise ValueError(
                f"JigsawTransform: gap must be at least 0 and multiple at least 1, got {gap} and {multiple}"
            )
        check_choice("JigsawTransform", "output", output, OUTPUTS)
        self.gap, self.multiple, self.output = gap, multiple, output
        permutations = distant_permutations(math.prod(self.grid), num_permutations)
        self.num_classes = num_permutations
        self.register_buffer("permutations", torch.from_numpy(permutations.copy()), persistent=False)
        cells = torch.cartesian_prod(*map(torch.arange, self.grid))  # (T, D): the place of each cell in the grid
        self.register_buffer("_cells", cells, persistent=False)

    def forward(self, batch: Tensor, sample_id: TensorLike) -> tuple[Tensor, Tensor]:
        """Make the puzzles of a batch.

        batch: (N, C, X, Y, Z), or (N, C, X, Y) where the grid has two numbers, floating point.   sample_id: (N,) int64
        beside it, or a list.
        Returns tiles or volumes, of the batch's dtype, contiguous, and (N,) int64 labels: plain tensors.
        """
        batch = self._check(batch)
        ids = as_ids("JigsawTransform", sample_id, batch.device)
        puzzles = self.draw(ids, batch.shape[2:])
        return self.replay(batch, puzzles), puzzles.label

    def tile_shape(self, spatial_shape: Sequence[int]) -> tuple[int, ...]:
        """Voxels of a tile along each axis, for patches of this shape.

        Raises:
            ValueError: another number of axes than the grid has, or patches too small for a tile.
        """
        shape = tuple(spatial_shape)
        if len(shape) != len(self.grid):
            raise ValueError(
                f"JigsawTransform: x must have an axis for each number of the grid {self.grid}, got sides {shape}"
            )
        tile = tuple(
            side if cells == 1 else (side // cells - self.gap) // self.multiple * self.multiple
            for side, cells in zip(shape, self.grid, strict=True)
        )
        if min(tile) < 1:
            raise ValueError(
                f"JigsawTransform: x must have at least {self.gap + self.multiple} voxels in each cell of the grid "
                f"{self.grid}, got sides {shape}"
            )
        return tile

    def draw(self, sample_id: TensorLike, spatial_shape: Sequence[int]) -> Puzzles:
        """Draw the puzzles of samples, for (N,) int64 ids and patches (X, Y, Z) or (X, Y)."""
        tile = self.tile_shape(spatial_shape)
        words = ops.philox_words(sample_id, self.seed, Purpose.JIGSAW, 1 + len(self._cells))  # (N, 1 + T, 4)
        label = below(words[:, 0, 0], self.num_classes)
        order = self.permutations[label]  # (N, T)
        starts = []
        for axis, (side, cells) in enumerate(zip(spatial_shape, self.grid, strict=True)):
            cell = side // cells
            places = self._cells[:, axis] * cell + below(words[:, 1:, axis], cell - tile[axis] + 1)  # (N, T), by cell
            starts.append(places.gather(1, order))
        return Puzzles(label, torch.stack(starts, dim=2))

    def replay(self, batch: Tensor, puzzles: Puzzles) -> Tensor:
        """Make puzzles that were drawn for a batch of this size and shape, on its device."""
        batch = self._check(batch)
        tile = self.tile_shape(batch.shape[2:])
        windows = batch
        for axis, side in enumerate(tile):
            windows = windows.unfold(2 + axis, side, 1)  # a view: where a tile begins, then its voxels
        rows = torch.arange(len(batch), device=batch.device).unsqueeze(1)
        index: list[Tensor | slice] = [rows, slice(None), *plain(puzzles.starts).unbind(2)]
        tiles: Tensor = windows[tuple(index)]  # (N, T, C, *tile): axes that are indexed apart come first
        if self.output == "tiles":
            return tiles.contiguous()
        axes = len(tile)
        placed: Tensor = tiles.unflatten(1, self.grid)  # (N, *grid, C, *tile)
        pairs = [axis for d in range(axes) for axis in (1 + d, 2 + axes + d)]
        whole = [cells * side for cells, side in zip(self.grid, tile, strict=True)]
        return placed.permute(0, 1 + axes, *pairs).reshape(*batch.shape[:2], *whole)

    def extra_repr(self) -> str:
        """Name the numbers."""
        return (
            f"num_permutations={self.num_classes}, grid={self.grid}, gap={self.gap}, multiple={self.multiple}, "
            f"output={self.output!r}, seed={seed_text(self.seed)}"
        )

    def _check(self, batch: Tensor) -> Tensor:
        batch = check_voxels("JigsawTransform", batch, len(self.grid), "a grid of two numbers")
        check_device("JigsawTransform", batch, self.permutations.device)
        return batch
