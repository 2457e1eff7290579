# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The reference of the augmentation against NumPy and scipy, one change at a time."""

import numpy as np
import pytest
from scipy import ndimage, stats

from genesis_ext.reference import finetune_transform as reference
from genesis_ext.reference.finetune_draws import between, factor

SHAPE = (9, 8, 7)
NEUTRAL = {
    "sample_id": np.array([3]),
    "axes": np.array([[0, 1, 2]]),
    "flips": np.zeros((1, 3), bool),
    "quarters": np.zeros((1, 3), int),
    "degrees": np.zeros((1, 3)),
    "scale": np.ones(1),
    "shear": np.zeros((1, 6)),
    "control_points": np.zeros((1, 1, 4)),
    "decreasing": np.zeros((1, 1), bool),
    **{name: np.zeros((1, 1)) for name in ("noise", "blur", "curve")},
    **{name: np.ones((1, 1)) for name in ("brightness", "contrast", "resolution", "inverted_gamma", "gamma")},
}


def volume(shape=SHAPE, seed=0):
    return np.random.default_rng(seed).random((1, 1, *shape), np.float32)


def changed(x, value_range=(0.0, 1.0), **draws):
    return reference.change_intensities(x, NEUTRAL | {k: np.array([[v]]) for k, v in draws.items()}, 0, value_range)


def moved(x, spacing=(1, 1, 1), out_shape=None, order=1, **draws):
    given = NEUTRAL | {name: np.array([value]) for name, value in draws.items()}
    return reference.finetune_transform(x, given, 0, order=order, out_shape=out_shape, spacing=spacing)[1][0, 0]


def test_nothing_drawn_leaves_the_bits():
    x = volume()
    x[0, 0, 0, 0, :4] = np.nan, np.inf, -0.0, 7
    for part in reference.finetune_transform(x, NEUTRAL, 0):
        assert np.array_equal(part.view(np.int32), x.view(np.int32))


def test_axes_flips_and_quarter_turns_are_those_of_numpy():
    x = volume((5, 5, 5))
    for axes in ((1, 2, 0), (2, 1, 0)):
        assert np.array_equal(moved(x, axes=axes), x[0, 0].transpose(axes))
    assert np.array_equal(moved(x, flips=(True, False, True)), x[0, 0, ::-1, :, ::-1])
    for axis in range(3):
        for k in range(4):
            quarters = [k if a == axis else 0 for a in range(3)]
            assert np.array_equal(moved(x, quarters=quarters), np.rot90(x[0, 0], k, ((axis + 1) % 3, (axis + 2) % 3)))
    both = moved(x, axes=(1, 2, 0), flips=(True, False, False), quarters=(0, 1, 0))
    assert np.array_equal(both, np.rot90(x[0, 0].transpose(1, 2, 0)[::-1], 1, (2, 0)))


