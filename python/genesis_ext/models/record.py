# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a file of weights says of itself: the network, what of it was trained, and what input it expects."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from operator import itemgetter
from typing import Any, Literal

import torch
from torch import Tensor, nn

from genesis_ext._settings import check_kinds
from genesis_ext._types import Spacing3
from genesis_ext.models.build import NetworkSpec
from genesis_ext.models.unet import ENCODER_PREFIXES

_PREFIXES = ("module.", "backbone.", "_orig_mod.")  # DataParallel, the second release, torch.compile
RECORD = "record"
"""Where it stands in a checkpoint, and in the metadata of exported weights."""


TaskKind = Literal["segmentation", "classification"]


@dataclass(frozen=True)
class CandidatePatches:
    """How patches are cut around candidates; see ``CandidateLoader``.

    Attributes:
        spacing_mm: of their voxels; None: those of the volume as they are.
        order: of the interpolation.   antialias: smoothed where patches are coarser than volumes.
    """

    spacing_mm: float | None = None
    order: int = 1
    antialias: bool = False


@dataclass(frozen=True)
class WholeImages:
    """How whole images were resized to the patch.

    Attributes:
        order: of the interpolation.   antialias: smoothed where they became smaller.
    """

    order: int = 1
    antialias: bool = False


@dataclass(frozen=True)
class TaskRecord:
    """What a fine-tuned network answers.

    Attributes:
        kind: a label map, or classes of whole patches.
        classes: names of the channels of the output, in order. Of a segmentation that is exclusive the first one is the
            background.
        exclusive: exactly one class holds, by softmax; else each holds or not, by a sigmoid.
        values: of a segmentation, the values of the label map that belong to each class; a region has several.
        channels: what the channels of the input hold, such as "T1"; a single one needs no name.
        hidden: of a classification, the width of its head's hidden layer.
        candidates: of a classification of patches around candidates, how they are cut; None: of images.
        whole: of a classification of whole images, resized to the patch, how that is done; None: of patches of them.

    Raises:
        ValueError: no class, names that repeat, or values that do not fit.
    """

    kind: TaskKind
    classes: tuple[str, ...]
    exclusive: bool = True
    values: tuple[tuple[int, ...], ...] = ()
    channels: tuple[str, ...] = ("",)
    hidden: int = 1024
    candidates: CandidatePatches | None = None
    whole: WholeImages | None = None

    def __post_init__(self) -> None:
        check_kinds(self, "TaskRecord: ")
        least = 2 if self.exclusive else 1
        if len(self.classes) < least or len(set(self.classes)) < len(self.classes):
            raise ValueError(f"TaskRecord: classes must be at least {least} different names, got {self.classes}")
        if self.kind == "segmentation" and len(self.values) != len(self.classes):
            raise ValueError(f"TaskRecord: values must be given for each of {self.classes}, got {self.values}")
        if not self.channels:
            raise ValueError("TaskRecord: channels must hold at least one")


