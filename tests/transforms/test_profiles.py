# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Profiles, schemes, and what they mean for patches of any shape."""

from fractions import Fraction

import pytest

from genesis_ext.reference import head
from genesis_ext.transforms import PROFILES, SCHEMES, TransformConfig, make_config, resolve

CUBE = (64, 64, 32)
UP_TO_30 = range(1, 31)


def numbers(shape=CUBE, profile="head", **changes):
    return resolve(make_config(profile, **changes), shape).numbers


def sides(group, n):
    return [(getattr(n, f"{group}_lo_{axis}"), getattr(n, f"{group}_hi_{axis}")) for axis in "xyz"]


def test_head_has_the_released_numbers():
    spec = resolve(make_config("head"), CUBE)
    assert spec.rates[:7] == (0.4, 0.5, 0.9, 0.9, 0.8, 0.95, 0.95)
    n = spec.numbers
    assert n[:5] == (3, 1, 1, 1, 0)  # tries; weights of the channel axis, x, y, z
    assert n[5:11] == (10_000, 6, 6, 3, 0, 0)
    assert (n.in_min, n.in_max, n.in_constant) == (0, 5, 0)
    assert (n.out_min, n.out_max, n.out_constant) == (1, 5, 0)
    assert sides("in", n) == [(10, 21), (10, 21), (5, 10)]
    assert sides("first", n) == sides("more", n) == [(28, 37), (28, 37), (14, 19)]
    assert n.margin == 3


@pytest.mark.parametrize("shape", [CUBE, (160, 160, 160), (33, 20, 14), (9, 40, 33)], ids=str)
def test_head_is_the_reference_of_head(shape):
    spec = resolve(make_config("head"), shape)
    assert spec.numbers == head.numbers(shape)
    assert spec.rates[:7] == head.RATES[:7]


