# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Rates and ranges of the augmentation for supervised training, and its named profiles."""

from dataclasses import dataclass, fields, replace
from typing import Any

from genesis_ext._settings import check_kinds

# Range -> where it must lie. A blur is made of five voxels an axis, which hold no wider Gaussian; gamma has eight bits.
_WITHIN = {
    "scale": (1 / 64, 64.0),
    "noise_std": (0.0, 1.0),
    "blur_sigma": (0.0, 1.0),
    "brightness": (0.0, 64.0),
    "contrast": (0.0, 64.0),
    "low_resolution": (1 / 64, 1.0),
    "gamma": (1 / 4, 255 / 64),
}


@dataclass(frozen=True)
class FinetuneTransformConfig:
    """What an augmented sample may undergo; the defaults are the profile `nnunet`.

    A rate is the probability of one change, a range what its amount is drawn from, uniformly. Where a range of factors
    has 1 inside, half of the draws lie below 1 and half above. Raises ValueError or TypeError, naming the field, where
    a value breaks its rule.
    """

    flip_rate: float = 0.5
    """Probability of a flip along each of the axes."""
    flip_axes: tuple[int, ...] | None = None
    """Axes to flip along: 0 x, 1 y, 2 z; None: all. Labels that tell left from right forbid the one between them."""
    transpose_rate: float = 0.0
    """Probability of another order of the axes; only axes of equal length and spacing are exchanged."""
    quarter_turn_rate: float = 0.0
    """Probability of a turn by 90, 180 or 270 degrees about one axis; by 180 where a plane is not square."""
    rotation_rate: float = 0.2
    """Probability of a free rotation: about x, then y, then z; in 2D about z alone."""
    rotation_degrees: float | tuple[float, float, float] = 30.0
    """Largest angle either way, in [0, 180]: one for all axes, or about x, y and z."""
    scale_rate: float = 0.2
    """Probability of scaling."""
    scale: tuple[float, float] = (0.7, 1.4)
    """By what factor things grow."""
    shear_rate: float = 0.0
    """Probability of shear."""
    shear: float = 0.1
    """Voxels that a plane is moved against the next one at most, along each axis; in [0, 1)."""

    noise_rate: float = 0.1
    """Probability of Gaussian noise."""
    noise_std: tuple[float, float] = (0.0, 0.025)
    """Its standard deviation, as a share of the value range."""
    blur_rate: float = 0.2
    """Probability of blur."""
    blur_sigma: tuple[float, float] = (0.5, 1.0)
    """Its standard deviation in voxels, at most 1."""
    brightness_rate: float = 0.15
    """Probability of another brightness: values times a factor, counted from the lower end of the range."""
    brightness: tuple[float, float] = (0.75, 1.25)
    """The factor."""
    contrast_rate: float = 0.15
    """Probability of another contrast: distances from the mean of the channel times a factor."""
    contrast: tuple[float, float] = (0.75, 1.25)
    """The factor."""
    low_resolution_rate: float = 0.25
    """Probability of a lower resolution: every n-th voxel alone, and lines between them."""
    low_resolution: tuple[float, float] = (0.5, 1.0)
    """What is left of the voxels along each axis, as a share."""
    inverted_gamma_rate: float = 0.1
    """Probability of a gamma curve on the inverted image: light regions change most."""
    gamma_rate: float = 0.3
    """Probability of a gamma curve: dark regions change most."""
    gamma: tuple[float, float] = (0.7, 1.5)
    """Exponent of both, rounded to 1/64."""
    curve_rate: float = 0.0
    """Probability of the non-linear curve of Models Genesis (`ops.bezier_map`)."""
    curve_decreasing_rate: float = 0.0
    """Probability of a curve to be a decreasing one; half of them are in Models Genesis."""
    intensity_per_channel: bool = False
    """Draw what changes intensities for each channel instead of once for all. Noise differs in any case."""

    def __post_init__(self) -> None:
        check_kinds(self, "FinetuneTransformConfig: ")
        for name in (field.name for field in fields(self)):
            if name.endswith("_rate"):
                self._check(name, 0.0 <= getattr(self, name) <= 1.0, "lie in [0, 1]")
        for name, (least, most) in _WITHIN.items():
            lo, hi = getattr(self, name)
            self._check(name, least <= lo <= hi <= most, f"rise within [{least:.4g}, {most:.4g}]")
        self._check("rotation_degrees", all(0.0 <= a <= 180.0 for a in self.degrees), "lie in [0, 180]")
        self._check("shear", 0.0 <= self.shear < 1.0, "lie in [0, 1)")
        axes = self.flip_axes or ()
        fit = set(axes) <= {0, 1, 2} and len({*axes}) == len(axes)
        self._check("flip_axes", fit, "be axes out of 0, 1, 2, each once")

    @property
    def degrees(self) -> tuple[float, float, float]:
        """Largest angle about x, y and z."""
        given = self.rotation_degrees
        return given if isinstance(given, tuple) else (given,) * 3

    def _check(self, name: str, fits: bool, rule: str) -> None:
        if not fits:
            raise ValueError(f"FinetuneTransformConfig: {name} must {rule}, got {getattr(self, name)!r}")


_RATES: dict[str, Any] = {field.name: 0.0 for field in fields(FinetuneTransformConfig) if field.name.endswith("_rate")}
_NOTHING = FinetuneTransformConfig(**_RATES)

FINETUNE_PROFILES = {
    # Rates and strengths of nnU-Net's trainer (batchgeneratorsv2 0.3.6). Its noise, of z-scored voxels, has a standard
    # deviation of up to .1; windowed scans in [0, 1] have one of .22 to .25 (44 CT and MRI scans).
    "nnunet": FinetuneTransformConfig(),
    # Universal Model (arXiv:2010.06107): "random flip, transpose, rotation, Gaussian noise"; the numbers are ours.
    "universal-model": replace(
        _NOTHING, flip_rate=0.5, transpose_rate=0.5, rotation_rate=0.5, rotation_degrees=10.0, noise_rate=0.5
    ),
    "none": _NOTHING,
}
"""Named profiles: nnU-Net's augmentation, that of the Universal Model's target tasks, and nothing at all."""


def make_finetune_config(profile: str | FinetuneTransformConfig = "nnunet", **changes: Any) -> FinetuneTransformConfig:
    """Make a config from a profile and single rates and ranges by their names in `FinetuneTransformConfig`.

    Raises ValueError or TypeError for a name or a value that there is not.
    """
    if isinstance(profile, str):
        if profile not in FINETUNE_PROFILES:
            known = ", ".join(FINETUNE_PROFILES)
            raise ValueError(f"make_finetune_config: profile must be one of {known}, got {profile!r}")
        profile = FINETUNE_PROFILES[profile]
    if not isinstance(profile, FinetuneTransformConfig):
        kind = type(profile).__name__
        raise TypeError(f"make_finetune_config: profile must be a name or a FinetuneTransformConfig, got {kind}")
    names = [field.name for field in fields(FinetuneTransformConfig)]
    if unknown := sorted(set(changes) - set(names)):
        raise TypeError(f"make_finetune_config: changes must be of {', '.join(names)}, got {', '.join(unknown)}")
    config: FinetuneTransformConfig = replace(profile, **changes)
    return config
