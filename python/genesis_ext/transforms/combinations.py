# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The twelve combinations of transformations (Models Genesis, Fig. 4): names, probabilities, rates that force them."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from torch import Tensor

from genesis_ext import ops
from genesis_ext.transforms.profiles import TransformConfig, resolve

if TYPE_CHECKING:
    from genesis_ext.transforms.genesis import GenesisTransform


@dataclass(frozen=True)
class Combination:
    """Which transformations act on a sample; paint is "none", "in" or "out"."""

    shuffle: bool
    nonlinear: bool
    paint: str

    @property
    def name(self) -> str:
        """As the paper writes it: NL+LS+OUT; or none."""
        parts = (("NL", self.nonlinear), ("LS", self.shuffle), (self.paint.upper(), self.paint != "none"))
        return "+".join(part for part, acts in parts if acts) or "none"

    @property
    def rates(self) -> dict[str, float]:
        """The rates that force it."""
        return {
            "shuffle_rate": float(self.shuffle),
            "nonlinear_rate": float(self.nonlinear),
            "paint_rate": float(self.paint != "none"),
            "outpaint_rate": float(self.paint == "out"),
        }

    def distort(self, transform: "GenesisTransform", batch: Tensor, sample_id: Tensor) -> Tensor:
        """What the combination makes of a batch, (N, C, X, Y, Z), without flips.

        transform: gives sizes, seed and value range; its rates are ignored.   sample_id: (N,); those of one id share
        curve, windows and boxes whatever the combination.
        """
        config = replace(transform.config, **{"flip_rate": 0.0, **self.rates})  # type: ignore[arg-type]
        plan = ops.draw_plan(sample_id, transform.seed, resolve(config, batch.shape[2:], batch.shape[1]))
        return transform.replay(batch, plan)[0]

    def probability(self, config: TransformConfig) -> float:
        """How often a config draws it."""
        shuffle = config.shuffle_rate if self.shuffle else 1.0 - config.shuffle_rate
        nonlinear = config.nonlinear_rate if self.nonlinear else 1.0 - config.nonlinear_rate
        painting = {
            "none": 1.0 - config.paint_rate,
            "in": config.paint_rate * (1.0 - config.outpaint_rate),
            "out": config.paint_rate * config.outpaint_rate,
        }
        return shuffle * nonlinear * painting[self.paint]


_CHOICES = tuple((nonlinear, shuffle) for nonlinear in (False, True) for shuffle in (False, True))
COMBINATIONS = (
    *(Combination(shuffle, nonlinear, "none") for nonlinear, shuffle in _CHOICES),
    *(Combination(shuffle, nonlinear, paint) for nonlinear, shuffle in _CHOICES for paint in ("in", "out")),
)
"""In the order of the paper: none, LS, NL, NL+LS, IN, OUT, LS+IN, LS+OUT, NL+IN, NL+OUT, NL+LS+IN, NL+LS+OUT."""
