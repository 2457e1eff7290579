# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What holds for both tasks other than restoration: RotationTransform, and JigsawTransform with either output."""

from functools import partial

import pytest
import torch

from genesis_ext.transforms import JigsawTransform, RotationTransform
from tests.cases import Tagged, ids, layouts, same_bits, voxels
from tests.graphs import NoWaiting, captured

GAPPY = partial(JigsawTransform, gap=1, multiple=2)
every_task = pytest.mark.parametrize(
    ("make", "shape", "other_shape"),
    [
        (RotationTransform, (6, 2, 5, 5, 5), (6, 2, 6, 6, 6)),
        (partial(GAPPY, output="tiles"), (3, 2, 13, 11, 16), (3, 2, 19, 12, 16)),
        (partial(GAPPY, output="volume"), (3, 2, 13, 11, 16), (3, 2, 19, 12, 16)),
    ],
    ids=["rotation", "tiles", "volume"],
)


def drawn(transform, sample_id, shape):
    """All that is drawn for samples, as tensors."""
    if isinstance(transform, RotationTransform):
        return (transform.draw(sample_id),)
    return transform.draw(sample_id, shape[2:])


@every_task
def test_strides_make_no_difference(make, shape, other_shape):
    x, transform = voxels(shape), make()
    expected, _ = transform(x, ids(len(x)))
    for _, view in layouts(x):
        assert same_bits(transform(view, ids(len(x)))[0], expected)


@every_task
def test_a_sample_depends_on_seed_and_id_alone(make, shape, other_shape):
    x, sample_id, transform = voxels(shape), ids(shape[0]), make(seed=1)
    whole, label = transform(x, sample_id)
    part, part_label = transform(x[1:3], sample_id[1:3])
    assert same_bits(part, whole[1:3])
    assert torch.equal(part_label, label[1:3])
    assert torch.equal(drawn(transform, sample_id.flip(0), shape)[0], label.flip(0))
    many = torch.arange(200)
    draws = [drawn(make(seed=seed), many, shape) for seed in (1, 2)]
    assert not any(torch.equal(a, b) for a, b in zip(*draws, strict=True))


@every_task
def test_an_empty_batch_stays_empty(make, shape, other_shape):
    x, transform = voxels(shape), make()
    got, label = transform(x[:0], ids(0))
    assert got.shape == (0, *transform(x, ids(len(x)))[0].shape[1:])
    assert label.shape == (0,)


@every_task
def test_a_seed_tensor_is_a_buffer_and_no_checkpoint_holds_any(make, shape, other_shape):
    x, sample_id, transform = voxels(shape), ids(shape[0]), make(seed=torch.tensor([4]))
    assert same_bits(transform(x, sample_id)[0], make(seed=4)(x, sample_id)[0])
    transform.seed.fill_(5)
    assert same_bits(transform(x, sample_id)[0], make(seed=5)(x, sample_id)[0])
    assert len(dict(transform.named_buffers())) > 1
    assert transform.state_dict() == {}
    moved = make(seed=4).to(torch.bfloat16)
    assert same_bits(moved(x, sample_id)[0], make(seed=4)(x, sample_id)[0])


@every_task
def test_compiled_without_a_graph_break_it_gives_the_same_bits(make, shape, other_shape):
    torch.compiler.reset()
    transform = make(seed=3)
    compiled = torch.compile(transform, fullgraph=True, backend="aot_eager")
    for x in map(voxels, (shape, other_shape)):
        assert all(map(same_bits, compiled(x, ids(len(x))), transform(x, ids(len(x)))))


@every_task
def test_it_never_asks_the_device_for_a_value(make, shape, other_shape):
    x, transform = voxels(shape), make(seed=3)
    expected = transform(x, ids(len(x)))
    with NoWaiting():
        got = transform(x, ids(len(x)))
    assert all(map(same_bits, got, expected))


@pytest.mark.cuda
@every_task
def test_on_a_gpu_it_gives_the_bits_of_the_cpu_and_a_captured_graph_goes_on_with_new_ids(make, shape, other_shape):
    x, own_ids, transform = voxels(shape), ids(shape[0]), make(seed=3).cuda()
    there, sample_id = x.cuda(), own_ids.cuda()
    graph, got = captured(lambda: transform(there, sample_id))
    for step in range(3):
        sample_id.copy_(own_ids + step)
        graph.replay()
        assert all(same_bits(a.cpu(), b) for a, b in zip(got, make(seed=3)(x, own_ids + step), strict=True))


@every_task
def test_subclasses_become_plain_tensors_and_lists_are_taken_for_ids(make, shape, other_shape):
    x, sample_id, transform = voxels(shape), ids(shape[0]), make()
    expected, label = transform(x, sample_id)
    for got in (transform(x.as_subclass(Tagged), sample_id.as_subclass(Tagged)), transform(x, sample_id.tolist())):
        assert [type(part) for part in got] == [torch.Tensor] * 2
        assert same_bits(got[0], expected)
        assert torch.equal(got[1], label)


@every_task
def test_a_batch_on_another_device_or_of_whole_numbers_is_refused_in_words(make, shape, other_shape):
    x = voxels(shape)
    with pytest.raises(ValueError, match=r"must be on the device of the transform, meta, got cpu; move .*\.to\("):
        make().to("meta")(x, ids(len(x)))
    with pytest.raises(TypeError, match="x must be a floating-point tensor"):
        make()(x.to(torch.int16), ids(len(x)))
