# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What the checkpoints of a pre-training run say of themselves."""

from collections.abc import Sequence

from torch import nn

from genesis_ext.data.sampling.split import Region
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.models import ModelRecord
from genesis_ext.models.record import trained_parts
from genesis_ext.training.engine.environment import library_versions
from genesis_ext.training.pretraining.config import PretrainConfig
from genesis_ext.training.pretraining.data import RunData
from genesis_ext.training.pretraining.parts import Parts


def describe(config: PretrainConfig, data: RunData, network: nn.Module, parts: Parts) -> ModelRecord:
    """The record of a network that is trained now; each checkpoint adds the checksum of its weights.

    network: with the gradients of its weights as the objective has set them.
    """
    patch = config.data.patch_shape
    settings = data.store.settings
    trained, untrained = trained_parts(network)
    return ModelRecord(
        network=config.network.spec(len(patch)) if parts.network is None else None,
        trained=trained,
        untrained=untrained,
        method=config.method.method if parts.objective is None else parts.described()["objective"],
        patch=patch,
        axes="RAS"[: len(patch)],
        normalization=settings.get("window", {}),
        modalities=tuple(sorted({data.store.entries[region.volume].modality for region in data.trains})),
        spacing_mm=settings.get("spacing_mm"),
        antialias=settings.get("antialias", False),
        patients=_patients(data.store, data.trains),
        validation_patients=_patients(data.validation_store, data.validates),
        versions=library_versions(),
    )


def _patients(store: VolumeStore, regions: Sequence[Region]) -> tuple[str, ...]:
    return tuple(sorted({store.entries[region.volume].patient for region in regions}))
