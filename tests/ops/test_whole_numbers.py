# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Ids, keys, boxes and kinds: any integer dtype, lists and arrays are taken for what they are."""

import numpy as np
import pytest
import torch

from genesis_ext import ops
from tests.cases import CASES, call, same_bits, voxels

X = voxels((3, 1, 9, 8, 7))
# operator, variant, argument, dtypes that hold the numbers below
WHOLE = [
    ("draw_plan", "head", "sample_id", [[7], [5], [260]]),
    ("philox_words", "one call", "sample_id", [[7], [5], [260]]),
    ("draw_plan", "head", "seed", [[3]]),
    ("local_shuffle", "last writer", "key", [[1, 2], [3, 4], [1, 300]]),
    ("paint_boxes", "in, noise", "key", [[1, 2], [3, 4], [1, 300]]),
    ("paint_boxes", "in, noise", "boxes", [[[1, 2, 0, 6, 8, 3]], [[0] * 6], [[2, 2, 2, 5, 5, 5]]]),
    ("paint_boxes", "in, noise", "kind", [[1], [0], [2]]),
    ("crop_resize", "linear", "volume_index", [[2], [0], [1]]),
    ("crop_resize", "linear", "boxes", [[1, 2, 0, 6, 8, 3], [0, 0, 0, 9, 8, 7], [2, 2, 2, 5, 5, 5]]),
]


@pytest.mark.parametrize(("op", "variant", "name", "rows"), WHOLE)
def test_whole_numbers_of_any_kind_give_the_same_bits(op, variant, name, rows):
    arguments = CASES[op][variant](X)
    dtype = {"kind": torch.int8, "boxes": torch.float32 if op == "crop_resize" else torch.int32}.get(name, torch.int64)
    flat = isinstance(rows[0], list) and len(rows[0]) == 1 and name not in ("boxes", "key")
    values = [row[0] for row in rows] if flat else rows
    exact = torch.tensor(values, dtype=dtype)
    expected = call(op, arguments | {name: exact})
    narrow = torch.int64 if max(map(max, np.array(rows).reshape(len(rows), -1).tolist())) > 127 else torch.int8
    others = [torch.tensor(values), exact.to(torch.int32), exact.to(torch.uint64), exact.to(narrow)]
    if name != "seed":
        frozen = np.array(values)
        frozen.flags.writeable = False
        others += [values, tuple(values), frozen, frozen.astype(np.uint16)]
    for given in others:
        got = call(op, arguments | {name: given})
        assert all(map(same_bits, got, expected)), type(given)


def test_places_and_shapes_of_packed_volumes_may_have_any_integer_dtype():
    arguments = CASES["crop_resize"]["cubic"](X)
    volumes = arguments["volumes"]
    (expected,) = call("crop_resize", arguments)
    for offset, shape in (
        (volumes.offset.int(), volumes.shape.long()),
        (volumes.offset.tolist(), volumes.shape.tolist()),
    ):
        (got,) = call("crop_resize", arguments | {"volumes": volumes._replace(offset=offset, shape=shape)})
        assert same_bits(got, expected)


def test_boxes_in_a_list_may_have_fractions_and_those_of_an_array_must_be_float32():
    arguments = CASES["crop_resize"]["linear"](X)
    boxes = [[1.5, 2, 0, 6, 8.25, 3]] * 3
    (expected,) = call("crop_resize", arguments | {"boxes": torch.tensor(boxes)})
    (got,) = call("crop_resize", arguments | {"boxes": boxes})
    assert same_bits(got, expected)
    with pytest.raises(ValueError, match="crop_resize: boxes must be float32, got float64"):
        call("crop_resize", arguments | {"boxes": np.array(boxes)})


def test_uint64_ids_are_the_int64_ids_of_their_bits():
    spec = CASES["draw_plan"]["head"](X)["spec"]
    of_bits = ops.draw_plan(torch.tensor([-1, -(2**63)]), 0, spec).tensor
    assert torch.equal(ops.draw_plan(torch.tensor([-1, -(2**63)]).to(torch.uint64), 0, spec).tensor, of_bits)
    assert torch.equal(ops.draw_plan(np.array([2**64 - 1, 2**63], np.uint64), 0, spec).tensor, of_bits)


def test_an_empty_list_is_an_empty_batch():
    spec = CASES["draw_plan"]["head"](X)["spec"]
    assert len(ops.draw_plan([], 0, spec)) == 0


def test_a_numpy_integer_is_a_seed():
    spec = CASES["draw_plan"]["head"](X)["spec"]
    for seed in (np.int32(-7), np.uint64(2**64 - 7)):
        assert torch.equal(ops.draw_plan([1, 2], seed, spec).tensor, ops.draw_plan([1, 2], -7, spec).tensor)
