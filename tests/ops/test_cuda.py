# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The operators on a CUDA device: the bits of the CPU, no waiting for the device, and graphs."""

import os

import pytest
import torch
from torch.utils._triton import has_triton

import genesis_ext
from genesis_ext import ops
from tests.cases import (
    CASES,
    DIFFERENTIABLE,
    DTYPES,
    NAMES,
    RESAMPLING,
    ROWS,
    SHAPES,
    call,
    ids,
    keys,
    layouts,
    moved,
    part,
    random_boxes,
    same_bits,
    voxels,
)
from tests.graphs import captured

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype feature"),
]
CUDA = torch.device("cuda", 0)
every_operator = pytest.mark.parametrize(("op", "variant"), NAMES)
PATCH = (4, 2, 30, 28, 27)


@pytest.fixture
def no_sync():
    """Let everything that waits for the device raise."""
    mode = torch.cuda.get_sync_debug_mode()

    class NoSync:
        def __enter__(self):
            torch.cuda.synchronize()
            torch.cuda.set_sync_debug_mode("error")

        def __exit__(self, *_):
            torch.cuda.set_sync_debug_mode(mode)

    return NoSync()


def same_on_cpu(got, expected):
    return all(same_bits(a.cpu(), b) for a, b in zip(got, expected, strict=True))


@pytest.mark.parametrize("shape", [*SHAPES.values(), PATCH], ids=[*SHAPES, "larger"])
@every_operator
def test_cuda_gives_the_bits_of_the_cpu(op, variant, shape):
    for dtype in DTYPES:
        arguments = CASES[op][variant](voxels(shape, dtype))
        assert same_on_cpu(call(op, moved(arguments, CUDA)), call(op, arguments)), dtype


@pytest.mark.parametrize(("op", "variant"), DIFFERENTIABLE)
def test_float64_gives_the_bits_of_the_cpu(op, variant):
    arguments = CASES[op][variant](voxels(PATCH, torch.float64))
    assert same_on_cpu(call(op, moved(arguments, CUDA)), call(op, arguments))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@every_operator
def test_strides_change_nothing(op, variant, shape):
    x = voxels(shape)
    arguments = CASES[op][variant](x)
    expected = call(op, arguments)
    on_device = moved(arguments, CUDA)
    for layout, same_x in layouts(x.to(CUDA)):
        if "x" in arguments:
            assert same_on_cpu(call(op, on_device | {"x": same_x}), expected), layout


@every_operator
def test_any_split_of_the_batch_gives_the_same_bits(op, variant):
    arguments = moved(CASES[op][variant](voxels(PATCH)), CUDA)
    together = call(op, arguments)
    for cut in range(PATCH[0] + 1):
        parts = [call(op, part(arguments, rows)) for rows in (slice(0, cut), slice(cut, None))]
        for whole, pieces in zip(together, zip(*parts, strict=True), strict=True):
            assert same_bits(whole, torch.cat(pieces))


@pytest.mark.parametrize(("op", "variant"), DIFFERENTIABLE)
def test_gradients_agree_with_the_cpu(op, variant):
    arguments = CASES[op][variant](voxels(PATCH).nan_to_num(0.3, 0.4, 0.6))
    grads = []
    for device in ("cpu", CUDA):
        there = moved(arguments, device)
        there["x"] = there["x"].clone().requires_grad_()
        (out,) = call(op, there)
        grads.append(torch.autograd.grad(out, there["x"], torch.ones_like(out))[0].cpu())
    if op in RESAMPLING:  # products of matrices, or sums in any order: class C
        torch.testing.assert_close(*grads, rtol=1e-5, atol=1e-5)
    else:  # the curve's slope has one order of operations, and sums of ones are exact in any
        assert same_bits(*grads)


@pytest.mark.parametrize(("op", "variant"), DIFFERENTIABLE)
def test_deterministic_algorithms_are_no_obstacle(op, variant):
    arguments = moved(CASES[op][variant](voxels(PATCH).nan_to_num(0.3, 0.4, 0.6)), CUDA)
    arguments["x"].requires_grad_()
    torch.use_deterministic_algorithms(True)
    try:
        (out,) = call(op, arguments)
        weights = torch.rand_like(out)
        if op == "affine_sample":
            with pytest.raises(RuntimeError, match=r"affine_sample: the gradient on CUDA must be taken without"):
                torch.autograd.grad(out, arguments["x"], weights)
            return
        first, second = (torch.autograd.grad(out, arguments["x"], weights, retain_graph=True)[0] for _ in range(2))
    finally:
        torch.use_deterministic_algorithms(False)
    assert torch.equal(first, second)


