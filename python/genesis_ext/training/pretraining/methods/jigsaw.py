# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""3D Jigsaw, a baseline of both papers: tell the order in which the tiles of a patch lie."""

from genesis_ext.training.pretraining.classification import ClassificationMethod
from genesis_ext.training.pretraining.methods.method import Settings
from genesis_ext.training.pretraining.networks import network_class
from genesis_ext.transforms import JigsawTransform

_TILES_A_SIDE = 3


class Jigsaw(ClassificationMethod):
    """Tell orders of tiles."""

    name = "jigsaw"
    summary = "tell orders of tiles, a baseline of both papers"

    def transform(self, settings: Settings) -> JigsawTransform:
        """Tiles that the network's stride divides."""
        grid = (_TILES_A_SIDE,) * len(settings.data.patch_shape)
        return JigsawTransform(seed=settings.run.seed, grid=grid, multiple=network_class(settings.data).stride)


METHOD = Jigsaw()
