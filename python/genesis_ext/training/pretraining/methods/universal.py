# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The Universal Model: restore, tell the scale, and hide the modality (Zhang et al., arXiv 2010.06107, Eq. 1 to 4).

``min over E, G, S and max over D of L_adv + alpha L_scale + beta L_rec``: an encoder E and a decoder G restore, a
classifier S tells from E's output at which of three scales the sub-volume was cut, and a discriminator D tells CT from
MRI by E's features, which E learns to prevent.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from genesis_ext.data.sampling.split import MODALITIES
from genesis_ext.evaluation import probe_stores
from genesis_ext.evaluation.metrics import accuracy
from genesis_ext.models import Discriminator, ScaleClassifier, UNetLike, as_unet, gradient_reversal
from genesis_ext.training.engine.objective import Batch, Evaluation, Metrics, Update, bare, frozen
from genesis_ext.training.pretraining.losses import LOSSES
from genesis_ext.training.pretraining.methods.genesis import METHOD as GENESIS
from genesis_ext.training.pretraining.methods.method import Finished, Method, Needs, Settings
from genesis_ext.training.pretraining.methods.universal_options import Confusion, UniversalOptions
from genesis_ext.transforms import GenesisTransform

_RAMP_SLOPE = 10.0  # of the ramp of DANN (Ganin and Lempitsky, ICML 2015)


class EncoderDecoder(nn.Module):
    """A U-Net that gives its features too, in one pass: (N, C, ...) -> (restored, features from fine to coarse)."""

    network: Any  # UNetLike, which no annotation can say of a module

    def __init__(self, network: UNetLike) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Restoration, and what ``encode`` gives."""
        return restore(self.network, x)


def restore(network: UNetLike, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Restoration, and what ``encode`` gives."""
    features = network.encode(x)
    restored: Tensor = network.out_tr(network.decode(features))
    return restored, features


class UniversalObjective:
    """Restoration with modality-invariant adversarial learning (MIAL) and scale classification (SC).

    Args:
        network: E and G.
        scales: S, (N, coarsest features) -> (N, scales); None leaves SC out.
        discriminator: D, features -> (N,) logits of "MRI"; None leaves MIAL out.
        options: losses, their weights and rates, and how E and D take turns.
        learning_rate: of the network.
        batch_size: samples a step, over all processes, by which ids tell the step.
        scale_weights: how often each scale is drawn.
    """

    restores = True
    chance = math.inf  # means nothing for a restoration

    def __init__(
        self,
        network: nn.Module,
        scales: nn.Module | None,
        discriminator: nn.Module | None,
        options: UniversalOptions,
        learning_rate: float,
        batch_size: int,
        scale_weights: Sequence[int],
    ) -> None:
        self.network = network
        unet = as_unet(network, "the Universal Model")
        parts = {"network": EncoderDecoder(unet), "scales": scales, "discriminator": discriminator}
        rates = {
            "network": learning_rate,
            "scales": options.lr_scales,
            "discriminator": options.lr_discriminator,
        }
        self.modules = {name: part for name, part in parts.items() if part is not None}
        self.learning_rates = {name: rates[name] for name in self.modules}
        self._options, self._loss = options, LOSSES[options.loss]
        self._scale_weights = scale_weights if options.scales_balanced else None
        self._ramp_samples = options.gamma_ramp * batch_size

    def updates(self, batch: Batch) -> Iterator[Update]:
        """The update of E, G and S (reversal: of D too), then those of D.

        Input and target: (N, 1, X, Y[, Z]); scale, modality and sample_id: (N,) int64.
        """
        own = self._options
        restored, features = self.modules["network"](batch["input"])
        restoration = self._loss(restored, batch["input"], batch["target"])
        total = own.beta * restoration
        metrics = {"loss": restoration.detach()}
        names = ["network"]
        if "scales" in self.modules:
            logits = self.modules["scales"](features[-1])
            scale_loss = self._scale_loss(logits, batch["scale"])
            total = total + own.alpha * scale_loss
            metrics |= {"loss_scale": scale_loss.detach(), "accuracy_scale": accuracy(logits, batch["scale"])}
            names.append("scales")
        if "discriminator" not in self.modules:
            yield Update(total, tuple(names), metrics)
            return

        discriminator, is_mri = self.modules["discriminator"], _is_mri(batch)
        gamma = self._gamma(batch["sample_id"])
        if own.adversary == "reversal":
            logits = discriminator([gradient_reversal(level, gamma) for level in features]).flatten()
            adversarial = functional.binary_cross_entropy_with_logits(logits, is_mri)
            metrics |= _discriminator_metrics(logits, is_mri, adversarial)
            yield Update(total + adversarial, (*names, "discriminator"), metrics)
            return
        with frozen(discriminator):
            # Not through the wrapper: it would wait for gradients of D, which this update does not make.
            logits = bare(discriminator)(features).flatten()
            adversarial = _confuse(logits, is_mri, own.confusion)
        metrics["loss_confusion"] = adversarial.detach()
        yield Update(total + gamma * adversarial, tuple(names), metrics)

        seen = [level.detach() for level in features]
        for _ in range(own.discriminator_steps):
            logits = discriminator(seen).flatten()
            loss = functional.binary_cross_entropy_with_logits(logits, is_mri)
            yield Update(loss, ("discriminator",), _discriminator_metrics(logits, is_mri, loss))

    def _scale_loss(self, logits: Tensor, scale: Tensor) -> Tensor:
        """Cross-entropy; weighed sample by sample, so that it does not depend on how a batch is spread."""
        if self._scale_weights is None:
            return functional.cross_entropy(logits, scale)
        each = functional.cross_entropy(logits, scale, reduction="none")
        rare = sum((scale == place) * (1 / weight) for place, weight in enumerate(self._scale_weights))
        return (each * rare).mean() * (sum(self._scale_weights) / len(self._scale_weights))

    def _gamma(self, sample_id: Tensor) -> Tensor | float:
        """The weight of E's adversarial loss at the step of these samples; a scalar on their device while it rises."""
        gamma = self._options.gamma
        if not self._ramp_samples:
            return gamma
        progress = (sample_id[0] / self._ramp_samples).clamp(max=1.0)
        return gamma * (2 / (1 + torch.exp(-_RAMP_SLOPE * progress)) - 1)

    def evaluate(self, network: nn.Module, batch: Batch) -> Evaluation:
        """Loss of the restoration, accuracies of S and D."""
        restored, features = restore(as_unet(network, "an evaluation"), batch["input"])
        metrics = {"loss": self._loss(restored, batch["input"], batch["target"])}
        if "scales" in self.modules:
            metrics["accuracy_scale"] = accuracy(bare(self.modules["scales"])(features[-1]), batch["scale"])
        if "discriminator" in self.modules:
            logits, is_mri = bare(self.modules["discriminator"])(features).flatten(), _is_mri(batch)
            metrics["accuracy_discriminator"] = ((logits > 0) == (is_mri > 0)).float().mean()
        return Evaluation(metrics, restored)