@pytest.mark.parametrize("degrees", [(0.0, 0.0, 25.0), (-170.0, 0.0, 0.0), (10.0, -20.0, 30.0)])
def test_rotation_scaling_and_spacing_place_voxels_where_scipy_finds_them(degrees):
    x, spacing, scale = volume(), np.array([1.0, 2.0, 0.5]), 1.3
    about = np.radians(degrees)
    rotation = np.eye(3)
    for axis, angle in enumerate(about):
        one = np.eye(3)
        b, c = (axis + 1) % 3, (axis + 2) % 3
        one[[b, b, c, c], [b, c, b, c]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
        rotation = one @ rotation
    linear = np.diag(1 / spacing) @ rotation.T @ np.diag(spacing) / scale
    centre = (np.array(SHAPE) - 1) / 2
    expected = ndimage.affine_transform(x[0, 0], linear, centre - linear @ centre, order=1)
    got = moved(x, spacing=tuple(spacing), degrees=degrees, scale=scale)
    assert np.abs(got - expected).max() < 1e-5


def test_shear_adds_to_positions_and_a_smaller_result_is_cut_from_the_middle():
    x = np.zeros((1, 1, 7, 7, 7), np.float32)
    x[0, 0, 4, 3, 5] = 1
    sheared = moved(x, shear=(0, 0.5, 0, 0, 0, 0))  # x by half a voxel for each along z
    assert np.argwhere(sheared == 1).tolist() == [[3, 3, 5]]
    assert np.argwhere(moved(x, out_shape=(5, 4, 7)) == 1).tolist() == [[3, 2, 5]]


def test_cosines_and_sines_are_those_of_the_library_and_exact_at_quarters():
    degrees = np.linspace(-180, 180, 1441)[:, None]
    for k in range(4):
        cos, sin = reference.cos_sin(np.full_like(degrees, k), degrees)
        angle = np.radians(degrees + 90 * k)
        assert max(np.abs(cos - np.cos(angle)).max(), np.abs(sin - np.sin(angle)).max()) < 2e-15
    cos, sin = reference.cos_sin(np.zeros(3), np.array([90.0, 180.0, -90.0]))
    assert (cos.tolist(), sin.tolist()) == ([0, -1, 0], [1, 0, -1])


def test_noise_is_normal():
    table = reference.normal_table() * 2.0**-20
    quantiles = stats.norm.ppf((np.arange(65536) + 0.5) / 65536)
    assert np.abs(table - quantiles).max() < 2.0**-20
    z = reference.normals(np.arange(4), 0, 50_001, np.float32)
    assert z.shape == (4, 50_001)
    assert stats.kstest(z.ravel(), "norm").pvalue > 0.001
    assert abs(np.corrcoef(z[:, :-1].ravel(), z[:, 1:].ravel())[0, 1]) < 4 / z.size**0.5


def test_noise_is_added_and_cut_to_the_range():
    x = np.full((1, 1, 30, 30, 30), 0.5, np.float32)
    assert changed(x, noise=0.1).std() == pytest.approx(0.1, rel=0.02)
    dark = changed(np.zeros_like(x), noise=0.1)
    assert dark.min() == 0 and 0.45 < (dark > 0).mean() < 0.55


@pytest.mark.parametrize("sigma", [0.5, 1.0])
def test_blur_spreads_a_voxel_as_a_gaussian_of_its_width_would(sigma):
    x = np.zeros((1, 1, 15, 15, 15), np.float32)
    x[0, 0, 7, 7, 7] = 1
    got = changed(x, blur=sigma)[0, 0]
    assert got.sum() == pytest.approx(1, abs=1e-6)
    for axis in range(3):
        line = got.sum(tuple({0, 1, 2} - {axis}))
        assert (line * (np.arange(15) - 7) ** 2).sum() == pytest.approx(sigma**2, abs=1e-5)
        assert np.abs(line - ndimage.gaussian_filter1d(np.eye(15)[7], sigma)).max() < 0.03
    assert np.allclose(changed(np.full_like(x, 0.3), blur=sigma), 0.3, atol=1e-7)


def test_brightness_and_contrast_stretch_values_within_the_range():
    x = volume() * 100 + 50
    u = (x.astype(np.float64) - 50) / 100
    expected = np.clip((u * 1.2 - 1.2 * u.mean()) * 0.8 + 1.2 * u.mean(), 0, 1) * 100 + 50
    assert np.abs(changed(x, (50, 150), brightness=1.2, contrast=0.8) - expected).max() < 1e-4
    assert np.array_equal(changed(x, (50, 50), brightness=1.2), x)  # no range, no change


def test_a_low_resolution_is_lines_between_the_nearest_voxels():
    x = volume((8, 1, 1))
    coarse = x[0, 0, 1::2, 0, 0]  # at half the voxels the nearest ones, rounded up
    position = (np.arange(8) + 0.5) / 2 - 0.5
    expected = np.interp(position, np.arange(4), coarse)
    got = changed(x, resolution=0.5)[0, 0, :, 0, 0]
    assert np.allclose(got[:-1], expected[:-1], atol=1e-6)
    assert got.min() >= x.min() and got.max() <= x.max()


@pytest.mark.parametrize("exponent", [0.703125, 0.984375, 1.5, 2.0])
def test_gamma_is_a_power(exponent):
    x = volume()
    x.ravel()[:5] = 0, 1, 1e-9, 2.0**-24, np.nan
    assert np.nanmax(np.abs(changed(x, gamma=exponent) - x.astype(np.float64) ** exponent)) < 4e-6
    inverted = 1 - (1 - x.astype(np.float64)) ** exponent
    assert np.nanmax(np.abs(changed(x, inverted_gamma=exponent) - inverted)) < 4e-6
    assert np.isnan(changed(x, gamma=exponent)).sum() == 1


def test_factors_lie_as_often_below_one_as_above():
    word = np.random.default_rng(0).integers(0, 2**32, 20_000, np.uint32)
    drawn = factor(word, (0.7, 1.4))
    assert drawn.min() >= 0.7 and drawn.max() < 1.4
    assert abs((drawn < 1).mean() - 0.5) < 0.015
    assert stats.kstest(drawn[drawn < 1], stats.uniform(0.7, 0.3).cdf).pvalue > 0.001
    assert np.array_equal(factor(word, (1.5, 2.0)), between(word, (1.5, 2.0)))
