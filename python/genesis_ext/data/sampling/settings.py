# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Which sub-volumes are cut from a volume: scales or cubes, borders, rules on what they hold, and how often each."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from genesis_ext._settings import check_kinds
from genesis_ext._types import Shape3
from genesis_ext.data.sampling.content import ContentRule, Rules, Varied, block_of
from genesis_ext.data.sampling.split import MODALITIES, Region
from genesis_ext.data.store.entry import StoredVolume
from genesis_ext.data.volume import Modality

Mix = Literal["balanced", "volumes"]
Shape = Shape3 | tuple[int, int]

RELEASED_BORDERS = (100, 100, 30)  # voxels along x, y, z

NO_LIMIT = 2**31 - 1
"""The limit where no rule acts: no sum passes it."""


@dataclass(frozen=True)
class Sampling:
    """What sub-volumes are cut; the defaults are those of the Universal Model.

    Slices for 2D networks: an `out_shape` of two sides, (X, Y), cuts single axial slices of volumes, or parts of
    pictures (X, Y, 1), and gives batches (N, 1, X, Y). With three sides, of which one is 1, slices lie across that
    axis, and batches keep it.

    Attributes:
        out_shape: voxels along x, y, z, or along x and y, to which every box is resized.
        scales: sides of the boxes as shares of the volume's side along each axis, but one voxel where `out_shape` has
            one; the scale label is the place here.
        scale_weights: how often each scale is drawn.
        smallest_side: voxels that a box of a scale spans at least, where the volume has them.
        cube: voxels along x, y, z of every box, as in Models Genesis, instead of scales; two sides mean one slice; the
            scale label is 0.
        pad: take volumes that are smaller than the cube, too, in its middle: the lower end of the window and the
            background of labels are put around them. Needs allow_constant, and no rule on content.
        borders: voxels along x, y, z kept away from the ends of a region; ``RELEASED_BORDERS`` for Models Genesis.
            Where a region is too small for them, ``(size - side - 1) // 2``; none along an axis of one voxel.
        mix: "balanced": the modalities in turn, so that any samples that follow each other hold all of them equally
            often, to one sample; "volumes": all volumes equally often; or weights by modality.
        content: rules on what a box must hold, by modality. Of `candidates` positions the first accepted is taken, else
            the one with the best score.
        content_grid: boxes under a rule begin and end at multiples of so many voxels (1: at any voxel; always so along
            an axis where they have one voxel): the table that answers the rule has one int32 for each grid^3 voxels, of
            slices for each grid^2.
        allow_constant: take boxes that are constant: those without a whole block (4 voxels a side; less where boxes are
            small, 1 along an axis where they have one voxel) in which two voxels lie a 255th of the window apart. Else
            they come after all others of the candidates, whatever `content` says.
        candidates: positions tried under a rule.
        label_share: of the boxes must hold a labelled voxel: first one of the values that the region has is drawn, then
            one of its voxels, then one of the boxes that hold it, and rules on content choose among these. A region
            without such a voxel gives any box. Needs labels.
        label_values: of the label, which count (default: all but 0 and the one to be ignored).
        order: of the interpolation, 0, 1 or 3.
        antialias: smooth where a box is larger than `out_shape`.

    Raises:
        ValueError: a field breaks its rule; the text names it.
    """

    out_shape: Shape = (64, 64, 32)
    scales: tuple[float, ...] = (0.5, 0.25, 0.125)
    scale_weights: tuple[int, ...] = (1, 1, 2)
    smallest_side: int = 8
    cube: Shape | None = None
    pad: bool = False
    borders: Shape3 = (0, 0, 0)
    mix: Mix | Mapping[Modality, int] = "balanced"
    content: Mapping[Modality, ContentRule] = field(default_factory=dict)
    content_grid: int = 4
    allow_constant: bool = False
    candidates: int = 64
    label_share: float = 0.0
    label_values: tuple[int, ...] = ()
    order: int = 1
    antialias: bool = False

    def __post_init__(self) -> None:
        check_kinds(self, "Sampling: ")
        mix = self.mix if isinstance(self.mix, Mapping) else {"ct": 1}
        for rule, holds in (
            ("out_shape must be sizes of at least 1", min(self.out_shape) >= 1),
            ("cube must be sides of at least 1", self.cube is None or min(self.cube) >= 1),
            ("borders must be sizes of at least 0", min(self.borders) >= 0),
            ("scales must be shares in (0, 1]", len(self.scales) > 0 and all(0 < s <= 1 for s in self.scales)),
            (
                "scale_weights must be a whole number above 0 for each of the scales",
                len(self.scale_weights) == len(self.scales) and min(self.scale_weights) >= 1,
            ),
            ("smallest_side must be at least 1", self.smallest_side >= 1),
            ("mix must hold weights of at least 0", len(mix) > 0 and min(mix.values()) >= 0),
            ("content_grid must be at least 1", self.content_grid >= 1),
            ("candidates must be at least 1", self.candidates >= 1),
            ("label_share must be in [0, 1]", 0 <= self.label_share <= 1),
            ("label_values must not hold 0, the background", 0 not in self.label_values),
            ("order must be 0, 1 or 3", self.order in (0, 1, 3)),
        ):
            if not holds:
                raise ValueError(f"Sampling: {rule}, got {getattr(self, rule.split()[0])!r}")
        if self.pad and (self.content or not self.allow_constant):
            raise ValueError("Sampling: pad must be false unless allow_constant is set and content is empty, got true")
        if self.cube and self.content and any(s % g for s, g in zip(self.sides, self.blocks, strict=True)):
            raise ValueError(
                f"Sampling: content_grid must divide the sides of the cube {self.cube}, got {self.content_grid}"
            )

    @property
    def smallest(self) -> Shape3:
        """Voxels along x, y, z that a region must hold."""
        return (1, 1, 1) if self.pad else self.sides

    @property
    def sides(self) -> Shape3:
        """Of the cube along x, y, z; 1 where boxes have scales."""
        return _three(self.cube or (1, 1, 1))

    @property
    def resized(self) -> Shape3:
        """Voxels along x, y, z to which every box is resized."""
        return _three(self.out_shape)

    @property
    def blocks(self) -> Shape3:
        """Voxels along x, y, z at whose multiples boxes under a rule begin and end."""
        x, y, z = (1 if side == 1 else self.content_grid for side in (self.sides if self.cube else self.resized))
        return x, y, z

    @property
    def tables(self) -> list[tuple[Rules, Shape3]]:
        """Rules that are answered by tables, and voxels a block along x, y, z: on content, then against constants."""
        if self.allow_constant:
            return [(self.content, self.blocks)]
        return [(self.content, self.blocks), (dict.fromkeys(MODALITIES, Varied()), self._varied_blocks)]

    @property
    def _varied_blocks(self) -> Shape3:
        """The largest, up to 4 a side, of which every box holds a whole one wherever it begins."""
        sides = self.sides if self.cube else [1 if side == 1 else self.smallest_side for side in self.resized]
        x, y, z = (1 if side == 1 else min(4, max(2, (side + 1) // 2)) for side in sides)
        return x, y, z

    @property
    def grid(self) -> int:
        """Voxels at whose multiples boxes begin in some modality: where regions are best cut."""
        return self.content_grid if self.content else 1

    @property
    def weights(self) -> tuple[int, ...]:
        """Of the scales; one for cubes."""
        return (1,) if self.cube else self.scale_weights

    def takes(self, modality: Modality) -> bool:
        """Whether the mix has a part for a modality."""
        return not isinstance(self.mix, Mapping) or self.mix.get(modality, 0) > 0

    def mix_weights(self, volumes: Mapping[Modality, int]) -> list[int]:
        """How often each modality is drawn, given the summed weights of its volumes.

        Raises:
            ValueError: all are zero.
        """
        if self.mix == "volumes":
            return list(volumes.values())
        if self.mix == "balanced":
            return [1] * len(volumes)
        assert not isinstance(self.mix, str)
        weights = [self.mix.get(modality, 0) for modality in volumes]
        if not any(weights):
            raise ValueError(f"Sampling: mix gives {', '.join(volumes)}, all that is there, no weight: {self.mix}")
        return weights


class BoxRange(NamedTuple):
    """The boxes of one scale in one region, along x, y, z.

    first, step, starts: a box starts at first + k step for k in [0, starts).   side: voxels.
    limit: of the summed score of a box.   shrunk: whether borders are smaller than asked for.
    """

    first: Shape3
    step: Shape3
    starts: Shape3
    side: Shape3
    limit: int
    shrunk: bool


def box_ranges(entry: StoredVolume, region: Region, sampling: Sampling) -> list[BoxRange]:
    """The boxes of every scale in a region.

    Raises:
        ValueError: it holds none.
    """
    step = block_of(entry, sampling.content, sampling.blocks)
    rule = sampling.content.get(entry.modality)
    shares = (0.0,) if sampling.cube else sampling.scales
    ranges = []
    for share in shares:
        axes = [_along(axis, entry, region, sampling, share, step[axis]) for axis in range(3)]
        first, starts, side, shrunk = zip(*axes, strict=True)
        limit = rule.limit(math.prod(side)) if rule else NO_LIMIT
        ranges.append(BoxRange(first, step, starts, side, limit, any(shrunk)))
    return ranges


def note_on_borders(entries: Sequence[StoredVolume], regions: Sequence[Region], sampling: Sampling) -> str | None:
    """One sentence if borders are shrunk somewhere."""
    shrunk = sum(any(r.shrunk for r in box_ranges(entries[region.volume], region, sampling)) for region in regions)
    if not shrunk:
        return None
    return f"borders of {sampling.borders} voxels are shrunk in {shrunk} of {len(regions)} regions: too small"


def _along(
    axis: int, entry: StoredVolume, region: Region, sampling: Sampling, share: float, step: int
) -> tuple[int, int, int, bool]:
    """First start, number of starts and side along one axis, and whether the border is shrunk."""
    lo, hi = -(-region.lo[axis] // step) * step, region.hi[axis] // step * step
    room = hi - lo
    if sampling.cube:
        side = sampling.sides[axis]
        if sampling.pad and side > room:
            return lo - (side - room) // 2, 1, side, False
    elif sampling.resized[axis] == 1:
        side = step
    else:
        size = entry.shape[axis]
        side = max(1, math.floor(size * share / step + 0.5)) * step
        side = min(max(side, -(-min(sampling.smallest_side, size) // step) * step), room)
    if not 0 < side <= room:
        raise ValueError(
            f"{entry.name}: the region {region.lo} .. {region.hi} holds no box of {sampling.cube or step} voxels "
            f"at multiples of {step}"
        )
    border = min(sampling.borders[axis], max((room - side - 1) // 2, 0))
    first, last = lo - (-border // step) * step, lo + (room - border - side) // step * step
    if last < first:  # the border is no multiple of the step, and nothing is left between
        first = last = lo + (room - side) // 2 // step * step
    return first, (last - first) // step + 1, side, border < sampling.borders[axis] and entry.shape[axis] > 1


def _three(sides: Shape) -> Shape3:
    """2D is 3D with one slice."""
    x, y, z = (*sides, 1)[:3]
    return x, y, z
