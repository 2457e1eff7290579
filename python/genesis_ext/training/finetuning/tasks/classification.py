# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Classification: a class for each sample, by the encoder, a pooling and two linear layers."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from genesis_ext.data.candidates import Candidates
from genesis_ext.data.sampling.settings import Sampling
from genesis_ext.data.store.entry import StoredVolume
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.evaluation.metrics import accuracy
from genesis_ext.figures import Case
from genesis_ext.models import CandidatePatches, ClassificationHead, EncoderClassifier, TaskRecord, WholeImages, as_unet
from genesis_ext.training.engine.objective import Batch, Update
from genesis_ext.training.finetuning.criterion import Criterion, Sharing
from genesis_ext.training.finetuning.tasks.task import Settings, Task

_STEPS = 10  # weight of a volume of the most frequent class: finer weights let rotating shards serve longer


class Classes:
    """Learn classes.

    Args:
        network: (N, C, *spatial) -> (N, K) logits.
        criterion: the loss.
        answer: names the K classes.
        learning_rate: at the start.
        sharing: how processes add up.
    """

    def __init__(
        self, network: nn.Module, criterion: Criterion, answer: TaskRecord, learning_rate: float, sharing: Sharing
    ) -> None:
        self.network = network
        self.modules = {"network": network}
        self.learning_rates = {"network": learning_rate}
        self._criterion, self._answer, self._sharing = criterion, answer, sharing

    def updates(self, batch: Batch) -> Iterator[Update]:
        """One update. Class: (N,) int64, or (N, K) float32."""
        logits = self._checked(self.modules["network"](batch["input"]))
        target = self.wanted(batch)
        loss = self._criterion.shared(self._criterion.sums(logits, target), self._sharing)
        metrics = {"loss": loss.detach()}
        if self._answer.exclusive:
            metrics["accuracy"] = accuracy(logits.detach(), batch["class"])
        yield Update(loss, metrics=metrics)

    def wanted(self, batch: Batch) -> Tensor:
        """Target (N, K) of 0 and 1."""
        given = batch["class"]
        if not self._answer.exclusive:
            return given
        return (given[:, None] == torch.arange(len(self._answer.classes), device=given.device)).float()

    def row(self, network: nn.Module, batch: Batch) -> Tensor:
        """The loss, the probabilities (N, K) and the targets (N, K)."""
        logits, target = self._checked(network(batch["input"])), self.wanted(batch)
        loss = self._criterion.value(self._criterion.sums(logits, target))
        return torch.cat([loss.double().view(1), self._probable(logits).flatten(), target.double().flatten()])

    def metrics(self, rows: Tensor) -> dict[str, float]:
        """Loss: mean over batches. Accuracy, and the area under the curve of each class, over all samples together."""
        probable, target = self._samples(rows)
        if self._answer.exclusive:
            right = (probable.argmax(1) == target.argmax(1)).double().mean()
        else:
            right = ((probable > 0.5) == (target > 0.5)).double().mean()
        aucs = [area_under_curve(probable[:, k], target[:, k] > 0.5) for k in range(target.shape[1])]
        if self._answer.exclusive and len(aucs) == 2:  # both are the same
            aucs = aucs[1:]
        names = [f"auc_{name.replace(' ', '_')}" for name in self._answer.classes]
        own = dict(zip(names, aucs, strict=True)) if len(aucs) > 1 else {}
        return {
            "loss": float(rows[:, 0].mean()), "accuracy": float(right), "auc": sum(aucs) / len(aucs), **own
        }  # fmt: skip

    def scores(self, rows: Tensor) -> Tensor:
        """The probability of what is right; of classes that do not exclude each other, of the worst answer."""
        probable, target = self._samples(rows)
        return torch.where(target > 0.5, probable, torch.inf if self._answer.exclusive else 1 - probable).amin(1)

    def case(self, network: nn.Module, batch: Batch, index: int) -> Case:
        """A sample: the image, and in words what it is and what was answered."""
        probable, target = self._probable(network(batch["input"]))[index], self.wanted(batch)[index]
        names = self._answer.classes
        true = ", ".join(name for name, value in zip(names, target.tolist(), strict=True) if value) or "none"
        likely = int(probable.argmax())
        return Case(batch["input"][index, 0], note=f"{true}; answer {names[likely]} {float(probable[likely]):.2f}")

    def baselines(self, samples: Sequence[Batch]) -> dict[str, float]:
        """The loss of the best answer that is the same for every sample.

        Raises:
            ValueError: a class holds for none of the samples, or for all.
        """
        wanted = [self.wanted(batch) for batch in samples]
        shares = torch.cat(wanted).mean(0)
        for name, share in zip(self._answer.classes, shares.tolist(), strict=True):
            if share in (0.0, 1.0):
                kind = "all" if share else "none"
                raise ValueError(f"of the patches that validate {kind} are of class {name}: raise --validation-patches")
        return {"constant": self._criterion.best_constant(shares, [(target, None) for target in wanted])}

    def _samples(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities and targets of all samples, (batches * N, K) each."""
        probable, target = rows[:, 1:].chunk(2, dim=1)
        classes = len(self._answer.classes)
        return probable.reshape(-1, classes), target.reshape(-1, classes)

    def _probable(self, logits: Tensor) -> Tensor:
        return logits.double().softmax(1) if self._answer.exclusive else logits.double().sigmoid()

    def _checked(self, logits: Tensor) -> Tensor:
        if logits.ndim != 2 or logits.shape[1] != len(self._answer.classes):
            raise ValueError(
                f"the network must answer (N, {len(self._answer.classes)}), a logit for each class, got "
                f"{tuple(logits.shape)}"
            )
        return logits


def area_under_curve(scores: Tensor, positive: Tensor) -> float:
    """Of the receiver operating characteristic: how often a positive scores higher than a negative, a tie half.

    scores: (N,).   positive: (N,) bool; NaN if all are alike.
    """
    above, below = scores[positive], scores[~positive].sort().values
    lower = torch.searchsorted(below, above.contiguous(), right=False)
    upper = torch.searchsorted(below, above.contiguous(), right=True)
    return float(((lower + upper).double() / 2).mean() / len(below))


class Classification(Task):
    """Tell the class of each sample."""

    name = "classification"
    summary = "the class of each sample, by the encoder, pooling and two linear layers"

    def contradiction(self, settings: Settings) -> str:
        """Dice compares label maps."""
        if settings.task.loss in ("dice", "dice-ce"):
            return f"loss must be ce or focal for task classification, got {settings.task.loss}"
        if settings.data.label_corruption:
            return f"label_corruption must be 0 for task classification, got {settings.data.label_corruption}"
        return ""

    def told(self, settings: Settings, entry: StoredVolume) -> bool:
        """Its classes are told, and where one of some is asked for, one of them."""
        own = settings.task
        if own.exclusive and own.classes:
            return not set(own.classes).isdisjoint(entry.classes or ())
        return entry.classes is not None

    def lacks(self) -> str:
        """Classes."""
        return "class"

    def answer(self, settings: Settings, sides: Sequence[tuple[VolumeStore, Sequence[int]]]) -> TaskRecord:
        """The classes that are asked for, or all that the training volumes tell, by their names."""
        own = settings.task
        told = [[store.entries[volume].classes or () for volume in volumes] for store, volumes in sides]
        classes = own.classes or tuple(sorted({name for side in told for names in side for name in names}))
        if own.exclusive and len(classes) < 2:
            raise ValueError(f"a classification needs two classes at least, got {', '.join(classes) or 'none'}")
        for side, does in zip(told, ("trains", "validates"), strict=True):
            counts = {name: sum(name in names for names in side) for name in classes}
            for kind, wrong in (("no", 0), ("every", len(side))):
                if of := [name for name, count in counts.items() if count == wrong]:
                    raise ValueError(f"{kind} volume that {does} is of class {of[0]}: both kinds are needed")
        data = settings.data
        whole = WholeImages(data.order, data.antialias) if data.boxes == "whole" else None
        return TaskRecord(
            "classification", classes, own.exclusive, channels=data.channels or ("",), hidden=own.hidden, whole=whole
        )

    def answer_candidates(self, settings: Settings, sides: tuple[Candidates, Candidates]) -> TaskRecord:
        """The classes of the table."""
        own, classes = settings.task, sides[0].classes
        if not own.exclusive:
            raise ValueError("exclusive must be true with candidates, each of which has one class")
        for side, does in zip(sides, ("trains", "validates"), strict=True):
            if empty := [name for name, count in side.count().items() if not count]:
                raise ValueError(f"no candidate that {does} is of class {empty[0]}")
        data = settings.data
        patches = CandidatePatches(data.candidate_spacing_mm, data.order, data.antialias)
        return TaskRecord("classification", classes, hidden=own.hidden, candidates=patches)

    def sampling(self, settings: Settings, answer: TaskRecord) -> Sampling:
        """Any boxes."""
        return settings.data.sampling()

    def asks(self, settings: Settings, answer: TaskRecord) -> dict[str, Any]:
        """Classes."""
        return {"classes": answer.classes, "exclusive": answer.exclusive, "channels": settings.data.channels or None}

    def weights(
        self, settings: Settings, answer: TaskRecord, entries: Sequence[StoredVolume], volumes: Sequence[int]
    ) -> list[int] | None:
        """Such that all classes together are drawn equally often."""
        if not (settings.data.balance and answer.exclusive):
            return None
        counts = Counter(name for i in volumes for name in entries[i].classes or () if name in answer.classes)
        weights = {name: round(_STEPS * max(counts.values()) / count) for name, count in counts.items()}
        return [max((weights.get(name, 0) for name in entry.classes or ()), default=0) for entry in entries]

    def head(self, settings: Settings, network: nn.Module, answer: TaskRecord) -> nn.Module:
        """Encoder and head."""
        unet = as_unet(network, "task classification")
        head = ClassificationHead(unet.feature_channels[-1], len(answer.classes), settings.task.hidden)
        return EncoderClassifier(unet, head)

    def objective(
        self, settings: Settings, network: nn.Module, answer: TaskRecord, sharing: Sharing, device: torch.device
    ) -> Classes:
        """Cross-entropy, or focal loss."""
        own = settings.task
        criterion = Criterion(own.loss or "ce", answer.exclusive, own.class_weights, own.focal_gamma, device=device)
        return Classes(network, criterion, answer, settings.optim.lr, sharing)


TASK = Classification()
