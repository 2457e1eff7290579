# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a batch holds, and how it is cut from the volumes on the device and distorted."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from genesis_ext import ops
from genesis_ext.data.placement.room import Resident
from genesis_ext.data.sampling.sampler import Subvolumes
from genesis_ext.data.sampling.settings import Sampling

Batch = dict[str, Tensor]
"""Tensors of N samples by name:

input, target: (N, C, X, Y, Z), or (N, C, X, Y) of slices, float32 in [0, 1], with one channel where none are named; or
    what a transform returns in their place, (N,) int64 classes for example.
scale, modality, sample_id: (N,) int64.

With labels also:

label: (N, 1, X, Y, Z) or (N, 1, X, Y) int64: the nearest stored values.
mask: bool, beside the label: False where it has the value to be ignored.

With classes also:

class: (N,) int64, the place of the one that holds; or if they are not exclusive (N, K) float32, 1 where one holds.

With either also:

volume: (N,) int64, number of the volume in the store; of several channels, that of the first.
box: (N, 6) float32, x0, y0, z0, x1, y1, z1 in voxel edges of the volume; ``StoredVolume.patch_affine`` places it.
"""

_OUTSIDE = -32768.0  # below every window: becomes 0

Transform = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""(batch, sample_id) -> input, target, such as ``GenesisTransform``; or an object whose method ``with_target`` is that,
such as ``FinetuneTransform``."""

LabelTransform = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]
"""(batch, sample_id, label) -> input, target, label: with labels, which move with the voxels."""


def check_takes_labels(caller: str, transform: Transform | LabelTransform | None) -> None:
    """Raise ValueError for a transform that is to be given labels and takes none: they would no longer fit."""
    if transform is None:
        return
    try:
        inspect.signature(getattr(transform, "forward", transform)).bind(None, None, None)
    except TypeError:
        raise ValueError(
            f"{caller}: with labels, transform must take (batch, sample_id, label) and return input, target and label, "
            f"so that labels move with the voxels, got {type(transform).__name__}, which takes no label"
        ) from None


def cut_batch(
    resident: Resident, drawn: Subvolumes, ids: Tensor, sampling: Sampling, classes: Tensor | None = None
) -> Batch:
    """The sub-volumes that were drawn, as ``distorted`` takes them; its input is ``cut``, (N, C, *out_shape).

    classes: of every volume of the store, see ``class_targets``.
    """
    index, place = drawn.volume_index, (drawn.boxes, sampling.out_shape)
    channels = [
        ops.crop_resize(resident.packed, index + first, *place, sampling.order, sampling.antialias, _OUTSIDE)
        for first in range(0, len(resident.packed.offset), len(resident.volumes))
    ]
    cut = channels[0] if len(channels) == 1 else torch.cat(channels, dim=1)
    batch = {"cut": cut, "scale": drawn.scale, "modality": drawn.modality, "sample_id": ids}
    if resident.labels is not None:
        label = ops.crop_resize(resident.labels.packed, index, *place, order=0, dtype=torch.int16)
        batch |= {"label": label.long(), "ignore": resident.labels.ignore[index]}
    if resident.labels is not None or classes is not None:
        batch |= {"volume": resident.number[index], "box": drawn.boxes}
    if classes is not None:
        batch["class"] = classes[batch["volume"]]
    return batch


def distorted(batch: Batch, transform: Callable[..., Any] | None) -> Batch:
    """What ``cut_batch`` gives with input and target in place of ``cut``, and the mask in place of ``ignore``."""
    transform = getattr(transform, "with_target", transform)
    rest = dict(batch)
    cut, ids = rest.pop("cut"), rest["sample_id"]
    if "label" not in rest:
        x, y = (cut, cut) if transform is None else transform(cut, ids)
        return {"input": x, "target": y, **rest}
    label, ignore = rest.pop("label"), rest.pop("ignore")
    x, y, label = (cut, cut, label) if transform is None else transform(cut, ids, label)
    mask = label != ignore.view(-1, *[1] * (label.dim() - 1))
    return {"input": x, "target": y, "label": label, "mask": mask, **rest}
