# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Random shapes, strides, dtypes and parameters for every operator; run under AddressSanitizer as well."""

import hypothesis.strategies as st
import numpy as np
import torch
from hypothesis import given, settings

from genesis_ext import ops
from genesis_ext.reference import resample, spline_prefilter
from genesis_ext.transforms import PROFILES, SCHEMES, make_config, resolve
from tests import oracles
from tests.cases import same_bits

few = settings(max_examples=25, deadline=None, derandomize=True, database=None)
sizes = st.integers(1, 20)
int64 = st.integers(-(2**63), 2**63 - 1)
unit = st.floats(0.0, 1.0, width=32)
HALF = (torch.float16, torch.bfloat16)
RESAMPLED = (torch.uint8, torch.int16, torch.float32, torch.float64, *HALF)


@st.composite
def batches(draw, dtypes=(torch.float32, *HALF)):
    """Draw (N, C, X, Y, Z) or (N, C, X, Y): a permuted and strided part of a larger buffer, special values included."""
    shape = [draw(st.integers(0, 3)), draw(st.integers(1, 3)), *draw(st.lists(sizes, min_size=2, max_size=3))]
    dtype = draw(st.sampled_from(dtypes))
    axes = draw(st.permutations(range(len(shape))))
    steps = [draw(st.integers(1, 2)) for _ in shape]
    buffer_shape = [shape[axis] * step for axis, step in zip(axes, steps, strict=True)]
    rng = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    buffer = torch.rand(buffer_shape, generator=rng) * 2 - 0.5
    special = torch.tensor([torch.nan, torch.inf, -torch.inf, 1e30, -0.0])
    where = torch.rand(buffer_shape, generator=rng) < 0.05
    which = torch.randint(0, 5, buffer_shape, generator=rng)
    buffer = torch.where(where, special[which], buffer)
    if not dtype.is_floating_point:
        buffer = buffer.nan_to_num().clamp(0, 1) * 200
    buffer = buffer.to(dtype)
    view = buffer[tuple(slice(step - 1, None, step) for step in steps)]
    x = view.permute([axes.index(axis) for axis in range(len(shape))])
    assert list(x.shape) == shape
    return x


@st.composite
def value_ranges(draw, x):
    """Draw a range in each of its forms."""
    lo, span = draw(st.floats(-2, 2, width=32)), draw(st.sampled_from([0.0, 0.5, 1.0, 3.0]))
    form = draw(st.sampled_from(["fixed", "sample", "channel"]))
    if form == "fixed":
        return (lo, lo + span)
    shape = (x.shape[0], 2) if form == "sample" else (x.shape[0], x.shape[1], 2)
    return torch.tensor([lo, lo + span]).expand(shape)


def check_like(out, x):
    assert out.shape == x.shape
    assert out.dtype == x.dtype
    assert out.is_contiguous()


@few
@given(
    st.sampled_from(sorted(PROFILES)),
    st.sampled_from(sorted(SCHEMES)),
    st.lists(int64, max_size=5),
    st.integers(-(2**64), 2**65),
    st.lists(st.integers(26, 50), min_size=2, max_size=3),
)
def test_a_plan_survives_json_and_keeps_its_boxes_inside(profile, scheme, sample_ids, seed, shape):
    spec = resolve(make_config(profile, scheme), shape)
    plan = ops.draw_plan(torch.tensor(sample_ids, dtype=torch.int64), seed, spec)
    again = ops.Plan.from_json(plan.to_json())  # refuses boxes outside the patch
    assert torch.equal(again.tensor, plan.tensor)
    assert plan.sample_id.tolist() == sample_ids


@few
@given(st.data(), batches())
def test_the_fused_operator_takes_anything(data, x):
    config = make_config(
        scheme=data.draw(st.sampled_from(sorted(SCHEMES))),
        num_windows=data.draw(st.integers(0, 60)),
        shuffle_order=data.draw(st.sampled_from(["last_writer", "sequential"])),
        shuffle_permute=data.draw(st.sampled_from(["voxel", "axes"])),
        max_window=tuple(data.draw(st.integers(1, side)) for side in x.shape[2:]),
        in_fill=data.draw(st.sampled_from(["noise", "constant"])),
        out_fill=data.draw(st.sampled_from(["noise", "constant"])),
        in_boxes_max=data.draw(st.integers(0, 9)),
        box_margin=data.draw(st.integers(0, 12)),
        curve_per_channel=data.draw(st.booleans()),
        flip_axes=tuple(range(x.dim() - 2)),
    )
    plan = ops.draw_plan(torch.arange(len(x)), data.draw(int64), resolve(config, x.shape[2:], x.shape[1]))
    value_range = data.draw(value_ranges(x))
    clamp = data.draw(st.booleans())
    got = ops.genesis_transform(x, plan, value_range, clamp)
    again = ops.genesis_transform(x.contiguous(), plan, value_range, clamp)
    for out, expected in zip(got, again, strict=True):
        check_like(out, x)
        assert same_bits(out, expected)


