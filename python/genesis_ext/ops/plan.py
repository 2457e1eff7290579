# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What was drawn for a batch: `Plan`, and what it was drawn from: `PlanSpec`."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from genesis_ext._types import Shape3
from genesis_ext.ops import _plan_json
from genesis_ext.ops._checks import check_tensor, got, voxels_text
from genesis_ext.reference.draw_plan import BOX_WORDS, CURVE_WORDS, HEAD_WORDS, Numbers, Rates

MOST_BOXES = 65_536
MAX_WINDOW_VOXELS = 2**20


def row_length(numbers: Sequence[int]) -> int:
    """Words of one sample's row (docs/determinism.md)."""
    named = Numbers._make(numbers)
    return HEAD_WORDS + CURVE_WORDS * named.curves + BOX_WORDS * named.max_boxes


@dataclass(frozen=True)
class PlanSpec:
    """Rates and sizes of a draw, resolved for one patch shape. `transforms.resolve` makes it from a config.

    Raises ValueError or TypeError, naming the number, where a value breaks its rule.
    """

    spatial_shape: tuple[int, ...]
    """Voxels along each axis of the patch: (X, Y, Z), or (X, Y) in 2D."""
    rates: Rates
    """Rates of the events, by name and in the order of docs/determinism.md; a tuple in that order is taken too."""
    numbers: Numbers
    """Integers, by name and in the order of docs/determinism.md; a tuple in that order is taken too."""

    def __post_init__(self) -> None:
        if not isinstance(self.rates, Rates):
            object.__setattr__(self, "rates", _named(Rates, "rates", self.rates))
        if not isinstance(self.numbers, Numbers):
            object.__setattr__(self, "numbers", _named(Numbers, "numbers", self.numbers))
        if not isinstance(self.spatial_shape, tuple):
            object.__setattr__(self, "spatial_shape", tuple(self.spatial_shape))
        if len(self.spatial_shape) not in (2, 3) or any(side < 1 for side in self.spatial_shape):
            raise ValueError(
                f"PlanSpec: spatial_shape must be 2 or 3 sides of at least 1 voxel, got {self.spatial_shape!r}"
            )
        for name, rate in zip(Rates._fields, self.rates, strict=True):
            # The volumes of overlapping boxes may add up to more than the patch; the rest are probabilities.
            at_most = float(MOST_BOXES) if name == "in_max_fraction" else 1.0
            if not 0.0 <= rate <= at_most:
                raise ValueError(f"PlanSpec: {name} must lie in [0, {at_most:g}], got {rate!r}")
        for name, number in zip(Numbers._fields, self.numbers, strict=True):
            if not isinstance(number, int):
                raise TypeError(f"PlanSpec: {name} must be an integer, got {number!r}")
        self._check_numbers(self.numbers)

    def _check_numbers(self, n: Numbers) -> None:
        for name, at_least, at_most in (
            ("flip_tries", 0, 2**20),
            ("flip_none", 0, 2**20),
            ("flip_x", 0, 2**20),
            ("flip_y", 0, 2**20),
            ("flip_z", 0, 2**20),
            ("num_windows", 0, 2**30 - 1),
            ("order", 0, 1),
            ("permute", 0, 1),
            ("curves", 1, 65_536),
            ("margin", 0, 2**20),
            ("in_min", 0, n.in_max),
            ("in_max", 0, MOST_BOXES),
            ("in_constant", 0, 1),
            ("out_min", 0, n.out_max),
            ("out_max", 0, MOST_BOXES),
            ("out_constant", 0, 1),
        ):
            value = getattr(n, name)
            if not at_least <= value <= at_most:
                raise ValueError(f"PlanSpec: {name} must lie in [{at_least}, {at_most}], got {value!r}")
        if n.flip_tries and n.flip_none + n.flip_x + n.flip_y + n.flip_z == 0:
            raise ValueError("PlanSpec: flip_none, flip_x, flip_y, flip_z must not all be 0, since flip_tries is not 0")
        for axis, side in zip("xyz", self.shape3, strict=True):
            if not 1 <= (window := getattr(n, f"max_window_{axis}")) <= side:
                raise ValueError(f"PlanSpec: max_window_{axis} must lie in [1, {side}], the patch, got {window!r}")
            for group in ("in", "first", "more"):
                lo, hi = getattr(n, f"{group}_lo_{axis}"), getattr(n, f"{group}_hi_{axis}")
                if not 1 <= lo <= hi <= side:
                    raise ValueError(
                        f"PlanSpec: {group}_lo_{axis} and {group}_hi_{axis} must satisfy 1 <= lo <= hi <= {side}, the "
                        f"patch, got {lo!r} and {hi!r}"
                    )
        window_shape = (n.max_window_x, n.max_window_y, n.max_window_z)
        if n.max_window_x * n.max_window_y * n.max_window_z > MAX_WINDOW_VOXELS:
            raise ValueError(
                f"PlanSpec: max_window must hold at most {MAX_WINDOW_VOXELS} voxels, got {voxels_text(window_shape)}"
            )

    @property
    def shape3(self) -> Shape3:
        """The patch in 3D: 2D is one slice."""
        x, y, *z = self.spatial_shape
        return x, y, z[0] if z else 1

    @property
    def curves(self) -> int:
        """Curves a sample: 1, or one a channel."""
        return self.numbers.curves

    @property
    def max_boxes(self) -> int:
        """Boxes that a row has room for."""
        return self.numbers.max_boxes

    @property
    def row_length(self) -> int:
        """Words of one sample's row."""
        return row_length(self.numbers)