def _is_mri(batch: Batch) -> Tensor:
    """1 for MRI, 0 for CT: (N,) float32."""
    return (batch["modality"] == MODALITIES.index("mri")).float()


def _confuse(logits: Tensor, is_mri: Tensor, how: Confusion) -> Tensor:
    """The encoder's loss against a discriminator that does not learn meanwhile."""
    if how == "negative":
        return -functional.binary_cross_entropy_with_logits(logits, is_mri)
    wanted = torch.full_like(logits, 0.5) if how == "uniform" else 1 - is_mri
    return functional.binary_cross_entropy_with_logits(logits, wanted)


def _discriminator_metrics(logits: Tensor, is_mri: Tensor, loss: Tensor) -> Metrics:
    right = ((logits.detach() > 0) == (is_mri > 0)).float().mean()
    return {"loss_discriminator": loss.detach(), "accuracy_discriminator": right}


class Universal(Method):
    """Restore as Models Genesis does, tell scales, and hide the modality."""

    name = "universal"
    summary = "restore, tell scales, and hide the modality (Universal Model)"
    spacing_mm = 1.0

    def contradiction(self, settings: Settings) -> str:
        """Scales must be cut to be told, and both modalities must be there to be told apart."""
        own = _own(settings)
        if own.tell_scales and settings.data.boxes != "scales":
            return (
                "boxes must be scales where universal tells scales, got cubes: set boxes to scales, or tell_scales "
                "to false"
            )
        if own.adversary != "off" and own.modalities != "all":
            return (
                f"modalities must be all where a discriminator tells CT from MRI, got {own.modalities}: set "
                "adversary to off"
            )
        blocks = len(own.discriminator_widths or ()) or own.discriminator_levels
        if own.adversary != "off" and min(settings.data.patch_shape) < 2**blocks:
            return (
                f"patch must have sides of at least {2**blocks} for a discriminator of {blocks} blocks, got "
                f"{settings.data.patch_shape}: lower discriminator_levels"
            )
        return ""

    def transform(self, settings: Settings) -> GenesisTransform:
        """That of Models Genesis."""
        return GENESIS.transform(settings)

    def needs(self, settings: Settings) -> Needs:
        """CT and MRI, for a discriminator."""
        own, usual = _own(settings), super().needs(settings)
        if own.adversary == "off":
            return usual
        return Needs(frozenset({"ct", "mri"}), f"{usual.because} and adversary {own.adversary}")

    def objective(self, network: nn.Module, settings: Settings) -> UniversalObjective:
        """The network, and the parts of it that are on."""
        own, unet = _own(settings), as_unet(network, f"method {self.name}")
        features = unet.feature_channels
        scales = None
        if own.tell_scales:
            scales = ScaleClassifier(features[-1], len(settings.data.scales), norm=own.scales_norm)
        discriminator = None
        if own.adversary != "off":
            discriminator = Discriminator(
                features,
                own.widths_of(features),
                own.discriminator_hidden,
                own.discriminator_norm_per_conv,
                settings.network.norm,
                own.discriminator_skips,
                unet.spatial_dims,
            )
        return UniversalObjective(
            network,
            scales,
            discriminator,
            own,
            settings.optim.lr,
            settings.optim.batch_size,
            settings.data.scale_weights,
        )

    def conclude(self, finished: Finished) -> str | None:
        """What a fresh probe says of the modality in the features; None where only one modality is there."""
        probed = probe_stores(*finished)
        return None if probed is None else str(probed)


def _own(settings: Settings) -> UniversalOptions:
    assert isinstance(settings.method, UniversalOptions)
    return settings.method


METHOD = Universal()
