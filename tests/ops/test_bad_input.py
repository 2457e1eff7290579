# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Wrong arguments: every error names the operator, the argument, the rule and what was got."""

import pytest
import torch

from genesis_ext import ops
from genesis_ext.transforms import make_config, resolve
from tests.cases import CASES, RESAMPLING, SHAPES, TRANSFORMATIONS, call, keys, voxels

X = voxels(SHAPES["three channels"])
KEY = keys(2)
BOXES = torch.zeros(2, 1, 6, dtype=torch.int32)
SPEC = resolve(make_config(), (11, 6, 13))
NAN = float("nan")

RIGHT = {
    "draw_plan": "head",
    "philox_words": "one call",
    "bezier_map": "clamped",
    "local_shuffle": "last writer",
    "paint_boxes": "in, noise",
    "spline_prefilter": "mirror",
    "resample": "cubic, smaller",
}
# operator, what is changed, error, words
WRONG = [
    ("draw_plan", {"sample_id": 1}, TypeError, "sample_id must be a tensor, got int"),
    ("draw_plan", {"sample_id": "12"}, TypeError, "sample_id must be a tensor, got str"),
    ("draw_plan", {"sample_id": [1.0, 2.0]}, ValueError, r"sample_id must be \(N,\) int64, got torch.float32"),
    ("draw_plan", {"sample_id": [True, False]}, ValueError, r"sample_id must be \(N,\) int64, got torch.bool"),
    ("draw_plan", {"sample_id": KEY[:, 1].byte()}, ValueError, "integers of 16 bits at least, got torch.uint8"),
    ("draw_plan", {"sample_id": [1, 2**64]}, ValueError, "sample_id must hold numbers of at most 64 bits"),
    ("draw_plan", {"sample_id": [[1], [2, 3]]}, ValueError, "sample_id must hold numbers .* in equal rows"),
    ("draw_plan", {"sample_id": torch.zeros(2)}, ValueError, r"sample_id must be \(N,\) int64, got torch.float32"),
    ("draw_plan", {"sample_id": KEY}, ValueError, r"sample_id must be \(N,\) int64, got torch.int64 \[2, 2\]"),
    ("draw_plan", {"seed": 1.5}, TypeError, r"seed must be an int or a \(1,\) int64 tensor, got float"),
    ("draw_plan", {"seed": True}, TypeError, r"seed must be an int or a \(1,\) int64 tensor, got bool"),
    ("draw_plan", {"seed": torch.zeros(2, dtype=torch.int64)}, ValueError, r"seed must have shape \(1,\).*got \(2,\)"),
    ("draw_plan", {"seed": torch.zeros(1)}, ValueError, "seed must be int64, got float32"),
    ("draw_plan", {"spec": "head"}, TypeError, "spec must be a PlanSpec, got str"),
    ("philox_words", {"sample_id": 3}, TypeError, "sample_id must be a tensor, got int"),
    ("philox_words", {"sample_id": KEY}, ValueError, r"sample_id must be \(N,\) int64, got torch.int64 \[2, 2\]"),
    ("philox_words", {"seed": 0.5}, TypeError, r"seed must be an int or a \(1,\) int64 tensor, got float"),
    ("philox_words", {"seed": torch.zeros(1)}, ValueError, "seed must be int64, got float32"),
    ("philox_words", {"seed": KEY}, ValueError, r"seed must have shape \(1,\), got \(2, 2\)"),
    ("philox_words", {"purpose": "noise"}, TypeError, "purpose must be an int, got str"),
    ("philox_words", {"purpose": 0}, ValueError, r"purpose must be in \[1, 17\], .*got 0"),
    ("philox_words", {"purpose": 18}, ValueError, r"purpose must be in \[1, 17\], .*got 18"),
    ("philox_words", {"count": 1.0}, TypeError, "count must be an int, got float"),
    ("philox_words", {"count": -1}, ValueError, r"count must be in \[0, .*got -1 for 2 samples"),
    ("philox_words", {"count": 2**63}, ValueError, "count must fit 64 bits, got 9223372036854775808"),
    ("philox_words", {"count": 2**62}, ValueError, r"count must be in .* 2\^34 draws altogether, got \d+"),
    ("bezier_map", {"control_points": [0.1]}, TypeError, "control_points must be a tensor, got list"),
    ("bezier_map", {"control_points": torch.rand(2, 1, 3)}, ValueError, r"control_points must .*\(2, 1, 3\)"),
    ("bezier_map", {"control_points": torch.rand(2, 2, 4)}, ValueError, r"control_points must .*\(2, 2, 4\)"),
    ("bezier_map", {"control_points": torch.full((2, 1, 4), 1.5)}, ValueError, r"lie in \[0, 1\].*1.5"),
    ("bezier_map", {"control_points": torch.full((2, 1, 4), NAN)}, ValueError, r"lie in \[0, 1\].*nan"),
    ("bezier_map", {"decreasing": torch.zeros(2, 1)}, ValueError, "decreasing must be bool, got float32"),
    ("bezier_map", {"decreasing": torch.zeros(2, 3, dtype=torch.bool)}, ValueError, r"decreasing .*\(2, 3\)"),
    ("bezier_map", {"decreasing": True}, TypeError, "decreasing must be a tensor, got bool"),
    ("local_shuffle", {"key": 3}, TypeError, "key must be a tensor, got int"),
    ("local_shuffle", {"key": KEY[:1]}, ValueError, r"key must have shape \(N, 2\), one seed .* of x, got \(1, 2\)"),
    ("local_shuffle", {"key": KEY.float()}, ValueError, "key must be int64, got float32"),
    ("local_shuffle", {"num_windows": -1}, ValueError, r"num_windows must be in .*got -1"),
    ("local_shuffle", {"max_window": 7}, ValueError, r"max_window must be in \[1, 6\] along axis 1, got 7"),
    ("local_shuffle", {"max_window": 0}, ValueError, r"max_window must be in \[1, 11\].*got 0"),
    ("local_shuffle", {"max_window": (2, 2)}, ValueError, r"max_window must have one side .*got \(2, 2\)"),
    ("local_shuffle", {"order": "first"}, ValueError, "order must be one of 'last_writer'.*got 'first'"),
    ("local_shuffle", {"permute": "x"}, ValueError, "permute must be one of 'voxel', 'axes', got 'x'"),
    ("paint_boxes", {"boxes": None}, TypeError, "boxes must be a tensor, got NoneType"),
    ("paint_boxes", {"boxes": BOXES.float()}, ValueError, "boxes must be int32, got float32"),
    ("paint_boxes", {"boxes": BOXES.long() + 2**40}, ValueError, r"boxes must .* inside .*got \(2147483647"),
    ("paint_boxes", {"boxes": BOXES[..., :4]}, ValueError, r"boxes must have shape \(N, B, 6\).*1, 4\)"),
    ("paint_boxes", {"boxes": BOXES + 12}, ValueError, r"boxes must be .* inside the patch .*got \(12, 12"),
    ("paint_boxes", {"boxes": BOXES - 1}, ValueError, r"boxes must be .* inside the patch .*got \(-1, -1"),
    ("paint_boxes", {"kind": "around"}, ValueError, "kind must be one of 'none', 'in', 'out', got 'around'"),
    ("paint_boxes", {"kind": torch.tensor([0, 3]).char()}, ValueError, "kind must be 0 .*got 3 for sample 1"),
    ("paint_boxes", {"kind": torch.tensor([0, 257])}, ValueError, "kind must be 0 .*got 127 for sample 1"),
    ("paint_boxes", {"kind": torch.tensor([0.0, 1.0])}, ValueError, "kind must be int8, got float32"),
    ("paint_boxes", {"kind": 1}, TypeError, "kind must be a tensor, got int"),
    ("paint_boxes", {"key": "key"}, TypeError, "key must be a tensor, got str"),
    ("paint_boxes", {"key": None, "fill": 0.5}, TypeError, "fill must be a tensor, got float"),
    ("paint_boxes", {"key": None, "fill": torch.rand(2, 5)}, ValueError, r"fill must have shape .*got \(2, 5\)"),
    ("paint_boxes", {"key": None, "fill": KEY.double()}, ValueError, "fill must be float32, got float64"),
    ("spline_prefilter", {"order": 1}, ValueError, "order must be 3 .*got 1"),
    ("spline_prefilter", {"order": "3"}, ValueError, "order must be 3 .*got '3'"),
    ("spline_prefilter", {"boundary": "wrap"}, ValueError, "boundary 'wrap' of scipy .*use 'grid-wrap'"),
    ("spline_prefilter", {"boundary": "edge"}, ValueError, "boundary must be one of 'mirror', .*got 'edge'"),
    ("resample", {"out_shape": None}, ValueError, "out_shape or zoom must be given, not both, got neither"),
    ("resample", {"zoom": 2.0}, ValueError, "out_shape or zoom must be given, not both, got both"),
    ("resample", {"out_shape": (3, 4)}, ValueError, r"out_shape must be 3 integers.*got \(3, 4\)"),
    ("resample", {"out_shape": 5}, ValueError, "out_shape must be 3 integers.*got 5"),
    ("resample", {"out_shape": (3, 4, 5.0)}, ValueError, r"out_shape must be 3 integers.*got \(3, 4, 5.0\)"),
    ("resample", {"out_shape": (3, 4, True)}, ValueError, r"out_shape must be 3 integers.*got \(3, 4, True\)"),
    ("resample", {"out_shape": (3, 0, 5)}, ValueError, r"out_shape must be at least 1 .*got \(3, 0, 5\)"),
    ("resample", {"out_shape": (3, 2**30, 5)}, ValueError, r"out_shape must be below 2\^30 .*got \(3, 1073741824"),
    ("resample", {"out_shape": None, "zoom": 0.0}, ValueError, "zoom must be a positive number.*got 0.0"),
    ("resample", {"out_shape": None, "zoom": NAN}, ValueError, "zoom must be a positive number.*got nan"),
    ("resample", {"out_shape": None, "zoom": (2.0, 1.0)}, ValueError, r"zoom must be .* 3 axes, got \(2.0, 1.0\)"),
    ("resample", {"out_shape": None, "zoom": "2"}, ValueError, "zoom must be a positive number.*got '2'"),
    ("resample", {"out_shape": None, "zoom": 1e300}, ValueError, r"zoom must give sides below 2\^30, got 1e\+300"),
    ("resample", {"out_shape": None, "zoom": 1e308}, ValueError, r"zoom must give sides below 2\^30, got 1e\+308"),
    ("resample", {"order": 2}, ValueError, "order must be 0, 1 or 3, got 2"),
    ("resample", {"order": 3.0}, ValueError, "order must be 0, 1 or 3, got 3.0"),
    ("resample", {"order": True}, ValueError, "order must be 0, 1 or 3, got True"),
    ("resample", {"boundary": "wrap"}, ValueError, "boundary 'wrap' of scipy .*use 'grid-wrap'"),
    ("resample", {"boundary": 2}, ValueError, "boundary must be one of 'mirror', .*got 2"),
    ("resample", {"fill": "air"}, TypeError, "fill must be a number, got 'air'"),
    ("resample", {"grid_mode": "yes"}, TypeError, "grid_mode must be True or False, got 'yes'"),
    ("resample", {"antialias": 1}, TypeError, "antialias must be True or False, got 1"),
    ("resample", {"antialias": True, "order": 0}, ValueError, "antialias must go with order 1 or 3, got order 0"),
    ("resample", {"dtype": torch.int32}, TypeError, "dtype must be uint8, int16, .*got torch.int32"),
    ("resample", {"dtype": "int16"}, TypeError, "dtype must be uint8, int16, .*got int16"),
    ("resample", {"x": X[:, :, :0]}, ValueError, r"x must have at least one voxel .*got \(2, 3, 0, 6, 13\)"),
]  # fmt: skip


