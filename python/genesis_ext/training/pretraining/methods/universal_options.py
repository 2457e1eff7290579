# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Settings of the Universal Model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from genesis_ext.models.discriminator import Skips
from genesis_ext.training.engine.options import check
from genesis_ext.training.pretraining.methods.genesis import GenesisOptions

Adversary = Literal["off", "alternating", "reversal"]
Confusion = Literal["uniform", "flipped", "negative"]


@dataclass(frozen=True)
class UniversalOptions(GenesisOptions):
    """Of the Universal Model, beside those of a restoration."""

    adversary: Adversary = "alternating"
    """Of `universal`: the modality discriminator takes turns with the encoder, or trains in the same step through a
    reversed gradient (Eq. 2 of the paper), or is off (Model_Multi, +SC)."""
    confusion: Confusion = "uniform"
    """How the encoder is to confuse the discriminator in its turn: towards answers of one half, towards the other
    modality, or by the negative of the discriminator's loss (Eq. 2, which has no lower bound)."""
    tell_scales: bool = True
    """Of `universal`: train the scale classifier (off: Model_Multi, +MIAL)."""
    scales_norm: bool = False
    """Batch norm of what the scale classifier gets, after pooling. Ours; needs two samples a process."""
    scales_balanced: bool = False
    """Let every scale count as much in the scale classifier's loss, however often it is drawn. Ours."""
    alpha: float = 1.0
    """Weight of the scale classifier's loss."""
    beta: float = 10.0
    """Weight of the restoration loss."""
    gamma: float = 1.0
    """Weight of the encoder's adversarial loss; Eq. 4 has none."""
    gamma_ramp: int = 0
    """Steps over which gamma rises from 0, as in DANN; 0: none."""
    lr_scales: float = 0.1
    """Learning rate of the scale classifier."""
    lr_discriminator: float = 1e-3
    """Learning rate of the discriminator."""
    discriminator_steps: int = 1
    """Updates of the discriminator a turn, from the same features."""
    discriminator_levels: int = 3
    """Levels of the encoder that the discriminator sees, from the finest on, a block each; 3 in the paper, which leaves
    the deepest one out."""
    discriminator_widths: tuple[int, ...] | None = None
    """Channels of its blocks, one or more; without them half of those of the levels."""
    discriminator_hidden: int = 128
    """Width of its first linear layer."""
    discriminator_norm_per_conv: bool = False
    """Norm and ReLU after each of its convolutions; else after the second of a block, as the paper writes it."""
    discriminator_skips: Skips = "before_pooling"
    """Where the encoder's features are joined to the discriminator's: of the same level, or pooled from that above."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("alpha", "gamma", "gamma_ramp"):
            check(self, name, getattr(self, name) >= 0, "not be negative")
        for name in ("beta", "lr_scales", "lr_discriminator"):
            check(self, name, getattr(self, name) > 0, "be positive")
        for name in ("discriminator_steps", "discriminator_levels", "discriminator_hidden"):
            check(self, name, getattr(self, name) >= 1, "be at least 1")
        widths = self.discriminator_widths
        check(self, "discriminator_widths", widths is None or min(widths, default=0) >= 1, "be channels of at least 1")
        if self.adversary == "reversal" and self.discriminator_steps > 1:
            raise ValueError(
                f"discriminator_steps must be 1 with adversary reversal, which has no turns, got "
                f"{self.discriminator_steps}"
            )

    def widths_of(self, feature_channels: Sequence[int]) -> Sequence[int]:
        """Channels of the discriminator's blocks, on features of so many channels.

        Raises:
            ValueError: there are fewer levels.
        """
        if len(feature_channels) < self.discriminator_levels:
            raise ValueError(
                f"discriminator_levels must be at most the {len(feature_channels)} of the network, got "
                f"{self.discriminator_levels}"
            )
        if self.discriminator_widths is not None:
            return self.discriminator_widths
        return [max(1, channels // 2) for channels in feature_channels[: self.discriminator_levels]]
