# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Libraries that augment patches and labels, where they are installed, with the rates and ranges of the benchmark.

All take patches (N, 1, X, Y, Z) float32 in [0, 1] and int64 labels. Where a library has one rate for rotation
and scaling it is .36, as often as one of the two happens at .2 each.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import batchgenerators_peers, torchio_peers
from .case import MONAI, Contender
from .peers import library, peer

_AFFINE_RATE = 1 - (1 - 0.2) ** 2
_DEGREES, _SCALE, _GAMMA, _STD = 30.0, (0.7, 1.4), (0.7, 1.5), 0.025

# Augments one patch (1, X, Y, Z) and its label.
Augment = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def supervised(x: Tensor, label: Tensor) -> list[Contender]:
    """All that are there; those that know no GPU only on the CPU."""
    found = [*_monai(x, label), *_kornia(x, label)]
    return found if x.is_cuda else [*found, *_batchgenerators(x, label), *_torchio(x, label)]


def _one_by_one(
    name: str, augment: Augment, seed: Callable[[int], object], x: Tensor, label: Tensor, differs: str
) -> Contender:
    def run(call: int) -> list[tuple[Tensor, Tensor]]:
        seed(call)
        # Some write into what they are given.
        return [augment(patch.clone(), classes.clone()) for patch, classes in zip(x, label, strict=True)]

    def check() -> None:
        for (changed, moved), patch, classes in zip(run(0), x, label, strict=True):
            _check(changed, moved, patch, classes)

    return peer(name, run, len(x), f"{differs}, a patch at a time", check)


def _check(changed: Tensor, moved: Tensor, patch: Tensor, classes: Tensor) -> None:
    assert changed.shape == patch.shape and moved.shape == classes.shape
    assert bool(changed.isfinite().all())
    assert set(moved.unique().tolist()) <= {0, *classes.unique().tolist()}


def _seed_both(call: int) -> None:
    np.random.seed(call)
    torch.manual_seed(call)