@pytest.mark.parametrize(("op", "change", "error", "words"), WRONG)
def test_a_wrong_argument_is_refused_in_words(op, change, error, words):
    arguments = CASES[op][RIGHT[op]](X) | change
    with pytest.raises(error, match=rf"^{op}: .*{words}") as caught:
        call(op, arguments)
    assert ",," not in str(caught.value)


ONE_VARIANT_EACH = list({op: (op, variant) for op, variant in TRANSFORMATIONS}.values())
on_voxels = pytest.mark.parametrize(("op", "variant"), ONE_VARIANT_EACH)


@on_voxels
@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        ([1.0], TypeError, "x must be a tensor, got list"),
        (X.short(), TypeError, r"x must be a floating-point tensor, got torch.int16 \[2, 3, 11, 6, 13\].*x.float\(\)"),
        (X.bool(), TypeError, "x must be a floating-point tensor, got torch.bool"),
        (X.cfloat(), TypeError, "x must be a floating-point tensor, got torch.complex64"),
        (X.to(torch.float8_e5m2), ValueError, "x must be float32, float16"),
        (X[0, 0], ValueError, r"x must be \(N, C, X, Y, Z\), got torch.float32 \[11, 6, 13\]$"),
        (X[None], ValueError, r"x must be \(N, C, X, Y, Z\), got torch.float32 \[1, 2, 3"),
        (X[:1], ValueError, "must"),
    ],
    ids=["list", "int16", "bool", "complex", "float8", "rank 3", "rank 6", "other batch"],
)
def test_a_wrong_x_is_refused_in_words(op, variant, x, error, words):
    arguments = CASES[op][variant](X)
    with pytest.raises(error, match=words):
        call(op, arguments | {"x": x})


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        ([1.0], TypeError, "x must be a tensor, got list"),
        (X.int(), TypeError, r"x must be uint8, int16, .* or float64, got torch.int32 \[2, 3, 11, 6, 13\]"),
        (X.bool(), TypeError, "x must be uint8, int16, .* or float64, got torch.bool"),
        (X.cfloat(), TypeError, "x must be uint8, int16, .* or float64, got torch.complex64"),
        (X[0, 0], ValueError, r"x must be \(N, C, X, Y, Z\), got torch.float32 \[11, 6, 13\]$"),
        (X[None], ValueError, r"x must be \(N, C, X, Y, Z\), got torch.float32 \[1, 2, 3"),
    ],
    ids=["list", "int32", "bool", "complex", "rank 3", "rank 6"],
)
@pytest.mark.parametrize("op", [op for op in RESAMPLING if op in CASES])
def test_a_wrong_x_of_resampling_is_refused_in_words(op, x, error, words):
    arguments = next(iter(CASES[op].values()))(X)
    with pytest.raises(error, match=rf"^{op}: {words}"):
        call(op, arguments | {"x": x})


