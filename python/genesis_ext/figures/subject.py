# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a preview shows: a patch of a scan and its transformations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from genesis_ext import ops
from genesis_ext._types import Shape3, Spacing3
from genesis_ext.transforms import TransformConfig, resolve

TRIED_IDS = 64
"""Sample ids among which a picture looks for a telling one."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A patch of a scan, and the transformations to show on it.

    Attributes:
        name: of the scan, for titles.
        scan: (X, Y, Z) float32 in [0, 1]; x to the right, y to the front, z to the head, or a picture: see ``flat``.
        spacing_mm: voxel size along x, y, z.
        start: of the patch in the scan, voxels.
        shape: of the patch, voxels.
        config: rates and sizes of the transformations.
        label: what the config is called, for captions.
        seed: of all draws.
        flat: the scan is a picture (X, Y, 1), x to the right and y down.
    """

    name: str
    scan: Tensor
    spacing_mm: Spacing3
    start: Shape3
    shape: Shape3
    config: TransformConfig
    label: str
    seed: int
    flat: bool = False

    def __post_init__(self) -> None:
        for axis, at, side, size in zip("xyz", self.start, self.shape, self.scan.shape, strict=True):
            if not 1 <= side <= size:
                raise ValueError(
                    f"preview: patch must have 1 to {size} voxels along {axis}, as the scan has, got {side}"
                )
            if not 0 <= at <= size - side:
                raise ValueError(f"preview: start must lie in [0, {size - side}] along {axis}, got {at}")

    @property
    def patch(self) -> Tensor:
        """(1, 1, X, Y, Z)."""
        x, y, z = (slice(at, at + side) for at, side in zip(self.start, self.shape, strict=True))
        return self.scan[x, y, z][None, None].contiguous()

    @property
    def middle(self) -> Shape3:
        """Middle voxel of the patch, counted in the patch."""
        x, y, z = self.shape
        return x // 2, y // 2, z // 2

    @property
    def size_text(self) -> str:
        """The patch in voxels and millimetres."""
        millimetres = " × ".join(f"{n * mm:.0f}" for n, mm in zip(self.shape, self.spacing_mm, strict=True))
        return f"{times(self.shape)} voxels, {millimetres} mm"

    @property
    def orientation_text(self) -> str:
        """How the slices are oriented, for captions."""
        if self.flat:
            return "Grey window [0, 1]."
        return "Axial slices above coronal ones; the patient's right is on the left; grey window [0, 1]."

    def draw(self, sample_id: Tensor, **rates: float) -> ops.Plan:
        """Draw a plan with some rates of the config replaced; flips are off unless ``flip_rate`` is given."""
        config = replace(self.config, **{"flip_rate": 0.0, **rates})  # type: ignore[arg-type]
        return ops.draw_plan(sample_id, self.seed, resolve(config, self.shape))

    def ids(self, count: int) -> Tensor:
        """The sample ids 0 .. count - 1."""
        return torch.arange(count, device=self.scan.device)

    def shown_shares(self, ids: Tensor, paint: str) -> Tensor:
        """How well the boxes of each id (N,) show if ``paint`` is "in" or "out": (N,), 0 to .5.

        The smallest share, painted or kept, of the two slices through the middle of the patch.
        """
        plan = self.draw(ids, paint_rate=1.0, outpaint_rate=float(paint == "out"))
        shares = []
        for i in range(len(ids)):
            mask = painted(plan[i]).float()
            share = torch.stack([mask[:, self.middle[1]].mean(), mask[:, :, self.middle[2]].mean()])
            shares.append(torch.minimum(share, 1.0 - share).min())
        return torch.stack(shares)


def painted(plan: ops.Plan, boxes: Tensor | None = None) -> Tensor:
    """Where a plan of one sample paints, (X, Y, Z) bool.   boxes: (1, B, 6), instead of its own."""
    empty = torch.zeros((1, 1, *plan.spec.shape3), device=plan.device)
    boxes = plan.boxes.contiguous() if boxes is None else boxes
    return ops.paint_boxes(empty, boxes, plan.kind, fill=empty.new_ones((1,)))[0, 0] > 0.5


def times(sizes: Sequence[int]) -> str:
    """Sizes as text: 64 × 64 × 32."""
    return " × ".join(map(str, sizes))


def evenly(count: int, most: int) -> list[int]:
    """At most ``most`` of the numbers 0 .. count - 1, evenly spread from end to end."""
    if count <= most:
        return list(range(count))
    return [round(i * (count - 1) / max(most - 1, 1)) for i in range(most)]
