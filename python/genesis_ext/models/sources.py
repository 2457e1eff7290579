# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Files that a network can start from, told by the names of their weights."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from torch import Tensor

from genesis_ext.models.build import OWN, NetworkSpec
from genesis_ext.models.name_rules import NameRules
from genesis_ext.models.record import ModelRecord, checksum_of
from genesis_ext.models.resnet_unet import BOTTLENECK_FROM, DEPTHS
from genesis_ext.models.unet import ENCODER_PREFIXES
from genesis_ext.models.weight_file import WeightFile

_RUN_FILES = ("best.pt", "last.pt")  # the first that is there
_UNET3D, _RESNET = "down_tr64.ops.0.conv1.weight", ("conv1.weight", "layer1.0.conv1.weight", "layer4.0.conv1.weight")
_RELEASED = (
    "Models Genesis: CT, cut at -1000 and 1000 HU and scaled to [0, 1]; Universal Model: CT so, MRI by the range of "
    "each volume; patches of 64x64x32"
)
_MEDICALNET = "each volume less its mean and over its standard deviation, both of its own voxels above 0"
_IMAGENET = "colours in [0, 1], less (0.485, 0.456, 0.406), over (0.229, 0.224, 0.225)"


@dataclass(frozen=True)
class Source:
    """Stored weights under the names of a network of ours, and what is known of them.

    Attributes:
        file: with its weights renamed.
        kind: what it was recognised as.
        network: that it was written for; None if not known. ``network.build()`` is what it can start, with another head
            after ``dataclasses.replace(network, out_channels=3, activation=None)``.
        input: what that network is used to, where the file has no record that says so; in words.
    """

    file: WeightFile
    kind: str
    network: NetworkSpec | None = None
    input: str = ""

    @classmethod
    def read(cls, path: str | PathLike[str], mapping: NameRules | str | PathLike[str] | None = None) -> "Source":
        """Read a file.

        Recognised are files with a record of ours, the released Models Genesis and Universal Model, MedicalNet's
        ResNets and those of ImageNet by the names of torchvision. All others are "of unknown names", which start any
        network that has these.

        Args:
            path: of the file, or the folder of a run: its best.pt, else its last.pt.
            mapping: rules for the names, or the path of a file of them; nothing else is then recognised.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: a file is damaged, holds no weights, or a rule cannot be used.
            ImportError: its library is not installed.
        """
        path = Path(path)
        if path.is_dir():
            found = next((path / name for name in _RUN_FILES if (path / name).is_file()), None)
            if found is None:
                raise FileNotFoundError(f"{path} must be a file, or the folder of a run with {' or '.join(_RUN_FILES)}")
            path = found
        if mapping is not None:
            rules = mapping if isinstance(mapping, NameRules) else NameRules.read(mapping)
            return _mapped(WeightFile.read(path, rules.under), rules)
        file = WeightFile.read(path)
        if file.record is not None:
            return _checkpoint(file, file.record)
        axes = {name: file.tensors[name].ndim for name in (_UNET3D, *_RESNET) if name in file.tensors}
        if axes.get(_UNET3D) == 5:
            return cls(file, "the layout of Models Genesis and the Universal Model", _unet3d(file.tensors), _RELEASED)
        if all(axes.get(name) in (4, 5) for name in _RESNET):
            return _resnet(file)
        return cls(file, "weights of unknown names")

    @property
    def record(self) -> ModelRecord | None:
        """What the file says of itself."""
        return self.file.record

    @property
    def checksum(self) -> str:
        """SHA-256 of the weights, see ``checksum_of``; of renamed ones by their new names."""
        return checksum_of(self.file.tensors)


def _checkpoint(file: WeightFile, record: ModelRecord) -> Source:
    """A file with a record. Of a fine-tuned classification the encoder remains: the decoder had no part in it."""
    if record.task is not None and record.task.kind == "classification":
        inside = tuple(f"network.{prefix}" for prefix in ENCODER_PREFIXES)
        encoder = {n.removeprefix("network."): value for n, value in file.tensors.items() if n.startswith(inside)}
        parts = tuple(dict.fromkeys(name.partition(".")[0] for name in encoder))
        file = replace(file, tensors=encoder, record=replace(record, trained=parts, untrained=()))
    return Source(file, "a checkpoint of genesis_ext", record.network)


def _mapped(file: WeightFile, rules: NameRules) -> Source:
    """The file with names by the rules."""
    record = file.record
    known = [name for name in file.tensors if record is None or record.was_trained(name)]
    try:
        names = rules.renamed(known)
    except ValueError as error:
        raise ValueError(f"mapping: {file.path}: {error}") from error
    if not names:
        raise ValueError(f"mapping: {file.path}: the rules must leave some weights, got none of {len(known)}")
    if record is not None:  # its parts and its network go by the old names
        record = replace(record, network=None, trained=(), untrained=())
    tensors = {new: file.tensors[name] for name, new in names.items()}
    return Source(replace(file, tensors=tensors, record=record), "weights under names by the mapping")


def _unet3d(tensors: Mapping[str, Tensor]) -> NetworkSpec:
    """The ``UNet3D`` of weights with its names."""
    head = tensors.get("out_tr.final_conv.bias")
    return NetworkSpec(
        in_channels=tensors[_UNET3D].shape[1],
        out_channels=1 if head is None else head.numel(),
        arguments={
            "width": tensors[_UNET3D].shape[0],
            "norm": "batch" if "down_tr64.ops.0.bn1.running_mean" in tensors else "instance",
            "upsample": "transpose" if "up_tr256.up_conv.weight" in tensors else "nearest",
        },
    )


def _resnet(file: WeightFile) -> Source:
    """A ResNet by the names of torchvision, as the encoder of a ``ResNetUNet``."""
    inside = re.compile(r"(conv1|bn1|layer\d)\.")  # the others are heads: fc, conv_seg
    tensors = {f"encoder.{name}" if inside.match(name) else name: value for name, value in file.tensors.items()}
    first = file.tensors["conv1.weight"]
    dims, (width, channels) = first.ndim - 2, first.shape[:2]
    blocks = tuple(
        len({found[1] for name in file.tensors if (found := re.match(rf"layer{stage}\.(\d+)\.", name))})
        for stage in (1, 2, 3, 4)
    )
    bottleneck = "layer1.0.conv3.weight" in file.tensors
    depth = next((d for d in DEPTHS if DEPTHS[d] == blocks and (d >= BOTTLENECK_FROM) == bottleneck), None)
    projects = "layer2.0.downsample.0.weight" in file.tensors
    arguments = {
        "depth": depth,
        "width": width,
        "dilated": dims == 3,
        "shortcuts": "projection" if projects else "padding",
    }
    file = replace(file, tensors=tensors)
    if depth is not None and dims == 3 and channels == 1:
        spec = NetworkSpec("ResNetUNet", 3, arguments=arguments)
        return Source(file, f"the names of MedicalNet's ResNet-{depth}", spec, _MEDICALNET)
    if depth is not None and dims == 2 and projects:
        spec = NetworkSpec("ResNetUNet", 2, channels, arguments=arguments)
        if depth == 18:
            spec = NetworkSpec(OWN, 2, channels, arguments={"width": width})
        return Source(file, f"the names of ImageNet's ResNet-{depth}", spec, _IMAGENET)
    return Source(file, f"a {dims}D ResNet of {channels} input channel(s) and {blocks} blocks")