@pytest.mark.parametrize(
    ("op", "variant"), [("genesis_transform", "head"), ("bezier_map", "clamped"), ("paint_boxes", "in, noise")]
)
@pytest.mark.parametrize(
    ("value_range", "error", "words"),
    [
        ((1.0, 0.0), ValueError, r"must be finite with lo <= hi, got \(1.0, 0.0\)"),
        ((0.0, NAN), ValueError, r"must be finite with lo <= hi, got \(0.0, nan\)"),
        ((0.0, float("inf")), ValueError, r"must be finite with lo <= hi, got \(0.0, inf\)"),
        ((0.0, 1e39), ValueError, "must be finite with lo <= hi"),
        ((0.0, 1.0, 2.0), TypeError, r"must be \(lo, hi\) or a tensor"),
        ("minmax", TypeError, r"must be \(lo, hi\) or a tensor .*got 'minmax'"),
        (0.5, TypeError, r"must be \(lo, hi\) or a tensor .*got 0.5"),
        (torch.zeros(2, 2, dtype=torch.float64), ValueError, "must be float32, got float64"),
        (torch.zeros(3, 2), ValueError, r"must have shape \(N, 2\) or \(N, C, 2\)"),
        (torch.zeros(2, 2, 2), ValueError, r"must have shape \(N, 2\) or \(N, C, 2\)"),
        (torch.tensor([[0.0, 1.0], [1.0, 0.0]]), ValueError, r"must have finite lo <= hi, got \(1, 0\) for sample 1"),
        (torch.full((2, 2), NAN), ValueError, r"must have finite lo <= hi, got \(nan, nan\) for sample 0"),
    ],
)
def test_a_wrong_range_is_refused_in_words(op, variant, value_range, error, words):
    arguments = CASES[op][variant](X)
    with pytest.raises(error, match=rf"^{op}: value_range {words}"):
        call(op, arguments | {"value_range": value_range})


