# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Does an encoder hide the modality? A linear probe on its frozen features tries to tell CT from MRI.

The discriminator of the Universal Model cannot answer this: when it guesses, either the encoder hides the modality, or
the discriminator is weak. The probe is a logistic regression on the channel means of undistorted sub-volumes. It is
fitted to convergence on training volumes and tested on validation volumes, so that knowing a patient does not help; the
report counts patients on both sides.
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
from genesis_ext.evaluation.metrics import balanced_accuracy

CHANCE = 0.5  # balanced accuracy of guessing
_FITTED, _ASKED = 256, 128  # samples
_L2 = 1e-3
_ITERATIONS = 1000
_DEAD = 1e-6  # a channel whose std is below this share of its mean only holds rounding errors


@dataclass(frozen=True)
class ProbeReport:
    """Balanced accuracies, in [0, 1], on held-out samples.

    Attributes:
        levels: with the features of each encoder level alone, fine to coarse.
        together: with those of all levels.
        fitted, asked: numbers of samples fitted on and tested on.
        shared_patients: patients on both sides, whom a probe may recognise.
    """

    levels: tuple[float, ...]
    together: float
    fitted: int
    asked: int
    shared_patients: int = 0

    def __str__(self) -> str:
        each = ", ".join(f"{accuracy:.3f}" for accuracy in self.levels)
        shared = f"; {self.shared_patients} patients on both sides may be recognised" if self.shared_patients else ""
        return (
            f"a fresh probe tells CT from MRI by the encoder's features: balanced accuracy {each} with levels 1 to "
            f"{len(self.levels)} alone, {self.together:.3f} with all (chance {CHANCE}; fitted on {self.fitted} "
            f"samples, tested on {self.asked} others{shared})"
        )


def probe_modality(network: nn.Module, fitted: Iterable[Batch], asked: Iterable[Batch]) -> ProbeReport:
    """Fit probes on the features of some samples, and test them on others.

    network: has ``encode``, as ``UNetLike``. It runs in evaluation mode; afterwards the network is in its old mode.
    fitted, asked: batches to fit and to test on, with "input" (N, 1, X, Y[, Z]) and "modality" (N,).

    Raises:
        ValueError: ``fitted`` or ``asked`` lacks CT or MRI, or holds another modality.
    """
    own, own_labels = _features(network, fitted)
    others, labels = _features(network, asked)
    for name, given in (("fitted", own_labels), ("asked", labels)):
        if (labels_found := given.unique().tolist()) != [0, 1]:
            found = ", ".join(MODALITIES[label + MODALITIES.index("ct")] for label in labels_found)
            raise ValueError(f"probe_modality: {name} must hold CT and MRI, and nothing else, got {found}")

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
    """Probe with sub-volumes of both sides of a split, CT and MRI equally often; None if a side lacks one.

    fitted, asked: a store, and the regions of it in which boxes may lie.
    batch_size: matters, since batch norm may use batch statistics in evaluation mode too.
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


@torch.no_grad()
def _features(network: nn.Module, batches: Iterable[Batch]) -> tuple[list[Tensor], Tensor]:
    """For each level the channel means, (N, channels) float64 on the CPU; and the labels (N,): 0 CT, 1 MRI."""
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
    """Logits (M,) for `asked` (M, C), of a logistic regression of the labels (N,) on x (N, C)."""
    mean, std = x.mean(dim=0), x.std(dim=0)
    std = torch.where(std > _DEAD * mean.abs(), std, torch.inf)
    x, asked, wanted = (x - mean) / std, (asked - mean) / std, labels.to(x.dtype)
    weight = torch.zeros(x.shape[1] + 1, dtype=x.dtype, requires_grad=True)  # the last is the intercept
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
