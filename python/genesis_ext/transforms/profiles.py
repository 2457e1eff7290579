# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Rates and sizes of the transformations, the named profiles and schemes, and what they mean for a patch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import Any, TypeAlias, cast

from genesis_ext._arguments import check_choice
from genesis_ext._settings import check_kinds
from genesis_ext.ops._checks import window_sides
from genesis_ext.ops._plan_json import FILLS
from genesis_ext.ops.local_shuffle import ORDERS, PERMUTES
from genesis_ext.ops.plan import PlanSpec
from genesis_ext.reference.draw_plan import Numbers, Rates

Side: TypeAlias = int | float | Fraction
"""A side of a box on an axis of D voxels. Integers count voxels, fractions are shares of D, rounded down. Negative ones
say what is missing from the whole axis: 10 is 10 voxels, 1/6 is D // 6, -10 is D - 10, -3/7 is D - 3 D // 7, 0 is D."""


UNBOUNDED = 256  # boxes: at a rate of .95, 2e-6 of the draws without a bound would go on


@dataclass(frozen=True)
class TransformConfig:
    """Rates and sizes of the transformations; the defaults are the profile `head`. Bounds are inclusive.

    Raises ValueError or TypeError, naming the field, where a value breaks its rule.
    """

    flip_rate: float = 0.4
    """Probability of each further flip of input and target."""
    flip_tries: int = 3
    """Flips at most; two along one axis undo each other."""
    flip_axes: tuple[int, ...] = (0, 1)
    """Axes to flip along, equally likely: 0 x, 1 y, 2 z. The released code never flips z."""
    flip_lost: int = 1
    """Chance of a flip to do nothing, relative to one axis: the released code flips the channel axis as often as x."""

    shuffle_rate: float = 0.5
    """Probability of local shuffling."""
    num_windows: int = 10_000
    """Windows to shuffle in a patch."""
    windows_per_voxel: float | None = None
    """Instead of `num_windows`: windows for each voxel of the patch, so that patches of any size look alike. 10,000
    windows in 64x64x32 are .0763 a voxel."""
    max_window: int | tuple[int, ...] | None = None
    """Largest side of a window in voxels, for all axes or one an axis; None: a tenth of each axis, at least 1."""
    shuffle_order: str = "last_writer"
    """How windows meet: "last_writer" (released: values are lost and copied) or "sequential" (paper: the histogram is
    preserved)."""
    shuffle_permute: str = "voxel"
    """What is permuted: "voxel", all voxels of a window (released); "axes", each axis on its own (paper)."""

    nonlinear_rate: float = 0.9
    """Probability of the non-linear intensity curve."""
    curve_per_channel: bool = False
    """Draw a curve for each channel instead of one for all."""

    paint_rate: float = 0.9
    """Probability of painting, out or in."""
    outpaint_rate: float = 0.8
    """Probability of out-painting, given painting; else in-painting."""
    box_margin: int = 3
    """Voxels between a box and the patch's border, where the box leaves room for it."""

    in_boxes_min: int = 0
    """In-painting: boxes at least, unless `in_max_fraction` forbids. With 0, one in-painted sample of twenty has none,
    as released."""
    in_boxes_max: int = 5
    """In-painting: boxes at most."""
    in_more_rate: float = 0.95
    """In-painting: probability of each further box."""
    in_sides: tuple[Side, Side] = (Fraction(1, 6), Fraction(1, 3))
    """In-painting: smallest and largest side of a box (see `Side`)."""
    in_fill: str = "noise"
    """In-painting: "noise", a value a voxel, or "constant", a value a box."""
    in_max_fraction: float | None = None
    """In-painting: stop before the summed volumes of the boxes pass this share of the patch; None: no bound."""

    out_boxes_min: int = 1
    """Out-painting: kept boxes at least."""
    out_boxes_max: int = 5
    """Out-painting: kept boxes at most."""
    out_more_rate: float = 0.95
    """Out-painting: probability of each further box."""
    out_sides_first: tuple[Side, Side] = (Fraction(-4, 7), Fraction(-3, 7))
    """Out-painting: smallest and largest side of the first box."""
    out_sides_more: tuple[Side, Side] = (Fraction(-4, 7), Fraction(-3, 7))
    """Out-painting: smallest and largest side of the boxes after the first."""
    out_fill: str = "noise"
    """Out-painting: "noise", a value a voxel, or "constant", one value around all boxes."""
    out_max_fraction: float | None = None
    """Out-painting: lengthen the first box so that at most this share of the patch is painted; None: no bound."""

    def __post_init__(self) -> None:
        check_kinds(self, "TransformConfig: ")
        for name in (field.name for field in fields(self)):
            value = getattr(self, name)
            if name.endswith(("_rate", "_fraction")) and value is not None and not 0.0 <= value <= 1.0:
                raise ValueError(f"TransformConfig: {name} must lie in [0, 1], got {value!r}")
        for name, codes in (
            ("shuffle_order", ORDERS),
            ("shuffle_permute", PERMUTES),
            ("in_fill", FILLS),
            ("out_fill", FILLS),
        ):
            check_choice("TransformConfig", name, getattr(self, name), codes)
        for name in ("in_sides", "out_sides_first", "out_sides_more"):
            lo, hi = getattr(self, name)
            object.__setattr__(self, name, (_side(name, lo), _side(name, hi)))
        density = self.windows_per_voxel
        if density is not None and density < 0.0:
            raise ValueError(f"TransformConfig: windows_per_voxel must be at least 0, got {density!r}")
        axes = self.flip_axes
        if not set(axes) <= {0, 1, 2} or len(set(axes)) != len(axes):
            raise ValueError(f"TransformConfig: flip_axes must be axes out of 0, 1, 2, each once, got {axes!r}")


