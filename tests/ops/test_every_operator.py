# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What holds for every operator, on every input of tests/cases.py."""

import pytest
import torch
from torch import Tensor

from genesis_ext import ops
from tests.cases import (
    CASES,
    DIFFERENTIABLE,
    DTYPES,
    NAMES,
    ON_VOXELS,
    RESAMPLING,
    ROWS,
    SHAPES,
    TRANSFORMATIONS,
    Tagged,
    call,
    layouts,
    part,
    same_bits,
    voxels,
)

every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
ONE_VARIANT_EACH = list({op: (op, variant) for op, variant in reversed(NAMES)}.values())
every_operator = pytest.mark.parametrize(("op", "variant"), NAMES)
every_voxel_operator = pytest.mark.parametrize(("op", "variant"), ON_VOXELS)
every_transformation = pytest.mark.parametrize(("op", "variant"), TRANSFORMATIONS)
PATCH, CHANNELS = SHAPES["a patch"], SHAPES["three channels"]


@every_shape
@every_voxel_operator
def test_output_is_contiguous(op, variant, shape):
    for dtype in DTYPES:
        assert all(out.is_contiguous() for out in call(op, CASES[op][variant](voxels(shape, dtype))))


@every_shape
@every_transformation
def test_output_has_the_shape_and_dtype_of_x(op, variant, shape):
    for dtype in DTYPES:
        x = voxels(shape, dtype)
        for out in call(op, CASES[op][variant](x)):
            assert (out.shape, out.dtype) == (x.shape, dtype)


@every_shape
@every_voxel_operator
def test_strides_change_nothing(op, variant, shape):
    x = voxels(shape)
    arguments = CASES[op][variant](x)
    expected = call(op, arguments)
    for layout, same_x in layouts(x):
        got = call(op, arguments | {"x": same_x})
        assert all(map(same_bits, got, expected)), layout


@every_shape
@every_voxel_operator
def test_half_types_are_the_float32_result_rounded_once(op, variant, shape):
    for dtype in (torch.float16, torch.bfloat16):
        x = voxels(shape, dtype)
        arguments = CASES[op][variant](x)
        wide = call(op, arguments | {"x": x.float()})
        for out, expected in zip(call(op, arguments), wide, strict=True):
            assert same_bits(out, expected.to(out.dtype))


@every_shape
@every_operator
def test_any_split_of_the_batch_gives_the_same_bits(op, variant, shape):
    arguments = CASES[op][variant](voxels(shape))
    together = call(op, arguments)
    for cut in range(shape[0] + 1):
        parts = [call(op, part(arguments, rows)) for rows in (slice(0, cut), slice(cut, None))]
        for whole, pieces in zip(together, zip(*parts, strict=True), strict=True):
            assert same_bits(whole, torch.cat(pieces))


@every_operator
def test_one_and_two_threads_give_the_same_bits(op, variant):
    arguments = CASES[op][variant](voxels((3, 2, 33, 20, 17)))
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = call(op, arguments)
        torch.set_num_threads(2)
        assert all(map(same_bits, call(op, arguments), alone))
    finally:
        torch.set_num_threads(threads)


@every_operator
def test_2d_is_3d_with_one_slice(op, variant):
    flat = SHAPES["2D"]
    thin = voxels(flat).unsqueeze(-1)
    for out, expected in zip(
        call(op, CASES[op][variant](thin.squeeze(-1))), call(op, CASES[op][variant](thin)), strict=True
    ):
        assert same_bits(out.reshape(expected.shape), expected)


