# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Groups of a fine-tuning configuration: the task, what the network starts from, and the samples."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from genesis_ext._settings import check_kinds, from_mapping
from genesis_ext.data.sampling.settings import Sampling
from genesis_ext.training.engine.groups import Modalities, PatchConfig
from genesis_ext.training.engine.options import check
from genesis_ext.transforms import FinetuneTransformConfig, make_finetune_config

Boxes = Literal["cubes", "whole"]
LossName = Literal["dice", "dice-ce", "ce", "focal"]
Train = Literal["all", "head", "staged"]


@dataclass(frozen=True)
class TaskOptions:
    """Settings that every task has."""

    task: str
    """Name of the task."""
    loss: LossName | None = None
    """dice: soft Dice over the samples of a step, with smooth 1 as released; ce: cross-entropy; dice-ce: their sum;
    focal: cross-entropy that counts hard answers more. Without it dice for a segmentation, ce for a classification."""
    classes: tuple[str, ...] = ()
    """What is told apart, by the names that the data have; of a segmentation also NAME=VALUE, or NAME=VALUE,VALUE for a
    region of several values. Without it, all that the data name."""
    exclusive: bool = True
    """Exactly one class holds (of a segmentation, or the background); else each holds or not, as regions within
    regions and findings do."""
    class_weights: tuple[float, ...] = ()
    """A weight of each class in the loss; of a segmentation whose classes are exclusive, the first is the
    background's. Dice has no use for that one."""
    focal_gamma: float = 2.0
    """Of focal: how much less an answer counts that is nearly right."""
    hidden: int = 1024
    """Of a classification: width of the hidden layer behind the pooling."""

    def __post_init__(self) -> None:
        check_kinds(self)
        check(self, "class_weights", all(weight >= 0 for weight in self.class_weights), "not be negative")
        check(self, "focal_gamma", self.focal_gamma >= 0, "not be negative")
        check(self, "hidden", self.hidden >= 1, "be at least 1")


@dataclass(frozen=True)
class StartConfig:
    """What of the network learns, when, and how fast."""

    train: Train = "all"
    """all: every layer; head: the new layers alone; staged: the new layers and the decoder first, for frozen_steps,
    then all."""
    frozen_steps: int = 500
    """Of staged: steps in which the encoder stays as it is. Its learning rate then rises over as many."""
    layer_decay: float = 1.0
    """Factor of the learning rate from each layer to the one before it, in (0, 1]; below 1 early layers change less."""
    parts: Literal["all", "encoder"] = "all"
    """What is taken from the source: all that fits, or the encoder alone."""
    mapping: str | None = None
    """File of rules for the names in a source of another package (docs/models.md)."""
    allow_overlap: bool = False
    """Validate and test on patients on whom the source was trained, all the same; the report says so."""

    def __post_init__(self) -> None:
        check_kinds(self)
        check(self, "frozen_steps", self.frozen_steps >= 1, "be at least 1")
        check(self, "layer_decay", 0 < self.layer_decay <= 1, "be in (0, 1]")


@dataclass(frozen=True)
class AugmentConfig:
    """How training samples are varied (docs/augmentation.md); what validates is as it is."""

    augment: str | FinetuneTransformConfig = "nnunet"
    """nnunet: rates and strengths of nnU-Net's trainer; universal-model: flips, transposes, rotations and noise; none;
    in Python and YAML also rates and ranges of your own."""
    flip_axes: tuple[int, ...] | None = None
    """Axes along which samples may be flipped: 0 x, 1 y, 2 z; without it those of the profile, which is all. Classes
    that tell left from right, or front from back, forbid theirs. (--flip-axes with no number forbids all.)"""

    def __post_init__(self) -> None:
        if isinstance(self.augment, Mapping):  # as a file has it
            object.__setattr__(self, "augment", from_mapping(FinetuneTransformConfig, self.augment, "augment"))
        check_kinds(self)
        self.config()

    def config(self) -> FinetuneTransformConfig:
        """Rates and ranges."""
        own = make_finetune_config(self.augment)
        if self.flip_axes is None:
            return own
        return replace(own, flip_axes=self.flip_axes or None, flip_rate=own.flip_rate if self.flip_axes else 0.0)


@dataclass(frozen=True)
class DataConfig(PatchConfig):
    """Which volumes train, and which samples are cut from them."""

    boxes: Boxes = "cubes"
    """cubes: of `patch` voxels, with background around smaller volumes; whole: the whole volume, resized to `patch`."""
    label_share: float = 1 / 3
    """Of a segmentation: share of the samples that must hold a labelled voxel, of a class drawn first (nnU-Net)."""
    balance: bool = True
    """Of a classification whose classes are exclusive: draw all classes equally often; else all volumes, or all
    candidates."""
    candidates: str | None = None
    """Table of points with classes, as the candidates.csv of LUNA16: a patch is cut around each. `classes` are what its
    column class may hold (default: 0 1)."""
    candidate_spacing_mm: float | None = None
    """Of the voxels of such a patch; without it, those of the volume."""
    channels: tuple[str, ...] = ()
    """Volumes of a case that are the channels of one input, by their names: T1 FLAIR. Without it every volume is an
    input of its own."""
    modalities: Modalities = "all"
    """Which volumes of the store are learnt from: all, or those of one modality."""
    folds: int = 5
    """Parts into which the patients are divided, of which one validates."""
    fold: int | None = None
    """The part that validates, from 0; without it the split of the store, or else part 0."""
    split_seed: int = 0
    """Decides the folds, and who is chosen by label_fraction and train_patients."""
    label_fraction: float = 1.0
    """Share of the training patients whose labels are used; smaller shares are parts of larger ones."""
    train_patients: int | None = None
    """Their number, instead of a share."""
    label_corruption: float = 0.0
    """Share of the structures whose training labels are eroded or dilated at random: to study what label noise costs.
    What validates is as it was."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, "label_share", 0 <= self.label_share <= 1, "be in [0, 1]")
        check(self, "folds", self.folds >= 2, "be at least 2")
        check(self, "fold", self.fold is None or 0 <= self.fold < self.folds, f"be in [0, {self.folds})")
        check(self, "label_fraction", 0 < self.label_fraction <= 1, "be in (0, 1]")
        check(self, "train_patients", self.train_patients is None or self.train_patients >= 1, "be at least 1")
        spacing = self.candidate_spacing_mm
        check(self, "candidate_spacing_mm", spacing is None or spacing > 0, "be positive")
        if self.candidates and self.channels:
            raise ValueError(f"channels must be left out with candidates, got {' '.join(self.channels)}")
        check(self, "label_corruption", 0 <= self.label_corruption <= 1, "be in [0, 1]")
        check(self, "channels", len(set(self.channels)) == len(self.channels), "be different names")
        if self.train_patients is not None and self.label_fraction < 1:
            raise ValueError(f"label_fraction must not be given with train_patients, got {self.label_fraction}")
        self.sampling()

    def sampling(self, label_values: tuple[int, ...] | None = None) -> Sampling:
        """Which boxes are cut.

        label_values: that count for label_share; None where there are no labels.
        """
        whole = self.boxes == "whole"
        return Sampling(
            out_shape=self.patch_shape,
            scales=(1.0,),
            scale_weights=(1,),
            cube=None if whole else self.patch_shape,
            pad=not whole,
            mix="volumes",
            label_share=0.0 if whole or label_values is None else self.label_share,
            label_values=() if label_values is None else label_values,
            allow_constant=True,  # background belongs to the task
            order=self.order,
            antialias=self.antialias,
        )
