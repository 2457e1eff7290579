# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The Universal Model: restore, tell the scale, and hide the modality (Zhang et al., arXiv 2010.06107, Eq. 1 to 4).

``min over E, G, S and max over D of L_adv + alpha L_scale + beta L_rec``: an encoder E and a decoder G restore, a
classifier S tells from E's output at which of three scales the sub-volume was cut, and a discriminator D tells CT from
MRI by E's features, which E learns to prevent.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from genesis_ext.data.loader import Batch
from genesis_ext.data.sampling.split import MODALITIES
from genesis_ext.models import UNet, gradient_reversal
from genesis_ext.training.engine.objective import Figures, Judgement, Turn, accuracy, bare, frozen
from genesis_ext.training.pretraining.config import Adversary, Confusion, Loss
from genesis_ext.training.pretraining.losses import LOSSES


class EncoderDecoder(nn.Module):
    """A U-Net that gives its features too, in one pass: (N, C, ...) -> (restored, features from fine to coarse)."""

    def __init__(self, network: UNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Restoration, and what ``encode`` gives."""
        features = self.network.encode(x)
        return self.network.out_tr(self.network.decode(features)), features


class Universal:
    """Restoration with modality-invariant adversarial learning (MIAL) and scale classification (SC).

    Args:
        network: E and G.
        scales: S, (N, coarsest features) -> (N, scales); None leaves SC out.
        discriminator: D, features -> (N,) logits of "MRI"; None leaves MIAL out.
        adversary: "alternating": E, G and S learn against D as it is, then D learns from the same features;
            "reversal": all learn at once, and E gets D's gradient with the other sign.
        confusion: E's loss where turns alternate, see ``MethodConfig``.
        loss, alpha, beta: of the restoration, and the weights of the paper.
        learning_rates: of "network", "scales" and "discriminator".
    """

    restores = True
    chance = math.inf  # has no meaning for a restoration

    def __init__(
        self,
        network: UNet,
        scales: nn.Module | None,
        discriminator: nn.Module | None,
        adversary: Adversary,
        confusion: Confusion,
        loss: Loss,
        alpha: float,
        beta: float,
        learning_rates: dict[str, float],
    ) -> None:
        self.network = network
        parts = {"network": EncoderDecoder(network), "scales": scales, "discriminator": discriminator}
        self.modules = {name: part for name, part in parts.items() if part is not None}
        self.learning_rates = {name: learning_rates[name] for name in self.modules}
        self._adversary = adversary
        self._confusion = confusion
        self._loss = LOSSES[loss]
        self._alpha, self._beta = alpha, beta

    def turns(self, batch: Batch) -> Iterator[Turn]:
        """The update of E, G and S (reversal: of D too), then that of D."""
        restored, features = self.modules["network"](batch["input"])
        restoration = self._loss(restored, batch["input"], batch["target"])
        total = self._beta * restoration
        figures = {"loss": restoration.detach()}
        updates = ["network"]
        if "scales" in self.modules:
            logits = self.modules["scales"](features[-1])
            scale_loss = functional.cross_entropy(logits, batch["scale"])
            total = total + self._alpha * scale_loss
            figures |= {"loss_scale": scale_loss.detach(), "accuracy_scale": accuracy(logits, batch["scale"])}
            updates.append("scales")
        if "discriminator" not in self.modules:
            yield Turn(total, tuple(updates), figures)
            return

        discriminator, is_mri = self.modules["discriminator"], _is_mri(batch)
        if self._adversary == "reversal":
            logits = discriminator([gradient_reversal(level) for level in features]).flatten()
            adversarial = functional.binary_cross_entropy_with_logits(logits, is_mri)
            figures |= _discriminator_figures(logits, is_mri, adversarial)
            yield Turn(total + adversarial, (*updates, "discriminator"), figures)
            return
        with frozen(discriminator):
            # Not through the wrapper: it would wait for gradients of D that this turn does not make.
            logits = bare(discriminator)(features).flatten()
            adversarial = _confuse(logits, is_mri, self._confusion)
        figures["loss_confusion"] = adversarial.detach()
        yield Turn(total + adversarial, tuple(updates), figures)

        logits = discriminator([level.detach() for level in features]).flatten()
        loss = functional.binary_cross_entropy_with_logits(logits, is_mri)
        yield Turn(loss, ("discriminator",), _discriminator_figures(logits, is_mri, loss))

    def judge(self, network: nn.Module, batch: Batch) -> Judgement:
        """Loss of the restoration, accuracies of S and D."""
        assert isinstance(network, UNet)
        features = network.encode(batch["input"])
        restored = network.out_tr(network.decode(features))
        figures = {"loss": self._loss(restored, batch["input"], batch["target"])}
        if "scales" in self.modules:
            figures["accuracy_scale"] = accuracy(bare(self.modules["scales"])(features[-1]), batch["scale"])
        if "discriminator" in self.modules:
            logits, is_mri = bare(self.modules["discriminator"])(features).flatten(), _is_mri(batch)
            figures["accuracy_discriminator"] = ((logits > 0) == (is_mri > 0)).float().mean()
        return Judgement(figures, restored)


def _is_mri(batch: Batch) -> Tensor:
    """1 for MRI, 0 for CT: (N,) float32."""
    return (batch["modality"] == MODALITIES.index("mri")).float()


def _confuse(logits: Tensor, is_mri: Tensor, how: Confusion) -> Tensor:
    """The encoder's loss against a discriminator that does not learn meanwhile."""
    if how == "negative":
        return -functional.binary_cross_entropy_with_logits(logits, is_mri)
    wanted = torch.full_like(logits, 0.5) if how == "uniform" else 1 - is_mri
    return functional.binary_cross_entropy_with_logits(logits, wanted)


def _discriminator_figures(logits: Tensor, is_mri: Tensor, loss: Tensor) -> Figures:
    right = ((logits.detach() > 0) == (is_mri > 0)).float().mean()
    return {"loss_discriminator": loss.detach(), "accuracy_discriminator": right}