def _named(kind: type, name: str, values: Sequence[float]) -> tuple[float, ...]:
    fields: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
    if len(values) != len(fields):
        raise ValueError(f"PlanSpec: {name} must be {len(fields)} values ({', '.join(fields)}), got {len(values)}")
    named: tuple[float, ...] = kind(*values)
    return named


class Plan:
    """What was drawn for N samples: an (N, L) int32 tensor, and the spec it was drawn from.

    The tensor stays on its device, and the fields are views or a few launches; `to_dicts` and `to_json` copy it to the
    host. Indexing picks samples: `plan[2]`, `plan[:4]`, `plan[order]` are plans.
    """

    def __init__(self, tensor: Tensor, spec: PlanSpec) -> None:
        tensor = check_tensor("Plan", "tensor", tensor)
        if tensor.dtype != torch.int32 or tensor.dim() != 2 or tensor.shape[1] != spec.row_length:
            raise ValueError(f"Plan: tensor must be (N, {spec.row_length}) int32 for this spec, got {got(tensor)}")
        self.tensor = tensor
        self.spec = spec

    def __len__(self) -> int:
        return self.tensor.shape[0]

    def __getitem__(self, index: int | slice | Sequence[int] | Tensor) -> "Plan":
        return Plan(self.tensor[[index]] if isinstance(index, int) else self.tensor[index], self.spec)

    def __repr__(self) -> str:
        return f"Plan({len(self)} samples, spatial_shape={self.spec.spatial_shape}, device={str(self.device)!r})"

    @property
    def device(self) -> torch.device:
        """Where the plan is."""
        return self.tensor.device

    def to(self, device: torch.device | str) -> "Plan":
        """The same plan on another device."""
        return Plan(self.tensor.to(device), self.spec)

    # The fields, as the single operators take them.

    @property
    def flips(self) -> Tensor:
        """(N, 3) bool: flipped along x, y, z."""
        bits = torch.arange(3, device=self.device, dtype=torch.int32)
        return (self.tensor[:, :1] >> bits) & 1 == 1

    @property
    def shuffle(self) -> Tensor:
        """(N,) bool: shuffled."""
        return self.tensor[:, 1] != 0

    @property
    def nonlinear(self) -> Tensor:
        """(N,) bool: mapped through the curve."""
        return self.tensor[:, 2] != 0

    @property
    def kind(self) -> Tensor:
        """(N,) int8: 0 not painted, 1 in-painted, 2 out-painted."""
        return self.tensor[:, 3].to(torch.int8)

    @property
    def key(self) -> Tensor:
        """(N, 2) int64: seed and sample id, the key of windows and noise."""
        low = self.tensor[:, 5:9:2].to(torch.int64) & 0xFFFFFFFF
        return low | (self.tensor[:, 6:9:2].to(torch.int64) << 32)

    @property
    def sample_id(self) -> Tensor:
        """(N,) int64."""
        return self.key[:, 1]

    @property
    def constant(self) -> Tensor:
        """(N,) bool: painted with constants instead of noise."""
        return self.tensor[:, 9] != 0

    @property
    def control_points(self) -> Tensor:
        """(N, K, 4) float32: x1, y1, x2, y2 of each curve."""
        return self._curve_words[:, :, :4].view(torch.float32)

    @property
    def decreasing(self) -> Tensor:
        """(N, K) bool."""
        return self._curve_words[:, :, 4] != 0

    @property
    def boxes(self) -> Tensor:
        """(N, B, 6) int32: x0, y0, z0, x1, y1, z1 in voxels, half-open; zeros where unused."""
        return self._box_words[:, :, :6]

    @property
    def fill(self) -> Tensor:
        """(N, B) float32: the constant of each box, as a fraction of the range."""
        return self._box_words[:, :, 6].view(torch.float32)

    @property
    def _curve_words(self) -> Tensor:
        words = self.tensor[:, HEAD_WORDS : HEAD_WORDS + CURVE_WORDS * self.spec.curves]
        return words.reshape(len(self), self.spec.curves, CURVE_WORDS)

    @property
    def _box_words(self) -> Tensor:
        words = self.tensor[:, HEAD_WORDS + CURVE_WORDS * self.spec.curves :]
        return words.reshape(len(self), self.spec.max_boxes, BOX_WORDS)

    # On the host.

    def to_dicts(self) -> list[_plan_json.Draw]:
        """One dict a sample, for reading: waits for the device.

        sample_id (int64), seed (uint64), flips (axes that are flipped, of 0, 1, 2), shuffle, nonlinear (bool), paint
        ("none", "in", "out"), fill ("noise", "constant"), boxes ([x0, y0, z0, x1, y1, z1] each), fills (the constant of
        each box), control_points ([x1, y1, x2, y2] of each curve), decreasing (bool of each curve).
        """
        return _plan_json.decode_rows(self.tensor.cpu().numpy(), self.spec.numbers)

    def to_json(self) -> str:
        """Version, seed, shape, config (rates and numbers) and the draws of `to_dicts`, as text that can be edited."""
        spec = self.spec
        return _plan_json.to_text(self.to_dicts(), spec.spatial_shape, spec.rates._asdict(), spec.numbers._asdict())

    @classmethod
    def from_json(cls, text: str, device: torch.device | str = "cpu") -> "Plan":
        """The plan that `to_json` wrote, or an edited one.

        Raises ValueError naming the entry, its rule and what was got: a foreign version, missing or unknown entries,
        boxes outside the patch, control points outside [0, 1], ...
        """
        document = _plan_json.parse(text)
        config = document["config"]
        rates = _plan_json.named_numbers(config["rates"], "config.rates", Rates._fields)
        numbers = _plan_json.named_integers(config["numbers"], "config.numbers", Numbers._fields)
        spec = PlanSpec(_plan_json.shape(document["shape"]), Rates(**rates), Numbers(**numbers))
        rows = _plan_json.encode_rows(document, spec.shape3, spec.curves, spec.max_boxes)
        return cls(torch.from_numpy(rows).to(device), spec)
