# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""JigsawTransform."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from genesis_ext.reference.philox import Purpose, below, words
from genesis_ext.transforms import JigsawTransform, Puzzles, distant_permutations
from tests.cases import DTYPES, Tagged, ids, same_bits, voxels

SHAPE = (3, 2, 13, 11, 16)
X, IDS = voxels(SHAPE), ids(3)
GAPPY = {"gap": 1, "multiple": 2}


def puzzle(patch, seed, sample_id, grid, gap, multiple, output="tiles", count=100):
    """One puzzle by the book: patch (C, X, Y[, Z]); returns tiles (T, C, ...) or the volume, and the label."""
    cells = [side // n for side, n in zip(patch.shape[1:], grid, strict=True)]
    tile = [
        side if n == 1 else (cell - gap) // multiple * multiple
        for side, cell, n in zip(patch.shape[1:], cells, grid, strict=True)
    ]
    drawn = words(seed, sample_id, Purpose.JIGSAW, np.arange(1 + math.prod(grid)))
    label = int(below(drawn[0, 0], count))
    cut = []
    for number, place in enumerate(np.ndindex(*grid)):
        starts = [
            p * cell + int(below(drawn[1 + number, axis], cell - side + 1))
            for axis, (p, cell, side) in enumerate(zip(place, cells, tile, strict=True))
        ]
        cut.append(patch[(slice(None), *(slice(a, a + side) for a, side in zip(starts, tile, strict=True)))])
    order = distant_permutations(math.prod(grid), count)[label]
    tiles = [cut[cell] for cell in order]
    if output == "tiles":
        return np.stack(tiles), label
    volume = np.empty((len(patch), *(n * side for n, side in zip(grid, tile, strict=True))), patch.dtype)
    for t, place in enumerate(np.ndindex(*grid)):
        at = tuple(slice(p * side, (p + 1) * side) for p, side in zip(place, tile, strict=True))
        volume[(slice(None), *at)] = tiles[t]
    return volume, label


@pytest.mark.parametrize("output", ["tiles", "volume"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    ("shape", "grid", "gap", "multiple"),
    [
        (SHAPE, (3, 3, 3), 0, 1),
        (SHAPE, (3, 3, 3), 1, 2),
        ((2, 1, 24, 27, 33), (3, 3, 3), 3, 1),
        ((3, 1, 5, 8, 9), (2, 4, 3), 0, 1),
        ((3, 1, 12, 10, 5), (3, 3, 1), 1, 2),
        ((4, 3, 17, 9), (3, 3), 1, 1),
    ],
)
def test_puzzles_are_made_as_the_specification_says(shape, grid, gap, multiple, dtype, output):
    x, sample_id = voxels(shape, dtype), ids(shape[0])
    transform = JigsawTransform(-4, grid=grid, gap=gap, multiple=multiple, output=output)
    got, label = transform(x, sample_id)
    made = [
        puzzle(patch, -4, i, grid, gap, multiple, output)
        for patch, i in zip(x.double().numpy(), sample_id.tolist(), strict=True)
    ]
    assert label.tolist() == [number for _, number in made]
    assert label.dtype == torch.int64
    assert got.is_contiguous()
    assert same_bits(got, torch.from_numpy(np.stack([expected for expected, _ in made])).to(dtype))


def test_a_patch_that_the_grid_divides_only_changes_its_order():
    x = torch.arange(2 * 9 * 6 * 12.0).view(2, 1, 9, 6, 12)
    volume, _ = JigsawTransform(output="volume")(x, ids(2))
    assert volume.shape == x.shape
    assert not torch.equal(volume, x)
    assert torch.equal(volume.flatten(1).sort().values, x.flatten(1))


def test_tiles_of_a_chest_ct_patch_fit_the_network():
    transform = JigsawTransform(multiple=8)
    assert transform.tile_shape((64, 64, 32)) == (16, 16, 8)
    assert transform(torch.zeros(1, 1, 64, 64, 32), ids(1))[0].shape == (1, 27, 1, 16, 16, 8)
    assert JigsawTransform(gap=3).tile_shape((128, 128, 128)) == (39, 39, 39)


def test_orders_and_places_are_equally_frequent():
    puzzles = JigsawTransform(**GAPPY).draw(torch.arange(10_000), (15, 15, 15))
    assert stats.chisquare(puzzles.label.bincount(minlength=100)).pvalue > 0.001
    places = puzzles.starts % 5  # cells of 5, tiles of 4
    for axis in range(3):
        seen = places[:, :, axis].flatten().bincount()
        assert len(seen) == 2
        assert stats.chisquare(seen).pvalue > 0.001


def test_drawn_puzzles_can_be_made_again_of_other_values():
    transform = JigsawTransform(**GAPPY)
    puzzles = transform.draw(IDS, SHAPE[2:])
    assert isinstance(puzzles, Puzzles)
    assert same_bits(transform.replay(X, puzzles), transform(X, IDS)[0])
    labels = voxels((3, 1, *SHAPE[2:]), torch.float16)
    assert same_bits(transform.replay(labels, puzzles), transform(labels, IDS)[0])
    assert type(transform.replay(X, puzzles._replace(starts=puzzles.starts.as_subclass(Tagged)))) is torch.Tensor


def test_it_prints_what_it_is():
    assert repr(JigsawTransform(7, 50, (3, 3), gap=2)) == (
        "JigsawTransform(num_permutations=50, grid=(3, 3), gap=2, multiple=1, output='tiles', seed=7)"
    )


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"seed": True}, TypeError, "JigsawTransform: seed must be an int or a .* tensor, got True"),
        ({"grid": (3,)}, ValueError, r"grid must be two or three numbers of at least 1, got \(3,\)"),
        ({"grid": (3, 0, 3)}, ValueError, "grid must be two or three numbers of at least 1"),
        ({"gap": -1}, ValueError, "gap must be at least 0 and multiple at least 1, got -1 and 1"),
        ({"multiple": 0}, ValueError, "gap must be at least 0 and multiple at least 1, got 0 and 0"),
        ({"output": "grid"}, ValueError, "output must be one of 'tiles', 'volume', got 'grid'"),
        ({"grid": (2, 1, 1), "num_permutations": 3}, ValueError, "count must be 2 .. 2 for 2 tiles, got 3"),
    ],
)
def test_a_wrong_argument_is_refused_in_words(arguments, error, said):
    with pytest.raises(error, match=said):
        JigsawTransform(**arguments)


def test_a_wrong_batch_is_refused_in_words():
    with pytest.raises(ValueError, match=r"images \(N, C, X, Y\) need a grid of two numbers$"):
        JigsawTransform()(voxels((1, 9, 9, 9)), ids(1))
    with pytest.raises(ValueError, match=r"x must be \(N, C, X, Y\) with a grid of two numbers, got"):
        JigsawTransform(grid=(3, 3))(voxels((2, 1, 9, 9, 9)), ids(2))
    with pytest.raises(ValueError, match=r"an axis for each number of the grid \(3, 3, 3\), got sides \(9, 9\)"):
        JigsawTransform().draw(ids(2), (9, 9))
    with pytest.raises(
        ValueError, match=r"at least 3 voxels in each cell of the grid \(3, 3, 3\), got sides \(9, 8, 9\)"
    ):
        JigsawTransform(**GAPPY)(voxels((2, 1, 9, 8, 9)), ids(2))
