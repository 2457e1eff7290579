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
from tests.cases import DTYPES, Tagged, ids, layouts, same_bits, voxels
from tests.graphs import NoWaiting, captured

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


def test_strides_make_no_difference():
    transform = JigsawTransform(**GAPPY)
    expected, _ = transform(X, IDS)
    for _, view in layouts(X):
        assert same_bits(transform(view, IDS)[0], expected)


def test_a_sample_depends_on_seed_and_id_alone():
    transform = JigsawTransform(1, **GAPPY)
    whole, label = transform(X, IDS)
    part, part_label = transform(X[1:], IDS[1:])
    assert same_bits(part, whole[1:])
    assert torch.equal(part_label, label[1:])
    many = torch.arange(200)
    draws = [JigsawTransform(seed, **GAPPY).draw(many, SHAPE[2:]) for seed in (1, 2)]
    assert not any(torch.equal(a, b) for a, b in zip(*draws, strict=True))


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


@pytest.mark.parametrize("output", ["tiles", "volume"])
def test_an_empty_batch_stays_empty(output):
    tiles, label = JigsawTransform(output=output)(X[:0], IDS[:0])
    assert tiles.shape == ((0, 27, 2, 4, 3, 5) if output == "tiles" else (0, 2, 12, 9, 15))
    assert label.shape == (0,)


def test_buffers_move_and_no_checkpoint_holds_them():
    transform = JigsawTransform(seed=torch.tensor([4]))
    assert same_bits(transform(X, IDS)[0], JigsawTransform(seed=4)(X, IDS)[0])
    transform.seed.fill_(5)
    assert same_bits(transform(X, IDS)[0], JigsawTransform(seed=5)(X, IDS)[0])
    assert transform.state_dict() == {}
    moved = JigsawTransform(seed=4).to(torch.bfloat16)
    assert same_bits(moved(X, IDS)[0], JigsawTransform(seed=4)(X, IDS)[0])


@pytest.mark.parametrize("output", ["tiles", "volume"])
def test_compiled_without_a_graph_break_it_gives_the_same_bits(output):
    torch.compiler.reset()
    transform = JigsawTransform(3, output=output, **GAPPY)
    compiled = torch.compile(transform, fullgraph=True, backend="aot_eager")
    for shape in (SHAPE, (3, 2, 19, 12, 16)):
        x = voxels(shape)
        assert all(map(same_bits, compiled(x, IDS), transform(x, IDS)))


@pytest.mark.parametrize("output", ["tiles", "volume"])
def test_it_never_asks_the_device_for_a_value(output):
    transform = JigsawTransform(3, output=output, **GAPPY)
    expected = transform(X, IDS)
    with NoWaiting():
        got = transform(X, IDS)
    assert all(map(same_bits, got, expected))


@pytest.mark.cuda
@pytest.mark.parametrize("output", ["tiles", "volume"])
def test_on_a_gpu_it_gives_the_bits_of_the_cpu_and_a_captured_graph_goes_on_with_new_ids(output):
    expected, transform = (JigsawTransform(3, output=output, **GAPPY) for _ in range(2))
    transform = transform.cuda()
    x, sample_id = X.cuda(), IDS.cuda()
    graph, got = captured(lambda: transform(x, sample_id))
    for step in range(3):
        sample_id.copy_(IDS + step)
        graph.replay()
        assert all(same_bits(a.cpu(), b) for a, b in zip(got, expected(X, IDS + step), strict=True))


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


def test_subclasses_become_plain_tensors_and_lists_are_taken_for_ids():
    transform = JigsawTransform()
    tiles, label = transform(X, IDS)
    for got in (transform(X.as_subclass(Tagged), IDS.as_subclass(Tagged)), transform(X, IDS.tolist())):
        assert [type(part) for part in got] == [torch.Tensor] * 2
        assert same_bits(got[0], tiles)
        assert torch.equal(got[1], label)
    puzzles = transform.draw(IDS, X.shape[2:])
    assert type(transform.replay(X, puzzles._replace(starts=puzzles.starts.as_subclass(Tagged)))) is torch.Tensor


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
    with pytest.raises(ValueError, match=r"must be on the device of the transform, meta, got cpu; move .*\.to\("):
        JigsawTransform().to("meta")(X, IDS)
    with pytest.raises(TypeError, match="x must be a floating-point tensor"):
        JigsawTransform()(torch.zeros(2, 1, 4, 4, 4, dtype=torch.int16), ids(2))
