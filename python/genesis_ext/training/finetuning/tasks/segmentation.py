# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Segmentation: a class for each voxel, by an encoder and a decoder with a new head."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from genesis_ext.data.sampling.settings import Sampling
from genesis_ext.data.store.entry import StoredVolume
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.figures import Case
from genesis_ext.models import TaskRecord
from genesis_ext.training.engine.objective import Batch, Update
from genesis_ext.training.finetuning.criterion import Criterion, Sharing
from genesis_ext.training.finetuning.label_values import BACKGROUND, class_values
from genesis_ext.training.finetuning.tasks.task import Settings, Task


class LabelMaps:
    """Learn label maps.

    Args:
        network: (N, C, *spatial) -> (N, K, *spatial) logits.
        criterion: the loss.
        answer: names the K classes, and the values of a label that each has.
        learning_rate: at the start.
        sharing: how processes add up.
        device: of the batches.
    """

    def __init__(
        self,
        network: nn.Module,
        criterion: Criterion,
        answer: TaskRecord,
        learning_rate: float,
        sharing: Sharing,
        device: torch.device | str = "cpu",
    ) -> None:
        self.network = network
        self.modules = {"network": network}
        self.learning_rates = {"network": learning_rate}
        self._criterion, self._answer, self._sharing = criterion, answer, sharing
        largest = max(max(values) for values in answer.values)
        holds = [[value in values for values in answer.values] for value in range(largest + 1)]
        if answer.exclusive:  # a value that no class has is background
            holds = [[not any(row[1:]), *row[1:]] for row in holds]
        self._holds = torch.tensor(holds, dtype=torch.float32, device=device)  # (values, K)

    def updates(self, batch: Batch) -> Iterator[Update]:
        """One update. Label: (N, 1, *spatial) int64, with mask."""
        logits = self._checked(self.modules["network"](batch["input"]), batch)
        sums = self._criterion.sums(logits, *self.wanted(batch))
        loss = self._criterion.shared(sums, self._sharing)
        yield Update(loss, metrics={"loss": loss.detach()})

    def wanted(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Target (N, K, *spatial) of 0 and 1, and mask (N, 1, *spatial), 0 where the label says nothing."""
        label = batch["label"][:, 0].clamp(0, len(self._holds) - 1)
        return self._holds[label].movedim(-1, 1), batch["mask"].to(self._holds.dtype)

    def answered(self, network: nn.Module, batch: Batch) -> Tensor:
        """The answer as the target has it, (N, K, *spatial) of 0 and 1."""
        return self._decided(network(batch["input"]))

    def row(self, network: nn.Module, batch: Batch) -> Tensor:
        """The loss; of each class the voxels answered rightly, answered, and wanted; the Dice of each sample."""
        logits = self._checked(network(batch["input"]), batch)
        target, mask = self.wanted(batch)
        loss = self._criterion.value(self._criterion.sums(logits, target, mask))
        given, wanted = ((x * mask).flatten(2).double() for x in (self._decided(logits), target))
        sums = torch.stack([(given * wanted).sum(2), given.sum(2), wanted.sum(2)])  # (3, N, K)
        both, either = sums[0][:, self._named].sum(1), sums[1:, :, self._named].sum((0, 2))
        scores = torch.where(either > 0, 2 * both / either, 1.0)  # nothing wanted, and nothing answered
        return torch.cat([loss.double().view(1), sums.sum(1).flatten(), scores])

    def scores(self, rows: Tensor) -> Tensor:
        """The Dice of each sample over all its classes together."""
        return rows[:, 1 + 3 * len(self._answer.classes) :].flatten()

    def case(self, network: nn.Module, batch: Batch, index: int) -> Case:
        """A sample: image, truth and answer."""
        truth, answer = self.wanted(batch)[0], self.answered(network, batch)
        return Case(batch["input"][index, 0], truth[index, self._named] > 0, answer[index, self._named] > 0)

    def metrics(self, rows: Tensor) -> dict[str, float]:
        """Loss: mean over batches; Dice of each class over all patches together, and the mean over classes."""
        both, given, wanted = rows[:, 1 : 1 + 3 * len(self._answer.classes)].sum(0).view(3, -1)[:, self._named]
        scores = (2 * both / (given + wanted)).tolist()
        names = [f"dice_{name.replace(' ', '_')}" for name in self._answer.classes[self._named]]
        own = dict(zip(names, scores, strict=True)) if len(scores) > 1 else {}
        return {"loss": float(rows[:, 0].mean()), "dice": sum(scores) / len(scores), **own}

    def baselines(self, samples: Sequence[Batch]) -> dict[str, float]:
        """The loss of the best answer that is the same for every voxel.

        Raises:
            ValueError: the samples hold no voxel of a class.
        """
        wanted = torch.stack(
            [(t * m).transpose(0, 1).flatten(1).double().mean(1) for t, m in map(self.wanted, samples)]
        )
        shares = wanted.mean(0)
        if missing := [name for name, share in zip(self._answer.classes, shares.tolist(), strict=True) if not share]:
            raise ValueError(
                f"the patches that validate hold no voxel of {missing[0]}: raise --validation-patches or --label-share"
            )
        return {"constant": self._criterion.best_constant(shares.float(), [self.wanted(batch) for batch in samples])}

    @property
    def _named(self) -> slice:
        """Without the background."""
        return slice(1 if self._answer.exclusive else 0, None)

    def _decided(self, logits: Tensor) -> Tensor:
        if not self._answer.exclusive:
            return (logits > 0).to(self._holds.dtype)
        return nn.functional.one_hot(logits.argmax(1), logits.shape[1]).movedim(-1, 1).to(self._holds.dtype)

    def _checked(self, logits: Tensor, batch: Batch) -> Tensor:
        """The logits, if they are of the classes and as large as the label."""
        wanted = (len(batch["label"]), len(self._answer.classes), *batch["label"].shape[2:])
        if tuple(logits.shape) != wanted:
            raise ValueError(f"the network must answer {wanted}, a channel for each class, got {tuple(logits.shape)}")
        return logits


class Segmentation(Task):
    """Tell the class of each voxel."""

    name = "segmentation"
    summary = "the class of each voxel, by encoder and decoder"

    def contradiction(self, settings: Settings) -> str:
        """A label map has the voxels of its scan."""
        if settings.data.boxes == "whole":
            return "boxes must be cubes for task segmentation, got whole"
        return ""

    def told(self, settings: Settings, entry: StoredVolume) -> bool:
        """It has a label."""
        return entry.label is not None

    def lacks(self) -> str:
        """A label."""
        return "label"

    def answer(self, settings: Settings, sides: Sequence[tuple[VolumeStore, Sequence[int]]]) -> TaskRecord:
        """The classes of the labels; see ``class_values``."""
        own = settings.task
        classes = class_values(own.classes, own.exclusive, sides)
        if own.exclusive:
            classes = {BACKGROUND: (0,), **classes}
        channels = settings.data.channels or ("",)
        return TaskRecord("segmentation", tuple(classes), own.exclusive, tuple(classes.values()), channels)

    def sampling(self, settings: Settings, answer: TaskRecord) -> Sampling:
        """Boxes of which a share holds a voxel of a class."""
        values = {value for values in answer.values for value in values} - {0}
        return settings.data.sampling(tuple(sorted(values)))

    def asks(self, settings: Settings, answer: TaskRecord) -> dict[str, Any]:
        """Labels."""
        return {"labels": True, "channels": settings.data.channels or None}

    def outputs(self, answer: TaskRecord) -> int:
        """One for each class."""
        return len(answer.classes)

    def head(self, settings: Settings, network: nn.Module, answer: TaskRecord) -> nn.Module:
        """The network itself, whose last layer is new."""
        return network

    def objective(
        self, settings: Settings, network: nn.Module, answer: TaskRecord, sharing: Sharing, device: torch.device
    ) -> LabelMaps:
        """Dice, or another loss of the label map."""
        own = settings.task
        criterion = Criterion(
            own.loss or "dice", answer.exclusive, own.class_weights, own.focal_gamma, answer.exclusive, device
        )
        return LabelMaps(network, criterion, answer, settings.optim.lr, sharing, device)


TASK = Segmentation()
