# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""3D Jigsaw, a baseline of both papers: tell the order in which the tiles of a patch lie."""

from genesis_ext.training.pretraining.classification import ClassificationMethod
from genesis_ext.training.pretraining.methods.method import Settings
from genesis_ext.transforms import JigsawTransform

_TILES_A_SIDE = 3


class Jigsaw(ClassificationMethod):
    """Tell orders of tiles."""

    name = "jigsaw"
    summary = "tell orders of tiles, a baseline of both papers"

    def transform(self, settings: Settings) -> JigsawTransform:
        """Tiles that the network's stride divides."""
        spatial_dims = len(settings.data.patch_shape)
        stride = settings.network.spec(spatial_dims).stride
        return JigsawTransform(seed=settings.run.seed, grid=(_TILES_A_SIDE,) * spatial_dims, multiple=stride)


METHOD = Jigsaw()