HUGE = 1 << 29


@pytest.mark.parametrize(
    ("op", "run"),
    [
        ("resample", lambda x: ops.resample(x, (HUGE, HUGE, HUGE))),
        ("spline_prefilter", lambda x: ops.spline_prefilter(x.expand(1, 1, HUGE, HUGE, 16))),
        ("affine_sample", lambda x: ops.affine_sample(x, torch.eye(4), (HUGE, HUGE, HUGE))),
    ],
)
def test_a_result_that_no_memory_holds_is_refused_in_words(op, run):
    with pytest.raises(RuntimeError, match=rf"^{op}: out of memory, .*\(1, 1, {HUGE}, {HUGE}, \d+\) of float32"):
        run(torch.zeros(1, 1, 1, 1, 1))


def test_float64_is_for_differentiable_operators_only():
    plan = ops.draw_plan(torch.arange(2), 0, SPEC)
    with pytest.raises(ValueError, match=r"genesis_transform: x must be float32, float16 or bfloat16, got float64"):
        ops.genesis_transform(X.double(), plan)


def test_windows_of_more_than_two_to_the_20_voxels_are_refused():
    x = torch.zeros(1, 1, 1024, 1025, 1)
    with pytest.raises(ValueError, match=r"max_window must hold at most 2\^20 voxels, got 1024 x 1025 x 1"):
        ops.local_shuffle(x, keys(1), 1, max_window=(1024, 1025, 1))
    assert ops.local_shuffle(x, keys(1), 1, max_window=(1024, 1024, 1)).shape == x.shape
