# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The boxes of a pre-training configuration, which all methods share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from genesis_ext.data.sampling.content import ContentRule, Foreground, LungContent
from genesis_ext.data.sampling.settings import RELEASED_BORDERS, Mix, Sampling
from genesis_ext.data.sampling.split import Split
from genesis_ext.data.volume import Modality
from genesis_ext.training.engine.groups import PatchConfig
from genesis_ext.training.engine.options import check

Boxes = Literal["cubes", "scales"]


@dataclass(frozen=True)
class DataConfig(PatchConfig):
    """Which sub-volumes are cut, and where the volumes live."""

    boxes: Boxes = "cubes"
    """cubes: of `patch` voxels, as in Models Genesis; scales: shares of the volume, resized to `patch`, as in the
    Universal Model."""
    scales: tuple[float, float, float] = (0.5, 0.25, 0.125)
    """Sides of the boxes as shares of the volume's sides."""
    scale_weights: tuple[int, int, int] = (1, 1, 2)
    """How often each scale is drawn."""
    mix: Mix = "balanced"
    """balanced: the modalities in turn, so that every batch holds them equally often, to one sample; volumes: all
    volumes equally often."""
    share: Mapping[str, int] = field(default_factory=dict)
    """How often volumes are drawn beside others of their modality, by patterns of their names, as JSON:
    '{"volume-*": 2}' draws those of LiTS twice as often. The first that fits counts; 1 where none does."""
    patches_a_volume: int = 0
    """Patches of each training volume in an epoch, which ends with a validation, and of each validation volume in that:
    32 in the released code. 0: as `validate_every` and `validation_patches` say."""
    borders: bool = False
    """Keep 100 voxels in x and y and 30 in z away from the ends of a volume, as released."""
    lung_content: bool = False
    """Take only boxes of CT that lung dominates, as released."""
    foreground: bool = False
    """Take only boxes of CT and MRI that are brighter than a twentieth of the window in a quarter of their voxels or
    more; under lung_content of MRI alone."""
    allow_constant: bool = False
    """Train on boxes that are constant, too: of blank background, say."""
    content_grid: int = 4
    """Boxes under lung_content or foreground begin at multiples of so many voxels; 1 costs much memory."""
    split: Split = "auto"
    """auto: the split of the store, else every fifth patient, or the last fifth of the volumes of a single patient;
    patients: every fifth patient; fifth: the last fifth of each volume."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, "share", all(weight >= 1 for weight in self.share.values()), "hold whole numbers above 0")
        check(self, "patches_a_volume", self.patches_a_volume >= 0, "not be negative")
        self.sampling()

    def sampling(self) -> Sampling:
        """Which boxes are cut."""
        content: dict[Modality, ContentRule] = {}
        if self.foreground:
            content = {"ct": Foreground(), "mri": Foreground()}
        if self.lung_content:
            content["ct"] = LungContent()
        return Sampling(
            out_shape=self.patch_shape,
            scales=self.scales,
            scale_weights=self.scale_weights,
            cube=self.patch_shape if self.boxes == "cubes" else None,
            borders=RELEASED_BORDERS if self.borders else (0, 0, 0),
            mix=self.mix,
            content=content,
            content_grid=self.content_grid,
            allow_constant=self.allow_constant,
            order=self.order,
            antialias=self.antialias,
        )
