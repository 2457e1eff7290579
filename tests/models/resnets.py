# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""ResNets written down: names and shapes of their weights as published, and what they compute.

Sources: He et al., CVPR 2016, and torchvision's names for 2D; for 3D ``models/resnet.py`` of
github.com/Tencent/MedicalNet (commit 20f76aa), whose README gives shortcut type A for depths 18 and 34, B otherwise.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

BLOCKS = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
PADDED = (18, 34)  # of MedicalNet: shortcuts of type A, without weights


def shapes(
    depth: int, dims: int, in_channels: int, width: int = 64, padded: bool = False
) -> dict[str, tuple[int, ...]]:
    """Name -> shape of all but the head."""
    expansion = 4 if depth >= 50 else 1
    found: dict[str, tuple[int, ...]] = {"conv1.weight": (width, in_channels, *[7] * dims)}

    def norm(name: str, channels: int) -> None:
        found.update({f"{name}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")})
        found[f"{name}.num_batches_tracked"] = ()

    norm("bn1", width)
    before = width
    for stage, blocks in enumerate(BLOCKS[depth]):
        planes = width * 2**stage
        after = planes * expansion
        sides = (3, 3) if expansion == 1 else (1, 3, 1)
        ends = (planes, planes) if expansion == 1 else (planes, planes, after)
        for block in range(blocks):
            name, start = f"layer{stage + 1}.{block}", before
            for number, (side, end) in enumerate(zip(sides, ends, strict=True), start=1):
                found[f"{name}.conv{number}.weight"] = (end, start, *[side] * dims)
                norm(f"{name}.bn{number}", end)
                start = end
            if block == 0 and (stage > 0 or before != after) and not padded:
                found[f"{name}.downsample.0.weight"] = (after, before, *[1] * dims)
                norm(f"{name}.downsample.1", after)
            before = after
    return found


def weights(sizes: Mapping[str, tuple[int, ...]], seed: int = 0) -> dict[str, Tensor]:
    """Random values, with variances above zero and kernels that keep the spread of what they meet."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in sizes.items():
        value = torch.rand(shape, generator=generator) + 0.5 if shape else torch.tensor(7)
        if len(shape) > 1:
            value = torch.randn(shape, generator=generator) / max(1, value[0].numel()) ** 0.5
        state[name] = value
    return state


def features(state: Mapping[str, Tensor], x: Tensor, dilated: bool) -> list[Tensor]:
    """What the stem and the four stages give in evaluation, by convolutions and norms alone."""
    dims = x.ndim - 2
    conv: Any = functional.conv3d if dims == 3 else functional.conv2d
    pool: Any = functional.max_pool3d if dims == 3 else functional.max_pool2d

    def normed(value: Tensor, name: str) -> Tensor:
        names = (f"{name}.{part}" for part in ("running_mean", "running_var", "weight", "bias"))
        return functional.batch_norm(value, *[state[each] for each in names])

    found = [functional.relu(normed(conv(x, state["conv1.weight"], stride=2, padding=3), "bn1"))]
    x = pool(found[0], kernel_size=3, stride=2, padding=1)
    for stage in (1, 2, 3, 4):
        dilation = {3: 2, 4: 4}.get(stage, 1) if dilated else 1
        block = 0
        while (name := f"layer{stage}.{block}") + ".conv1.weight" in state:
            stride = 2 if block == 0 and stage > 1 and dilation == 1 else 1
            last = 3 if f"{name}.conv3.weight" in state else 2
            out = x
            for number in range(1, last + 1):
                kernel = state[f"{name}.conv{number}.weight"]
                wide = kernel.shape[-1] == 3
                strided = number == last - 1  # the first of two, the second of three
                reach = {"padding": dilation, "dilation": dilation} if wide else {}
                out = normed(conv(out, kernel, stride=stride if strided else 1, **reach), f"{name}.bn{number}")
                out = functional.relu(out) if number < last else out
            if f"{name}.downsample.0.weight" in state:
                x = normed(conv(x, state[f"{name}.downsample.0.weight"], stride=stride), f"{name}.downsample.1")
            elif x.shape != out.shape:
                for axis in range(2, x.ndim):
                    x = x.index_select(axis, torch.arange(0, x.shape[axis], stride))
                nothing = torch.zeros(len(x), out.shape[1] - x.shape[1], *x.shape[2:], dtype=x.dtype)
                x = torch.cat((x, nothing), dim=1)
            x = functional.relu(out + x)
            block += 1
        found.append(x)
    return found
