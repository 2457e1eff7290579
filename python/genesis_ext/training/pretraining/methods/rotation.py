# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""3D Rotation, a baseline of both papers: tell by which of a few rotations a patch was turned."""

from genesis_ext.training.pretraining.classification import ClassificationMethod
from genesis_ext.training.pretraining.methods.method import Settings
from genesis_ext.transforms import RotationTransform


class Rotation(ClassificationMethod):
    """Tell rotations."""

    name = "rotation"
    summary = "tell rotations, a baseline of both papers"

    def transform(self, settings: Settings) -> RotationTransform:
        """The rotations that keep the shape of the patch."""
        return RotationTransform(seed=settings.run.seed, spatial_shape=settings.data.patch_shape)


METHOD = Rotation()