def _side(name: str, value: Side) -> int | Fraction:
    if isinstance(value, int):
        return value
    # 1/6 as a float lies below the sixth: D // 6 needs the fraction that was meant.
    share = Fraction(value).limit_denominator(10_000)
    if not -1 <= share <= 1:
        raise ValueError(f"TransformConfig: {name} must be whole voxels or a share in [-1, 1], got {value!r}")
    if share == 0 and value != 0:
        raise ValueError(f"TransformConfig: {name} must be 0 or a share of at least 1/20000, got {value!r}")
    return share


PROFILES = {
    # State of 2020-02 and later of the released code, which everybody copies.
    "head": TransformConfig(),
    "release-2019-11": TransformConfig(
        flip_rate=0.9, shuffle_rate=0.1, in_boxes_max=UNBOUNDED, out_boxes_max=UNBOUNDED
    ),
    "release-2019-09": TransformConfig(
        flip_rate=0.9,
        shuffle_rate=0.1,
        num_windows=500,
        in_boxes_min=1,
        in_boxes_max=1,
        in_sides=(10, 20),
        in_fill="constant",
        out_boxes_max=1,
        out_sides_first=(-20, -10),
        out_sides_more=(-20, -10),
    ),
    # The paper gives neither rates nor sides. Our choice: both as in head, no flips, at least one box, and a first kept
    # box of .909 of each side or more, since .909^3 > 3/4 leaves at most a quarter to paint.
    "paper": TransformConfig(
        flip_rate=0.0,
        num_windows=1_000,
        shuffle_order="sequential",
        shuffle_permute="axes",
        in_boxes_min=1,
        in_boxes_max=10,
        in_fill="constant",
        in_max_fraction=0.25,
        out_boxes_max=10,
        out_sides_first=(Fraction(-91, 1000), 0),
        out_fill="constant",
    ),
}
"""Named profiles: three states of the released code, and the paper."""

SCHEMES: dict[str, dict[str, float]] = {
    "unified": {},
    "distortion": {"paint_rate": 0.0},
    "painting": {"shuffle_rate": 0.0, "nonlinear_rate": 0.0},
    "non-linear": {"shuffle_rate": 0.0, "nonlinear_rate": 1.0, "paint_rate": 0.0},
    "local-shuffling": {"shuffle_rate": 1.0, "nonlinear_rate": 0.0, "paint_rate": 0.0},
    "out-painting": {"shuffle_rate": 0.0, "nonlinear_rate": 0.0, "paint_rate": 1.0, "outpaint_rate": 1.0},
    "in-painting": {"shuffle_rate": 0.0, "nonlinear_rate": 0.0, "paint_rate": 1.0, "outpaint_rate": 0.0},
    "autoencoder": {"shuffle_rate": 0.0, "nonlinear_rate": 0.0, "paint_rate": 0.0},
}
"""Which transformations take part, by the rates that a scheme changes. Grouped schemes keep the profile's rates; single
ones always act, since a sample left alone would train an autoencoder. All keep the profile's flips, which are no task:
the target is flipped too."""


def make_config(profile: str | TransformConfig = "head", scheme: str = "unified", **changes: Any) -> TransformConfig:
    """Make a config from a profile, then a scheme, then single rates and sizes by their names in `TransformConfig`.

    Raises ValueError or TypeError for an unknown name or a value that breaks its rule.
    """
    if isinstance(profile, str):
        check_choice("make_config", "profile", profile, PROFILES)
        profile = PROFILES[profile]
    if not isinstance(profile, TransformConfig):
        raise TypeError(f"make_config: profile must be a name or a TransformConfig, got {type(profile).__name__}")
    check_choice("make_config", "scheme", scheme, SCHEMES)
    names = [field.name for field in fields(TransformConfig)]
    if unknown := sorted(set(changes) - set(names)):
        raise TypeError(f"make_config: rates and sizes must be of {', '.join(names)}, got {', '.join(unknown)}")
    config: TransformConfig = replace(profile, **(SCHEMES[scheme] | changes))
    return config