@pytest.mark.parametrize(("op", "variant"), [names for names in ONE_VARIANT_EACH if names in ON_VOXELS])
def test_a_patch_is_not_taken_for_images_nor_images_for_a_patch(op, variant):
    x = voxels((1, 1, *PATCH[2:]))
    arguments = CASES[op][variant](x)
    both = r"one patch \(C, X, Y, Z\) becomes a batch by x\[None\], images \(N, C, X, Y\) need (spatial_dims=2|a plan)"
    with pytest.raises(ValueError, match=rf"^{op}: x must be \(N, C, X, Y, Z\), got .* \[1, 30, 20, 14\]; {both}"):
        call(op, arguments | {"x": x[0]})
    images = CASES[op][variant](voxels(SHAPES["2D"]))
    for wrong, way_out in ((x, ""), (images["x"][0], r"; one image \(C, X, Y\) becomes a batch by x\[None\]")):
        with pytest.raises(ValueError, match=rf"^{op}: x must be \(N, C, X, Y\) with .*, got .*\]{way_out}$"):
            call(op, images | {"x": wrong})
    if op != "genesis_transform":
        with pytest.raises(ValueError, match=rf"^{op}: spatial_dims must be 3 or 2, got 1"):
            call(op, arguments | {"spatial_dims": 1})


def tagged(value: object) -> object:
    if isinstance(value, ops.PackedVolumes):
        return ops.PackedVolumes(*map(tagged, value))
    if isinstance(value, ops.Plan):
        return ops.Plan(tagged(value.tensor), value.spec)
    return value.as_subclass(Tagged) if isinstance(value, Tensor) else value


@every_operator
def test_of_subclasses_and_parameters_it_makes_plain_tensors(op, variant):
    arguments = CASES[op][variant](voxels(CHANNELS).nan_to_num(0.5, 0.5, 0.5))
    expected = call(op, arguments)
    for got, plain in zip(call(op, {name: tagged(value) for name, value in arguments.items()}), expected, strict=True):
        assert type(got) is Tensor
        assert same_bits(got, plain)
    if (op, variant) in DIFFERENTIABLE:
        x = arguments["x"]
        leaves = [x.clone().requires_grad_(), x.clone().as_subclass(Tagged).requires_grad_(), torch.nn.Parameter(x)]
        for leaf in leaves:
            (out,) = call(op, arguments | {"x": leaf})
            assert type(out) is Tensor
            out.square().sum().backward()
        gradients = [leaf.grad.as_subclass(Tensor) for leaf in leaves]
        assert same_bits(gradients[1], gradients[0])
        assert same_bits(gradients[2], gradients[0])


def test_compiled_it_makes_plain_tensors_of_subclasses():
    torch.compiler.reset()
    x = voxels(CHANNELS)
    compiled = torch.compile(lambda v: ops.resample(v, (5, 6, 7)), backend="aot_eager")
    got = compiled(x.as_subclass(Tagged))
    assert type(got) is Tensor
    assert same_bits(got, ops.resample(x, (5, 6, 7)))


@every_transformation
def test_infinities_count_as_values_outside_the_range(op, variant):
    x = torch.full(PATCH, torch.inf)
    x[..., ::2] = -torch.inf
    for out in call(op, CASES[op][variant](x)):
        assert not out.isnan().any()


@pytest.mark.parametrize(("op", "variant"), DIFFERENTIABLE)
def test_float64_agrees_with_float32(op, variant):
    x = voxels(CHANNELS)
    arguments = CASES[op][variant](x)
    (narrow,), (wide,) = call(op, arguments), call(op, arguments | {"x": x.double()})
    assert wide.dtype == torch.float64
    # Moved and painted values are exact; curves and splines may be off by 1e-5 of the range, which is 1.5 at most.
    tolerance = 1.5e-5 if op in ("bezier_map", *RESAMPLING) else 1e-6
    torch.testing.assert_close(wide.float(), narrow, atol=tolerance, rtol=0, equal_nan=True)


@pytest.mark.parametrize(("op", "variant"), DIFFERENTIABLE)
def test_gradient_is_the_derivative(op, variant):
    # Away from 0, 1 and the ends of the ranges, where clamping bends.
    x = (voxels((2, 2, 4, 3, 3), torch.float64).nan_to_num(0.3, 0.6, 0.4) * 0.5 + 0.3).requires_grad_()
    arguments = CASES[op][variant](x.detach())
    if op == "bezier_map":
        arguments["control_points"] = arguments["control_points"] * 0.8 + 0.1  # no vertical tangent
    assert torch.autograd.gradcheck(lambda v: call(op, arguments | {"x": v}), x)


