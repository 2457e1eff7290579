# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""In- and out-painting."""

import pytest
import torch

from genesis_ext import ops
from tests.cases import keys, random_boxes, same_bits, voxels

SHAPE = (3, 2, 9, 8, 7)
FAR = 100.0  # no painted value


def inside(boxes, shape=SHAPE):
    """Make the union of each sample's boxes the slow way, (N, 1, X, Y, Z) bool."""
    mask = torch.zeros(shape[0], 1, *shape[2:], dtype=torch.bool)
    for n, sample in enumerate(boxes.tolist()):
        for x0, y0, z0, x1, y1, z1 in sample:
            mask[n, :, x0:x1, y0:y1, z0:z1] = True
    return mask


def paint(kind, boxes=None, x=None, **options):
    x = torch.full(SHAPE, FAR) if x is None else x
    boxes = random_boxes(SHAPE[0], 3, SHAPE[2:]) if boxes is None else boxes
    return ops.paint_boxes(x, boxes, kind, **options)


@pytest.mark.parametrize("source", [{"key": keys(3)}, {"fill": torch.rand(3)}], ids=["noise", "constants"])
def test_in_paints_the_boxes_and_out_paints_all_else(source):
    boxes = random_boxes(SHAPE[0], 3, SHAPE[2:])
    mask = inside(boxes).expand(SHAPE)
    assert 0 < mask.sum() < mask.numel()
    assert torch.equal(paint("in", boxes, **source) != FAR, mask)
    assert torch.equal(paint("out", boxes, **source) != FAR, ~mask)
    assert torch.equal(paint("none", boxes, **source), torch.full(SHAPE, FAR))


def test_kinds_may_differ_by_sample():
    boxes = random_boxes(SHAPE[0], 3, SHAPE[2:])
    mixed = paint(torch.tensor([2, 0, 1], dtype=torch.int8), boxes, key=keys(3))
    for n, kind in enumerate(("out", "none", "in")):
        assert torch.equal(mixed[n], paint(kind, boxes, key=keys(3))[n])


def test_noise_is_shared_by_the_channels_inside_and_drawn_for_each_outside():
    whole = torch.tensor([[[0, 0, 0, *SHAPE[2:]]]] * 3, dtype=torch.int32)
    shared = paint("in", whole, key=keys(3))
    assert torch.equal(shared[:, 0], shared[:, 1])
    drawn = paint("out", torch.zeros_like(whole), key=keys(3))
    assert (drawn[:, 0] != drawn[:, 1]).all()
    assert torch.equal(drawn[:, 0], shared[:, 0])


def test_noise_depends_on_the_key_and_not_on_the_boxes():
    boxes = torch.tensor([[[0, 0, 0, 5, 5, 5]]] * 3, dtype=torch.int32)
    larger = torch.tensor([[[0, 0, 0, 9, 8, 7]]] * 3, dtype=torch.int32)
    small, large = paint("in", boxes, key=keys(3)), paint("in", larger, key=keys(3))
    assert torch.equal(small[..., :5, :5, :5], large[..., :5, :5, :5])
    assert not torch.equal(large, paint("in", larger, key=keys(3, seed=4)))
    assert not torch.equal(large[0], large[1])


def test_noise_is_uniform_over_the_range():
    x = torch.zeros(1, 1, 40, 40, 40)
    boxes = torch.zeros(1, 1, 6, dtype=torch.int32)
    noise = ops.paint_boxes(x, boxes, "out", key=keys(1), value_range=(-3.0, 5.0)).flatten().double()
    assert noise.min() >= -3.0
    assert noise.max() < 5.0
    share = torch.histc(noise, 16, -3.0, 5.0) / noise.numel()
    # 6 sigma of a share of 1/16 among 64,000
    assert (share - 1 / 16).abs().max() < 6 * (15 / 256 / noise.numel()) ** 0.5


