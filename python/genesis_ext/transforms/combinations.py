# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The twelve combinations of transformations (Models Genesis, Fig. 4): names, probabilities, rates that force them."""

from dataclasses import dataclass

from genesis_ext.transforms.profiles import TransformConfig


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
