# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The samples of a fine-tuning: batches that train, augmented, and fixed ones that validate, as they are."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import nn

from genesis_ext._types import Spacing3
from genesis_ext.data.batch import Batch, LabelTransform, Transform
from genesis_ext.data.candidates import CandidateLoader, Candidates, EveryCandidate
from genesis_ext.data.loader import FixedSamples, GenesisLoader
from genesis_ext.data.sampling.split import Region
from genesis_ext.data.steps import StepLoader
from genesis_ext.data.store.corrupted import CorruptedLabels
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.training.engine.run import loading, validation_batch
from genesis_ext.training.finetuning.config import FinetuneConfig
from genesis_ext.training.finetuning.data import TaskData
from genesis_ext.training.finetuning.tasks import TASKS
from genesis_ext.transforms import FINETUNE_PROFILES, FinetuneTransform

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Report = Callable[[str], object]


def make_loader(
    fabric: "Fabric",
    config: FinetuneConfig,
    data: TaskData,
    transform: Transform | LabelTransform | None,
    step: int,
    report: Report,
) -> StepLoader:
    """What trains, from a step on.

    transform: in place of the augmentation that the config says.
    """
    own, task = config.data, TASKS[config.task.task]
    if transform is None:
        transform = _augmentation(config, data, fabric.device)
    elif isinstance(transform, nn.Module):
        transform = transform.to(fabric.device)
    given, store = loading(fabric, config, step, report), data.store
    if own.label_corruption:
        store = CorruptedLabels(store.path, own.label_corruption, own.split_seed)
    if data.candidates is not None:
        return CandidateLoader(
            data.store,
            data.candidates,
            config.optim.batch_size,
            own.patch_shape,
            cast(Transform | None, transform),
            spacing_mm=own.candidate_spacing_mm,
            mix="balanced" if own.balance else "candidates",
            order=own.order,
            antialias=own.antialias,
            **given,
        )
    store, share = data.store, own.label_corruption
    return GenesisLoader(
        CorruptedLabels(store.path, share, own.split_seed) if share else store,
        config.optim.batch_size,
        task.sampling(config, data.answer),
        transform,
        regions=data.trains,
        weights=_weights(config, data, data.store, data.trains),
        **given,
        **task.asks(config, data.answer),
    )


def fixed_samples(config: FinetuneConfig, data: TaskData, device: torch.device, report: Report) -> list[Batch]:
    """The batches that validate, of one size, the same each time."""
    own, task, count = config.data, TASKS[config.task.task], config.run.validation_patches
    store, size = data.validation_store, validation_batch(config)
    if data.validation_candidates is not None:
        return list(
            EveryCandidate(
                store,
                _spread(data.validation_candidates, -(-count // size) * size),
                size,
                own.patch_shape,
                spacing_mm=own.candidate_spacing_mm,
                order=own.order,
                antialias=own.antialias,
                device=device,
            )
        )
    return list(
        FixedSamples(
            store,
            data.validates,
            count,
            size,
            task.sampling(config, data.answer),
            weights=_weights(config, data, store, data.validates),
            seed=config.run.seed,
            device=device,
            report=report,
            **task.asks(config, data.answer),
        )
    )


def _spread(candidates: Candidates, count: int) -> Candidates:
    """So many candidates, of every class as many as can be, from evenly spread rows.

    Raises:
        ValueError: there are not so many.
    """
    if len(candidates) < count:
        raise ValueError(
            f"validation_patches must be at most the candidates that validate, {len(candidates)}, got {count}"
        )
    own = [np.flatnonzero(candidates.target == kind) for kind in range(len(candidates.classes))]
    share = {kind: 0 for kind in range(len(own))}
    for _ in range(count):  # one after the other, where some are left
        kind = min((k for k in share if share[k] < len(own[k])), key=lambda k: share[k])
        share[kind] += 1
    chosen = [rows[np.arange(share[kind]) * len(rows) // max(1, share[kind])] for kind, rows in enumerate(own)]
    return candidates.at(np.isin(np.arange(len(candidates)), np.concatenate(chosen)))


def _augmentation(config: FinetuneConfig, data: TaskData, device: torch.device) -> Transform | LabelTransform | None:
    """What the config says, or None where it changes nothing."""
    wanted = config.augment.config()
    if wanted == FINETUNE_PROFILES["none"]:
        return None
    transform = FinetuneTransform(
        wanted,
        seed=config.run.seed,
        spacing=_spacing(config, data),
        spatial_dims=len(config.data.patch_shape),
    )
    return cast(Transform, transform.to(device).with_target)


def _spacing(config: FinetuneConfig, data: TaskData) -> Spacing3 | tuple[float, ...] | None:
    """Of the voxels of patches, if all have one: so that rotations are rigid."""
    sides = len(config.data.patch_shape)
    if data.candidates is not None and config.data.candidate_spacing_mm is not None:
        return None
    if config.data.boxes == "whole":
        return None
    spacings = {data.store.entries[region.volume].spacing_mm for region in data.trains}
    return spacings.pop()[:sides] if len(spacings) == 1 else None


def _weights(config: FinetuneConfig, data: TaskData, store: VolumeStore, regions: Sequence[Region]) -> list[int] | None:
    volumes = [region.volume for region in regions]
    return TASKS[config.task.task].weights(config, data.answer, store.entries, volumes)
