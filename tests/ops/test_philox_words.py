# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Words of Philox."""

import numpy as np
import pytest
import torch

from genesis_ext import ops
from genesis_ext.reference import philox_words as reference
from genesis_ext.reference.philox import Purpose
from tests.cases import ids

IDS = torch.cat([ids(5), torch.tensor([-1, 0, 2**63 - 1, -(2**63)])])


@pytest.mark.parametrize("purpose", Purpose, ids=lambda purpose: purpose.name)
@pytest.mark.parametrize("seed", [0, 2**40 + 3, -1, 2**64 - 1, torch.tensor([-(2**63)])], ids=str)
def test_words_are_those_of_the_reference(seed, purpose):
    words = ops.philox_words(IDS, seed, purpose, 7)
    expected = reference.philox_words(IDS.numpy(), int(seed), purpose, 7)
    assert words.dtype == torch.int64
    np.testing.assert_array_equal(words.numpy(), expected)


def test_a_smaller_count_gives_the_first_words():
    many = ops.philox_words(IDS, 3, Purpose.CROP, 5000)
    assert torch.equal(ops.philox_words(IDS, 3, Purpose.CROP, 11), many[:, :11])
    assert len(many.unique()) > 0.999 * many.numel()


def test_equal_ids_draw_equal_words_whatever_stands_beside_them():
    twice = ops.philox_words(torch.tensor([4, 9, 4]), 1, Purpose.ROTATION, 3)
    assert torch.equal(twice[0], twice[2])
    assert torch.equal(ops.philox_words(torch.tensor([9]), 1, Purpose.ROTATION, 3)[0], twice[1])


def test_ids_may_have_strides():
    assert torch.equal(ops.philox_words(IDS[::2], 1, Purpose.BOX, 2), ops.philox_words(IDS, 1, Purpose.BOX, 2)[::2])
    assert torch.equal(
        ops.philox_words(torch.tensor(8).expand(3), 1, Purpose.BOX, 2),
        ops.philox_words(torch.tensor([8, 8, 8]), 1, Purpose.BOX, 2),
    )


@pytest.mark.parametrize(("samples", "count"), [(0, 4), (4, 0), (0, 0)])
def test_nothing_is_drawn_for_no_samples_or_no_calls(samples, count):
    assert ops.philox_words(IDS[:samples], 1, Purpose.FLIP, count).shape == (samples, count, 4)
