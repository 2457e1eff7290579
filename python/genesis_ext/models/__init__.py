# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Networks as plain ``nn.Module``s, and the loading and export of their weights."""

from genesis_ext.models.build import NetworkSpec, build_network
from genesis_ext.models.checkpoints import LoadAccount, load_network, load_weights, read_record
from genesis_ext.models.classifier import EncoderClassifier
from genesis_ext.models.discriminator import Discriminator
from genesis_ext.models.export import export_weights
from genesis_ext.models.fit import check_fit, check_overlap, overlap
from genesis_ext.models.gradient_reversal import gradient_reversal
from genesis_ext.models.heads import ClassificationHead, ScaleClassifier
from genesis_ext.models.interface import UNetLike, as_unet
from genesis_ext.models.name_rules import NameRules
from genesis_ext.models.record import CandidatePatches, ModelRecord, TaskRecord, WholeImages
from genesis_ext.models.resnet_unet import ResNetUNet
from genesis_ext.models.sources import Source
from genesis_ext.models.starting_point import Initialization, initialize_from
from genesis_ext.models.unet import UNet
from genesis_ext.models.unet2d import UNet2D
from genesis_ext.models.unet3d import UNet3D

__all__ = [
    "CandidatePatches",
    "ClassificationHead",
    "Discriminator",
    "EncoderClassifier",
    "Initialization",
    "LoadAccount",
    "ModelRecord",
    "NameRules",
    "NetworkSpec",
    "ResNetUNet",
    "ScaleClassifier",
    "Source",
    "TaskRecord",
    "UNet",
    "UNet2D",
    "UNet3D",
    "UNetLike",
    "WholeImages",
    "as_unet",
    "build_network",
    "check_fit",
    "check_overlap",
    "export_weights",
    "gradient_reversal",
    "initialize_from",
    "load_network",
    "load_weights",
    "overlap",
    "read_record",
]
