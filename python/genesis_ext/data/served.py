# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a loader serves beside sub-volumes of single volumes: labels, classes, channels."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from genesis_ext.data.batch import LabelTransform, Transform, check_takes_labels
from genesis_ext.data.channels import channel_groups
from genesis_ext.data.classes import class_targets
from genesis_ext.data.placement.room import Beside
from genesis_ext.data.sampling.foreground import LabelTables
from genesis_ext.data.sampling.settings import Sampling
from genesis_ext.data.sampling.split import Region
from genesis_ext.data.store.volume_store import VolumeStore


class Asked(NamedTuple):
    """What a loader is asked for, as its arguments say."""

    labels: bool = False
    classes: Sequence[str] | None = None
    exclusive: bool = True
    channels: Sequence[str] | None = None


class Served(NamedTuple):
    """How it is served.

    regions: where boxes may lie; of cases of several channels, in the volumes of the first.
    beside: for a room.   classes: of every volume of the store, on the device; None if none were asked for.
    """

    regions: list[Region]
    beside: Beside
    classes: Tensor | None


def serve(
    caller: str,
    store: VolumeStore,
    regions: Sequence[Region],
    sampling: Sampling,
    transform: Transform | LabelTransform | None,
    device: torch.device,
    asked: Asked,
) -> Served:
    """Find what the volumes of some regions have of what is asked for.

    Raises:
        ValueError, StoreError: a volume lacks it, or the transform or the sampling do not fit; the text names it.
    """
    if asked.labels:
        check_takes_labels(caller, transform)
    elif sampling.label_share:
        raise ValueError(f"{caller}: a label_share of {sampling.label_share} needs labels=True")
    groups: dict[int, tuple[int, ...]] = {}
    if asked.channels is not None:
        groups = channel_groups(store.entries, asked.channels, dict.fromkeys(region.volume for region in regions))
        regions = [region for region in regions if region.volume in groups]
    volumes = sorted({region.volume for region in regions})
    label = store.label_dtype(volumes) if asked.labels else None
    tables = LabelTables(store, regions, sampling) if sampling.label_share else None
    targets = None
    if asked.classes is not None:
        targets = class_targets(store.entries, asked.classes, asked.exclusive, volumes).to(device)
    return Served(list(regions), Beside(label, tables, groups), targets)