@few
@given(st.data(), batches(dtypes=(torch.float32, torch.float64, *HALF)))
def test_the_curve_takes_anything(data, x):
    curves = data.draw(st.sampled_from([1, x.shape[1]]))
    points = torch.tensor(data.draw(st.lists(unit, min_size=4, max_size=4))).expand(x.shape[0], curves, 4)
    decreasing = torch.tensor(data.draw(st.booleans())).expand(x.shape[0], curves)
    value_range = data.draw(value_ranges(x))
    clamp = data.draw(st.booleans())
    x = x.requires_grad_()
    out = ops.bezier_map(x, points, decreasing, value_range, clamp, x.dim() - 2)
    check_like(out, x)
    assert torch.equal(out.isnan(), x.isnan())
    (slope,) = torch.autograd.grad(out, x, torch.ones_like(out))
    check_like(slope, x)
    assert (slope.abs() <= 1e4).all()


@few
@given(st.data(), batches(dtypes=(torch.float32, torch.float64, *HALF)))
def test_shuffling_takes_anything(data, x):
    key = torch.tensor([[data.draw(int64), data.draw(int64)] for _ in range(len(x))], dtype=torch.int64).reshape(-1, 2)
    order = data.draw(st.sampled_from(["last_writer", "sequential"]))
    out = ops.local_shuffle(
        x.requires_grad_(),
        key,
        num_windows=data.draw(st.integers(0, 60)),
        max_window=[data.draw(st.integers(1, side)) for side in x.shape[2:]],
        order=order,
        permute=data.draw(st.sampled_from(["voxel", "axes"])),
        spatial_dims=x.dim() - 2,
    )
    check_like(out, x)
    if order == "sequential":
        before, after = (t.detach().nan_to_num(77.0).flatten(2).sort().values for t in (x, out))
        assert torch.equal(before, after)
    (grad,) = torch.autograd.grad(out, x, torch.ones_like(out))
    assert grad.sum() == x.numel()


@st.composite
def resizes(draw, x):
    """Draw all options of resampling x."""
    order = draw(st.sampled_from([0, 1, 3]))
    return {
        "out_shape": [draw(sizes) for _ in x.shape[2:]],
        "order": order,
        "boundary": draw(st.sampled_from(oracles.BOUNDARIES)),
        "fill": draw(st.sampled_from([0.0, -3.5, float("nan")])),
        "grid_mode": draw(st.booleans()),
        "antialias": order > 0 and draw(st.booleans()),
    }


@few
@given(st.data(), batches(dtypes=RESAMPLED))
def test_resampling_takes_anything(data, x):
    options, dims = data.draw(resizes(x)), {"spatial_dims": x.dim() - 2}
    dtype = data.draw(st.sampled_from([None, *RESAMPLED]))
    out = ops.resample(x, dtype=dtype, **options, **dims)
    assert out.shape == (*x.shape[:2], *options["out_shape"])
    assert out.dtype == (dtype or x.dtype)
    assert out.is_contiguous()
    values = (x.float() if x.dtype == torch.bfloat16 else x).contiguous().numpy()
    expected = resample.resample(values, dtype=np.float64 if x.dtype == torch.float64 else np.float32, **options)
    wide = ops.resample(x, dtype=torch.float64 if x.dtype == torch.float64 else torch.float32, **options, **dims)
    assert same_bits(wide, torch.from_numpy(np.ascontiguousarray(expected)))


@few
@given(st.data(), batches(dtypes=RESAMPLED))
def test_the_prefilter_takes_anything(data, x):
    boundary = data.draw(st.sampled_from(oracles.BOUNDARIES))
    out = ops.spline_prefilter(x, boundary=boundary, spatial_dims=x.dim() - 2)
    values = (x.float() if x.dtype == torch.bfloat16 else x).contiguous().numpy()
    expected = spline_prefilter.spline_prefilter(values, 3, boundary)
    assert out.is_contiguous()
    assert same_bits(out, torch.from_numpy(np.ascontiguousarray(expected)))


@few
@given(st.data(), batches(dtypes=(torch.float32, torch.float64, *HALF)))
def test_painting_takes_anything(data, x):
    count = data.draw(st.integers(1, 4))
    boxes = torch.zeros(len(x), count, 6, dtype=torch.int32)
    for sample in boxes:
        for box in sample:
            for axis, side in enumerate(x.shape[2:]):
                ends = data.draw(st.tuples(st.integers(0, side), st.integers(0, side)))
                box[axis], box[axis + 3] = min(ends), max(ends)
    if x.dim() == 4:
        boxes[..., 5] = data.draw(st.integers(0, 1))
    kind = torch.tensor([data.draw(st.integers(0, 2)) for _ in range(len(x))], dtype=torch.int8)
    if data.draw(st.booleans()):
        source = {"key": torch.tensor([data.draw(int64), data.draw(int64)]).expand(len(x), 2)}
    else:
        source = {"fill": torch.tensor(data.draw(unit)).expand(len(x), data.draw(st.sampled_from([1, count])))}
    value_range = data.draw(value_ranges(x))
    options = {"value_range": value_range, "spatial_dims": x.dim() - 2}
    out = ops.paint_boxes(x.requires_grad_(), boxes, kind, **source, **options)
    check_like(out, x)
    (kept,) = torch.autograd.grad(out, x, torch.ones_like(out))
    assert set(kept.unique().tolist()) <= {0.0, 1.0}
    assert same_bits(out.detach()[kept == 1], x.detach()[kept == 1])