@dataclass(frozen=True)
class ModelRecord:
    """A network, what was trained, on what, and the checksum of the weights. Plain values, but for the network's.

    Attributes:
        network: from which it can be built again; None for a network that was handed in as an object.
        trained: names of its modules (of its children, ``encoder`` say) whose weights were trained.
        untrained: of the others, whose weights are those of the start, and are not loaded.
        method: by which it was trained; empty if not known, and so the following ones.
        patch: sides of the input in training, in voxels.
        axes: where the axes of the input after N and C point: R to the right, A to the front, S to the head.
        value_range: of the input.
        normalization: how scans came into that range: the settings of ``IntensityWindow``.
        modalities: of the volumes that trained.
        spacing_mm: to which all volumes were resampled; None if each kept its own.
        antialias: whether they were smoothed before a grid became coarser.
        patients: those whose volumes trained.   validation_patients: those whose volumes chose the best weights.
        versions: of Python and of libraries.
        checksum: of the weights beside it, see ``checksum_of``.
        task: what a fine-tuned network answers; None before that.
    """

    network: NetworkSpec | None
    trained: tuple[str, ...]
    untrained: tuple[str, ...] = ()
    method: str = ""
    patch: tuple[int, ...] = ()
    axes: str = "RAS"
    value_range: tuple[float, float] = (0.0, 1.0)
    normalization: Mapping[str, Any] = field(default_factory=dict)
    modalities: tuple[str, ...] = ()
    spacing_mm: Spacing3 | None = None
    patients: tuple[str, ...] = ()
    validation_patients: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    checksum: str = ""
    task: TaskRecord | None = None
    antialias: bool = False

    def __post_init__(self) -> None:
        check_kinds(self, "ModelRecord: ")

    def was_trained(self, name: str) -> bool:
        """Whether a weight, by its name in the network, was trained."""
        return name.partition(".")[0] not in self.untrained

    def of(self, state: Mapping[str, Tensor]) -> "ModelRecord":
        """The record of these weights: with their checksum."""
        return replace(self, checksum=checksum_of(state))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a file that is read with ``weights_only=True`` and for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ModelRecord":
        """The inverse of ``to_dict``, also after a way through JSON. What a later version added is left out.

        Raises:
            ValueError: a field is missing or of another kind.
        """
        known = {each.name: values[each.name] for each in fields(cls) if each.name in values}
        try:
            if isinstance(known.get("network"), Mapping):
                known["network"] = NetworkSpec(**known["network"])
            if isinstance(known.get("task"), Mapping):
                task = dict(known["task"])
                for name, kind in (("candidates", CandidatePatches), ("whole", WholeImages)):
                    if isinstance(task.get(name), Mapping):
                        task[name] = kind(**task[name])
                known["task"] = TaskRecord(**task)
            return cls(**known)
        except TypeError as error:
            raise ValueError(f"no record of a network: {error}") from error


def trained_parts(network: nn.Module) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the children of a network with weights that require gradients, and of those with no such weights."""
    parameters = dict(network.named_parameters())
    trained = _first_parts(name for name, value in parameters.items() if value.requires_grad)
    return trained, tuple(part for part in _first_parts(parameters) if part not in trained)


def checksum_of(state: Mapping[str, Tensor]) -> str:
    """SHA-256 over bare names, dtypes, shapes and values, whatever the order, strides and devices."""
    digest = hashlib.sha256()
    for name, tensor in sorted(((bare_name(name), value) for name, value in state.items()), key=itemgetter(0)):
        value = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def bare_name(name: str) -> str:
    """The name without the prefixes that wrappers put before it."""
    while True:
        prefix = next((p for p in _PREFIXES if name.startswith(p)), None)
        if prefix is None:
            return name
        name = name[len(prefix) :]


def record_of(content: Mapping[str, Any], state: Mapping[str, Tensor]) -> ModelRecord | None:
    """The record in the content of a file; None if it has none.

    Checkpoints of runs before there were records tell by their settings what they hold.

    state: its weights.

    Raises:
        ValueError: the record is damaged.
    """
    metadata = content.get("metadata")
    for place in (content, metadata):
        if isinstance(place, Mapping) and isinstance(place.get(RECORD), Mapping):
            return ModelRecord.from_dict(place[RECORD])
    config = content.get("config")
    if not (isinstance(config, Mapping) and {"network", "data", "method"} <= config.keys() and "heads" in content):
        return None
    flat = tuple(config["data"]["patch"])[2:] == (1,)
    names = ("width",) if flat else ("width", "norm", "bn_mode", "upsample")
    parts, untrained = _first_parts(state), tuple[str, ...]()
    if content["heads"].get("network"):  # a classifier at the encoder's end: the decoder had no part
        untrained = tuple(part for part in parts if not f"{part}.".startswith(ENCODER_PREFIXES))
    return ModelRecord(
        NetworkSpec(spatial_dims=2 if flat else 3, arguments={name: config["network"][name] for name in names}),
        tuple(part for part in parts if part not in untrained),
        untrained,
        config["method"]["method"],
        tuple(config["data"]["patch"])[: 2 if flat else 3],
        "RAS"[: 2 if flat else 3],
    )


def _first_parts(names: Iterable[str]) -> tuple[str, ...]:
    """What stands before the first dot, each once, in the order of their appearance."""
    return tuple(dict.fromkeys(bare_name(name).partition(".")[0] for name in names))
