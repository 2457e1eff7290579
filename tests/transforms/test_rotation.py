# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""RotationTransform."""

import copy
import itertools

import numpy as np
import pytest
import torch
from scipy import stats

from genesis_ext.reference.philox import Purpose, below, words
from genesis_ext.transforms import ROTATIONS, RotationTransform, rotation_matrices
from tests.cases import DTYPES, ids, layouts, same_bits, voxels

CUBE = (6, 2, 5, 5, 5)
X, IDS = voxels(CUBE), ids(6)
BY_QUARTERS = [(axis, k) for axis in range(3) for k in (1, 2, 3)]  # the labels 1 to 9


def rotated(patch, matrix):
    """By the book: a voxel goes where the matrix turns its place beside the centre; patch: (C, X, Y, Z)."""
    sides = np.array(patch.shape[1:])
    out = np.full((len(patch), *np.abs(matrix) @ sides), -7, patch.dtype)
    for at in np.ndindex(*sides):
        doubled = 2 * np.array(at) - (sides - 1)  # from the centre, in halves of a voxel
        to = (matrix @ doubled + np.array(out.shape[1:]) - 1) // 2
        out[(slice(None), *to)] = patch[(slice(None), *at)]
    return out


def test_the_published_set_is_the_identity_and_quarters_about_each_axis():
    matrices = rotation_matrices("axes")
    assert matrices.shape == (10, 3, 3)
    assert matrices[0].tolist() == np.eye(3).tolist()
    patch = np.arange(2 * 4 * 4 * 4).reshape(2, 4, 4, 4)
    for label, (axis, k) in enumerate(BY_QUARTERS, 1):
        plane = (1 + (axis + 1) % 3, 1 + (axis + 2) % 3)
        assert np.array_equal(rotated(patch, matrices[label]), np.rot90(patch, k, plane))


def test_the_rotations_of_a_cube_are_the_24_and_begin_with_the_published_ones():
    matrices = rotation_matrices("cube")
    assert matrices[:10].tolist() == rotation_matrices("axes").tolist()
    all_of_them = {matrix.tobytes() for matrix in matrices}
    assert len(all_of_them) == len(matrices) == 24
    assert [round(np.linalg.det(matrix)) for matrix in matrices] == [1] * 24
    assert {(a @ b).tobytes() for a, b in itertools.product(matrices, repeat=2)} == all_of_them


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("rotations", ROTATIONS)
def test_patches_are_rotated_as_their_labels_say(rotations, dtype):
    transform = RotationTransform(rotations=rotations)
    labels = torch.arange(transform.num_classes)
    x = voxels((len(labels), *CUBE[1:]), dtype)
    expected = np.stack([
        rotated(patch, matrix) for patch, matrix in zip(x.double().numpy(), rotation_matrices(rotations), strict=True)
    ])  # fmt: skip
    got = transform.replay(x, labels)
    assert got.is_contiguous()
    assert same_bits(got, torch.from_numpy(expected).to(dtype))
    for _, view in layouts(x):
        assert same_bits(transform.replay(view, labels), got)


def test_labels_are_those_of_the_specification_and_the_batch_is_rotated_by_them():
    transform = RotationTransform(seed=-3, rotations="cube")
    rotated_batch, label = transform(X, IDS)
    word = words(-3, IDS.numpy(), Purpose.ORIENTATION, 0)[:, 0]
    assert label.tolist() == below(word, 24).tolist()
    assert label.dtype == torch.int64
    for given in (label, label.tolist(), label.to(torch.uint8)):  # the last is no mask
        assert same_bits(rotated_batch, transform.replay(X, given))


@pytest.mark.parametrize("rotations", ROTATIONS)
def test_all_rotations_are_equally_frequent(rotations):
    transform = RotationTransform(rotations=rotations)
    seen = transform.draw(torch.arange(24_000)).bincount(minlength=transform.num_classes)
    assert len(seen) == transform.num_classes
    assert stats.chisquare(seen).pvalue > 0.001


@pytest.mark.parametrize(
    ("shape", "published", "all_of_them"),
    [
        ((8, 8, 4), 6, 8),
        ((4, 8, 8), 6, 8),
        ((8, 4, 8), 6, 8),
        ((5, 4, 3), 4, 4),
        ((7, 7, 7), 10, 24),
        ((1, 1, 1), 10, 24),
        ((6, 6, 1), 6, 8),
        ((6, 6), 4, 4),
        ((6, 5), 2, 2),
    ],
)
def test_of_a_given_shape_only_the_rotations_that_keep_it_are_drawn(shape, published, all_of_them):
    for rotations, count in (("axes", published), ("cube", all_of_them)):
        transform = RotationTransform(rotations=rotations, spatial_shape=shape)
        labels = torch.arange(transform.num_classes)
        assert transform.num_classes == count
        x = voxels((count, 1, *shape))
        solid = x.double().numpy().reshape(count, 1, *(*shape, 1)[:3])
        expected = [rotated(patch, m) for patch, m in zip(solid, transform.rotations.numpy(), strict=True)]
        assert same_bits(transform.replay(x, labels), torch.from_numpy(np.stack(expected)).float().view(x.shape))
        assert int(transform.draw(torch.arange(500)).max()) == count - 1


def test_pictures_turn_in_their_plane():
    x = voxels((4, 3, 7, 7))
    transform = RotationTransform(spatial_shape=(7, 7))
    got = transform.replay(x, torch.arange(4))
    for k in range(4):
        assert same_bits(got[k], torch.rot90(x[k], k, (1, 2)))


def test_moved_to_a_half_type_it_still_places_voxels_exactly():
    x = torch.arange(300.0).view(1, 1, 1, 1, 300).expand(2, 1, 300, 1, 300).contiguous()
    transform = RotationTransform(rotations="axes", spatial_shape=(300, 1, 300))
    moved = copy.deepcopy(transform).to(torch.bfloat16)
    assert same_bits(moved(x, ids(2))[0], transform(x, ids(2))[0])


def test_it_prints_what_it_is():
    transform = RotationTransform(7, "cube", spatial_shape=(64, 64, 32))
    assert repr(transform) == "RotationTransform(rotations='cube', num_classes=8, seed=7)"


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"seed": "zero"}, TypeError, "RotationTransform: seed must be an int or a .* tensor, got 'zero'"),
        ({"rotations": "sphere"}, ValueError, "rotations must be one of 'axes', 'cube', got 'sphere'"),
        ({"spatial_shape": (8,)}, ValueError, r"spatial_shape must be \(X, Y, Z\) or \(X, Y\), got \(8,\)"),
    ],
)
def test_a_wrong_argument_is_refused_in_words(arguments, error, said):
    with pytest.raises(error, match=said):
        RotationTransform(**arguments)


def test_a_wrong_batch_is_refused_in_words():
    with pytest.raises(
        ValueError, match=r"keep its shape under all 10 rotations, got .*; give spatial_shape=\(6, 6, 4\) for"
    ):
        RotationTransform()(voxels((2, 1, 6, 6, 4)), ids(2))
    with pytest.raises(ValueError, match=r"images \(N, C, X, Y\) need spatial_shape=\(X, Y\)$"):
        RotationTransform()(voxels((1, 6, 6, 6)), ids(1))
    with pytest.raises(ValueError, match=r"x must be \(N, C, X, Y\) with spatial_shape=\(X, Y\), got"):
        RotationTransform(spatial_shape=(6, 6))(voxels((2, 1, 6, 6, 1)), ids(2))
    with pytest.raises(ValueError, match="matrix"):
        RotationTransform()(X, ids(5))