@pytest.mark.parametrize("length", range(14, 300))
def test_heads_sides_follow_the_released_integer_rules(length):
    n = numbers((length, length, 1))
    assert sides("in", n)[:2] == [(length // 6, length // 3)] * 2
    assert sides("first", n)[:2] == [(length - 4 * length // 7, length - 3 * length // 7)] * 2
    assert sides("in", n)[2] == sides("first", n)[2] == (1, 1)
    assert n.max_window == (length // 10, length // 10, 1) if length >= 10 else (1, 1, 1)


def test_release_2019_11_draws_without_a_bound():
    spec = resolve(make_config("release-2019-11"), CUBE)
    assert spec.rates[:7] == (0.9, 0.1, 0.9, 0.9, 0.8, 0.95, 0.95)
    assert (spec.numbers.in_min, spec.numbers.in_max) == (0, 256)
    assert (spec.numbers.out_min, spec.numbers.out_max) == (1, 256)
    assert spec.rates.in_max_fraction == 256.0
    assert spec.numbers.num_windows == 10_000


def test_release_2019_09_has_one_box_of_absolute_sides():
    n = numbers(profile="release-2019-09")
    assert n.num_windows == 500
    assert (n.in_min, n.in_max, n.in_constant) == (1, 1, 1)
    assert (n.out_min, n.out_max, n.out_constant) == (1, 1, 0)
    assert sides("in", n) == [(10, 20)] * 3
    assert sides("first", n) == [(44, 54), (44, 54), (12, 22)]


def test_paper_is_sequential_constant_and_bounded():
    spec = resolve(make_config("paper"), CUBE)
    n = spec.numbers
    assert (n.num_windows, n.order, n.permute) == (1000, 1, 1)
    assert spec.rates.flip == 0.0
    assert spec.rates[1:7] == resolve(make_config("head"), CUBE).rates[1:7]
    assert (n.in_max, n.in_constant, spec.rates.in_max_fraction) == (10, 1, 0.25)
    assert (n.out_max, n.out_constant) == (10, 1)
    assert sides("first", n) == [(59, 64), (59, 64), (30, 32)]
    assert sides("in", n) == sides("in", numbers())


@pytest.mark.parametrize("length", UP_TO_30)
def test_short_axes_have_sides_within_them(length):
    for shape in [(length, length, length), (length, 40, 1), (length, length)]:
        for profile in ("head", "release-2019-11", "paper"):
            n = numbers(shape, profile)  # PlanSpec checks 1 <= lo <= hi <= D and the windows
            assert n.max_window[0] == max(1, length // 10)


def test_one_voxel_is_a_patch():
    n = numbers((1, 1, 1))
    assert sides("in", n) == sides("first", n) == [(1, 1)] * 3


def test_absolute_sides_need_26_voxels_on_longer_axes():
    for shape in ((26, 26, 26), (26, 26), (26, 1, 40), (1, 1, 1)):
        assert numbers(shape, "release-2019-09").in_max == 1
    for shape in ((25, 64, 32), (26, 25), (64, 64, 2)):
        with pytest.raises(ValueError, match=r"resolve: spatial_shape must have 1 or at least 26 voxels .*, got \("):
            numbers(shape, "release-2019-09")


@pytest.mark.parametrize(
    ("side", "length", "voxels"),
    [
        (10, 64, 10),
        (-10, 64, 54),
        (0, 64, 64),
        (1.0, 64, 64),
        (1, 64, 1),
        (Fraction(1, 6), 64, 10),
        (1 / 6, 66, 11),
        (-3 / 7, 64, 37),
        (0.5, 1, 1),
        (0.01, 64, 1),
        (-1.0, 64, 1),
    ],
)
def test_a_side_is_voxels_or_a_share_of_the_axis_or_of_what_is_missing(side, length, voxels):
    n = numbers((length, length, length), in_sides=(side, side))
    assert sides("in", n) == [(voxels, voxels)] * 3


def test_schemes_change_the_rates_of_what_takes_part():
    def rates(scheme, profile="head"):
        config = make_config(profile, scheme)
        return config.shuffle_rate, config.nonlinear_rate, config.paint_rate, config.outpaint_rate

    assert rates("unified") == (0.5, 0.9, 0.9, 0.8)
    assert rates("distortion") == (0.5, 0.9, 0.0, 0.8)
    assert rates("painting") == (0.0, 0.0, 0.9, 0.8)
    assert rates("non-linear")[:3] == (0.0, 1.0, 0.0)
    assert rates("local-shuffling")[:3] == (1.0, 0.0, 0.0)
    assert rates("out-painting") == (0.0, 0.0, 1.0, 1.0)
    assert rates("in-painting") == (0.0, 0.0, 1.0, 0.0)
    assert rates("autoencoder")[:3] == (0.0, 0.0, 0.0)
    assert set(SCHEMES) == {
        "unified",
        "distortion",
        "painting",
        "non-linear",
        "local-shuffling",
        "out-painting",
        "in-painting",
        "autoencoder",
    }
    assert make_config("release-2019-11", "in-painting").flip_rate == 0.9


def test_changes_win_over_the_scheme_and_the_scheme_over_the_profile():
    config = make_config("paper", "in-painting", paint_rate=0.3)
    assert (config.paint_rate, config.outpaint_rate, config.num_windows) == (0.3, 0.0, 1000)
    assert make_config(config, "unified", num_windows=7).paint_rate == 0.3


def test_windows_can_be_counted_by_the_voxel():
    assert numbers((64, 64, 32), windows_per_voxel=0.1).num_windows == 13_107
    assert numbers((8, 8), windows_per_voxel=0.1).num_windows == 6
    assert numbers((8, 8), windows_per_voxel=0.0).num_windows == 0


def test_windows_may_have_a_size_of_their_own():
    assert numbers(max_window=5).max_window == (5, 5, 5)
    assert numbers((20, 30), max_window=(5, 7)).max_window == (5, 7, 1)
    with pytest.raises(ValueError, match=r"max_window_z must lie in \[1, 32\], the patch, got 33"):
        numbers(max_window=33)
    with pytest.raises(ValueError, match=r"resolve: max_window must have one side for each axis .* got \(5, 7\)"):
        numbers(max_window=(5, 7))
    with pytest.raises(ValueError, match=r"at most 1048576 voxels"):
        numbers((200, 200, 200), max_window=102)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"shuffle_rate": 1.5}, ValueError, r"shuffle_rate must lie in \[0, 1\], got 1.5"),
        ({"paint_rate": -0.1}, ValueError, r"paint_rate must lie in \[0, 1\], got -0.1"),
        ({"flip_rate": float("nan")}, ValueError, "flip_rate must be a finite number, got nan"),
        ({"flip_rate": None}, TypeError, "flip_rate must be a finite number, got None"),
        ({"nonlinear_rate": "high"}, TypeError, "nonlinear_rate must be a finite number, got 'high'"),
        ({"in_max_fraction": 2.0}, ValueError, r"in_max_fraction must lie in \[0, 1\], got 2.0"),
        ({"shuffle_order": "first"}, ValueError, "shuffle_order must be one of 'last_writer', .*, got 'first'"),
        ({"shuffle_permute": "all"}, ValueError, "shuffle_permute must be one of 'voxel', 'axes', got 'all'"),
        ({"in_fill": "zero"}, ValueError, "in_fill must be one of 'noise', 'constant', got 'zero'"),
        ({"out_fill": 0}, ValueError, "out_fill must be text, got 0"),
        ({"flip_axes": (3,)}, ValueError, r"flip_axes must be axes out of 0, 1, 2, each once, got \(3,\)"),
        ({"flip_axes": (1, 1)}, ValueError, r"each once, got \(1, 1\)"),
        ({"in_sides": (0.1, 1.5)}, ValueError, r"in_sides must be whole voxels or a share in \[-1, 1\], got 1.5"),
        ({"in_sides": (0.1, float("inf"))}, ValueError, r"in_sides must be two values, each .*, got \(0.1, inf\)"),
        (
            {"in_sides": ("a", "b")},
            TypeError,
            "in_sides must be two values, each an integer, a finite number or a Fraction",
        ),
        ({"windows_per_voxel": -1.0}, ValueError, "windows_per_voxel must be at least 0, got -1.0"),
        ({"num_windoes": 3}, TypeError, "rates and sizes must be of .*num_windows.*, got num_windoes"),
        ({"profile": "heads"}, ValueError, "profile must be one of 'head', .*, got 'heads'"),
        ({"profile": 3}, TypeError, "profile must be a name or a TransformConfig, got int"),
        ({"scheme": "all"}, ValueError, "scheme must be one of 'unified', .*, got 'all'"),
    ],
)
def test_a_wrong_setting_is_refused_in_words(changes, error, words):
    with pytest.raises(error, match=words):
        make_config(**changes)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"num_windows": -1}, ValueError, "num_windows must lie in .* got -1"),
        ({"num_windows": 1e4}, TypeError, "num_windows must be an integer, got 10000.0"),
        ({"in_boxes_min": 7}, ValueError, r"in_min must lie in \[0, 5\], got 7"),
        ({"in_sides": (0.5, 0.2)}, ValueError, "in_lo_x and in_hi_x must satisfy"),
        ({"box_margin": -1}, ValueError, "margin must lie in .* got -1"),
        ({"flip_lost": -1}, ValueError, "flip_none must lie in .* got -1"),
    ],
)
def test_numbers_that_contradict_each_other_are_refused_in_words(changes, error, words):
    with pytest.raises(error, match=words):
        numbers(**changes)


