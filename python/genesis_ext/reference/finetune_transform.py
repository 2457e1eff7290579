# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Mirrors transforms/finetune: what becomes of samples and labels by what was drawn.

Only `+ - * /`, square roots and rounding, each rounded once, so that every device gives the same bits; sums over voxels
are of integers.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genesis_ext.reference.affine_sample import affine_sample
from genesis_ext.reference.bezier_map import bezier_map
from genesis_ext.reference.convert import convert
from genesis_ext.reference.finetune_draws import SHEARS
from genesis_ext.reference.philox import Purpose, words
from genesis_ext.reference.value_range import bounds, has_span, working_dtype

Array = NDArray[Any]
Float64 = NDArray[np.float64]

_MEAN_STEPS = 2.0**24


def cos_sin(quarters: Array, degrees: Float64) -> tuple[Float64, Float64]:
    """Cosine and sine of 90 quarters + degrees: polynomials of what is left beside whole quarters."""
    turns = degrees * (1 / 90)
    whole = np.floor(turns + 0.5)
    x = (turns - whole) * (math.pi / 2)
    square = x * x
    cos, sin = np.zeros_like(x), np.zeros_like(x)
    for k in reversed(range(9)):
        cos = cos * square + (-1.0) ** k / math.factorial(2 * k)
        sin = sin * square + (-1.0) ** k / math.factorial(2 * k + 1)
    sin = sin * x
    which = (quarters + whole) % 4
    odd = which % 2 == 1
    cos, sin = np.where(odd, sin, cos), np.where(odd, cos, sin)
    return np.where((which == 1) | (which == 2), -cos, cos), np.where(which >= 2, -sin, sin)


def sampling_matrix(
    draws: Mapping[str, Array], shape: Sequence[int], out_shape: Sequence[int], spacing: Sequence[float]
) -> Float64:
    """Return (N, 4, 4): index of an output voxel -> index into the patch, about the centre of what is cut.

    What is in the patch is cut to `out_shape`, its axes are exchanged, flipped, turned by quarters and freely about x,
    then y, then z (right-handed), and scaled; the result is sampled at sheared positions.
    """
    n = len(draws["scale"])
    cos, sin = cos_sin(draws["quarters"], draws["degrees"])
    linear = np.broadcast_to(np.eye(3), (n, 3, 3)).copy()
    for axis in range(3):  # times the inverse of each rotation
        b, c = (axis + 1) % 3, (axis + 2) % 3
        one, other = linear[:, :, b], linear[:, :, c]
        co, si = cos[:, axis, None], sin[:, axis, None]
        linear[:, :, b], linear[:, :, c] = one * co - other * si, one * si + other * co
    linear = linear * np.array([[spacing[j] / spacing[i] for j in range(3)] for i in range(3)])
    shears = np.broadcast_to(np.eye(3), (n, 3, 3)).copy()
    for k, (i, j) in enumerate(SHEARS):
        shears[:, i, j] = draws["shear"][:, k]
    products = linear[:, :, :, None] * shears[:, None]  # (N, row, k, column)
    linear = (products[:, :, 0] + products[:, :, 1] + products[:, :, 2]) / draws["scale"][:, None, None]
    linear = np.where(draws["flips"][:, :, None], -linear, linear)
    rows = np.empty_like(linear)
    np.put_along_axis(rows, draws["axes"][:, :, None], linear, axis=1)
    centre = (np.array(out_shape) - 1) / 2
    begin = (np.array(shape) - np.array(out_shape)) // 2
    about = rows * centre
    matrix = np.zeros((n, 4, 4))
    matrix[:, :3, :3] = rows
    matrix[:, :3, 3] = begin + centre - (about[..., 0] + about[..., 1] + about[..., 2])
    matrix[:, 3, 3] = 1.0
    return matrix


@cache
def normal_table() -> NDArray[np.int32]:
    """The quantiles (i + 1/2) / 65536 of the normal distribution in units of 2^-20, to the nearest: (65536,)."""
    half = [round(NormalDist().inv_cdf((i + 0.5) / 65536) * 2**20) for i in range(32768)]
    table = np.array([*half, *(-value for value in reversed(half))], np.int32)
    table.flags.writeable = False
    return table