@every_operator
def test_nothing_waits_for_the_device(op, variant, no_sync):
    arguments = moved(CASES[op][variant](voxels(PATCH)), CUDA)
    call(op, arguments)  # loads the kernels
    with no_sync:
        call(op, arguments)
        if (op, variant) in DIFFERENTIABLE:
            x = arguments["x"].detach().requires_grad_()
            (out,) = call(op, arguments | {"x": x})
            torch.autograd.grad(out, x, torch.ones_like(out))


@pytest.mark.parametrize("value_range", [(0.0, 1.0), "minmax", "percentile"], ids=str)
def test_the_transform_does_not_wait_for_the_device(value_range, no_sync):
    transform = genesis_ext.GenesisTransform(seed=5, value_range=value_range)
    x, sample_id = voxels(PATCH).to(CUDA), ids(PATCH[0]).to(CUDA)
    expected = transform(x.cpu(), sample_id.cpu())
    transform(x, sample_id)
    with no_sync:
        got = transform(x, sample_id)
    assert same_on_cpu(got, expected)


def test_values_that_the_cpu_refuses_are_made_harmless():
    x = torch.rand(2, 1, 9, 8, 7, device=CUDA)
    points = torch.tensor([[[2.0, -1.0, torch.nan, 0.5]]] * 2, device=CUDA)
    y = ops.bezier_map(x, points, torch.zeros(2, 1, dtype=torch.bool, device=CUDA))
    assert y.isfinite().all()
    boxes = torch.tensor([[[-5, -5, -5, 99, 4, 99]], [[3, 3, 3, 1, 1, 1]]], dtype=torch.int32, device=CUDA)
    painted = ops.paint_boxes(x, boxes, "in", fill=torch.full((2,), 2.0, device=CUDA))
    assert (painted[0, :, :, :4] == 2.0).all()
    assert torch.equal(painted[0, :, :, 4:], x[0, :, :, 4:])
    assert torch.equal(painted[1], x[1])
    kind = torch.tensor([77, -1], dtype=torch.int8, device=CUDA)
    assert torch.equal(ops.paint_boxes(x, boxes, kind, key=keys(2).to(CUDA)), x)


@pytest.mark.parametrize("order", [0, 1, 3])
def test_crops_that_the_cpu_refuses_are_the_fill(order):
    volume = torch.rand(5, 6, 7, device=CUDA)
    volumes = ops.PackedVolumes(
        volume.flatten(),
        torch.tensor([0, 1, 0], device=CUDA),
        torch.tensor([[5, 6, 7], [5, 6, 7], [5, 0, 7]], dtype=torch.int32, device=CUDA),
        torch.tensor([[0.0, 4.0]] * 3, device=CUDA),
    )
    index = torch.tensor([0, 0, 0, 1, 2, 3, -1], device=CUDA)
    boxes = torch.tensor([[0.0, 0, 0, 5, 6, 7]] * 7, device=CUDA)
    boxes[0, 0], boxes[1, 4], boxes[2] = torch.nan, torch.inf, -boxes[2]
    got = ops.crop_resize(volumes, index, boxes, (4, 5, 6), order, fill=1.0)
    assert (got[:5] == 0.25).all()
    assert (got[5:] == 1.0).all()  # no volume, no window


def test_a_plan_of_random_words_harms_nothing():
    arguments = moved(CASES["genesis_transform"]["head"](voxels(PATCH)), CUDA)
    plan = arguments["plan"]
    words = torch.randint(-(2**31), 2**31, plan.tensor.shape, device=CUDA).to(torch.int32)
    ops.genesis_transform(arguments["x"], ops.Plan(words, plan.spec))
    torch.cuda.synchronize()
    assert same_on_cpu(call("genesis_transform", arguments), call("genesis_transform", moved(arguments, "cpu")))


@every_operator
def test_tensors_of_two_devices_are_refused(op, variant):
    arguments = CASES[op][variant](voxels(PATCH))
    first = ROWS.get(op, "x")
    with pytest.raises(ValueError, match=rf"{op}: .* must be on"):
        call(op, arguments | {first: arguments[first].to(CUDA)})


