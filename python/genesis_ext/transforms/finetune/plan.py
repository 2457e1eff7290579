# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What was drawn for an augmented batch, in words that can be read, edited and stored."""

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NoReturn

import torch
from torch import Tensor

from genesis_ext.ops._checks import as_seed

VERSION = 1

GEOMETRY = {"flips": False, "quarters": 0, "degrees": 0.0, "scale": 1.0, "shear": 0.0}
"""What moves voxels -> the value that leaves them in place; beside these, `axes`."""

INTENSITY = {
    "noise": 0.0,
    "blur": 0.0,
    "brightness": 1.0,
    "contrast": 1.0,
    "resolution": 1.0,
    "inverted_gamma": 1.0,
    "gamma": 1.0,
    "curve": False,
}
"""What changes values -> the amount that changes nothing."""

# Where a number of a stored plan must lie.
_WITHIN = {
    "quarters": (0, 3),
    "axes": (0, 2),
    "degrees": (-180.0, 180.0),
    "scale": (1 / 64, 64.0),
    "shear": (-1.0, 1.0),
    "noise": (0.0, 1.0),
    "blur": (0.0, 1.0),
    "brightness": (0.0, 64.0),
    "contrast": (0.0, 64.0),
    "resolution": (1 / 64, 1.0),
    "inverted_gamma": (1 / 4, 255 / 64),
    "gamma": (1 / 4, 255 / 64),
    "control_points": (0.0, 1.0),
}