def test_flips_along_an_axis_that_there_is_not_are_refused():
    with pytest.raises(ValueError, match=r"resolve: flip_axes must name axes of a patch \(8, 8\), got \(0, 2\)"):
        numbers((8, 8), flip_axes=(0, 2))
    assert numbers((8, 8, 1), flip_axes=(0, 2)).flip_weights == (1, 1, 0, 1)


@pytest.mark.parametrize("shape", [(), (8,), (8, 8, 8, 8), (0, 8, 8)], ids=str)
def test_a_patch_has_two_or_three_axes_of_at_least_one_voxel(shape):
    with pytest.raises(ValueError, match=r"spatial_shape must be"):
        numbers(shape)


def test_every_setting_is_described():
    source = TransformConfig.__module__
    text = __import__(source, fromlist=["x"]).__loader__.get_source(source)
    for name in TransformConfig.__dataclass_fields__:
        line = next(i for i, row in enumerate(text.splitlines()) if row.startswith(f"    {name}:"))
        assert text.splitlines()[line + 1].startswith('    """'), name


def test_profiles_cannot_be_changed_by_accident():
    with pytest.raises(AttributeError):
        PROFILES["head"].flip_rate = 1.0


def test_nothing_is_shuffled_by_no_windows():
    assert numbers(shuffle_rate=0.0).num_windows == 0
    assert numbers(shuffle_rate=1e-9).num_windows == 10_000
