# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Random patches of a set of volumes, each a pure function of (seed, sample id).

Try k of a sample draws four words (purpose crop, index k): word 0 of try 0 chooses the region, words 1 to 3 of a try
its start along x, y, z. The words are drawn on the host; from there on nothing waits for the device.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from genesis_ext.data.lung_content import DENSE_HU, accepted, cube_scores
from genesis_ext.data.preprocess import IntensityWindow
from genesis_ext.data.volume_set import Region, Shape3, VolumeSet
from genesis_ext.reference.philox import Purpose, below, words

RELEASED_BORDER = (100, 100, 30)  # voxels along x, y, z
_CANDIDATES = 64


class PatchSampler:
    """Cuts patches: sample ids -> (N, 1, *patch) float32 in [0, 1] on the device of the volumes.

    Regions are chosen with equal chance, whatever their size; starts are uniform.

    Args:
        volumes: the buffer.
        regions: where patches may lie; each holds at least one.
        patch: sizes in voxels.
        seed: 64-bit.
        borders: keep 100 voxels in x and y and 30 in z away from the ends of a region, as released; where a region is
            too small, ``(size - patch - 1) // 2``, said once through ``report``.
        lung_content: apply the rule of ``lung_content`` to CT: of 64 candidates the first accepted is taken, else the
            one with the lowest score. MRI has no HU, there the first candidate is taken.
        window: with which the volumes were made; tells where -150 HU lies.
    """

    def __init__(
        self,
        volumes: VolumeSet,
        regions: Sequence[Region],
        patch: Shape3,
        seed: int,
        borders: bool = False,
        lung_content: bool = False,
        window: IntensityWindow | None = None,
        report: Callable[[str], object] = print,
    ) -> None:
        if not regions:
            raise ValueError("PatchSampler: regions must hold at least one region, got none")
        self._voxels = volumes.voxels
        self._patch = patch
        self._seed = seed
        self._lung_content = lung_content
        sizes = np.array([region.hi for region in regions]) - [region.lo for region in regions]
        if (sizes < patch).any():
            small = regions[int((sizes < patch).any(axis=1).argmax())]
            raise ValueError(f"PatchSampler: regions must hold a patch of {patch} voxels, got {small}")
        border = np.zeros_like(sizes)
        if borders:
            border = np.minimum(RELEASED_BORDER, np.maximum((sizes - patch - 1) // 2, 0))
        shrunk = int((border < RELEASED_BORDER).any(axis=1).sum())
        if borders and shrunk:
            report(f"borders of {RELEASED_BORDER} voxels are shrunk in {shrunk} of {len(regions)} regions: too small")
        self._count = sizes - 2 * border - patch + 1  # (R, 3) start positions

        shapes = np.array([volumes.entries[region.volume].shape for region in regions])
        steps = np.stack((shapes[:, 1] * shapes[:, 2], shapes[:, 2], np.ones_like(shapes[:, 2])), axis=1)  # (R, 3)
        origin = np.array([region.lo for region in regions]) + border
        offsets = np.array([volumes.entries[region.volume].offset for region in regions])
        self._first = self._on_device(offsets + (origin * steps).sum(axis=1))  # (R,) voxel of the first start
        self._steps = self._on_device(steps)
        self._within = [torch.arange(side, device=self._voxels.device) for side in patch]
        if lung_content:
            self._make_score_tables(volumes, regions, origin, window or IntensityWindow())

    def draw(self, sample_id: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Region (N,) and candidate starts (N, K, 3), counted from the first start of the region; K = 1 or 64.

        sample_id: (N,) integers, read as 64-bit words.
        """
        ids = np.atleast_1d(np.asarray(sample_id))[:, None]  # (N, 1)
        tries = np.arange(_CANDIDATES if self._lung_content else 1)
        drawn = words(self._seed, ids, Purpose.CROP, tries)  # (N, K, 4)
        region = below(drawn[:, 0, 0], len(self._count))
        return region, below(drawn[..., 1:], self._count[region][:, None, :])

    def __call__(self, sample_id: ArrayLike) -> Tensor:
        """The patches of the samples: (N, 1, *patch) float32."""
        chosen, candidates = self.draw(sample_id)
        region, starts = self._on_device(chosen), self._on_device(candidates)
        start = self._choose(region, starts) if self._lung_content else starts[:, 0]  # (N, 3)
        step = self._steps[region]
        first = self._first[region] + (start * step).sum(dim=1)
        x, y, z = (step[:, axis, None] * self._within[axis] for axis in range(3))  # (N, side) each
        at = (first[:, None] + x)[:, :, None, None] + y[:, None, :, None] + z[:, None, None, :]  # (N, *patch)
        return self._voxels[at].float().unsqueeze(1)

    def _choose(self, region: Tensor, starts: Tensor) -> Tensor:
        """The first candidate accepted, else the one with the lowest score: (N, 3)."""
        table, count = self._table[region], self._table_count[region]  # (N,), (N, 3)
        nx, ny, nz = starts.unbind(dim=2)  # (N, K)
        at = table[:, None] + (nx * count[:, 1:2] + ny) * count[:, 2:3] + nz
        # A region without a table (MRI) points at one zero, whatever its start: accepted at once.
        score = torch.where(table[:, None] > 0, self._scores[at.where(table[:, None] > 0, 0)], 0)
        passed = accepted(score, int(np.prod(self._patch)))
        best = torch.where(passed.any(dim=1), passed.int().argmax(dim=1), score.argmin(dim=1))
        return starts[torch.arange(len(starts), device=starts.device), best]

    def _make_score_tables(
        self, volumes: VolumeSet, regions: Sequence[Region], origin: NDArray[np.int64], window: IntensityWindow
    ) -> None:
        """One sum for each start of each CT region, end to end behind a zero."""
        lo, hi = window.ct_hu
        parts = [torch.zeros(1, dtype=torch.int32, device=self._voxels.device)]
        table, length = [], 1
        for region, first, count in zip(regions, origin, self._count, strict=True):
            if volumes.entries[region.volume].modality != "ct":
                table.append(0)
                continue
            reach = first + count + np.array(self._patch) - 1
            reach[2] += 1  # the last slice of a cube looks one slice deeper, where there is one
            x, y, z = (slice(int(a), int(b)) for a, b in zip(first, reach, strict=True))
            values = volumes.volume(region.volume)[x, y, z]
            scores = cube_scores(values, self._patch, (DENSE_HU - lo) / (hi - lo))[..., : int(count[2])]
            parts.append(scores.flatten())
            table.append(length)
            length += parts[-1].numel()
        self._scores = torch.cat(parts)
        self._table = self._on_device(np.array(table))
        self._table_count = self._on_device(self._count)

    def _on_device(self, array: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.int64)).to(self._voxels.device, non_blocking=True)