@dataclass(frozen=True)
class FinetunePlan:
    """What was drawn for N samples: tensors on one device, a row a sample; K = 1, or the channels that differ.

    What is not drawn has its neutral value: 0, 1 or False. Two-dimensional patches are slices, Z = 1. Indexing picks
    samples; `to_dicts` and `to_json` copy to the host.
    """

    spatial_shape: tuple[int, ...]
    """Voxels along each axis of the patches that it was drawn for."""
    acting: tuple[str, ...]
    """What may be other than neutral: "geometry" and names of the fields from `noise` to `curve`."""
    seed: Tensor
    """(1,) int64; with the ids the key of the noise."""
    sample_id: Tensor
    """(N,) int64."""
    axes: Tensor
    """(N, 3) int64: the axes of the patch that become x, y and z, as in numpy.transpose."""
    flips: Tensor
    """(N, 3) bool: flipped along x, y, z, after the exchange."""
    quarters: Tensor
    """(N, 3) int64: quarter turns about x, then y, then z, right-handed."""
    degrees: Tensor
    """(N, 3) float64: further degrees about x, y, z."""
    scale: Tensor
    """(N,) float64: by what factor things grow."""
    shear: Tensor
    """(N, 6) float64: what is added to the position along x a voxel along y and z, along y by x and z, z by x and y."""
    noise: Tensor
    """(N, K) float64: standard deviation, as a share of the value range."""
    blur: Tensor
    """(N, K) float64: standard deviation in voxels."""
    brightness: Tensor
    """(N, K) float64: factor of the values."""
    contrast: Tensor
    """(N, K) float64: factor of their distances from the mean of the channel."""
    resolution: Tensor
    """(N, K) float64: share of the voxels along each axis that is left."""
    inverted_gamma: Tensor
    """(N, K) float64: exponent on the inverted image, in 64ths."""
    gamma: Tensor
    """(N, K) float64: exponent, in 64ths."""
    curve: Tensor
    """(N, K) bool: mapped through the curve."""
    decreasing: Tensor
    """(N, K) bool: the curve falls."""
    control_points: Tensor
    """(N, K, 4) float32: x1, y1, x2, y2 of the curve."""

    def __len__(self) -> int:
        return len(self.sample_id)

    def __getitem__(self, index: int | slice | Sequence[int] | Tensor) -> "FinetunePlan":
        rows = [index] if isinstance(index, int) else index
        return replace(self, **{name: getattr(self, name)[rows] for name in _ROWS})

    def __repr__(self) -> str:
        return f"FinetunePlan({len(self)} samples, spatial_shape={self.spatial_shape}, acting={self.acting})"

    def to(self, device: torch.device | str) -> "FinetunePlan":
        """The same plan on another device."""
        return replace(self, **{name: getattr(self, name).to(device) for name in ("seed", *_ROWS)})

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dict a sample, by the names of the fields: waits for the device."""
        columns = {name: getattr(self, name).tolist() for name in _ROWS}
        return [{name: column[i] for name, column in columns.items()} for i in range(len(self))]

    def to_json(self) -> str:
        """Version, seed, shape and the draws of `to_dicts`, as text that can be edited."""
        document = {
            "version": VERSION,
            "seed": self.seed.item(),
            "shape": list(self.spatial_shape),
            "draws": self.to_dicts(),
        }
        # Lists of numbers on one line each.
        return re.sub(
            r"\[([^][{}]*)\]", lambda match: f"[{' '.join(match[1].split())}]", json.dumps(document, indent=1)
        )

    @classmethod
    def from_json(cls, text: str, device: torch.device | str = "cpu") -> "FinetunePlan":
        """The plan that `to_json` wrote, or an edited one.

        Raises ValueError naming the entry, its rule and what was got.
        """
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"FinetunePlan.from_json: text must be JSON, got an error at {error}") from None
        _check_names("the document", document, ("version", "seed", "shape", "draws"))
        if document["version"] != VERSION:
            _fail("version", f"be {VERSION}, the one this library writes", document["version"])
        shape, seed, draws = document["shape"], document["seed"], document["draws"]
        sides = shape if isinstance(shape, list) else []
        if len(sides) not in (2, 3) or not all(type(side) is int and side >= 1 for side in sides):
            _fail("shape", "be two or three sides of at least 1 voxel", shape)
        if type(seed) is not int or not -(2**63) <= seed < 2**64:
            _fail("seed", "be a 64-bit integer", seed)
        if not isinstance(draws, list):
            _fail("draws", "be a list with an entry a sample", draws)
        for i, entry in enumerate(draws):
            _check_names(f"draws[{i}]", entry, _ROWS)
        sides3 = (*sides, 1)[:3]
        groups = len(draws[0]["noise"]) if draws and isinstance(draws[0]["noise"], list) else 1
        columns = {name: _column(name, [entry[name] for entry in draws], groups) for name in _ROWS}
        for i, axes in enumerate(columns["axes"].tolist()):
            if sorted(axes) != [0, 1, 2] or any(sides3[a] != side for a, side in zip(axes, sides3, strict=True)):
                _fail(f"draws[{i}].axes", f"be an order of 0, 1, 2 that keeps a patch of {tuple(sides)}", axes)
        key = as_seed("FinetunePlan.from_json", seed, columns["sample_id"])
        return cls(tuple(sides), _acting(columns), key, **columns).to(device)


_ROWS = tuple(field.name for field in fields(FinetunePlan))[3:]
_INTEGERS = ("sample_id", "axes", "quarters")
_BOOLS = ("flips", "curve", "decreasing")


def _acting(columns: dict[str, Tensor]) -> tuple[str, ...]:
    """What is other than neutral in some sample, read on the host."""
    moved = any(bool((columns[name] != neutral).any()) for name, neutral in GEOMETRY.items())
    moved = moved or bool((columns["axes"] != torch.arange(3)).any())
    changed = (name for name, neutral in INTENSITY.items() if bool((columns[name] != neutral).any()))
    return (*(("geometry",) if moved else ()), *changed)


def _column(name: str, values: list[Any], groups: int) -> Tensor:
    """The entries of one name as a tensor, each checked by kind, shape and bounds."""
    shapes = {"sample_id": (), "scale": (), "shear": (6,), "control_points": (groups, 4)}
    shape = shapes.get(name, (3,) if name in (*GEOMETRY, "axes") else (groups,))
    kinds: tuple[type, ...] = (int, float)
    kinds = (bool,) if name in _BOOLS else (int,) if name in _INTEGERS else kinds
    least, most = _WITHIN.get(name, (-(2**63), 2**63 - 1))
    rule = {bool: "true or false", int: "integers"}.get(kinds[0] if len(kinds) == 1 else float, "numbers")
    if kinds != (bool,):
        rule += f" in [{least:.4g}, {most:.4g}]"
    for i, value in enumerate(values):
        if not all(type(entry) in kinds and least <= entry <= most for entry in _entries(value, shape)):
            size = f" in the shape {shape}" if shape else ""
            _fail(f"draws[{i}].{name}", f"be {rule}{size}", value)
    dtype = torch.bool if name in _BOOLS else torch.int64 if name in _INTEGERS else torch.float64
    dtype = torch.float32 if name == "control_points" else dtype
    return torch.tensor(values, dtype=dtype).reshape(-1, *shape)


def _entries(value: Any, shape: tuple[int, ...]) -> list[Any]:
    """The numbers of nested lists; a list that is not of its length stands for itself, and is no number."""
    if not shape:
        return [value]
    if not isinstance(value, list) or len(value) != shape[0]:
        return [[]]
    return list(itertools.chain.from_iterable(_entries(part, shape[1:]) for part in value))


def _check_names(where: str, value: Any, names: Sequence[str]) -> None:
    if not isinstance(value, dict) or set(value) != set(names):
        _fail(where, f"be an object with the entries {', '.join(names)}", value)


def _fail(where: str, rule: str, value: object) -> NoReturn:
    raise ValueError(f"FinetunePlan.from_json: {where} must {rule}, got {value!r}")