@pytest.mark.parametrize(("op", "variant"), DIFFERENTIABLE)
def test_gradient_of_an_empty_batch_is_empty(op, variant):
    x = voxels(SHAPES["no samples"]).requires_grad_()
    (out,) = call(op, CASES[op][variant](x))
    out.sum().backward()
    assert x.grad is not None
    assert x.grad.shape == x.shape


@pytest.mark.parametrize(("op", "variant"), DIFFERENTIABLE)
def test_gradient_in_half_types_has_their_dtype(op, variant):
    for dtype in (torch.float16, torch.bfloat16):
        x = voxels(CHANNELS, dtype).requires_grad_()
        (out,) = call(op, CASES[op][variant](x))
        out.nan_to_num(0.0, 0.0, 0.0).sum().backward()
        assert x.grad is not None
        assert x.grad.dtype == dtype


def schema_arguments(op: str, variant: str, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    """What the wrapper passes on to the dispatcher."""
    passed: list[tuple[object, ...]] = []
    overload = getattr(torch.ops.genesis_ext, op).default
    recording = type("Recording", (), {"default": staticmethod(lambda *args: passed.append(args) or overload(*args))})
    with monkeypatch.context() as patch:
        patch.setattr(torch.ops.genesis_ext, op, recording, raising=False)
        call(op, CASES[op][variant](voxels(CHANNELS).nan_to_num(0.0, 1.0, 0.0)))
    return passed[-1]


@every_operator
def test_opcheck_finds_no_fault(op, variant, monkeypatch):
    arguments = schema_arguments(op, variant, monkeypatch)
    overload = getattr(torch.ops.genesis_ext, op).default
    torch.library.opcheck(overload, arguments)
    if (op, variant) in DIFFERENTIABLE:
        x, *others = arguments
        assert isinstance(x, Tensor)
        torch.library.opcheck(overload, (x.double().requires_grad_(), *others))


@every_operator
def test_compiled_without_a_graph_break_it_gives_the_same_bits(op, variant):
    torch.compiler.reset()
    arguments = CASES[op][variant](voxels(CHANNELS))
    compiled = torch.compile(lambda a: call(op, a), fullgraph=True, backend="aot_eager")
    assert all(map(same_bits, compiled(arguments), call(op, arguments)))


@every_voxel_operator
def test_autocast_leaves_the_dtype_alone(op, variant):
    arguments = CASES[op][variant](voxels(CHANNELS))
    expected = call(op, arguments)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert all(map(same_bits, call(op, arguments), expected))


@every_operator
def test_vmap_is_refused_in_words(op, variant):
    arguments = CASES[op][variant](voxels(CHANNELS))
    name = ROWS.get(op, "x")

    def one(value):
        return call(op, arguments | {name: value})

    with pytest.raises(ValueError, match=rf"{op}: must be called without torch.vmap.* batched along dimension 0"):
        torch.vmap(one)(torch.stack([arguments[name]] * 2))


def test_slope_refuses_vmap_as_well():
    x = voxels(CHANNELS)
    points, decreasing = torch.rand(2, 1, 4), torch.zeros(2, 1, dtype=torch.bool)

    def slope(v):
        return torch.ops.genesis_ext.bezier_map_slope(v, points, decreasing, None, 0.0, 1.0, True)

    with pytest.raises(ValueError, match=r"bezier_map_slope: must be called without torch.vmap"):
        torch.vmap(slope)(x[None])


def test_every_wrapper_says_what_it_takes_gives_and_raises():
    for op in CASES:
        text = getattr(ops, op).__doc__
        assert all(heading in text for heading in ("Args:", "Returns:", "Raises:", "Source:")), op
