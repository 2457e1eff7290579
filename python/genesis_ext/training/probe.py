# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Does an encoder hide the modality? A fresh probe tells CT from MRI by its frozen features, as well as it can.

The discriminator of the Universal Model cannot answer that: where it guesses, the encoder hides the modality, or the
discriminator is weak. The probe learns alone, to convergence, on features that no longer change: a logistic regression
on the mean of every channel over a sub-volume that nothing distorts. It is fitted to volumes that trained and asked
about volumes that validate, so it cannot go by the patient; where a patient is on both sides, the report says so.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from genesis_ext.data.loader import Batch, FixedSamples
from genesis_ext.data.sampling.settings import Sampling
from genesis_ext.data.sampling.split import MODALITIES, Region
from genesis_ext.data.store.volume_store import VolumeStore

CHANCE = 0.5  # balanced accuracy of guessing
_FITTED, _ASKED = 256, 128  # samples
_L2 = 1e-3
_ITERATIONS = 1000
_DEAD = 1e-6  # a channel that varies less than this share of its mean is rounding


@dataclass(frozen=True)
class ProbeReport:
    """Balanced accuracies, in [0, 1], on samples that no probe was fitted to.

    Attributes:
        levels: by the features of each encoder level alone, fine to coarse.
        together: by those of all levels.
        fitted, asked: numbers of samples.
        shared_patients: how many are on both sides, so that a probe may know them.
    """

    levels: tuple[float, ...]
    together: float
    fitted: int
    asked: int
    shared_patients: int = 0

    def __str__(self) -> str:
        each = ", ".join(f"{accuracy:.3f}" for accuracy in self.levels)
        shared = f"; {self.shared_patients} patients are among both, and may be known" if self.shared_patients else ""
        return (
            f"a fresh probe tells CT from MRI by the encoder's features: balanced accuracy {each} by levels 1 to "
            f"{len(self.levels)} alone, {self.together:.3f} by all together (chance {CHANCE}; fitted to {self.fitted} "
            f"samples, asked about {self.asked} others{shared})"
        )


def probe_modality(network: nn.Module, fitted: Iterable[Batch], asked: Iterable[Batch]) -> ProbeReport:
    """Fit probes to the features of some samples, and measure them on others.

    network: has ``encode``, as ``UNetLike``; it is used in evaluation mode, and left in the mode that it was in.
    fitted, asked: batches with "input" (N, 1, X, Y[, Z]) and "modality" (N,), both CT and MRI among the samples.

    Raises:
        ValueError: one of the two holds samples of another modality, or of one alone.
    """
    own, own_labels = _features(network, fitted)
    others, labels = _features(network, asked)
    for name, given in (("fitted", own_labels), ("asked", labels)):
        if sorted(set(given.tolist())) != [0, 1]:
            raise ValueError(f"probe_modality: {name} must hold CT and MRI, and nothing else")

    def accuracy(levels: Sequence[int]) -> float:
        x, y = (torch.cat([side[level] for level in levels], dim=1) for side in (own, others))
        return balanced_accuracy(_fit(x, own_labels, y), labels)

    numbers = range(len(own))
    return ProbeReport(tuple(accuracy([level]) for level in numbers), accuracy(numbers), len(own_labels), len(labels))


def probe_stores(
    network: nn.Module,
    fitted: tuple[VolumeStore, Sequence[Region]],
    asked: tuple[VolumeStore, Sequence[Region]],
    sampling: Sampling,
    batch_size: int,
    seed: int,
    device: torch.device,
) -> ProbeReport | None:
    """Probe on sub-volumes of two sides of a split, as many of CT as of MRI; None where one has no CT or no MRI.

    fitted, asked: a store and where in it boxes may lie.
    batch_size: of the network: batch norm may use the statistics of the batch in evaluation too.
    """
    balanced = replace(sampling, mix="balanced")
    sides, patients = [], []
    for (store, regions), count in ((fitted, _FITTED), (asked, _ASKED)):
        kept = [region for region in regions if store.entries[region.volume].modality in ("ct", "mri")]
        if len({store.entries[region.volume].modality for region in kept}) < 2:
            return None
        sides.append(FixedSamples(store, kept, count, batch_size, balanced, seed=seed, device=device))
        patients.append({store.entries[region.volume].patient for region in kept})
    return replace(probe_modality(network, *sides), shared_patients=len(patients[0] & patients[1]))


def balanced_accuracy(logits: Tensor, labels: Tensor) -> float:
    """Mean over the two classes of the share of right answers; logits, labels: (N,), labels 0 or 1."""
    right = (logits > 0) == (labels > 0)
    return float(torch.stack([right[labels == label].double().mean() for label in (0, 1)]).mean())


@torch.no_grad()
def _features(network: nn.Module, batches: Iterable[Batch]) -> tuple[list[Tensor], Tensor]:
    """Means of channels, (N, channels) float64 on the CPU for each level, and labels (N,): 0 CT, 1 MRI."""
    encode: Callable[[Tensor], list[Tensor]] | None = getattr(network, "encode", None)
    if encode is None:
        raise ValueError(f"probe_modality: network must have encode, as UNetLike has, got {type(network).__name__}")
    was_training = network.training
    network.eval()
    pooled: list[list[Tensor]] = []
    labels: list[Tensor] = []
    for batch in batches:
        levels = encode(batch["input"])
        pooled.append([level.double().flatten(2).mean(dim=2).cpu() for level in levels])
        labels.append(batch["modality"].cpu() - MODALITIES.index("ct"))
    network.train(was_training)
    return [torch.cat(level) for level in zip(*pooled, strict=True)], torch.cat(labels)


def _fit(x: Tensor, labels: Tensor, asked: Tensor) -> Tensor:
    """Logits (M,) of `asked` (M, C), by the logistic regression of the labels (N,) on x (N, C)."""
    mean, std = x.mean(dim=0), x.std(dim=0)
    std = torch.where(std > _DEAD * mean.abs(), std, torch.inf)
    x, asked, wanted = (x - mean) / std, (asked - mean) / std, labels.to(x.dtype)
    weight = torch.zeros(x.shape[1] + 1, dtype=x.dtype, requires_grad=True)  # the last one is the intercept
    optimizer = torch.optim.LBFGS(
        [weight],
        max_iter=_ITERATIONS,
        tolerance_grad=1e-8,
        tolerance_change=1e-12,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = functional.binary_cross_entropy_with_logits(x @ weight[:-1] + weight[-1], wanted)
        value = value + _L2 * weight[:-1].square().sum()
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(loss)
    return (asked @ weight[:-1] + weight[-1]).detach()