@every_operator
def test_another_stream_gives_the_same_bits(op, variant):
    arguments = CASES[op][variant](voxels(PATCH))
    stream = torch.cuda.Stream(CUDA)
    stream.wait_stream(torch.cuda.current_stream(CUDA))
    with torch.cuda.stream(stream):
        # Work that an operator on the wrong stream would overtake.
        torch.cuda._sleep(20_000_000)
        got = call(op, moved(arguments, CUDA))
    stream.synchronize()
    assert same_on_cpu(got, call(op, arguments))


@every_operator
def test_compiled_without_a_graph_break_it_gives_the_same_bits(op, variant):
    torch.compiler.reset()
    arguments = CASES[op][variant](voxels(PATCH))
    compiled = torch.compile(lambda a: call(op, a), fullgraph=True, backend="aot_eager")
    assert same_on_cpu(compiled(moved(arguments, CUDA)), call(op, arguments))


@pytest.mark.skipif(not has_triton(), reason="needs Triton, by which torch.compile makes kernels")
@pytest.mark.filterwarnings("ignore::UserWarning:torch")
@pytest.mark.parametrize("value_range", [(0.0, 1.0), "minmax"], ids=str)
def test_the_transform_compiled_to_kernels_gives_the_same_bits(value_range):
    torch.compiler.reset()
    transform = genesis_ext.GenesisTransform(seed=5, value_range=value_range)
    x, sample_id = voxels(PATCH), ids(PATCH[0])
    compiled = torch.compile(transform, fullgraph=True)
    assert same_on_cpu(compiled(x.to(CUDA), sample_id.to(CUDA)), transform(x, sample_id))


@pytest.mark.parametrize("value_range", [(0.0, 1.0), "minmax", "percentile"], ids=str)
@pytest.mark.parametrize("profile", ["head", "paper"])
def test_a_captured_transform_replays_with_new_ids_seeds_and_voxels(profile, value_range):
    seed = torch.tensor([5], device=CUDA)
    transform = genesis_ext.GenesisTransform(profile, seed=seed, value_range=value_range)
    x, sample_id = voxels(PATCH).to(CUDA), ids(PATCH[0]).to(CUDA)
    graph, out = captured(lambda: transform(x, sample_id))
    for round_ in range(3):
        seed.fill_(round_ - 1)
        sample_id.add_(1000 * round_)
        x.copy_(x.roll(round_, 2))
        graph.replay()
        fresh = genesis_ext.GenesisTransform(profile, seed=round_ - 1, value_range=value_range)
        assert same_on_cpu(out, fresh(x.cpu(), sample_id.cpu()))


@every_operator
def test_a_captured_operator_replays_the_same_bits(op, variant):
    arguments = moved(CASES[op][variant](voxels(PATCH)), CUDA)
    expected = call(op, arguments)
    graph, out = captured(lambda: call(op, arguments))
    graph.replay()
    assert all(map(same_bits, out, expected))


@every_operator
def test_a_second_device_gives_the_same_bits(op, variant):
    if torch.cuda.device_count() < 2:
        reason = "needs two CUDA devices, and torch finds one"
        if os.environ.get("GENESIS_REQUIRE_CUDA") == "2":
            pytest.fail(reason)
        pytest.skip(reason)
    arguments = CASES[op][variant](voxels(PATCH))
    got = call(op, moved(arguments, "cuda:1"))  # while the first one is current
    assert {out.device.index for out in got} == {1}
    assert same_on_cpu(got, call(op, arguments))


def test_a_plan_moves_between_devices():
    transform = genesis_ext.GenesisTransform(seed=9)
    x, sample_id = voxels(PATCH), ids(PATCH[0])
    there = transform.plan(sample_id.to(CUDA), PATCH[2:])
    here = transform.plan(sample_id, PATCH[2:])
    assert torch.equal(there.to("cpu").tensor, here.tensor)
    assert there.to_json() == here.to_json()
    assert torch.equal(ops.Plan.from_json(there.to_json(), CUDA).tensor, there.tensor)
    assert same_on_cpu(transform.replay(x.to(CUDA), here), transform.replay(x, there))


def test_noise_reaches_every_voxel_of_a_large_patch():
    x = torch.zeros(1, 1, 200, 160, 160, device=CUDA)
    boxes = random_boxes(1, 3, (200, 160, 160))
    got = ops.paint_boxes(x, boxes.to(CUDA), "out", key=keys(1).to(CUDA))
    assert same_bits(got.cpu(), ops.paint_boxes(x.cpu(), boxes, "out", key=keys(1)))