def normals(sample_id: ArrayLike, seed: int, count: int, dtype: Any) -> Array:
    """Return (N, count) numbers of mean 0 and variance 1, sixteen bits of a word each, the low half first."""
    ids = np.asarray(sample_id)[:, None]
    word = words(seed, ids, Purpose.AUGMENTATION_NOISE, np.arange(-(-count // 8)))
    halves = np.stack([word & np.uint32(0xFFFF), word >> np.uint32(16)], axis=-1).reshape(len(ids), 8 * word.shape[1])
    return np.asarray(normal_table()[halves[:, :count]].astype(dtype) * np.asarray(2.0**-20, dtype))


def change_intensities(x: Array, draws: Mapping[str, Array], seed: int, value_range: ArrayLike = (0.0, 1.0)) -> Array:
    """Change x (N, C, X, Y, Z), float32 or float64, as drawn for one group or one a channel."""
    shape = x.shape
    lo, hi = (limit.astype(x.dtype) for limit in bounds(value_range, x))
    named = {name: np.broadcast_to(draws[name], (shape[0], shape[1])).astype(np.float64) for name in _AMOUNTS}
    amount = {name: values[..., None, None, None] for name, values in named.items()}
    with np.errstate(all="ignore"):
        u = np.clip(x if _is_unit(value_range) else (x - lo) * (1 / (hi - lo)), 0, 1) + x.dtype.type(0)
        z = normals(draws["sample_id"], seed, math.prod(shape[1:]), x.dtype).reshape(shape)
        u = np.where(amount["noise"] > 0, u + z * amount["noise"].astype(x.dtype), u)
        u = np.where(amount["blur"] > 0, _blurred(u, amount["blur"]), u)
        stretched = _stretched(u, amount["brightness"], amount["contrast"])
        u = np.where((amount["brightness"] != 1) | (amount["contrast"] != 1), stretched, u)
        u = np.clip(u, 0, 1)
        coarse = _coarse(u, named["resolution"])
        u = np.where(amount["resolution"] < 1, np.clip(coarse, 0, 1), u)
        u = np.where(amount["inverted_gamma"] != 1, 1 - power(1 - u, amount["inverted_gamma"]), u)
        u = np.where(amount["gamma"] != 1, power(u, amount["gamma"]), u)
        curved = bezier_map(u, draws["control_points"].astype(np.float32), draws["decreasing"])
        u = np.where(amount["curve"] != 0, curved, u)
        changed = np.logical_or.reduce([amount[name] != neutral for name, neutral in _AMOUNTS.items()])
        back = u if _is_unit(value_range) else lo + u * (hi - lo)
    return np.where(changed & has_span(lo, hi), back, x)


_AMOUNTS = {
    "noise": 0.0,
    "blur": 0.0,
    "brightness": 1.0,
    "contrast": 1.0,
    "resolution": 1.0,
    "inverted_gamma": 1.0,
    "gamma": 1.0,
    "curve": 0.0,
}
"""What is drawn for channels -> the amount that changes nothing."""


def _is_unit(value_range: ArrayLike) -> bool:
    return isinstance(value_range, tuple) and value_range == (0.0, 1.0)


def _blurred(u: Array, sigma: Float64) -> Array:
    """Along each axis twice (a, 1 - 2a, a), with a = sigma^2 / 4; voxels at the border are repeated."""
    a = sigma * sigma * 0.25
    near, far = (2 * a * (1 - 2 * a)).astype(u.dtype), (a * a).astype(u.dtype)
    own = ((1 - 2 * a) * (1 - 2 * a) + 2 * (a * a)).astype(u.dtype)
    for axis in range(2, 5):
        n = u.shape[axis]
        if n == 1:
            continue
        at = [np.take(u, np.clip(np.arange(n) + k, 0, n - 1), axis) for k in range(-2, 3)]
        u = own * at[2] + near * (at[1] + at[3]) + far * (at[0] + at[4])
    return u


def _stretched(u: Array, brightness: Float64, contrast: Float64) -> Array:
    """Values times brightness, then their distances from the mean of the channel times contrast."""
    spatial = (2, 3, 4)
    steps = np.rint(np.nan_to_num(u) * u.dtype.type(_MEAN_STEPS)).astype(np.int64).sum(spatial, keepdims=True)
    count = (~np.isnan(u)).sum(spatial, keepdims=True)
    mean = steps.astype(np.float64) / count.astype(np.float64) * (1 / _MEAN_STEPS)
    both = (brightness * contrast).astype(u.dtype)
    return np.asarray(u * both + (mean * brightness * (1 - contrast)).astype(u.dtype))


def _coarse(u: Array, share: Float64) -> Array:
    """The nearest voxels at `share` of the resolution, (N, C), and lines between them."""
    result = np.empty_like(u)
    for n, c in np.ndindex(*u.shape[:2]):
        s = share[n, c]
        down, up = np.diag([1 / s] * 3 + [1]), np.diag([s] * 3 + [1])
        down[:3, 3], up[:3, 3] = 0.5 * (1 / s) - 0.5, 0.5 * s - 0.5
        few = affine_sample(u[n : n + 1, c : c + 1], down, u.shape[2:], 0, "nearest")
        result[n, c] = affine_sample(few, up, u.shape[2:], 1, "nearest")[0, 0]
    return result


@cache
def power_nodes() -> NDArray[np.float32]:
    """Where powers are known: 0, and 256 numbers an octave from 2^-24 to 1."""
    counted = np.arange(103 << 8, (127 << 8) + 1, dtype=np.int32) << np.int32(15)
    return np.concatenate([np.zeros(1, np.float32), counted.view(np.float32)])


def power(u: Array, exponent: Float64) -> Array:
    """U in [0, 1] to the power of exponents in 64ths below 4 that broadcast with it: lines between those of nodes."""
    nodes, result = power_nodes(), np.empty_like(u)
    exponents = np.broadcast_to(exponent, u.shape)
    for value in np.unique(exponents):
        known = power_of_nodes(nodes, float(value)).astype(u.dtype)
        slopes = np.append(np.diff(known) / np.diff(nodes).astype(u.dtype), u.dtype.type(0))
        here = exponents == value
        x = u[here]
        bits = x.astype(np.float32).view(np.int32)
        at = np.clip((bits >> np.int32(15)) - ((103 << 8) - 1), 0, len(nodes) - 1)
        result[here] = known[at] + (x - nodes[at].astype(u.dtype)) * slopes[at]
    return result


def power_of_nodes(nodes: NDArray[np.float32], exponent: float) -> NDArray[np.float32]:
    """The product of x^2, x and six square roots, one after another, as the bits of 64 times the exponent say."""
    result, factor = np.ones_like(nodes), nodes * nodes
    for bit in range(7, -1, -1):
        if int(exponent * 64) >> bit & 1:
            result = result * factor
        factor = nodes if bit == 7 else np.sqrt(factor)
    return result


def finetune_transform(
    x: Array,
    draws: Mapping[str, Array],
    seed: int,
    value_range: ArrayLike = (0.0, 1.0),
    order: int = 1,
    fill: float = 0.0,
    out_shape: Sequence[int] | None = None,
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
) -> tuple[Array, Array]:
    """Move and change x (N, C, X, Y, Z): returns input and target, the latter moved alone.

    Arithmetic is float64 for float64 x, else float32; half types are rounded once. Exactness class A, with curves B.
    """
    target_shape = x.shape[2:] if out_shape is None else out_shape
    matrix = sampling_matrix(draws, x.shape[2:], target_shape, spacing)
    wide = x.astype(working_dtype(x))
    moved = affine_sample(wide, matrix, target_shape, order, "constant", fill)
    changed = change_intensities(moved, draws, seed, value_range)
    return convert(changed, x.dtype), convert(moved, x.dtype)


def move_label(
    label: Array,
    draws: Mapping[str, Array],
    fill: float = 0.0,
    out_shape: Sequence[int] | None = None,
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
) -> Array:
    """Move labels (N, C, X, Y, Z) of any dtype as the voxels are; what lies outside becomes `fill`."""
    target_shape = label.shape[2:] if out_shape is None else out_shape
    matrix = sampling_matrix(draws, label.shape[2:], target_shape, spacing)
    return affine_sample(label.astype(np.float64), matrix, target_shape, 0, "constant", fill).astype(label.dtype)