def test_the_last_box_counts_inside_and_the_first_constant_outside():
    boxes = torch.tensor([[[0, 0, 0, 6, 6, 6], [3, 3, 3, 9, 8, 7], [0, 0, 0, 0, 0, 0]]] * 3, dtype=torch.int32)
    fill = torch.tensor([[0.25, 0.5, 0.75]] * 3)
    within = paint("in", boxes, fill=fill)
    assert (within[..., 3:9, 3:8, 3:7] == 0.5).all()
    assert (within[..., :3, :6, :6] == 0.25).all()
    around = paint("out", boxes, fill=fill)
    assert set(around.unique().tolist()) == {0.25, FAR}
    assert torch.equal(around, paint("out", boxes, fill=fill[:, 0]))


def test_a_constant_is_a_fraction_of_the_range():
    boxes = torch.tensor([[[0, 0, 0, 1, 1, 1]]] * 3, dtype=torch.int32)
    value_range = torch.tensor([[[-1.0, 3.0], [0.0, 0.5]]] * 3)
    painted = paint("in", boxes, fill=torch.full((3,), 0.25), value_range=value_range)
    assert painted[:, :, 0, 0, 0].tolist() == [[0.0, 0.125]] * 3
    assert paint("in", boxes, fill=torch.full((3,), 0.25), value_range=(2.0, 4.0))[0, 0, 0, 0, 0] == 2.5


def test_an_empty_range_paints_its_one_value():
    boxes = random_boxes(SHAPE[0], 3, SHAPE[2:])
    for source in ({"key": keys(3)}, {"fill": torch.rand(3)}):
        painted = paint("out", boxes, value_range=(0.5, 0.5), **source)
        assert set(painted.unique().tolist()) == {0.5, FAR}


def test_without_boxes_inside_is_nothing_and_outside_is_all():
    x = voxels(SHAPE)
    boxes = torch.zeros(3, 0, 6, dtype=torch.int32)
    assert same_bits(paint("in", boxes, x, key=keys(3)), x)
    assert same_bits(paint("in", boxes, x, fill=torch.zeros(3, 0)), x)
    assert same_bits(paint("in", torch.zeros(3, 4, 6, dtype=torch.int32), x, key=keys(3)), x)
    assert (paint("out", boxes, x, fill=torch.full((3,), 0.5)) == 0.5).all()


def test_nan_is_painted_over_or_kept():
    x = torch.full(SHAPE, torch.nan)
    mask = inside(random_boxes(SHAPE[0], 3, SHAPE[2:])).expand(SHAPE)
    assert torch.equal(paint("in", x=x, key=keys(3)).isnan(), ~mask)


def test_the_gradient_passes_where_x_was_kept_even_beside_nan():
    boxes = random_boxes(SHAPE[0], 3, SHAPE[2:])
    mask = inside(boxes).expand(SHAPE)
    weights = torch.where(mask, torch.nan, 3.0)
    x = voxels(SHAPE).requires_grad_()
    (grad,) = torch.autograd.grad(paint("in", boxes, x, key=keys(3)), x, weights)
    assert torch.equal(grad, torch.where(mask, 0.0, 3.0))


def test_the_gradient_can_be_differentiated_again():
    x = torch.rand(3, 2, 3, 3, 2, dtype=torch.float64, requires_grad=True)
    boxes = random_boxes(3, 2, (3, 3, 2))
    assert torch.autograd.gradgradcheck(lambda v: ops.paint_boxes(v, boxes, "out", key=keys(3)) ** 2, x)


def test_gradients_of_constants_are_refused_in_words():
    with pytest.raises(RuntimeError, match=r"paint_boxes: fill must not require a gradient.*fill.detach\(\)"):
        paint("in", fill=torch.rand(3, requires_grad=True))


def test_key_and_fill_exclude_each_other():
    for options, words in (({}, "got neither"), ({"key": keys(3), "fill": torch.rand(3)}, "got both")):
        with pytest.raises(ValueError, match=rf"paint_boxes: key must be given .* or fill .*{words}"):
            paint("in", **options)