def resolve(config: TransformConfig, spatial_shape: Sequence[int], channels: int = 1) -> PlanSpec:
    """Turn rates and sizes into the numbers of a draw for patches of one shape.

    Box sides are cut to the axis, at least 1; axes of one voxel have sides of one. Sides in voxels must fit with their
    margin on every longer axis.

    Args:
        config: rates and sizes.
        spatial_shape: (X, Y, Z) or (X, Y), voxels.
        channels: of the batch; used with `curve_per_channel`.

    Raises:
        ValueError: an axis too short for sides in voxels, a flip along a missing axis, a window larger than
            the patch or than 2^20 voxels, or a number that breaks its own rule.
    """
    shape = tuple(spatial_shape)
    if len(shape) not in (2, 3):
        raise ValueError(f"resolve: spatial_shape must be (X, Y, Z) or (X, Y), got {shape!r}")
    if not set(config.flip_axes) <= set(range(len(shape))):
        raise ValueError(f"resolve: flip_axes must name axes of a patch {shape}, got {config.flip_axes!r}")
    for sides in (config.in_sides, config.out_sides_first, config.out_sides_more):
        _check_voxel_sides(sides, config.box_margin, shape)
    shape3 = (*shape, 1)[:3]
    weights = [config.flip_axes.count(axis) for axis in range(3)]
    if config.shuffle_rate == 0:
        num_windows = 0  # so that CUDA launches the kernel that has nothing to shuffle
    elif config.windows_per_voxel is None:
        num_windows = config.num_windows
    else:
        num_windows = round(config.windows_per_voxel * math.prod(shape))
    rates = Rates(
        flip=config.flip_rate,
        shuffle=config.shuffle_rate,
        nonlinear=config.nonlinear_rate,
        paint=config.paint_rate,
        outpaint=config.outpaint_rate,
        in_more=config.in_more_rate,
        out_more=config.out_more_rate,
        # No box is larger than the patch, so their sum never passes their number.
        in_max_fraction=float(config.in_boxes_max) if config.in_max_fraction is None else config.in_max_fraction,
    )
    numbers = (
        config.flip_tries if config.flip_lost + sum(weights) else 0,
        config.flip_lost,
        *weights,
        num_windows,
        *window_sides("resolve", config.max_window, shape),
        ORDERS.index(config.shuffle_order),
        PERMUTES.index(config.shuffle_permute),
        channels if config.curve_per_channel else 1,
        config.box_margin,
        config.in_boxes_min,
        config.in_boxes_max,
        FILLS.index(config.in_fill),
        *_bounds(config.in_sides, shape3),
        config.out_boxes_min,
        config.out_boxes_max,
        FILLS.index(config.out_fill),
        *_at_least(_bounds(config.out_sides_first, shape3), config.out_max_fraction, shape3),
        *_bounds(config.out_sides_more, shape3),
    )
    return PlanSpec(shape, rates, Numbers._make(numbers))


def _check_voxel_sides(sides: tuple[Side, Side], margin: int, shape: tuple[int, ...]) -> None:
    """The longest side in voxels must fit with its margins, and so must the most that is missing from an axis."""
    lo, hi = sides
    missing = -lo if isinstance(lo, int) and lo < 0 else 0
    longest = hi if isinstance(hi, int) and hi > 0 else 0
    need = max(missing, longest) + 2 * margin
    if (missing or longest) and any(1 < length < need for length in shape):
        raise ValueError(
            f"resolve: spatial_shape must have 1 or at least {need} voxels along each axis for sides of {lo} to {hi} "
            f"voxels with a margin of {margin}, got {shape}; sides given as fractions fit every patch"
        )


def _bounds(sides: tuple[Side, Side], shape3: tuple[int, ...]) -> list[int]:
    """Smallest and largest side along x, y, z in voxels."""
    return [_voxels(side, length) for length in shape3 for side in sides]


def _voxels(side: Side, length: int) -> int:
    # In integers, so that no rounding decides; and by parts, since torch.compile cannot follow fractions themselves.
    if isinstance(side, int):
        parts, of = side, 1
    else:
        share = cast(Fraction, side)  # the config has made fractions of floats
        parts, of = share.numerator * length, share.denominator
    voxels = abs(parts) // of
    return max(1, min(length, voxels if parts > 0 else length - voxels))


def _at_least(bounds: list[int], painted: float | None, shape3: tuple[int, ...]) -> list[int]:
    """Sides long enough that the box leaves at most the share `painted` of the patch."""
    if painted is None:
        return bounds
    longer = sum(length > 1 for length in shape3)
    least = [math.ceil(length * (1.0 - painted) ** (1.0 / longer)) if length > 1 else 1 for length in shape3]
    return [max(bound, least[i // 2]) for i, bound in enumerate(bounds)]
