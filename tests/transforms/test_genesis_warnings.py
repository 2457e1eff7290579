# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What GenesisTransform says of voxels outside its range, and of patches that no window shuffles."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from genesis_ext.transforms import GenesisTransform
from tests.cases import ids
from tests.graphs import captured

SHAPE = (3, 2, 27, 26, 30)
IDS = ids(3)
Z_SCORED = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
HU = torch.linspace(-1000.0, 868.0, 3 * 2 * 8000).reshape(3, 2, 20, 20, 20)


@pytest.mark.parametrize(
    ("x", "value_range", "said"),
    [
        (
            Z_SCORED,
            (0.0, 1.0),
            r"got \(0.0, 1.0\), but about 66% of the voxels lie outside, from -4.\d+ to 4.\d+: ",
        ),
        (HU, (0.0, 1.0), r"got \(0.0, 1.0\), but about 100% of the voxels lie outside, from -1000 to 868: the curve"),
        (
            2 * torch.rand(SHAPE) - 1,
            (0.0, 1.0),
            r"50% of the voxels .*give value_range=\"percentile\", \"minmax\" or \(lo, hi\)",
        ),
        (
            HU,
            torch.tensor([[0.0, 1.0], [-1000.0, 900.0], [-1000.0, 900.0]]),
            "got a tensor, but about 33% of the voxels",
        ),
        (HU, torch.tensor([[[-1000.0, 900.0], [0.0, 1.0]]] * 3), "got a tensor, but about 50% of the voxels"),
    ],
)
def test_a_range_that_is_not_the_voxels_is_said_once(x, value_range, said):
    transform = GenesisTransform(value_range=value_range, num_windows=20)
    with pytest.warns(UserWarning, match=said) as caught:
        for _ in range(3):
            transform(x, IDS)
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("x", "options"),
    [
        (torch.rand(SHAPE) * 1.9 - 0.45, {}),  # what interpolation and percentiles leave outside
        (torch.where(torch.rand(SHAPE) < 0.01, 9.0, 0.5), {}),
        (torch.full(SHAPE, torch.nan), {}),
        (torch.where(torch.rand(SHAPE) < 0.9, -torch.inf, 0.5), {}),
        (HU, {"value_range": (-1000.0, 900.0)}),
        (HU, {"value_range": "minmax"}),
        (HU, {"scheme": "local-shuffling"}),
        (HU, {"scheme": "autoencoder"}),
        (HU[:0], {}),
        (HU, {"value_range": (0.0, 0.0)}),
    ],
)
def test_nothing_is_said_of_a_range_that_fits_or_has_no_part_in_it(x, options):
    GenesisTransform(**options)(x, IDS[: len(x)])


def test_compiled_and_on_fake_tensors_no_voxel_is_asked_for_its_value():
    torch.compiler.reset()
    transform = GenesisTransform(num_windows=20)
    torch.compile(transform, fullgraph=True, backend="aot_eager")(HU, IDS)
    with FakeTensorMode() as mode:
        out, _ = transform(mode.from_tensor(HU), mode.from_tensor(IDS))
    assert out.shape == HU.shape
    with pytest.warns(UserWarning, match="value_range must be that of the voxels"):
        transform(HU, IDS)


@pytest.mark.cuda
def test_a_gpu_is_asked_in_evaluation_mode_alone_and_never_by_a_graph():
    transform = GenesisTransform(num_windows=20)
    x, sample_id = HU.cuda(), IDS.cuda()
    transform(x, sample_id)
    captured(lambda: transform.train()(x, sample_id))
    captured(lambda: transform.eval()(x, sample_id), warm_up=0)
    with pytest.warns(UserWarning, match="100% of the voxels lie outside"):
        transform(x, sample_id)


def test_patches_that_are_too_small_for_their_windows_are_told_of_once():
    small = torch.rand(2, 1, 16, 16, 19)
    transform = GenesisTransform()
    with pytest.warns(
        UserWarning, match=r"windows, .* got patches of \(16, 16, 19\); give max_window, such as 2,"
    ) as caught:
        for _ in range(2):
            transform(small, ids(2))
            transform(small[..., :16], ids(2))
    assert len(caught) == 1
    with pytest.raises(ValueError, match=r"GenesisTransform: windows, .* got patches of \(16, 16, 19\)"):
        GenesisTransform(scheme="local-shuffling")(small, ids(2))


@pytest.mark.parametrize(
    ("shape", "options"),
    [((16, 16, 20), {}), ((16, 16, 16), {"max_window": 2}), ((16, 16, 16), {"shuffle_rate": 0.0})],
)
def test_nothing_is_said_of_windows_that_shuffle_or_are_not_drawn(shape, options):
    GenesisTransform(**options).plan(ids(2), shape)