def _monai(x: Tensor, label: Tensor) -> list[Contender]:
    transforms = library("monai.transforms")
    if transforms is None:
        return []
    both = ("image", "label")
    compose = transforms.Compose([
        *(transforms.RandFlipd(both, prob=0.5, spatial_axis=axis) for axis in range(3)),
        transforms.RandAffined(
            both,
            prob=_AFFINE_RATE,
            rotate_range=math.radians(_DEGREES),
            scale_range=((_SCALE[0] - 1, _SCALE[1] - 1),) * 3,
            mode=("bilinear", "nearest"),
            padding_mode="zeros",
            device=x.device,
        ),
        transforms.RandGaussianNoised("image", prob=0.1, std=_STD),
        transforms.RandScaleIntensityd("image", factors=0.25, prob=0.15),
        transforms.RandScaleIntensityFixedMeand("image", factors=0.25, prob=0.15),
        transforms.RandAdjustContrastd("image", prob=0.3, gamma=_GAMMA),
    ])  # fmt: skip

    def augment(patch: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        done = compose({"image": patch, "label": classes})
        return done["image"].as_tensor(), done["label"].as_tensor()

    differs = (
        "Compose of RandFlipd, RandAffined, RandGaussianNoised, RandScaleIntensityd, ...FixedMeand, RandAdjustContrastd"
    )
    return [_one_by_one(MONAI, augment, lambda call: compose.set_random_state(call), x, label, differs)]


def _batchgenerators(x: Tensor, label: Tensor) -> list[Contender]:
    if library(batchgenerators_peers.BATCHGENERATORS) is None:
        return []
    of = "batchgeneratorsv2.transforms"
    spatial = library(f"{of}.spatial.spatial").SpatialTransform
    intensity = {
        name: library(f"{of}.intensity.{name}") for name in ("gaussian_noise", "brightness", "contrast", "gamma")
    }
    sometimes = library(f"{of}.utils.random").RandomTransform
    around_one = intensity["contrast"].BGContrast((0.75, 1.25))
    alike = {"synchronize_channels": False, "p_per_channel": 1}
    angle = math.radians(_DEGREES)
    compose = library(f"{of}.utils.compose").ComposeTransforms([
        spatial(
            patch_size=tuple(x.shape[2:]),
            patch_center_dist_from_border=0,
            random_crop=False,
            p_rotation=0.2,
            rotation=(-angle, angle),
            p_scaling=0.2,
            scaling=_SCALE,
            p_synchronize_scaling_across_axes=1,
            mode_seg="nearest",
        ),
        sometimes(intensity["gaussian_noise"].GaussianNoiseTransform((0, _STD), 1, True), 0.1),
        sometimes(intensity["brightness"].MultiplicativeBrightnessTransform(around_one, **alike), 0.15),
        sometimes(intensity["contrast"].ContrastTransform(around_one, preserve_range=True, **alike), 0.15),
        sometimes(
            intensity["gamma"].GammaTransform(
                intensity["contrast"].BGContrast(_GAMMA), p_invert_image=0, p_retain_stats=0, **alike
            ),
            0.3,
        ),
        library(f"{of}.spatial.mirroring").MirrorTransform((0, 1, 2)),
    ])  # fmt: skip

    def augment(patch: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        done = compose(image=patch, segmentation=classes)
        return done["image"], done["segmentation"]

    differs = "nnU-Net's own transforms"
    return [_one_by_one(batchgenerators_peers.BATCHGENERATORS, augment, _seed_both, x, label, differs)]


def _torchio(x: Tensor, label: Tensor) -> list[Contender]:
    tio = library("torchio")
    if tio is None or library("SimpleITK") is None:
        return []
    compose = tio.Compose([
        tio.RandomFlip((0, 1, 2), flip_probability=0.5),
        tio.RandomAffine(scales=_SCALE, degrees=_DEGREES, isotropic=True, default_pad_value=0, p=_AFFINE_RATE),
        tio.RandomNoise(std=(0, _STD), p=0.1),
        tio.RandomGamma((math.log(_GAMMA[0]), math.log(_GAMMA[1])), p=0.3),
    ])  # fmt: skip

    def augment(patch: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        done = compose(tio.Subject(image=tio.ScalarImage(tensor=patch), label=tio.LabelMap(tensor=classes)))
        return done.image.data, done.label.data

    differs = "Compose of RandomFlip, RandomAffine, RandomNoise and RandomGamma: neither brightness nor contrast"
    return [_one_by_one(torchio_peers.TORCHIO, augment, torch.manual_seed, x, label, differs)]


def _kornia(x: Tensor, label: Tensor) -> list[Contender]:
    augmentation = library("kornia.augmentation")
    if augmentation is None:
        return []
    pairs: list[tuple[Any, Any]] = []  # for images, and with the same draws for labels
    for name in ("Horizontal", "Vertical", "Depthical"):
        flip = getattr(augmentation, f"Random{name}Flip3D")(p=0.5)
        pairs.append((flip, flip))
    affine = [
        augmentation.RandomAffine3D(_DEGREES, scale=_SCALE, resample=resample, p=_AFFINE_RATE)
        for resample in ("bilinear", "nearest")
    ]
    pairs.append((affine[0], affine[1]))
    intensity = torch.nn.Sequential(
        augmentation.RandomGaussianNoise(std=_STD / 2, p=0.1),
        augmentation.RandomBrightness((0.75, 1.25), p=0.15),
        augmentation.RandomContrast((0.75, 1.25), p=0.15),
        augmentation.RandomGamma(_GAMMA, p=0.3),
    )

    def run(call: int) -> tuple[Tensor, Tensor]:
        torch.manual_seed(call)
        images, classes = x, label.float()
        for of_images, of_labels in pairs:
            images = of_images(images)
            classes = of_labels(classes, params=of_images._params)
        return intensity(images.squeeze(1)).unsqueeze(1), classes.long()

    def check() -> None:
        changed, moved = run(0)
        _check(changed, moved, x, label)

    differs = (
        "flips and RandomAffine3D, on labels in float32 by the same parameters, since its containers move no 3D masks; "
        "noise of one strength; RandomBrightness, RandomContrast and RandomGamma with slices for channels"
    )
    return [peer("kornia", run, len(x), differs, check)]
